"""Response headers: a strict content security policy, HSTS, no framing, nothing private kept in caches."""

from dash import Dash
from flask import Response, request

HSTS_SECONDS = 365 * 24 * 3600
PUBLIC_FOLDERS = ("/assets/", "/_dash-component-suites/", "/static/")


def add_headers(app: Dash, response: Response) -> Response:
    """Add the security headers to a response of `app`'s server."""
    headers = response.headers
    headers["Content-Security-Policy"] = content_security_policy(app)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "same-origin"  # no-referrer would make browsers send `Origin: null`
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"
    if request.is_secure:
        headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}"
    if not request.path.startswith(PUBLIC_FOLDERS) and "Cache-Control" not in headers:
        headers["Cache-Control"] = "no-store"
    return response


def content_security_policy(app: Dash) -> str:
    """The policy. Dash's few inline scripts are allowed by hash, taken when all of them are known."""
    # hashes are taken at each response: Dash adds inline scripts during its first request
    scripts = " ".join(dict.fromkeys(app.csp_hashes()))
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' {scripts}",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "connect-src 'self'",
            "object-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ]
    )
