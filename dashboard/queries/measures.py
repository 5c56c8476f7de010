"""Measures and their values: definitions, series, latest figures, signals, and comparisons between organisations."""

from datetime import date
from typing import Any

from dashboard.access.scope import Scope
from dashboard.page import Rows
from dashboard.queries import organisations, peers
from dashboard.queries.source import reader, remembered
from dashboard.view import Organisation, View
from etl.analysis.funnel import FEWEST_TO_JUDGE_SPREAD, SCALE, funnel
from etl.analysis.spc import TRIAL_POINTS

SPARKLINE_MONTHS = 24

UNTIL = "(v.period_start <= :until OR CAST(:until AS DATE) IS NULL)"
COLUMNS = (
    "v.measure, v.organisation, v.level, v.period_start, v.numerator, v.denominator, v.value, v.practices_counted, "
    "v.practices_expected, v.mean, v.lower_limit, v.upper_limit, v.special_cause, v.variation, v.assurance"
)
# `points`: how many values the limits of a row rest on
SERIES = (
    f"SELECT {COLUMNS}, count(v.value) OVER (PARTITION BY v.measure, v.organisation, v.level, v.mean) AS points "
    "FROM {values} v WHERE v.period_kind = 'month' "
)


@remembered
def definitions(scope: Scope) -> dict[str, dict[str, Any]]:
    """Every measure of the generation, by name: the row of table `measure`."""
    return {row["measure"]: row for row in reader().records("SELECT * FROM measure ORDER BY title")}


# A total of these grows by all of one practice between two months, and a list size or a sum of money names it. So they
# are told of one's own organisations, and of a total above them to nobody but the ICB.
ADDED_AT_ONCE = ("telephony_patients_", "telephony_funding_")


def told_of(scope: Scope, organisation: Organisation, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those of these measures that a scope may have of this organisation."""
    if not organisations.is_above(scope, organisation):
        return names
    return tuple(name for name in names if not name.startswith(ADDED_AT_ONCE))


# states such as telephony stages are known for the month that has just begun; activity is not
OF_ACTIVITY = "NOT starts_with(measure, 'telephony_') AND NOT starts_with(measure, 'navigator')"


@remembered
def month_range() -> tuple[date, date] | None:
    """First and last month that any measure has, or None before there is one."""
    rows = reader().records(
        "SELECT min(period_start) AS first, max(period_start) AS last FROM own_value "
        f"WHERE period_kind = 'month' AND value IS NOT NULL AND {OF_ACTIVITY}"
    )
    return (rows[0]["first"], rows[0]["last"]) if rows and rows[0]["last"] is not None else None


def thin_months(scope: Scope, organisation: Organisation, *subjects: str) -> list[date]:
    """Months in which a total above the scope counts so few practices that it would give one of them away.

    subjects: measures, which are looked at themselves, or breakdowns. For these, all measures that begin as they do up
    to the first `_` (calls, appointments, online), but those of calls that a navigation record names: few send any.
    """
    fewest = organisations.fewest_in_total(scope)
    if not fewest or organisation.kind not in organisations.SHARED_KINDS:
        return []
    known = definitions(scope)
    rows = reader().records(
        "SELECT DISTINCT period_start FROM measure_value WHERE organisation = :code AND level = :level "
        "AND period_kind = 'month' AND practices_counted < :fewest "
        "AND (list_contains(:measures, measure) OR list_contains(:families, split_part(measure, '_', 1)) "
        "AND NOT starts_with(measure, 'navigation_calls_'))",
        code=organisation.code,
        level=organisation.kind,
        measures=[subject for subject in subjects if subject in known],
        families=[subject.split("_")[0] for subject in subjects if subject not in known],
        fewest=fewest,
    )
    return [row["period_start"] for row in rows]


def series(scope: Scope, view: View, measure: str) -> Rows:
    """One measure of one organisation, a row for every month between its first and last in the view: a month without
    data is a row of None. Columns: those of `measure_value`. No rows when there is no value in the period.
    """
    (code,) = organisations.permit(scope, [view.organisation.code])
    if not told_of(scope, view.organisation, (measure,)):
        return []
    found = reader().records(
        "SELECT * FROM ("
        + SERIES.format(values="measure_value")
        + "AND v.measure = :measure AND v.level = :level AND v.organisation = :code) "
        "WHERE period_start BETWEEN :first AND :last AND period_start NOT IN (SELECT unnest(:thin)) "
        "ORDER BY period_start",
        measure=measure,
        thin=thin_months(scope, view.organisation, measure),
        level=view.organisation.kind,
        code=code,
        first=view.first_month,
        last=view.last_month,
    )
    return every_month(found) if any(row["value"] is not None for row in found) else []


def every_month(rows: Rows) -> Rows:
    """`rows` (sorted by period_start) with a row of None for each month missing between the first and the last."""
    filled: Rows = []
    for row in rows:
        while filled and _next_month(filled[-1]["period_start"]) < row["period_start"]:
            missing = _next_month(filled[-1]["period_start"])
            filled.append({**dict.fromkeys(row), "period_start": missing})
        filled.append(row)
    return filled


def _next_month(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def latest(scope: Scope, view: View, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The newest value in the view's period of each of these measures, with England's for the same month.

    Adds `england` (value) and `earlier` (up to 24 months of values, oldest first, gaps as None) to each row. A measure
    without a value in the period is left out: what was so years ago is no news.
    """
    found = _latest(scope, view.organisation, names, view.ending)
    return {n: row for n, row in found.items() if view.first_month is None or row["period_start"] >= view.first_month}


@remembered
def _england(names: tuple[str, ...], fewest: int) -> dict[tuple[str, date], float | None]:
    """England's value of each measure in each month: the same whoever is compared with it."""
    rows = reader().records(
        "SELECT measure, period_start, value FROM measure_value WHERE level = 'england' "
        "AND period_kind = 'month' AND measure IN (SELECT unnest(:names)) "
        "AND (practices_counted IS NULL OR practices_counted >= :fewest)",
        names=list(names),
        fewest=fewest,
    )
    return {(row["measure"], row["period_start"]): row["value"] for row in rows}


@remembered
def _latest(
    scope: Scope, organisation: Organisation, names: tuple[str, ...], until: date | None
) -> dict[str, dict[str, Any]]:
    (code,) = organisations.permit(scope, [organisation.code])
    rows = reader().records(
        f"SELECT {COLUMNS} FROM {organisations.values_of(organisation)} v WHERE v.period_kind = 'month' "
        "AND list_contains(:names, v.measure) AND v.level = :level AND v.organisation = :code "
        "AND (v.level IN ('practice', 'pcn') OR v.practices_counted IS NULL OR v.practices_counted >= :fewest) "
        f"AND {UNTIL} ORDER BY v.measure, v.period_start",
        names=list(told_of(scope, organisation, names)),
        until=until,
        fewest=organisations.fewest_in_total(scope),
        level=organisation.kind,
        code=code,
    )
    england = _england(names, organisations.fewest_in_total(scope))
    by_measure: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_measure.setdefault(row["measure"], []).append(row)
    answer = {}
    for name, points in by_measure.items():
        filled = [point for point in points if point["value"] is not None]
        if filled:
            newest = filled[-1]
            same_month = england.get((name, newest["period_start"])) if organisation.kind != "england" else None
            earlier = tuple(point["value"] for point in every_month(points))[-SPARKLINE_MONTHS:]
            # as SERIES counts them, which asks DuckDB for a window over every series
            rest_on = sum(point["mean"] == newest["mean"] for point in filled)
            answer[name] = {**newest, "points": rest_on, "england": same_month, "earlier": earlier}
    return answer


@remembered
def signals(
    scope: Scope, organisation: Organisation, names: tuple[str, ...], until: date | None = None
) -> tuple[int, list[dict[str, Any]]]:
    """Organisations below this one whose newest month of a measure (none after `until`) is special cause.

    Returns how many series were looked at, and the signals: worse before better, newest first, then the one
    furthest from its mean (in units of its own limits). Only organisations the scope may see by name.
    """
    organisations.permit(scope, [organisation.code])
    known = organisations.directory()
    below = {
        each.code: each
        for kind in ("practice", "pcn")
        for each in known.below(organisation.code, kind)
        if organisations.may_see(scope, each)
    }
    if organisation.kind == "practice":
        below = {organisation.code: organisation}
    if not below:
        return 0, []
    rows = reader().records(
        f"SELECT * FROM ({SERIES.format(values=organisations.values_of(organisation))} "
        "AND v.measure IN (SELECT unnest(:names)) AND v.level IN ('practice', 'pcn') "
        f"AND v.value IS NOT NULL AND v.organisation IN (SELECT unnest(:codes)) AND {UNTIL} "
        "QUALIFY row_number() OVER (PARTITION BY v.measure, v.organisation ORDER BY v.period_start DESC) = 1)",
        names=list(names),
        codes=list(below),
        until=until,
    )
    newest = {
        name: max(row["period_start"] for row in rows if row["measure"] == name)
        for name in {r["measure"] for r in rows}
    }
    current = [row for row in rows if row["period_start"] == newest[row["measure"]]]
    changed = [
        row for row in current if row["variation"] not in (None, "common_cause") and row["points"] >= TRIAL_POINTS
    ]
    for row in changed:
        row["name"] = below[row["organisation"]].name
        row["kind"] = below[row["organisation"]].kind
    changed.sort(key=_by_concern)
    return len(current), changed


def _by_concern(row: dict[str, Any]) -> tuple[int, float]:
    order = {"concern": 0, "improvement": 1, "neutral": 2}[row["variation"].split("_")[0]]
    width = (row["upper_limit"] or 0) - (row["lower_limit"] or 0)
    return order, -abs(row["value"] - (row["mean"] or 0)) / width if width else 0.0


def compared(scope: Scope, view: View, measure: str, kind: str) -> Rows:
    """Organisations of `kind` under the view's (or beside it, if it has few below), over the whole period, judged.

    Sums of numerators over sums of denominators. Each row: organisation, name, numerator, denominator, value, months,
    is_chosen; lower_95, upper_95, lower_998, upper_998 and judgement of `etl.analysis.funnel`; and, the same in each,
    centre and statement (of over-dispersion). Peers that the scope may not see have neither code nor name, and are
    left out altogether when there are fewer than 8 of them. Fewer than 8 organisations are not judged: their limits
    would show chance alone. No rows for a unit that has no funnel.
    """
    (code,) = organisations.permit(scope, [view.organisation.code])
    definition = definitions(scope).get(measure)
    if definition is None or definition["unit"] not in SCALE:
        return []
    known = organisations.directory()
    members = {each.code: each for each in known.below(_comparison_top(scope, view.organisation, kind), kind)}
    found = reader().records(
        "SELECT organisation, sum(numerator) AS numerator, sum(denominator) AS denominator, count(*) AS months "
        "FROM measure_value WHERE measure = :measure AND level = :kind AND period_kind = 'month' "
        "AND value IS NOT NULL AND period_start BETWEEN :first AND :last "
        "AND organisation IN (SELECT unnest(:codes)) GROUP BY organisation ORDER BY organisation",
        measure=measure,
        kind=kind,
        first=view.first_month,
        last=view.last_month,
        codes=list(members),
    )
    rows = [row for row in found if row["denominator"]]
    seen = {row["organisation"] for row in rows if organisations.may_see(scope, members[row["organisation"]])}
    if 0 < len(rows) - len(seen) < organisations.FEWEST_PEERS:
        rows = [row for row in rows if row["organisation"] in seen]
    if not rows:
        return []
    if len(rows) < FEWEST_TO_JUDGE_SPREAD:
        return [_unjudged(row, rows, definition["unit"], code, members) for row in rows]
    judged = funnel([row["numerator"] for row in rows], [row["denominator"] for row in rows], definition["unit"])
    points = judged.points.to_dict("records")
    judged_rows = [
        {
            **point,
            **row,
            "name": members[row["organisation"]].name,
            "is_chosen": row["organisation"] == code,
            "centre": judged.centre,
            "statement": judged.overdispersion.statement,
        }
        for row, point in zip(rows, points, strict=True)
    ]
    known_rows = [row for row in judged_rows if row["organisation"] in seen]
    others = [row for row in judged_rows if row["organisation"] not in seen]
    return known_rows + peers.anonymous(others, definition["unit"], judged.centre, judged.overdispersion.tau)


def _unjudged(
    row: dict[str, Any], rows: Rows, unit: str, code: str, members: dict[str, Organisation]
) -> dict[str, Any]:
    """Where there are fewer than 8, nobody is anonymous: the scope sees them all by name."""
    limits = dict.fromkeys(("lower_95", "upper_95", "lower_998", "upper_998", "judgement"))
    whole = sum(each["numerator"] for each in rows) / sum(each["denominator"] for each in rows)
    return {
        **row,
        **limits,
        "value": SCALE[unit] * row["numerator"] / row["denominator"],
        "name": members[row["organisation"]].name,
        "is_chosen": row["organisation"] == code,
        "centre": SCALE[unit] * whole,
        "statement": f"With {len(rows)} there are too few to tell chance from difference, so none is judged.",
    }


def _comparison_top(scope: Scope, organisation: Organisation, kind: str) -> str:
    """Whose members are compared: those of the organisation, or of the ICB above it when it has none of that kind.

    For a narrower scope always those of its ICB: what one comparison shows and another does not would be few.
    """
    known = organisations.directory()
    if organisation.kind in ("icb", "england"):
        return organisation.code
    if scope.kind == "icb" and len(known.below(organisation.code, kind)) >= organisations.FEWEST_PEERS:
        return organisation.code
    above = [code for code in organisation.parents if known.organisations[code].kind == "icb"]
    return above[0] if above else organisation.code


@remembered
def table_of(
    scope: Scope, organisation: Organisation, kind: str, names: tuple[str, ...], until: date | None = None
) -> list[dict[str, Any]]:
    """Organisations of `kind` below this one that the scope may see, each with its newest value of each measure (of
    no month after `until`).

    Each row: organisation (Organisation), practices (count), and one `measure_value` row under each measure's name.
    """
    organisations.permit(scope, [organisation.code])
    known = organisations.directory()
    members = [each for each in known.below(organisation.code, kind) if organisations.may_see(scope, each)]
    rows = reader().records(
        SERIES.format(values=organisations.values_of(organisation))
        + "AND v.measure IN (SELECT unnest(:names)) AND v.level = :kind AND v.value IS NOT NULL "
        f"AND v.organisation IN (SELECT unnest(:codes)) AND {UNTIL} "
        "QUALIFY row_number() OVER (PARTITION BY v.measure, v.organisation ORDER BY v.period_start DESC) = 1",
        names=list(names),
        until=until,
        kind=kind,
        codes=[each.code for each in members],
    )
    values = {(row["organisation"], row["measure"]): row for row in rows}
    return [
        {
            "organisation": each,
            "practices": len(known.below(each.code, "practice")),
            **{name: values.get((each.code, name)) for name in names},
        }
        for each in members
    ]
