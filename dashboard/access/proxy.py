"""Behind a proxy: X-Forwarded-* is believed from trusted addresses only, and removed from all others."""

import ipaddress
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import request
from werkzeug.middleware.proxy_fix import ProxyFix

from dashboard.access.settings import Network

FORWARDED = ("FOR", "PROTO", "HOST", "PORT", "PREFIX")


class TrustedProxies:
    """WSGI middleware: the client's address and scheme, as the trusted proxies in front report them."""

    def __init__(self, app: WSGIApplication, trusted: tuple[Network, ...]) -> None:
        self.app = app
        self.trusted = trusted

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ.pop("HTTP_FORWARDED", None)  # only X-Forwarded-* is understood, so no one else may act on this
        if not self._trusts(environ.get("REMOTE_ADDR", "")):
            for name in FORWARDED:
                environ.pop(f"HTTP_X_FORWARDED_{name}", None)
            return self.app(environ, start_response)
        chain = _values(environ, "FOR")
        hops = 1
        while hops < len(chain) and self._trusts(chain[-hops]):
            hops += 1
        usable = bool(chain) and _address(chain[-hops]) is not None
        schemes = _values(environ, "PROTO")
        if schemes and schemes[-min(hops, len(schemes))] not in ("http", "https"):
            schemes = []
        fix = ProxyFix(
            self.app,
            x_for=hops if usable else 0,
            x_proto=min(hops, len(schemes)),
            x_host=min(hops, len(_values(environ, "HOST"))),
            x_port=0,
            x_prefix=0,
        )
        return fix(environ, start_response)

    def _trusts(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self.trusted)


def is_plain_loopback() -> bool:
    """Whether this request really is plain HTTP from this machine to a loopback address."""
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    address = _address(host.strip("[]"))
    to_loopback = host.lower() == "localhost" or (address is not None and address.is_loopback)
    client = _address(request.remote_addr or "")
    return not request.is_secure and to_loopback and client is not None and client.is_loopback


def _values(environ: WSGIEnvironment, name: str) -> list[str]:
    return [part.strip() for part in environ.get(f"HTTP_X_FORWARDED_{name}", "").split(",") if part.strip()]


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)  # a dual-stack socket reports ::ffff:127.0.0.1
    return mapped or address
