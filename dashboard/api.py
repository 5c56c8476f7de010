"""`/api/v1/measures.csv` and `.json`: every measure value that the user may see, by URL, for Excel and Power BI."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from dash import Dash
from flask import Response, abort, current_app, redirect, request
from sqlalchemy import Connection, text
from werkzeug.wrappers import Response as AnyResponse

from dashboard.access import accounts, csrf, current_scope, current_user, needs_role, record, session
from dashboard.access.accounts import AccountError
from dashboard.access.scope import Scope
from dashboard.access.tables import Database
from dashboard.answers import csv_cell
from dashboard.api_words import COLUMNS, DOCUMENTATION, PARAMETERS
from dashboard.queries import organisations
from dashboard.queries.measures import ADDED_AT_ONCE, definitions
from dashboard.queries.source import generation, reader

KINDS = ("day", "week", "month")
MOST_VALUES = 500
BATCH = 2000
ORDER = "v.measure, v.level, v.organisation, v.period_kind, v.period_start"


@dataclass(frozen=True)
class Query:
    """What is asked for, checked. Empty tuples: all."""

    measures: tuple[str, ...]
    levels: tuple[str, ...]
    organisations: tuple[str, ...]
    first: date | None
    last: date | None
    kinds: tuple[str, ...]


def add_routes(app: Dash) -> None:
    """Add the routes of this file to the app's server. Call before `access.install`."""
    viewer = needs_role("viewer")
    app.server.add_url_rule("/api", view_func=viewer(documentation))
    app.server.add_url_rule("/api/tokens", view_func=viewer(make_token), methods=["POST"])
    app.server.add_url_rule("/api/tokens/<int:number>/revoke", view_func=viewer(revoke_token), methods=["POST"])
    app.server.add_url_rule("/api/v1/measures.csv", view_func=viewer(measures_csv))
    app.server.add_url_rule("/api/v1/measures.json", view_func=viewer(measures_json))


def measures_csv() -> Response:
    """The rows as CSV: UTF-8, a header, numbers unrounded."""
    return _answer("csv")


def measures_json() -> Response:
    """The rows as one JSON object: generation, rows."""
    return _answer("json")


def documentation() -> Response:
    """What the addresses are, what can be asked and what comes back, and one's own tokens. Plain HTML."""
    return _page()


def make_token() -> Response:
    """Make an access token for whoever is signed in and show it, this once. 400 for what is no number of days."""
    days = request.form.get("days", "")
    if not re.fullmatch(r"\d{1,3}", days, re.ASCII):
        abort(400, "Say for how many days the token is good: 1 to 366.")
    try:
        made = accounts.create_token(_database(), _name(), request.form.get("label", ""), int(days))
    except AccountError as error:
        abort(400, str(error))
    return _page(made.secret)


def revoke_token(number: int) -> AnyResponse:
    """End one of one's own tokens. 404 for any other number."""
    try:
        accounts.revoke_token(_database(), _name(), number)
    except AccountError:
        abort(404)
    return redirect("/api#tokens", 303)


def _page(secret: str = "") -> Response:
    known = definitions(current_scope()) if generation() is not None else {}
    html = DOCUMENTATION.render(
        title="Measures by URL",
        columns=COLUMNS,
        parameters=PARAMETERS,
        measures=known,
        secret=secret,
        tokens=accounts.tokens(_database(), _name()),
        csrf_token=csrf.token() if session.cookie() else "",
    )
    return Response(html)


def _database() -> Database:
    database: Database = current_app.extensions["access"]
    return database


def _name() -> str:
    user = current_user()
    assert user is not None  # the guard let it pass
    return user.name


def _answer(form: str) -> Response:
    scope = current_scope()
    if generation() is None:
        abort(503, "No data has been published yet. Try again after the first night's run.")
    query = read_query(scope)
    connection = reader().engine().connect()
    try:
        made = connection.execute(text("SELECT name, built_at FROM generation")).one()
        etag = _etag(form, made.name, made.built_at, scope, query)
        headers = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}
        if request.if_none_match.contains(etag):
            connection.close()
            answer = Response(status=304, headers=headers)
        else:
            rows = _rows(connection, scope, query)
            body = _csv(rows) if form == "csv" else _json(rows, made.name)
            kind = "text/csv; charset=utf-8" if form == "csv" else "application/json"
            answer = Response(body, content_type=kind, headers=headers)
            answer.call_on_close(connection.close)
            answer.headers["Content-Disposition"] = f'attachment; filename="measures.{form}"'
            record(
                "export", what=f"api/v1/measures.{form}", query=request.query_string.decode("utf-8", "replace")[:500]
            )
    except BaseException:
        connection.close()
        raise
    answer.set_etag(etag)
    return answer


def read_query(scope: Scope) -> Query:
    """The query string, checked. Aborts with 400 and a plain word on what is wrong, 404 for an organisation that does
    not exist or is not the scope's to see."""
    for name in request.args:
        if name not in PARAMETERS:
            abort(400, f"Unknown parameter {_shown(name)}. Known: {', '.join(PARAMETERS)}.")
    query = Query(
        _words("measure", tuple(definitions(scope)), "The Definitions page names them all."),
        _words("level", organisations.KINDS),
        tuple(code.upper() for code in _values("organisation")),
        _day("from"),
        _day("to"),
        _words("period_kind", KINDS),
    )
    if query.first and query.last and query.first > query.last:
        abort(400, "`from` is after `to`: nothing can be in between.")
    try:
        organisations.permit(scope, query.organisations)
    except organisations.NoSuchOrganisation:
        abort(404)
    return query


def _values(name: str) -> tuple[str, ...]:
    given = [value.strip() for text_ in request.args.getlist(name) for value in text_.split(",") if value.strip()]
    if name in request.args and not given:
        abort(400, f"`{name}` is empty: leave it out to ask for all.")
    if len(given) > MOST_VALUES:
        abort(400, f"`{name}` has {len(given)} values; at most {MOST_VALUES}, or leave it out to ask for all.")
    return tuple(dict.fromkeys(given))


def _words(name: str, known: tuple[str, ...], more: str = "") -> tuple[str, ...]:
    given = _values(name)
    for value in given:
        if value not in known:
            abort(400, f"Unknown {name} {_shown(value)}. {more or 'Known: ' + ', '.join(known) + '.'}")
    return given


def _day(name: str) -> date | None:
    given = request.args.getlist(name)
    if not given:
        return None
    found = re.fullmatch(r"(\d{4})-(\d{2})(?:-(\d{2}))?", given[-1], re.ASCII)
    try:
        if found:
            return date(int(found[1]), int(found[2]), int(found[3] or 1))
    except ValueError:
        pass
    abort(400, f"`{name}` is {_shown(given[-1])}: write a day as 2026-04-01 or a month as 2026-04.")


def _shown(value: str) -> str:
    """What was given, cut short and without control characters, to stand in a message."""
    return "`" + re.sub(r"[^\w .:,+-]", "?", value[:40]) + "`"


def _etag(form: str, name: str, built_at: object, scope: Scope, query: Query) -> str:
    parts = "|".join([form, name, str(built_at), str(scope), repr(query)])
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def _rows(connection: Connection, scope: Scope, query: Query) -> Iterator[dict[str, Any]]:
    """The rows in a stable order, in batches: the whole answer is never in memory."""
    conditions, parameters = _conditions(scope, query)
    result = connection.execution_options(stream_results=True).execute(
        text(
            "SELECT v.period_start, v.period_kind, v.level, v.organisation AS organisation_code, "
            "o.name AS organisation_name, v.measure, v.numerator, v.denominator, v.value, m.unit, "
            "v.practices_counted, v.practices_expected, v.mean, v.lower_limit, v.upper_limit, v.special_cause, "
            "v.variation, v.assurance FROM measure_value v JOIN measure m ON m.measure = v.measure "
            "LEFT JOIN organisation o ON o.code = v.organisation AND o.kind = v.level "
            f"WHERE {' AND '.join(conditions)} ORDER BY {ORDER}"
        ),
        parameters,
    )

    def rows() -> Iterator[dict[str, Any]]:
        """Gives the connection back as soon as the last row is read, whether or not the reader closes."""
        try:
            for batch in result.mappings().partitions(BATCH):
                yield from (dict(row) for row in batch)
        finally:
            connection.close()

    return rows()


def _conditions(scope: Scope, query: Query) -> tuple[list[str], dict[str, Any]]:
    conditions = ["true"]
    parameters: dict[str, Any] = {}
    for column, values in (("measure", query.measures), ("level", query.levels), ("period_kind", query.kinds)):
        if values:
            conditions.append(f"v.{column} IN (SELECT unnest(:{column}))")
            parameters[column] = list(values)
    if query.first:
        conditions.append("v.period_start >= :first")
        parameters["first"] = query.first
    if query.last:
        conditions.append("v.period_start <= :last")
        parameters["last"] = query.last
    if query.organisations:
        conditions.append("v.organisation IN (SELECT unnest(:asked))")
        parameters["asked"] = list(query.organisations)
    if scope.kind != "icb":
        known = organisations.directory().organisations.values()
        # kind and code together: nothing that merely shares a code may pass
        parameters["seen"] = [f"{each.kind}:{each.code}" for each in known if organisations.may_see(scope, each)]
        parameters["fewest"] = organisations.fewest_in_total(scope)
        conditions.append("v.level || ':' || v.organisation IN (SELECT unnest(:seen))")
        parameters["at_once"] = [name for name in definitions(scope) if name.startswith(ADDED_AT_ONCE)]
        conditions.append(
            "(v.level IN ('practice', 'pcn') OR (v.practices_counted IS NULL OR v.practices_counted >= :fewest) "
            "AND v.measure NOT IN (SELECT unnest(:at_once)))"
        )
    return conditions, parameters


def _csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for number, row in enumerate(rows, start=1):
        writer.writerow([csv_cell(row[column]) for column in COLUMNS])
        if number % BATCH == 0:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def _json(rows: Iterator[dict[str, Any]], name: str) -> Iterator[str]:
    yield f'{{"generation": {json.dumps(name)}, "rows": ['
    for number, row in enumerate(rows):
        shown = {column: _plain(row[column]) for column in COLUMNS}
        yield (",\n" if number else "\n") + json.dumps(shown, ensure_ascii=False, allow_nan=False)
    yield "\n]}\n"


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return None if isinstance(value, float) and value != value else value
