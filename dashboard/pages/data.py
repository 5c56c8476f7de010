"""`/data`: what came in last night, what was refused, who is missing, do we agree with the published figures?"""

from collections.abc import Callable

import pandas as pd
from dash import html
from dash.development.base_component import Component

from dashboard import words
from dashboard.access.scope import Scope
from dashboard.components.panel import slot
from dashboard.components.sentences import headline, sentences
from dashboard.findings import Sentence
from dashboard.page import Chart, Column, Definitions, Drawing, Page
from dashboard.queries import data
from dashboard.view import View

AGREES_WITHIN = 0.0005  # a difference of one call in two thousand is drawn as agreement


def _feed(frame: pd.DataFrame, column: str = "feed") -> pd.DataFrame:
    return frame.assign(**{column: [words.FEEDS.get(name, name) for name in frame[column]]})


def _loads(frame: pd.DataFrame, view: View, known: Definitions) -> Drawing:
    newest = frame.iloc[0]
    refused = frame["rows_refused"].sum()
    title = f"{words.plural(len(frame), 'file').capitalize()} loaded, the newest {words.when(newest['loaded_at'])}"
    return Drawing(
        title,
        "Each accepted file, newest first: rows read, kept, refused, and rightly not this feed's business.",
        coverage=f"{words.count(refused)} rows refused in all",
    )


def _rejected(frame: pd.DataFrame, view: View, known: Definitions) -> Drawing:
    files = frame["load_id"].nunique()
    return Drawing(
        f"{words.count(frame['rows'].sum())} rows refused in {words.plural(files, 'file')}",
        "By file, column and reason. Line 1 is the header; in a workbook, the sheet's own row.",
    )


def _refused(frame: pd.DataFrame, view: View, known: Definitions) -> Drawing:
    return Drawing(
        f"{words.plural(len(frame), 'file').capitalize()} refused as a whole",
        "Nothing in these was used. Each lies in the folder `rejected` beside its reason.",
    )


def _coverage(frame: pd.DataFrame, view: View, known: Definitions) -> Drawing:
    short = frame[frame["months"] < frame["expected"]]
    practices = short["practice"].nunique()
    title = (
        f"{words.plural(practices, 'practice').capitalize()} of {frame['practice'].nunique()} "
        f"{'has' if practices == 1 else 'have'} months missing"
        if practices
        else "Every practice has every month that was published"
    )
    return Drawing(
        title, f"Months with data by practice and source, {words.months(view.first_month, view.last_month)}."
    )


def _reconciliation(frame: pd.DataFrame, view: View, known: Definitions) -> Drawing:
    off = frame[(frame["share"].abs() > AGREES_WITHIN) | (frame["share"].isna() & (frame["difference"] != 0))]
    title = (
        f"{len(frame) - len(off)} of {len(frame)} published totals rebuild from our rows"
        if len(off)
        else f"All {len(frame)} published totals rebuild from our rows"
    )
    return Drawing(title, "Our totals against the printed ones, largest difference first.")


def _areas(frame: pd.DataFrame, view: View, known: Definitions) -> Drawing:
    return Drawing(
        f"{words.plural(frame['practice'].nunique(), 'practice').capitalize()} stand elsewhere in a publication than by membership",
        "The publication's own area is used for its figures, dated membership for the ICB's own.",
    )


def _coverage_query(scope: Scope, view: View) -> pd.DataFrame:
    found = data.coverage(scope, view)
    return _feed(found).sort_values(["months", "name"]) if not found.empty else found


def _with_feed(
    query: Callable[[Scope, View], pd.DataFrame], column: str = "feed"
) -> Callable[[Scope, View], pd.DataFrame]:
    return lambda scope, view: _feed(query(scope, view), column)


COVERAGE = Chart(
    "data-coverage",
    _coverage_query,
    _coverage,
    (
        Column("name", "Practice"),
        Column("practice", "Code"),
        Column("feed", "Source"),
        Column("months", "Months with data", "count"),
        Column("expected", "Months published", "count"),
        Column("missing", "Months missing", "month"),
    ),
    meaning="A month counts as published when any practice has data from that source for it. A practice may be missing "
    "because its supplier does not take part, or because its calls are counted with those of other practices.",
    empty="No coverage is known for this organisation and period.",
)
LOADS = Chart(
    "data-loads",
    _with_feed(data.loads),
    _loads,
    (
        Column("load_id", "Load"),
        Column("loaded_at", "When", "when"),
        Column("feed", "Feed"),
        Column("file_name", "File"),
        Column("period_from", "From", "day"),
        Column("period_to", "To", "day"),
        Column("rows_read", "Read", "count"),
        Column("rows_kept", "Kept", "count"),
        Column("rows_refused", "Refused", "count"),
        Column("rows_filtered", "Filtered", "count"),
        Column("supersedes", "Replaces load"),
    ),
    empty="No file has been loaded yet.",
)
REJECTED = Chart(
    "data-refused-rows",
    _with_feed(data.rejected_rows),
    _rejected,
    (
        Column("file_name", "File"),
        Column("load_id", "Load"),
        Column("feed", "Feed"),
        Column("column_name", "Column"),
        Column("reason", "Reason"),
        Column("rows", "Rows", "count"),
        Column("first_line", "First line", "count"),
    ),
    empty="No row was refused.",
)
REFUSED = Chart(
    "data-refused-files",
    data.refused_files,
    _refused,
    (Column("file_name", "File"), Column("refused_at", "When", "when"), Column("reason", "Reason")),
    empty="No file was refused.",
)
RECONCILIATION = Chart(
    "data-reconciliation",
    _with_feed(data.reconciliation, "source"),
    _reconciliation,
    (
        Column("source", "Source"),
        Column("organisation", "Organisation"),
        Column("period_start", "Month", "month"),
        Column("item", "Item"),
        Column("ours", "Ours", "count"),
        Column("printed", "Printed", "count"),
        Column("difference", "Difference", "count"),
        Column("share", "Difference, %", "percent"),
        Column("note", "Note"),
    ),
    meaning="Ours is added up from practice rows, with the rows that name no practice kept in the areas they name.",
    empty="Nothing printed has been loaded to compare with.",
)
AREAS = Chart(
    "data-area-disagreements",
    _with_feed(data.area_disagreements),
    _areas,
    (
        Column("name", "Practice"),
        Column("practice", "Code"),
        Column("feed", "Publication"),
        Column("level", "Level"),
        Column("in_publication", "In the publication"),
        Column("by_membership", "By membership"),
        Column("first_month", "First", "month"),
        Column("last_month", "Last", "month"),
    ),
    empty="Publications and membership agree on every practice.",
)
ICB_ONLY = (LOADS, REFUSED, REJECTED, RECONCILIATION, AREAS)


def layout(scope: Scope, view: View) -> list[Component]:
    """Coverage for everyone; files, refusals and reconciliation for the ICB's own team."""
    fresh = data.freshness(scope)
    panels = [slot(COVERAGE, view, wide=True)]
    if scope.kind == "icb":
        panels += [slot(chart, view, wide=chart in (LOADS, REJECTED, RECONCILIATION)) for chart in ICB_ONLY]
    return [
        *headline(
            f"Data up to {words.month(fresh.get('last_month'))}, published {words.when(fresh.get('built_at'))}",
            "What came in, what was refused, who is missing, and whether we agree with what was published",
        ),
        sentences(_said(scope, view)),
        html.Div(panels, className="panels"),
    ]


def _said(scope: Scope, view: View) -> list[Sentence]:
    found = data.coverage(scope, view)
    said = []
    for feed, rows in found.groupby("feed") if not found.empty else ():
        have, expected = int(rows["months"].sum()), int(rows["expected"].sum())
        name = words.FEEDS.get(str(feed), str(feed))
        said.append(
            Sentence(
                f"{name}: {words.value(have / expected, 'percent')} of practice-months received",
                f" ({have:,} of {expected:,}); {words.plural(int((rows['months'] == 0).sum()), 'practice')} with none.",
            )
        )
    return said


PAGE = Page(
    path="/data", title="Data", label="Data", group="Look up", order=80, layout=layout, charts=(COVERAGE, *ICB_ONLY)
)
