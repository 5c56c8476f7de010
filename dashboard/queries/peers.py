"""Other practices as a distribution: without code or name, rounded, and never fewer than 8 of them.

An exact figure can name its practice (list sizes are published), so whatever speaks of practices that a scope may not
see leaves here with two significant figures, and a size is that of four or more practices taken together.
"""

from dataclasses import dataclass
from statistics import quantiles
from typing import Any

import numpy as np

from dashboard.access.scope import Scope
from dashboard.page import Rows
from dashboard.queries import organisations
from dashboard.queries.source import reader, remembered
from dashboard.view import Organisation, View
from etl import london
from etl.analysis.funnel import SCALE, bounds, limits
from etl.published.tables import TABLES

NEAREST = 10  # similar practices that a measure is compared with; never fewer than organisations.FEWEST_PEERS
LEAST_POINTS, LEAST_SHARE = 0.01, 0.02  # a smaller difference from similar practices is not worth a word
SAME_SIZE = 4  # so many practices of about one size are shown with the same: the largest of an ICB is known by its own
LOOKED_AT = 20  # among so many of the most similar they are found: not every practice has every measure
# columns of `organisation` that practices are matched by, those that a generation has: what each is called
LIKENESS = {
    "patients": "list size",
    "imd_score": "deprivation",
    "aged_65_share": "age profile",
    "rurality": "rurality",
}
LOGARITHMIC = ("patients",)


@dataclass(frozen=True)
class Likeness:
    """How similar practices were found. by: what they are alike in; unknown: what is not known of this practice.

    practices: how many there are, 0 where fewer than 8 can be compared.
    """

    by: tuple[str, ...]
    unknown: tuple[str, ...]
    practices: int


def blur(value: float, figures: int = 2) -> float:
    """A number to so many significant figures."""
    return float(f"{value:.{figures}g}")


def anonymous(rows: Rows, unit: str, centre: float, tau: float) -> Rows:
    """Judged rows of a comparison as those may see them who may not know whose they are.

    Code, name and numerator are gone; the value is rounded; the denominator is the rounded median of four or more of
    about that size, and the limits are those there; the order says nothing of who they are.
    """
    if not rows:
        return []
    by_size = sorted(rows, key=lambda row: row["denominator"])
    around: Any = limits(_sizes([row["denominator"] for row in by_size]), centre, unit, tau).to_dict("records")
    whose = {"organisation": None, "name": None, "numerator": None, "months": None, "is_chosen": False}
    blurred = [
        {**row, **whose, "value": blur(row["value"]), **there} for row, there in zip(by_size, around, strict=True)
    ]
    return sorted(blurred, key=lambda row: (row["value"], row["denominator"]))


def _sizes(sizes: list[float]) -> list[float]:
    """For each of these sizes, smallest first, the rounded median of the four or more it is shown together with."""
    groups = np.array_split(np.array(sizes, dtype=float), max(1, len(sizes) // SAME_SIZE))
    return [blur(float(np.median(group))) for group in groups for _ in group]


def likeness(scope: Scope, practice: Organisation) -> Likeness:
    """What practices similar to this one are alike in, and how many are compared with."""
    organisations.permit(scope, [practice.code])
    by, near = _nearest(practice.code)
    unknown = tuple(name for column, name in LIKENESS.items() if column not in by)
    return Likeness(tuple(LIKENESS[column] for column in by), unknown, min(len(near), NEAREST))


def against_similar(scope: Scope, view: View, units: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Each measure (its unit by its name) over the view's months, this practice against similar ones.

    Sums of numerators over sums of denominators. measure → value (None without data), and, rounded to two significant
    figures, lower_quartile, median and upper_quartile of the similar practices that have it, practices (how many),
    and judgement: `above` or `below` the middle half of them, or `within`; see `beside`. The distribution is left out
    (None) where fewer than 8 similar practices have the measure.
    """
    (code,) = organisations.permit(scope, [view.organisation.code])
    near = _nearest(code)[1]
    rows = reader().records(
        "SELECT measure, organisation, sum(numerator) AS numerator, sum(denominator) AS denominator "
        f"FROM {organisations.values_of(view.organisation)} WHERE list_contains(:names, measure) "
        "AND level = 'practice' AND period_kind = 'month' AND value IS NOT NULL "
        "AND period_start BETWEEN :first AND :last AND list_contains(:codes, organisation) "
        "GROUP BY measure, organisation HAVING sum(denominator) > 0",
        names=list(units),
        codes=[code, *near],
        first=view.first_month,
        last=view.last_month,
    )
    by_measure: dict[str, Rows] = {}
    for row in rows:
        by_measure.setdefault(row["measure"], []).append(row)
    return {name: _place(_closest(found, code, near), code, units[name]) for name, found in by_measure.items()}


def _closest(rows: Rows, code: str, near: tuple[str, ...]) -> Rows:
    """The practice's own row and those of the nearest that have one."""
    by_code = {row["organisation"]: row for row in rows}
    return [by_code[each] for each in (code, *[near_by for near_by in near if near_by in by_code][:NEAREST])
            if each in by_code]  # fmt: skip


def _place(rows: Rows, code: str, unit: str) -> dict[str, Any]:
    scale = SCALE.get(unit, 10_000.0 if unit == "per_10000_patients" else 1.0)
    values = {row["organisation"]: scale * row["numerator"] / row["denominator"] for row in rows}
    others = [value for organisation, value in values.items() if organisation != code]
    answer: dict[str, Any] = {"value": values.get(code), "practices": len(others)}
    answer |= dict.fromkeys(("lower_quartile", "median", "upper_quartile", "judgement"))
    if len(others) < organisations.FEWEST_PEERS:
        return {**answer, "practices": 0}
    low, median, high = quantiles(others, method="inclusive")
    answer["lower_quartile"], answer["median"], answer["upper_quartile"] = blur(low), blur(median), blur(high)
    part_of_whole = all(row["numerator"] <= row["denominator"] for row in rows)
    if code in values and unit in SCALE and (unit != "percent" or part_of_whole):
        answer["judgement"] = beside(values[code], rows[0]["denominator"], low, high, unit)
    return answer


def beside(value: float, size: float, low: float, high: float, unit: str) -> str:
    """`above` or `below` the middle half (`low` to `high`) of similar practices, or `within`.

    Outside is what lies beyond the nearer quartile by more than chance explains (its 99.8% limits for the practice's
    own denominator `size`) and by enough to matter: one percentage point, or 2% of a rate. No allowance is made for
    practices differing from each other: among a dozen none could ever stand out from that.
    """
    if low <= value <= high:
        return "within"
    quartile, name = (high, "above") if value > high else (low, "below")
    matters = LEAST_POINTS if unit == "percent" else LEAST_SHARE * quartile
    if abs(value - quartile) <= matters:
        return "within"
    by_chance = bounds(np.array([size]), quartile, unit)
    beyond = value > by_chance["upper_998"][0] if name == "above" else value < by_chance["lower_998"][0]
    return name if beyond else "within"


@remembered
def _nearest(code: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns a practice could be matched by, and the codes of the most similar open practices.

    Distance is Euclidean over the columns, each in standard deviations. The codes never leave this module.
    """
    columns, rows = _own_practices()
    own = next((row for row in rows if row["code"] == code), None)
    by = tuple(column for column in columns if own is not None and _is_known(own[column]))
    others = [row for row in rows if row["code"] != code and all(_is_known(row[column]) for column in by)]
    if own is None or not by or len(others) < organisations.FEWEST_PEERS:
        return by, ()
    distance = np.zeros(len(others))
    for column in by:
        values = np.array([float(row[column]) for row in [own, *others]])
        values = np.log(values) if column in LOGARITHMIC else values
        spread = values.std() or 1.0
        distance += ((values[1:] - values[0]) / spread) ** 2
    order = np.argsort(distance, kind="stable")[:LOOKED_AT]
    return by, tuple(others[place]["code"] for place in order)


@remembered
def _own_practices() -> tuple[list[str], Rows]:
    """The columns of LIKENESS that there are, and those of every open practice of this ICB."""
    columns = [column for column in LIKENESS if column in TABLES["organisation"]]
    listed = "".join(f", {column}" for column in columns)
    return columns, reader().records(
        f"SELECT code{listed} FROM organisation WHERE kind = 'practice' AND is_own "
        "AND (closed IS NULL OR closed > :today) ORDER BY code",
        today=london.today(),
    )


def _is_known(value: Any) -> bool:
    return value is not None and value == value and value > 0
