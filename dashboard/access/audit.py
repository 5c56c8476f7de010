"""What happened, to an append-only table and to the log: sign-ins, refusals, exports, user changes."""

import json
import logging
from typing import Any

from flask import current_app, has_request_context, request
from sqlalchemy import select

from dashboard.access.scope import current_user
from dashboard.access.tables import AuditEvent, Database

log = logging.getLogger("switchboard.audit")


def record(event: str, *, database: Database | None = None, user: str | None = None, **detail: Any) -> None:
    """Add an event, such as `export` or `sign_in`, with what is worth knowing of it (JSON values).

    `user` is the account's name, else whoever is signed in; the address is the request's. Outside a request
    give `database`. Never put a password, token or anything about a caller in `detail`.
    """
    database = database or current_app.extensions["access"]
    who = current_user()
    row = AuditEvent(
        at=database.now(),
        event=event,
        user_name=user or (who.name if who else None),
        address=request.remote_addr if has_request_context() else None,
        detail=json.dumps(detail, sort_keys=True, default=str),
    )
    log.info("%s", json.dumps({"event": event, "user": row.user_name, "address": row.address, **detail}, default=str))
    with database.writing() as session:
        session.add(row)


def recent(database: Database, limit: int = 200, before: int | None = None) -> list[AuditEvent]:
    """The newest `limit` events, newest first; those older than event id `before`, where given."""
    query = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    with database.reading() as session:
        return list(session.scalars(query))
