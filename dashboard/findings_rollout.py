"""Findings of the rollout in words, made from the figures of `queries.telephony`. Pure."""

from datetime import date
from typing import Any, Protocol

from dashboard import words
from dashboard.charts.rollout import STAGE_WORDS
from dashboard.findings import Sentence
from dashboard.page import Rows

OWN_WORDS = "As the ICB's own tracker has it; what it does not say is not guessed. "


class Told(Protocol):
    """What is told: of a day, as believed on another; `newest` is the newest belief there is, and figures go from
    `first` to `last`."""

    @property
    def day(self) -> date: ...
    @property
    def believed(self) -> date: ...
    @property
    def newest(self) -> date: ...
    @property
    def first(self) -> date: ...
    @property
    def last(self) -> date: ...


def as_told(at: Told | None) -> str:
    """`21 Nov 2026`, and whose belief it is where that is not the newest."""
    if at is None:
        return ""
    return words.day(at.day) + ("" if at.believed == at.newest else f", as believed on {words.day(at.believed)}")


def untold(at: Told) -> str:
    """Why there are no figures of a day outside `first` to `last`."""
    if at.day > at.last:
        return f"There are no figures of {words.day(at.day)} yet: the newest are of {words.day(at.last)}."
    return f"The tracker's first date is {words.day(at.first)}: nothing is known of {words.day(at.day)}."


def long(days: int) -> str:
    """A number of days as people say it: `12 days`, `seven months`, `three years two months`."""
    if days < 61:
        return words.plural(days, "day")
    months = round(days / 30.4375)
    if months < 24:
        return words.plural(months, "month")
    years, rest = divmod(months, 12)
    return words.plural(years, "year") + (f" {words.plural(rest, 'month')}" if rest else "")


def of(part: int, whole: int, noun: str = "practice") -> str:
    """`3 of 4 practices`, `0 of 1 practice`."""
    return f"{part} of {whole:,} {noun}{'' if whole == 1 else 's'}"


def short(days: int) -> str:
    """The same for a cell: `12 days`, `7 months`, `3 y 2 m`."""
    months = round(days / 30.4375)
    if days < 61:
        return f"{days} days"
    return f"{months} months" if months < 24 else f"{months // 12} y {months % 12} m"


def change(row: dict[str, Any]) -> str:
    """How much a measure changed, with its sign: `+5.2 points`, `−12 s`. row: of `queries.telephony.impact`."""
    scale, digits, unit = {"percent": (100, 1, " points"), "seconds": (1, 0, " s")}.get(row["unit"], (1, 1, ""))
    return f"{scale * row['estimate']:+.{digits}f}{unit}".replace("-", "−")


def title(found: dict[str, Any], rows: Rows, due: date) -> str:
    """The page's headline. found: of `queries.telephony.counts`; rows: of `practices`; due: the target date."""
    if found["open"] == 1 and rows:
        return _one(rows[0])
    text = f"{found['live']} of {found['open']} practices are live"
    return text + (f"; {found['late']} missed {words.month(due)}" if found["late"] else "")


def _one(row: dict[str, Any]) -> str:
    """The headline of a practice."""
    late = f", {long(row['days_late'])} late" if row["days_late"] is not None else ""
    if row["stage"] == "live":
        return f"Live since {words.day(row['since'])}{late}"
    return f"Not live: {STAGE_WORDS.get(row['stage'] or '', 'no stage reached').lower()}{late}"


def said(found: dict[str, Any], rows: Rows, dates: Rows, burn_up: Rows, forecast: Any) -> list[Sentence]:
    """The sentences that open the page.

    found: of `counts`; rows: of `practices` (those that may be named); dates: of `dates`; burn_up: of `burn_up`;
    forecast: of `forecast`, None when nothing is left to be done.
    """
    due = next((row["day"] for row in dates if row["kind"] == "target"), None)
    answer = [live(found, due)] if found["open"] > 1 else _reached(rows)
    if found["patients"] and found["open"] > 1:
        reached = words.value(found["patients_live"] / found["patients"], "percent")
        rest = f" are registered at a live practice: {words.large(found['patients_live'])}."
        answer.append(Sentence(f"{reached} of patients", rest))
    waiting = [row for row in rows if row["is_tracked"] and row["stage"] != "live"]
    if waiting and found["open"] > 1:
        answer.append(_longest_wait(waiting))
    elif waiting:
        plan = waiting[0]["planned_live"]
        answer.append(
            Sentence(f"Planned live on {words.day(plan)}" if plan else "No date for going live is planned", ".")
        )
    answer.append(_analogue(found, [row["day"] for row in dates if row["kind"] == "switch_off"]))
    if forecast is not None and found["open"] > 1:
        claim, _, rest = forecast.sentence.partition(":" if forecast.refusal else ",")
        answer.append(Sentence(claim, (":" if forecast.refusal else ",") + rest))
    answer += _national(dates, burn_up)
    if found["not_in_tracker"]:
        number = words.plural(found["not_in_tracker"], "practice").capitalize()
        answer.append(
            Sentence(f"{number} not in the tracker", ": open and counted in the total, and nothing is known.")
        )
    return answer


def _reached(rows: Rows) -> list[Sentence]:
    """One practice's stages, each with its day."""
    steps = [
        f"{STAGE_WORDS[stage].lower()} on {words.day(row[stage])}"
        for row in rows
        for stage in STAGE_WORDS
        if row[stage]
    ]
    return [Sentence("Its stages", f": {', '.join(steps)}.")] if steps else []


def live(found: dict[str, Any], due: date | None) -> Sentence:
    """How many practices are live, and how late those are who missed the target. found: of `counts`."""
    claim = f"{words.value(found['live'] / found['open'], 'percent')} of practices are live"
    start = f" on {as_told(found['moment'])}"
    if due is None or not found["late"]:
        return Sentence(claim, f"{start}." if due is None else f"{start}; the target is {words.day(due)}.")
    later = found["live"] - found["live_by_target"]
    return Sentence(
        claim,
        f"{start}: {found['live_by_target']} by {words.day(due)}, {later} later, {found['open'] - found['live']} not "
        f"yet. The middle one of those that missed it is {long(round(found['days_late']))} late.",
    )


def _longest_wait(waiting: Rows) -> Sentence:
    first = max(waiting, key=lambda row: row["days_here"] or 0)
    where = (
        f"{STAGE_WORDS[first['stage']].lower()} for {long(first['days_here'])}" if first["stage"] else "at no stage yet"
    )
    plan = f"planned live on {words.day(first['planned_live'])}" if first["planned_live"] else "with no date planned"
    many = f" {words.plural(len(waiting), 'practice').capitalize()} wait in all." if len(waiting) > 1 else ""
    return Sentence(f"The longest wait: {first['name']}", f", {where}, {plan}.{many}")


def _analogue(found: dict[str, Any], withdrawals: list[date]) -> Sentence:
    today = found["moment"].day
    ahead, gone = [day for day in withdrawals if day > today], [day for day in withdrawals if day <= today]
    text = "".join(f"; withdrawn on {words.day(day)}, in {long((day - today).days)}" for day in ahead[:1])
    text += "".join(f", later {words.day(day)}" for day in ahead[1:])
    if gone:
        text += (
            f". The first date set for that, {words.day(gone[0])}, has passed"
            if ahead
            else f", past {words.day(gone[-1])}"
        )
    if found["open"] == 1:
        claim = "It is still on analogue lines" if found["on_analogue"] else "It is not on analogue lines"
        return Sentence(claim, f"{text}.")
    number, verb = found["on_analogue"], "is" if found["on_analogue"] == 1 else "are"
    return Sentence(f"{words.plural(number, 'practice').capitalize()} {verb} still on analogue lines", f"{text}.")


def _national(dates: Rows, burn_up: Rows) -> list[Sentence]:
    """What was said nationally, beside where this organisation stood on that day."""
    by_day = {row["day"]: row for row in burn_up if row["open"] is not None}
    england = next((row for row in dates if row["kind"] == "england"), None)
    answer = []
    for row in dates:
        own = by_day.get(row["day"])
        if row["kind"] == "national" and own is not None and own["open"] > 1:
            share = words.value(own["signed_up"] / own["open"], "percent")
            claim = f"{own['signed_up']} of {own['open']} practices had signed up by {words.day(row['day'])}"
            whole = ""
            if england is not None:
                of_all = words.value(row["practices"] / england["practices"], "percent")
                whole = f" That was {of_all} of England's {words.count(england['practices'])} practices."
            answer.append(Sentence(claim, f" ({share}). {row['note']} ({row['source']}).{whole}"))
    return answer
