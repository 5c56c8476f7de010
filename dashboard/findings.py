"""Findings in words, made from figures. Pure. "A real change" is said only where SPC says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard import words
from dashboard.page import Rows


@dataclass(frozen=True)
class Sentence:
    """A claim, set in bold, and the rest of its sentence."""

    claim: str
    rest: str


FEWEST_POINTS = 12  # limits on fewer are trial limits: drawn, but nothing is said on their strength


def is_change(row: Mapping[str, Any]) -> bool:
    """Whether SPC marks this point as special cause, by limits that rest on enough points (`points`)."""
    marked = row["variation"] not in (None, "common_cause") and not words.is_missing(row["variation"])
    return marked and has_enough(row)


def has_enough(row: Mapping[str, Any]) -> bool:
    """Whether a point's limits rest on enough points to judge it by."""
    return (row["points"] or 0) >= FEWEST_POINTS


def usual_range(row: Mapping[str, Any], unit: str) -> str:
    """`52.1% to 64.3%`, within what the unit can be; "" where there are no limits, or too few points for any."""
    low, high = row["lower_limit"], row["upper_limit"]
    if words.is_missing(low) or words.is_missing(high) or not has_enough(row):
        return ""
    low = max(low, 0)
    return f"{words.value(low, unit)} to {words.value(min(high, 1) if unit == 'percent' else high, unit)}"


def series_title(definition: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    """The finding of a trend: its newest value, and whether that is a real change."""
    name, shown, month = (
        definition["title"],
        words.value(row["value"], definition["unit"]),
        words.month(row["period_start"]),
    )
    if not is_change(row):
        judged = not words.is_missing(row["mean"]) and has_enough(row)
        tail = ", within its usual range" if judged else ""
        return f"{name}: {shown} in {month}{tail}"
    way = "up" if row["value"] > row["mean"] else "down"
    return f"{name}: {way} to {shown} in {month}, a real change"


def series_sentence(definition: Mapping[str, Any], row: Mapping[str, Any]) -> Sentence:
    """One measure's newest month as a sentence, with England beside it where it has the same month."""
    unit, month = definition["unit"], words.month(row["period_start"])
    shown = words.value(row["value"], unit)
    england = row.get("england")
    beside = "" if words.is_missing(england) else f" England: {words.value(england, unit)}."
    title = definition["title"]
    if is_change(row):
        verb = "rose" if row["value"] > row["mean"] else "fell"
        good = {"improvement": "better", "concern": "worse"}.get(str(row["variation"]).split("_")[0], "")
        meaning = f" It is a change for the {good}." if good else ""
        return Sentence(
            f"{title} {verb} to {shown}",
            f" in {month}, {words.rule(row['special_cause'])}: a real change, not chance.{meaning}{beside}",
        )
    spread = usual_range(row, unit)
    if not spread:
        return Sentence(f"{title}: {shown}", f" in {month}; too few months yet to tell change from chance.{beside}")
    return Sentence(f"{title}: {shown}", f" in {month}, within the usual range of {spread}: no real change.{beside}")


def page_title(rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> str:
    """The headline of a page about several measures (definition, newest value): real changes first."""
    changes = [(definition, row) for definition, row in rows if is_change(row)]
    worse = [each for each in changes if str(each[1]["variation"]).startswith("concern")]
    better = [each for each in changes if str(each[1]["variation"]).startswith("improvement")]

    def phrase(each: tuple[Mapping[str, Any], Mapping[str, Any]]) -> str:
        definition, row = each
        way = "up" if row["value"] > row["mean"] else "down"
        title = definition["title"]
        return f"{title[0].lower()}{title[1:]} {way} to {words.value(row['value'], definition['unit'])}"

    if better and worse:
        text = f"Better: {phrase(better[0])}. Worse: {phrase(worse[0])}"
    elif worse:
        text = " and ".join(phrase(each) for each in worse[:2]) + ", a real change for the worse"
    elif better:
        text = " and ".join(phrase(each) for each in better[:2]) + ", a real change for the better"
    elif changes:
        text = phrase(changes[0]) + ", a real change"
    elif rows and all(has_enough(row) for _, row in rows):
        text = "no real change in getting through or getting seen"
    elif any(has_enough(row) for _, row in rows):
        text = "no real change where there are months enough to tell"
    elif rows:
        text = "too few months yet to tell change from chance"
    else:
        text = "nothing to report yet"
    return text[0].upper() + text[1:]


def outcomes_title(rows: Rows) -> str:
    """`10.4% of calls were missed; 57.7% were answered`. rows: category, amount of calls over the period."""
    totals: dict[str, float] = {}
    for row in rows:
        totals[row["category"]] = totals.get(row["category"], 0) + (row["amount"] or 0)
    whole = sum(totals.values())
    if not whole or "missed" not in totals or "answered" not in totals:
        return "How calls ended"
    missed, answered = (words.value(totals[name] / whole, "percent") for name in ("missed", "answered"))
    return f"{missed} of calls were missed; {answered} were answered"


def share_title(rows: Rows, category: str, what: str) -> str:
    """`21.4% of calls come between 08:00 and 09:59; England 20.1%`. rows: category, share, england_share."""
    row = next((row for row in rows if row["category"] == category), None)
    if row is None or row["share"] is None:
        return _capital(what)
    beside = "" if row["england_share"] is None else f"; England {words.value(row['england_share'], 'percent')}"
    return f"{words.value(row['share'], 'percent')} {what}{beside}"


def funnel_title(rows: Rows, noun: str) -> str:
    """How many stand outside the 99.8% limits, and on which side. rows: judgement.

    Not "by more than chance": where limits are widened, all of them differ by more than that.
    """
    judged = [row["judgement"] for row in rows if row["judgement"] is not None]
    above, below = judged.count("above"), judged.count("below")
    if not judged:
        return f"{_capital(words.plural(len(rows), noun))} compared: too few to judge"
    if above + below == 0:
        return f"No {noun} stands outside the 99.8% limits"
    verb = "stands" if above + below == 1 else "stand"
    number = words.spelt(above + below)
    nouns = noun if len(judged) == 1 else f"{noun}s"
    return _capital(f"{number} of {len(judged)} {nouns} {verb} outside the 99.8% limits: {above} above, {below} below")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
