"""The rollout's board: under each PCN a row a practice, a column a stage, and how long each stands where it is."""

from collections.abc import Callable

from dash import dcc, html
from dash.development.base_component import Component

from dashboard import words
from dashboard.charts.rollout import STAGE_WORDS, tile_of
from dashboard.components.attributes import attributes
from dashboard.components.panel import scrolling, table
from dashboard.findings_rollout import of, short
from dashboard.page import Rows

FEW_PCNS = 3
HEADINGS = ("Practice", *STAGE_WORDS.values(), "Stands at", "For", "Planned live", "Days late")


def board(rows: Rows, address: Callable[[str], str], csv: str) -> Component:
    """rows: of `queries.telephony.practices`. address: a practice's code → where it is shown. csv: the rows."""
    groups: dict[str, Rows] = {}
    for row in rows:
        groups.setdefault(row["pcn_name"] or "No PCN", []).append(row)
    return html.Section(
        [
            html.H2("Practice by practice" if len(rows) > 1 else "Stage by stage"),
            html.P(
                "When each stage was reached, and for how long a practice has stood where it is."
                + (" PCNs with a practice that is not live stand open." if len(groups) > FEW_PCNS else ""),
                className="subtitle",
            ),
            *[_group(name, own, address, len(groups), len(rows)) for name, own in groups.items()],
            html.Footer(
                html.Div(
                    html.A("CSV", href=csv, download="", **attributes(aria_label="CSV of: practice by practice")),
                    className="actions",
                )
            ),
        ],
        className="panel stages",
        style={"marginTop": "16px"},
        **attributes(data_testid="panel-telephony-stages"),
    )


def _group(name: str, rows: Rows, address: Callable[[str], str], groups: int, rows_in_all: int) -> Component:
    live = sum(row["stage"] == "live" for row in rows)
    body = [
        [
            dcc.Link(row["name"] or row["practice"], href=address(row["practice"])),
            *[words.day(row[stage]) if row[stage] else "–" for stage in STAGE_WORDS],
            STAGE_WORDS.get(row["stage"] or "", tile_of(row)),
            short(row["days_here"]) if row["days_here"] is not None and row["stage"] != "live" else "",
            words.day(row["planned_live"]) if row["planned_live"] else "none",
            words.count(row["days_late"]) if row["days_late"] is not None else "",
        ]
        for row in rows
    ]
    caption = f"Stages reached by the practices of {name}"
    return html.Details(
        [
            html.Summary(f"{name}: {of(live, len(rows))} live" if rows_in_all > 1 else name),
            scrolling(table(caption, HEADINGS, body, {len(HEADINGS) - 1}), caption),
        ],
        open=live < len(rows) or groups <= FEW_PCNS,
    )
