"""`/exports/<file>`: one version of an export: what it rests on, its first rows, and what it changed."""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import words
from dashboard.access import needs_role
from dashboard.access.scope import Scope
from dashboard.components.panel import scrolling, table
from dashboard.components.sentences import headline
from dashboard.exports_routes import LONGEST_REASON
from dashboard.page import Page
from dashboard.pages.exports import (
    STATUS,
    download,
    form,
    may_export,
    missing,
    period_words,
    receipt,
    section,
    sent,
    waits,
)
from dashboard.queries import exports
from dashboard.queries.exports import LISTED_CHANGES, PREVIEW_ROWS, Unreadable
from dashboard.view import View

POLICIES = {"exact": "Exact: no counts of people", "people": "People: small counts hidden, others rounded to 5"}


def exists(scope: Scope, file: str) -> bool:
    """Whether there is such a version."""
    try:
        return exports.version(file) is not None
    except Unreadable:
        return True  # the page says what is wrong


def layout(scope: Scope, view: View, file: str) -> list[Component]:
    """Facts, first rows, changes; for exporters the files and the form to send the period again."""
    try:
        found = exports.version(file)
        if found is None:
            return headline("Not found", "There is no such export here.")
        panels = [
            section("export-facts", "What it rests on", "From the manifest beside the file.", *_facts(found, view)),
            _preview(found),
            _changes(found),
        ]
        if may_export():
            panels.append(_again(found))
    except Unreadable as error:
        return headline("This export cannot be shown", str(error))
    return [
        *headline(
            f"{_title(found['export'])}, {period_words(found['period'])}, version {found['number']}",
            f"{file}: {words.count(found['rows'])} rows, {STATUS.get(found['status'], found['status']).lower()}. "
            "Times are UTC.",
        ),
        html.P(dcc.Link("All exports", href=f"/exports{view.search()}")),
        html.Div(panels, className="panels exports"),
    ]


def _title(export: str) -> str:
    """The export's title up to its colon; its name where it is defined no more."""
    known = exports.known().get(export)
    return known.title.partition(":")[0] if known else export


def _facts(found: dict[str, Any], view: View) -> list[Component]:
    entry = found["entry"]
    loads = [f"{load['load_id']}: {load['file_name']}" for load in entry.get("loads", [])]
    before = found["supersedes"]
    facts: list[tuple[str, Any]] = [
        ("Made", words.when(found["made_at"])),
        ("Sent", sent(found)),
        ("Receipt", receipt(found) or "None yet"),
        ("SHA-256", html.Code(found["sha256"])),
        ("Disclosure", POLICIES.get(entry.get("policy", ""), entry.get("policy", ""))),
        ("Cells hidden", words.count(entry.get("hidden"))),
        ("Generation", found["generation"] or ""),
        ("Supersedes", dcc.Link(before, href=f"/exports/{before}{view.search()}") if before else "Nothing"),
    ]
    if found["reason"]:
        facts.append(("Reason", found["reason"]))
    if entry.get("missing"):
        facts.append(("Who was missing", missing(entry["missing"])))
    if entry.get("notes"):
        facts.append(("Notes", missing(entry["notes"])))
    facts.append((f"Loads ({len(loads)})", missing(loads) if loads else "None"))
    if may_export():
        facts.append(("Files", _files(found)))
    return [html.Dl([part for name, value in facts for part in (html.Dt(name), html.Dd(value))])]


def _files(found: dict[str, Any]) -> Component:
    names = [found["file"], f"{found['file']}-metadata.json", *exports.BESIDE]
    return html.Ul([html.Li(download(found["export"], name, name)) for name in names])


def _preview(found: dict[str, Any]) -> Component:
    header, rows = exports.read(found["export"], found["file"])
    first = rows[:PREVIEW_ROWS]
    title = f"The first {len(first)} of {len(rows):,} rows" if len(rows) > len(first) else f"All {len(rows):,} rows"
    cells = [[row[column] for column in header] for row in first]
    return section(
        "export-preview", title, "As they stand in the file.", scrolling(table(title, header, cells), title)
    )  # fmt: skip


def _changes(found: dict[str, Any]) -> Component:
    name = "export-changes"
    if not found["supersedes"]:
        return section(name, "Changes", "This is the first version of the period: there is nothing to compare with.")
    changed = exports.changes(found["export"], found["supersedes"], found["file"])
    note = f"Against {found['supersedes']}."
    for columns, what in ((changed.columns_added, "New columns"), (changed.columns_removed, "Columns left out")):
        note += f" {what}: {', '.join(columns)}." if columns else ""
    if changed.none:
        return section(name, "Nothing has changed since the last version", note)
    title = f"{changed.changed:,} rows changed, {changed.added:,} added and {changed.removed:,} removed"
    shown = changed.lines[:LISTED_CHANGES]
    if len(changed.lines) > len(shown):
        note += f" The first {len(shown)} of {len(changed.lines):,} changes are listed."
    rows = [[line["key"], line["change"], line["column"], line["before"], line["after"]] for line in shown]
    headings = ["Row", "Change", "Column", "Before", "After"]
    return section(name, title, note, *([scrolling(table(title, headings, rows), title)] if rows else []))


def _again(found: dict[str, Any]) -> Component:
    name, period = found["export"], found["period"]
    title = f"Send {period_words(period)} again"
    if pending := exports.asked().get(("resubmit", name, period)):
        return section("export-again", title, waits(pending), html.P(f"Reason: {pending['reason']}"))
    return section(
        "export-again", title,
        "The schedule makes a further version from the newest data and sends it. This file stays as it is.",
        form(
            f"/exports/{name}/resubmit", period, "Resubmit", f"Resubmit {name} {period}",
            html.Label("Reason, for the manifest", htmlFor="reason"),
            dcc.Input(type="text", name="reason", id="reason", required=True, maxLength=LONGEST_REASON),
        ),
    )  # fmt: skip


PAGE = Page(
    path="/exports/<file>", title="Export", layout=layout, exists=exists,
    access=needs_role("viewer", whole_icb=True),
)  # fmt: skip
