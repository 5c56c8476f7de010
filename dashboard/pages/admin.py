"""`/admin`: who signed in, what was refused, exported and changed. For administrators of the whole ICB."""

import json
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask import current_app

from dashboard import words
from dashboard.access import needs_role
from dashboard.access.audit import recent
from dashboard.access.scope import Scope
from dashboard.components.attributes import attributes
from dashboard.components.panel import scrolling, table
from dashboard.components.sentences import headline
from dashboard.page import Page
from dashboard.view import View

SHOWN = 200
EVENTS = {
    "sign_in": "Signed in",
    "sign_in.refused": "Sign-in refused",
    "sign_in.locked": "Account locked",
    "sign_out": "Signed out",
    "refused": "Refused",
    "export.release": "Export released",
    "export.resubmit": "Resubmission asked for",
    "export.failed": "Export could not be read",
    "export": "Exported",
    "user.added": "Account added",
    "user.changed": "Account changed",
    "user.disabled": "Account disabled",
    "user.reset": "Account reset",
    "user.password_set": "Password set",
    "user.totp_on": "Six-digit code turned on",
    "token.created": "Access token made",
    "token.revoked": "Access token revoked",
}


def layout(scope: Scope, view: View) -> list[Component]:
    """The newest 200 events, or the 200 before the one that `?before=` names."""
    before = view.option("before")
    events = recent(
        current_app.extensions["access"], SHOWN, int(before) if before.isdecimal() and len(before) < 15 else None
    )
    heading = headline("What was done, by whom", "Newest first. Times are UTC. Nothing here can be changed or removed.")
    if not events:
        return [*heading, html.P("No events.", className="empty")]
    rows = [
        [
            words.when(event.at),
            EVENTS.get(event.event, event.event),
            event.user_name or ("nobody" if event.address else "command line"),
            event.address or "",
            _detail(json.loads(event.detail)),
        ]
        for event in events
    ]
    body: list[Component] = [
        scrolling(table("Audit log", ["When", "What", "Who", "Address", "Detail"], rows), "Audit log")
    ]
    if len(events) == SHOWN:
        body.append(html.P(dcc.Link("Earlier events", href="/admin" + view.search(before=str(events[-1].id)))))
    return [*heading, html.Section(body, className="panel audit", **attributes(data_testid="panel-audit"))]


def _detail(detail: dict[str, Any]) -> str:
    return " · ".join(
        f"{name}: {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in detail.items()
        if value not in ("", None, [])
    )


PAGE = Page(
    path="/admin", title="Audit log", label="Audit log", group="Look up", order=99, layout=layout,
    access=needs_role("administrator", whole_icb=True),
)  # fmt: skip
