"""`/exports`: what went to DHSC, what goes next and when, what is held and why. For the whole ICB."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from flask import current_app

from dashboard import words
from dashboard.access import csrf, current_user, needs_role
from dashboard.access.scope import Scope
from dashboard.components.attributes import attributes
from dashboard.components.panel import scrolling, table
from dashboard.components.sentences import headline
from dashboard.page import Page, Rows
from dashboard.queries import exports
from dashboard.queries.exports import Unreadable
from dashboard.view import View
from etl import london

STATUS = {"final": "Final", "provisional": "Provisional"}
ROUTES = {"folder": "folder", "sftp": "SFTP", "mesh": "MESH"}
SHOWN_MISSING = 5
SHOWN_VERSIONS = 200


def layout(scope: Scope, view: View) -> list[Component]:
    """What is held, the calendar, and every version made."""
    try:
        made, held = exports.versions(), exports.held()
        calendar = exports.calendar(london.day_of(current_app.extensions["access"].now()))
        asked = exports.asked()
    except Unreadable as error:
        return headline("Exports cannot be shown", str(error))
    panels = [section("exports-calendar", "Calendar", calendar_note(calendar), _calendar(calendar, view))]
    titles = {row["export"]: row["title"] for row in calendar}
    if held:
        panels.insert(
            0, section("exports-held", _held_title(held), HELD_NOTE, *[_held(row, titles, asked) for row in held])
        )
    if wrong := exports.wrong():
        lines = html.Ul([html.Li(line) for line in wrong])
        panels.insert(0, section("exports-wrong", "An export cannot be made", WRONG_NOTE, lines))
    waiting = [row for (kind, _, _), row in asked.items() if kind == "resubmit"]
    panels.append(section("exports-history", "What was sent", HISTORY_NOTE, *_history(made, waiting, view)))
    return [
        *headline(_title(made, held), "Files owed to the Department of Health and Social Care. Times are UTC."),
        html.Div(panels, className="panels exports"),
    ]


HELD_NOTE = (
    "A period is held while data is missing, and goes by itself once it has come in. Released, or at its deadline, it "
    "goes marked provisional."
)
WRONG_NOTE = "Its definition is wrong. Nothing of it goes until the file is put right; the other exports go."
HISTORY_NOTE = "Newest first. A file is never changed: a period sent again is a further version."
EMPTY = (
    "Nothing has been exported yet. `icb-etl schedule` exports each period on its day; "
    "`icb-etl export all --period 2026-10` does it now."
)


def _title(made: Rows, held: Rows) -> str:
    if not made:
        return "Nothing has been exported yet" + (f", {words.plural(len(held), 'period')} held" if held else "")
    unsent = sum(row["sent_at"] is None for row in made)
    parts = [
        f"{words.plural(len(made), 'file')} exported".capitalize(),
        f"{words.spelt(unsent)} not sent yet" if unsent else "all sent",
    ]
    return ", ".join(parts + ([f"{words.plural(len(held), 'period')} held"] if held else []))


def section(name: str, title: str, note: str, *contents: Component) -> Component:
    """A panel of a page of exports."""
    return html.Section(
        [html.H2(title), html.P(note, className="subtitle"), *contents],
        className="panel wide", **attributes(data_testid=f"panel-{name}"),
    )  # fmt: skip


def may_export() -> bool:
    """Whether the reader may download, release and resubmit."""
    user = current_user()
    return user is not None and user.may("exporter")


def form(action: str, period: str, button: str, label: str, *fields: Component) -> Component:
    """A form that works without JavaScript. label: the button's name for those who cannot see its row."""
    return html.Form(
        [
            dcc.Input(type="hidden", name="csrf_token", value=csrf.token()),
            dcc.Input(type="hidden", name="period", value=period),
            *fields,
            html.Button(button, type="submit", className="act", **attributes(aria_label=label)),
        ],
        action=action, method="POST",
    )  # fmt: skip


def waits(row: dict[str, Any]) -> str:
    """What was asked for and by whom, in a sentence."""
    what = "Release" if row["kind"] == "release" else "Resubmission"
    return f"{what} asked for by {row['who']}, {words.when(row['asked_at'])}: done at the schedule's next look."


def calendar_note(calendar: Rows) -> str:
    """What goes next."""
    coming = [row for row in calendar if row["next_due"]]
    if not coming:
        return "No export has a calendar: each is made by hand."
    first = min(coming, key=lambda row: (row["next_due"], row["export"]))
    title, period = first["title"].partition(":")[0], words.month(first["next_period"])
    return f"Next: {title} for {period}, on {words.day(first['next_due'])}."


def _calendar(calendar: Rows, view: View) -> Component:
    rows = [
        [
            [row["title"], html.Span(row["export"], className="name")],
            words.month(row["next_period"], True) if row["next_period"] else "By hand",
            words.day(row["next_due"]) if row["next_due"] else "",
            words.day(row["provisional_from"]) if row["provisional_from"] else "Never by itself",
            words.month(row["last_period"], True) if row["last_period"] else "",
            words.day(row["last_due"]) if row["last_due"] else "",
            _became(row, view),
        ]
        for row in calendar
    ]
    headings = [
        "Export", "Next period", "Goes on", "Provisional from", "Last period", "Was due", "What became of it",
    ]  # fmt: skip
    return scrolling(table("Each export's next and last day", headings, rows), "Calendar")


def _became(row: dict[str, Any], view: View) -> Any:
    if row["became"] is None:
        return "Not exported" if row["last_due"] else ""
    if row["became"] == "held":
        return "Held"
    return dcc.Link("Exported", href=f"/exports/{row['became']}{view.search()}", title=row["became"])


def _held_title(held: Rows) -> str:
    return f"{words.plural(len(held), 'period').capitalize()} {'is' if len(held) == 1 else 'are'} held"


def _held(row: dict[str, Any], titles: dict[str, str], asked: dict[tuple[str, str, str], dict[str, Any]]) -> Component:
    name, period = row["export"], row["period"]
    request = asked.get(("release", name, period))
    parts: list[Component] = [
        html.H3(f"{titles.get(name, name)}, {period_words(period)}"),
        html.P(f"{name}, held since {words.when(row['since'])}. Missing:", className="subtitle"),
        missing(row["why"]),
    ]
    if request:
        parts.append(html.P(waits(request)))
    elif may_export():
        parts.append(form(f"/exports/{name}/release", period, "Release", f"Release {name} {period}"))
    return html.Article(parts)


def period_words(period: str) -> str:
    """`2026-10` as `October 2026`."""
    return words.month(date.fromisoformat(f"{period}-01"))


def missing(lines: Sequence[str]) -> Component:
    """Who is missing: the first few, the rest behind a summary."""
    named = [_named(line) for line in lines]
    shown = html.Ul([html.Li(line) for line in named[:SHOWN_MISSING]])
    if len(named) <= SHOWN_MISSING:
        return shown
    more = html.Ul([html.Li(line) for line in named[SHOWN_MISSING:]])
    return html.Div([shown, html.Details([html.Summary(f"and {len(named) - SHOWN_MISSING} more"), more])])


def _named(line: str) -> str:
    feed, colon, rest = line.partition(": ")
    return f"{words.FEEDS[feed]}: {rest}" if colon and feed in words.FEEDS else line


def _history(made: Rows, waiting: Rows, view: View) -> list[Component]:
    pending: list[Component] = [
        html.P(f"{row['export']} for {period_words(row['period'])}. {waits(row)}") for row in waiting
    ]
    if not made:
        return [*pending, html.P(EMPTY, className="empty")]
    over = {row["supersedes"] for row in made}
    headings = ["File", *["Download"] * may_export(), "Rows", "Status", "Made", "Sent", "Receipt", "SHA-256"]
    rows = [
        [
            dcc.Link(row["file"], href=f"/exports/{row['file']}{view.search()}"),
            *[download(row["export"], row["file"])] * may_export(),
            words.count(row["rows"]),
            f"{STATUS.get(row['status'], row['status'])}{', superseded' if row['file'] in over else ''}",
            words.when(row["made_at"]),
            sent(row),
            html.Span(receipt(row), className="clip", title=receipt(row)),
            html.Code(row["sha256"][:12], title=row["sha256"]),
        ]
        for row in made[:SHOWN_VERSIONS]
    ]
    parts = [*pending, scrolling(table("Versions", headings, rows, {headings.index("Rows")}), "What was sent")]
    if len(made) > SHOWN_VERSIONS:
        parts.append(html.P(f"The newest {SHOWN_VERSIONS} of {len(made):,}; each export's manifest names them all."))
    return parts


def sent(row: dict[str, Any]) -> str:
    """When and how a version was sent, or why it was not."""
    if row["sent_at"]:
        return f"{words.when(row['sent_at'])}, {ROUTES.get(row['route'], row['route'])}"
    return f"Not sent: {_without_folders(row['trouble'])}" if row["trouble"] else "Not sent yet"


def receipt(row: dict[str, Any]) -> str:
    """What the receiver gave; empty until it was sent."""
    return _without_folders(row["receipt"] or "")


def _without_folders(text: str) -> str:
    """Where on the server files lie is the administrator's business: others see a file and the folder that it is in."""
    user = current_user()
    if user is not None and user.may("administrator"):
        return text
    return re.sub(r"""(?<![\w.:/-])/(?:[^/:'"]*/)*([^/:'"]+/[^/:'"]+)""", r"\1", text)


def download(export: str, file: str, text: str = "Download") -> Component:
    """A link to a file's exact bytes."""
    return html.A(text, href=f"/exports/{export}/{file}", download=file, **attributes(aria_label=f"Download {file}"))


PAGE = Page(
    path="/exports", title="Exports", label="Exports", group="Look up", order=85, layout=layout,
    access=needs_role("viewer", whole_icb=True),
)  # fmt: skip
