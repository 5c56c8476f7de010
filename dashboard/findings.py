"""Findings in words, made from figures. Pure. "A real change" is said only where SPC says so."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dashboard import words


@dataclass(frozen=True)
class Sentence:
    """A claim, set in bold, and the rest of its sentence."""

    claim: str
    rest: str


def is_change(row: Mapping[str, Any]) -> bool:
    """Whether SPC marks this point as special cause."""
    return row["variation"] not in (None, "common_cause") and not words.is_missing(row["variation"])


def usual_range(row: Mapping[str, Any], unit: str) -> str:
    """`52.1% to 64.3%`, within what the unit can be; "" where there are no limits."""
    low, high = row["lower_limit"], row["upper_limit"]
    if words.is_missing(low) or words.is_missing(high):
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
        tail = ", within its usual range" if not words.is_missing(row["mean"]) else ""
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


def page_title(rows: list[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> str:
    """The headline of a page about several measures (definition, newest value), the first with a real change leading."""
    changes = [(definition, row) for definition, row in rows if is_change(row)]
    worse = [each for each in changes if str(each[1]["variation"]).startswith("concern")]
    better = [each for each in changes if str(each[1]["variation"]).startswith("improvement")]

    def phrase(each: tuple[Mapping[str, Any], Mapping[str, Any]]) -> str:
        definition, row = each
        way = "up" if row["value"] > row["mean"] else "down"
        return f"{definition['title'][0].lower()}{definition['title'][1:]} {way} to {words.value(row['value'], definition['unit'])}"

    if better and worse:
        text = f"Better: {phrase(better[0])}. Worse: {phrase(worse[0])}"
    elif worse:
        text = " and ".join(phrase(each) for each in worse[:2]) + ", a real change for the worse"
    elif better:
        text = " and ".join(phrase(each) for each in better[:2]) + ", a real change for the better"
    elif changes:
        text = phrase(changes[0]) + ", a real change"
    elif rows:
        text = "no real change in getting through or getting seen"
    else:
        text = "nothing to report yet"
    return text[0].upper() + text[1:]


def outcomes_title(frame: pd.DataFrame) -> str:
    """frame: category, amount of calls over the period."""
    totals = frame.groupby("category")["amount"].sum()
    whole = totals.sum()
    if not whole:
        return "How calls ended"
    parts = [
        f"{words.value(totals[name] / whole, 'percent')} of calls were {word}"
        for name, word in (("missed", "missed"), ("answered", "answered"))
        if name in totals
    ]
    return "; ".join(parts).replace("of calls were answered", "were answered") if len(parts) > 1 else "".join(parts)


def share_title(frame: pd.DataFrame, label: str, what: str) -> str:
    """`21.4% of calls come between 08:00 and 09:59; England 20.1%`. frame: label, share, england_share."""
    row = frame[frame["label"] == label]
    if row.empty or pd.isna(row["share"].iloc[0]):
        return what[0].upper() + what[1:]
    england = row["england_share"].iloc[0]
    beside = "" if pd.isna(england) else f"; England {words.value(england, 'percent')}"
    return f"{words.value(row['share'].iloc[0], 'percent')} {what}{beside}"


def funnel_title(judgements: pd.Series, noun: str) -> str:
    """How many stand outside the 99.8% limits, and on which side."""
    judged = judgements.dropna()
    above, below = int((judged == "above").sum()), int((judged == "below").sum())
    if judged.empty:
        return f"No {noun} can be compared yet"
    if above + below == 0:
        return f"No {noun} differs from the rest by more than chance explains"
    number = _capital(words.plural(above + below, noun))
    verb = "differs" if above + below == 1 else "differ"
    return f"{number} of {len(judged)} {verb} by more than chance explains: {above} above, {below} below"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
