"""Exports beyond looking: a file's exact bytes, and what people ask the scheduler for. Plain forms, no JavaScript."""

import re
from pathlib import Path

from dash import Dash
from flask import Response, abort, current_app, redirect, request

from dashboard.access import current_user, needs_role, record
from dashboard.queries import exports
from dashboard.queries.exports import HOME, Unreadable
from etl.exports.history import HistoryError

LONGEST_REASON = 500
PERIOD = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
TYPES = {".csv": "text/csv; charset=utf-8", ".json": "application/json"}


def add_routes(app: Dash, home: Path) -> None:
    """Add the routes of this file to the app's server. Call before `access.install`."""
    app.server.extensions[HOME] = home
    exporter = needs_role("exporter", whole_icb=True)
    app.server.add_url_rule("/exports/<export>/<file>", "export_file", exporter(download))
    for kind, view in (("release", release), ("resubmit", resubmit)):
        app.server.add_url_rule(f"/exports/<export>/{kind}", f"export_{kind}", exporter(view), methods=["POST"])


def download(export: str, file: str) -> Response:
    """The exact bytes of a version, its metadata, the manifest or the sums. 404 for any other name; 409 when the file
    is not what its manifest says."""
    try:
        found = exports.stored(export, file)
    except Unreadable as error:
        record("export.failed", what=f"exports/{export}/{file}")
        abort(409, str(error))
    if found is None:
        abort(404)
    content, digest = found
    if request.method == "GET":
        record("export", what=f"exports/{export}/{file}", sha256=digest)
    return Response(
        content,
        content_type=TYPES.get(Path(file).suffix, "text/plain; charset=utf-8"),
        headers={"Content-Disposition": f'attachment; filename="{file}"', "Cache-Control": "private, no-store"},
    )


def release(export: str) -> Response:
    """Record that a held period may go. 404: no such export; 409: it is not held."""
    return _ask("release", export, None)


def resubmit(export: str) -> Response:
    """Record that a period is to be made and sent again. 400 without a reason; 404, 409 as for `release`."""
    reason = " ".join(request.form.get("reason", "").split())
    if not reason:
        abort(400, "Say why it is sent again: the reason stands in the manifest, beside the file.")
    if len(reason) > LONGEST_REASON:
        abort(400, f"The reason is too long: {LONGEST_REASON} characters at most.")
    return _ask("resubmit", export, reason)


def _ask(kind: str, export: str, reason: str | None) -> Response:
    period = request.form.get("period", "")
    if not PERIOD.fullmatch(period):
        abort(400, "Give the period as a month, such as 2026-10.")
    user = current_user()
    assert user is not None  # the guard let it pass
    try:
        if exports.ask(kind, export, period, user.name, current_app.extensions["access"].now(), reason):
            record(f"export.{kind}", what=export, period=period)
    except LookupError:
        abort(404)
    except (HistoryError, Unreadable) as error:
        abort(409, str(error))
    return redirect("/exports", 303)  # type: ignore[return-value]
