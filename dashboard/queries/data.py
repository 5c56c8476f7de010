"""What came in, what was refused, who is missing, and whether we agree with what was published."""

from datetime import date
from typing import Any

from dashboard.access.scope import Scope
from dashboard.page import Rows
from dashboard.queries import organisations
from dashboard.queries.measures import OF_ACTIVITY
from dashboard.queries.source import reader, remembered
from dashboard.view import View

MOST_ROWS = 500  # enough to read; the CSV of a table says the same


@remembered
def freshness(scope: Scope) -> dict[str, Any]:
    """built_at, is_synthetic, name, last_loaded_at and last_month of the generation."""
    rows = reader().records(
        "SELECT g.name, g.built_at, g.is_synthetic, (SELECT max(loaded_at) FROM load) AS last_loaded_at, "
        "(SELECT max(period_start) FROM own_value WHERE period_kind = 'month' AND value IS NOT NULL "
        f"AND {OF_ACTIVITY}) AS last_month "
        "FROM generation g"
    )
    return rows[0] if rows else {}


def _whole_icb(scope: Scope) -> None:
    """Files and refusals speak of every practice at once, so only the whole ICB may read them."""
    if scope.kind != "icb":
        raise organisations.NoSuchOrganisation("This is shown to the ICB's own team only.")


def loads(scope: Scope, view: View) -> Rows:
    """The ledger, newest first, at most 500."""
    _whole_icb(scope)
    return reader().records(
        "SELECT load_id, loaded_at, feed, file_name, period_from, period_to, rows_read, rows_kept, rows_refused, "
        "rows_filtered, supersedes FROM load ORDER BY load_id DESC LIMIT :most",
        most=MOST_ROWS,
    )


def rejected_rows(scope: Scope, view: View) -> Rows:
    """Refused rows grouped by file, column and reason: how many, and the first lines. Newest load first."""
    _whole_icb(scope)
    return reader().records(
        "SELECT r.load_id, r.feed, l.file_name, r.column_name, r.reason, count(*) AS rows, "
        "min(r.line_number) AS first_line FROM rejected_row r LEFT JOIN load l USING (load_id) "
        "GROUP BY ALL ORDER BY r.load_id DESC, rows DESC, first_line LIMIT :most",
        most=MOST_ROWS,
    )


def refused_files(scope: Scope, view: View) -> Rows:
    """Files refused as a whole, newest first, with the reason in plain words."""
    _whole_icb(scope)
    return reader().records(
        "SELECT refused_at, file_name, reason FROM refused_file ORDER BY refused_at DESC LIMIT :most", most=MOST_ROWS
    )


@remembered
def _spoken_of() -> Rows:
    """Every feed and month in which anyone has data: the same for all who ask, and the longest part of the answer."""
    return reader().records("SELECT DISTINCT feed, period_start FROM coverage WHERE has_data")


def coverage(scope: Scope, view: View) -> Rows:
    """practice, name, feed, months (with data), expected, missing (list of months without) in the period, and pattern:
    `1` or `0` for each month expected, oldest first.

    Practices of the view's organisation that the scope may see. The months of a feed are those in which anyone
    in England has data: a publication that has not come out yet is nobody's gap.
    """
    (code,) = organisations.permit(scope, [view.organisation.code])
    below = organisations.directory().below(code, "practice") or [view.organisation]
    names = {each.code: each.name for each in below if organisations.may_see(scope, each)}
    if view.first_month is None or view.last_month is None:
        return []
    spoken_of = [row for row in _spoken_of() if view.first_month <= row["period_start"] <= view.last_month]
    months = sorted({row["period_start"] for row in spoken_of})
    if not months:
        return []
    # a bit a month: sorting a list of months for every practice and feed took most of the page's time
    bits = f"bitstring_agg(place, 0, {len(months) - 1})"
    found = reader().records(
        "WITH months AS (SELECT unnest(:feeds) AS feed, unnest(:months) AS period_start, unnest(:places) AS place) "
        f"SELECT practice, feed, CAST({bits} AS VARCHAR) AS due, "
        f"CAST({bits} FILTER (WHERE has_data) AS VARCHAR) AS had FROM coverage "
        "JOIN months USING (feed, period_start) WHERE practice IN (SELECT unnest(:codes)) "
        "GROUP BY practice, feed ORDER BY practice, feed",
        codes=list(names),
        feeds=[row["feed"] for row in spoken_of],
        months=[row["period_start"] for row in spoken_of],
        places=[months.index(row["period_start"]) for row in spoken_of],
    )
    return [
        {"practice": row["practice"], "name": names[row["practice"]], "feed": row["feed"],
         **_received(row["due"], row["had"] or "0" * len(months), months)}
        for row in found
    ]  # fmt: skip


def _received(due: str, had: str, months: list[date]) -> dict[str, Any]:
    """due, had: a `1` for each of the months in which data was expected, and in which there is some."""
    pattern = had if "0" not in due else "".join(there for asked, there in zip(due, had, strict=True) if asked == "1")
    missing = [month for month, asked, there in zip(months, due, had, strict=True) if asked > there]
    return {"months": pattern.count("1"), "expected": len(pattern), "missing": missing, "pattern": pattern}


def reconciliation(scope: Scope, view: View) -> Rows:
    """Ours against printed in the period: first what was printed with the rows, then the newest national series, which
    revises earlier months; in each the largest relative difference first."""
    _whole_icb(scope)
    return reader().records(
        "SELECT source, dataset, organisation, period_start, item, ours, printed, difference, "
        "difference / nullif(printed, 0) AS share, note FROM reconciliation "
        "WHERE period_start BETWEEN :first AND :last "
        "ORDER BY dataset = 'table_1', abs(difference / nullif(printed, 0)) DESC NULLS LAST, period_start DESC, "
        "source, item LIMIT :most",
        first=view.first_month,
        last=view.last_month,
        most=MOST_ROWS,
    )


def area_disagreements(scope: Scope, view: View) -> Rows:
    """Where a publication and dated membership name different areas: one row a practice, level and pair."""
    _whole_icb(scope)
    return reader().records(
        "SELECT feed, practice, o.name, level, in_publication, by_membership, min(period_start) AS first_month, "
        "max(period_start) AS last_month, count(*) AS months FROM area_disagreement "
        "LEFT JOIN organisation o ON o.code = practice GROUP BY ALL "
        "ORDER BY last_month DESC, practice, feed, level LIMIT :most",
        most=MOST_ROWS,
    )
