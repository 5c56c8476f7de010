"""`/data`: what came in last night, what was refused, who is missing, do we agree with the published figures?"""

from collections.abc import Callable

from dash import html
from dash.development.base_component import Component

from dashboard import words
from dashboard.access.scope import Scope
from dashboard.components.coverage import coverage_grid
from dashboard.components.panel import slot
from dashboard.components.sentences import headline, sentences
from dashboard.findings import Sentence
from dashboard.page import Chart, Column, Definitions, Drawing, Page, Rows
from dashboard.queries import call_logs, data, navigation
from dashboard.templates import template_links
from dashboard.view import View

NATIONAL = "the newest national series"
PRINTED = {"table_1": NATIONAL, "own_month": "the same edition", "total_row": "the same table"}
AGREES_WITHIN = 0.0005  # a difference of one call in two thousand is drawn as agreement


def _loads(rows: Rows, view: View, known: Definitions) -> Drawing:
    refused = sum(row["rows_refused"] or 0 for row in rows)
    return Drawing(
        f"{words.spelt(len(rows)).capitalize()} {'file' if len(rows) == 1 else 'files'} loaded, "
        f"the newest {words.when(rows[0]['loaded_at'])}",
        "Each accepted file, newest first: rows read, kept, refused, and rightly not this feed's business.",
        coverage=f"{words.count(refused)} rows refused in all",
    )


def _rejected(rows: Rows, view: View, known: Definitions) -> Drawing:
    files = len({row["load_id"] for row in rows})
    return Drawing(
        f"{words.count(sum(row['rows'] for row in rows))} rows refused in {words.plural(files, 'file')}",
        "By file, column and reason. Line 1 is the header; in a workbook, the sheet's own row.",
    )


def _refused(rows: Rows, view: View, known: Definitions) -> Drawing:
    return Drawing(
        f"{words.plural(len(rows), 'file').capitalize()} refused as a whole",
        "Nothing in these was used. Each lies in the folder “rejected” beside its reason.",
    )


def _coverage(rows: Rows, view: View, known: Definitions) -> Drawing:
    short = len({row["practice"] for row in rows if row["months"] < row["expected"]})
    every = len({row["practice"] for row in rows})
    title = (
        f"{words.spelt(short).capitalize()} of {words.plural(every, 'practice')} "
        f"{'has' if short == 1 else 'have'} months missing"
        if short
        else "Every practice has every month that was published"
    )
    return Drawing(
        title,
        f"Months with data by practice and source, {view.months_in_words}. Filled: received; hollow: missing.",
        body=coverage_grid(rows),
    )


def _reconciliation(rows: Rows, view: View, known: Definitions) -> Drawing:
    beside = [row for row in rows if row["dataset"] != NATIONAL] or rows
    agree = sum(
        row["difference"] == 0 or (row["share"] is not None and abs(row["share"]) <= AGREES_WITHIN) for row in beside
    )
    number = f"{agree} of {len(beside)}" if agree < len(beside) else f"All {len(beside)}"
    return Drawing(
        f"{number} totals printed with the rows rebuild from them",
        "First the totals printed with the rows loaded, then the newest national series, which revises earlier months; "
        "in each the largest difference first.",
    )


def _call_logs(rows: Rows, view: View, known: Definitions) -> Drawing:
    compared, near = rows[0]["compared"], rows[0]["near"]
    practices = len({row["practice_code"] for row in rows})
    title = (
        f"{near} of {compared} practice-months of logs are within {100 * call_logs.NEAR:g}% of the calls published"
        if compared
        else "No practice with call logs is in the publication for those months"
    )
    return Drawing(
        title,
        "Calls in a practice's own logs against those NHS England published for it, inbound calls first, largest "
        "difference first.",
        coverage=f"{words.plural(practices, 'practice')} · {view.months_in_words}",
    )


def _areas(rows: Rows, view: View, known: Definitions) -> Drawing:
    practices = len({row["practice"] for row in rows})
    return Drawing(
        f"{words.plural(practices, 'practice').capitalize()} {'stands' if practices == 1 else 'stand'} elsewhere "
        "in a publication than by membership",
        "The publication's own area is used for its figures, dated membership for the ICB's own.",
    )


def _unmapped(rows: Rows, view: View, known: Definitions) -> Drawing:
    total = sum(row["rows"] for row in rows)
    return Drawing(
        f"{words.plural(total, 'request').capitalize()} {'has' if total == 1 else 'have'} an outcome that no mapping "
        "table knows",
        "What practices wrote, the most frequent first. The CSV is the mapping table to fill in.",
    )


def _with_feed(query: Callable[[Scope, View], Rows], column: str = "feed") -> Callable[[Scope, View], Rows]:
    """The same rows, with feeds named as people name them."""
    return lambda scope, view: [
        {**row, column: words.FEEDS.get(row[column], row[column])} for row in query(scope, view)
    ]


def _reconciliation_query(scope: Scope, view: View) -> Rows:
    found = _with_feed(data.reconciliation, "source")(scope, view)
    return [
        {**row, "item": words.category(row["item"]), "dataset": PRINTED.get(row["dataset"], row["dataset"])}
        for row in found
    ]


def _call_logs_query(scope: Scope, view: View) -> Rows:
    found = call_logs.reconciliation(scope, view)
    return [
        {**row, "item": "All inbound" if row["item"] == "inbound" else words.category(row["item"])} for row in found
    ]


def _coverage_query(scope: Scope, view: View) -> Rows:
    found = _with_feed(data.coverage)(scope, view)
    return sorted(found, key=lambda row: (row["months"] - row["expected"], row["name"], row["feed"]))


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
        Column("missing", "Months missing", "months"),
    ),
    meaning="A month counts as published when any practice has data from that source for it. A practice may be missing "
    "because its supplier does not take part, or because its calls are counted with those of other practices.",
    empty="No coverage is known for this organisation and period.",
    height=400,
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
    height=0,
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
    height=0,
)
REFUSED = Chart(
    "data-refused-files",
    data.refused_files,
    _refused,
    (Column("file_name", "File"), Column("refused_at", "When", "when"), Column("reason", "Reason")),
    empty="No file was refused.",
    height=0,
)
RECONCILIATION = Chart(
    "data-reconciliation",
    _reconciliation_query,
    _reconciliation,
    (
        Column("source", "Source"),
        Column("organisation", "Organisation"),
        Column("period_start", "Month", "month"),
        Column("item", "Item"),
        Column("dataset", "Printed in"),
        Column("ours", "Ours", "count"),
        Column("printed", "Printed", "count"),
        Column("difference", "Difference", "count"),
        Column("share", "Difference, %", "percent"),
        Column("note", "Note"),
    ),
    meaning="Ours is added up from practice rows, with the rows that name no practice kept in the areas they name.",
    empty="Nothing printed has been loaded to compare with.",
    height=0,
)
CALL_LOGS = Chart(
    "data-call-logs",
    _call_logs_query,
    _call_logs,
    (
        Column("name", "Practice"),
        Column("period_start", "Month", "month"),
        Column("item", "Calls"),
        Column("difference", "Difference", "count"),
        Column("share", "Difference, %", "percent"),
        Column("logged", "In logs", "count"),
        Column("published", "Published", "count"),
        Column("note", "Why they may differ"),
        Column("working_days_logged", "Working days with logs", "count"),
        Column("working_days", "Working days", "count"),
        Column("practice_code", "Code"),
    ),
    meaning="Logs and publication may differ because some calls are dialled directly to a person, some lines bypass "
    "the logged system, callers who met a busy tone or a closed line are counted in one and not in the other, a "
    "source's time zone moves calls at the ends of a month, or logs miss days. Accounts that several practices share "
    "are not compared: nobody can say whose their calls are. Months not yet published are left out.",
    empty="No practice here has call logs of its own for a published month.",
    height=0,
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
    height=0,
)
UNMAPPED = Chart(
    "data-unmapped-destinations",
    _with_feed(navigation.unmapped),
    _unmapped,
    (
        Column("outcome", "Outcome as recorded"),
        Column("destination", "Destination"),
        Column("rows", "Requests", "count"),
        Column("practices", "Practices", "count"),
        Column("feed", "Feed"),
    ),
    meaning="They count as not recorded until you say what they mean. Download the CSV, fill in its column "
    "`destination` (the dictionary lists what may stand there), and save it as "
    "reference/navigation_destinations.csv in the home folder, below any lines that are there already. From the next "
    "night they are counted, those of earlier months too. Several words are shown only when they are short, hold no "
    "figure and came five times or more in one file: they may be personal. Ask the practice about the others.",
    empty="Every recorded outcome is known.",
    height=0,
)
ICB_ONLY = (LOADS, REFUSED, REJECTED, RECONCILIATION, AREAS, UNMAPPED)


def layout(scope: Scope, view: View) -> list[Component]:
    """Coverage and call logs for everyone; files, refusals and reconciliation for the ICB's own team."""
    fresh = data.freshness(scope)
    panels = [slot(COVERAGE, view, wide=True), slot(CALL_LOGS, view, wide=True)]
    if scope.kind == "icb":
        panels += [slot(chart, view, wide=True) for chart in ICB_ONLY]
    return [
        *headline(
            f"Data up to {words.month(fresh.get('last_month'))}, published {words.when(fresh.get('built_at'))}",
            "What came in, what was refused, who is missing, and whether we agree with what was published",
        ),
        sentences(_said(scope, view)),
        html.Div([*panels, template_links()], className="panels"),
    ]


def _said(scope: Scope, view: View) -> list[Sentence]:
    by_feed: dict[str, Rows] = {}
    for row in data.coverage(scope, view):
        by_feed.setdefault(row["feed"], []).append(row)
    said = []
    for feed, rows in by_feed.items():
        have, expected = sum(row["months"] for row in rows), sum(row["expected"] for row in rows)
        none = sum(row["months"] == 0 for row in rows)
        said.append(
            Sentence(
                f"{words.FEEDS.get(feed, feed)}: {words.value(have / expected, 'percent')} of practice-months received",
                f" ({have:,} of {expected:,}); {words.plural(none, 'practice')} with none.",
            )
        )
    return said


PAGE = Page(
    path="/data",
    title="Data",
    label="Data",
    group="Look up",
    order=80,
    layout=layout,
    charts=(COVERAGE, CALL_LOGS, *ICB_ONLY),
    grids=True,
)
