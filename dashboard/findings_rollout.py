"""Findings of the rollout in words, made from the figures of `queries.telephony`. Pure."""

from datetime import date
from typing import Any, Protocol

from dashboard import words
from dashboard.charts.rollout import STAGE_WORDS
from dashboard.findings import Sentence
from dashboard.page import Rows

NO_TRACKER = (
    "No rollout tracker has been loaded yet, so it is not known who is live. The ICB puts one into the inbox: a CSV "
    "like the template rollout.csv on the Data page, or its own workbook."
)
OWN_WORDS = "As the ICB's own tracker has it; what it does not say is not guessed. "


class Told(Protocol):
    """What is told: of a day, as believed on another; `newest` is the newest belief there is, and figures go from
    `first` to `last`. Asked for was the day `asked`, and plans are those of the tracker of `planned`."""

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
    @property
    def asked(self) -> date: ...
    @property
    def planned(self) -> date: ...


def as_told(at: Told | None) -> str:
    """`21 Nov 2026`, and whose belief it is where that is not the newest."""
    if at is None:
        return ""
    if at.believed == at.newest:
        return words.day(at.day)
    return f"{words.day(at.day)}, as believed {'then' if at.believed == at.day else f'on {words.day(at.believed)}'}"


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


def of(part: int, whole: int, noun: str = "practice", nouns: str | None = None) -> str:
    """`3 of 4 practices`, `all 4 practices`, `none of 4 practices`."""
    nouns = noun if whole == 1 else nouns or noun + "s"
    return f"all {whole:,} {nouns}" if part == whole > 1 else f"{part or 'none'} of {whole:,} {nouns}"


def opening(text: str) -> str:
    """With a capital, as a sentence opens."""
    return text[0].upper() + text[1:]


def short(days: int) -> str:
    """The same for a cell: `12 days`, `7 months`, `3 y 2 m`."""
    months = round(days / 30.4375)
    if days < 61:
        return f"{days} days"
    return f"{months} months" if months < 24 else f"{months // 12} y {months % 12} m"


def change(row: dict[str, Any]) -> str:
    """How much a measure changed, signed: `+5.2 points`, `−12 s`. row: of `queries.telephony_delivery.impact`."""
    scale, digits, unit = {"percent": (100, 1, " points"), "seconds": (1, 0, " s")}.get(row["unit"], (1, 1, ""))
    return f"{scale * row['estimate']:+.{digits}f}{unit}".replace("-", "−")


def title(found: dict[str, Any], rows: Rows, due: date) -> str:
    """The page's headline. found: of `queries.telephony.counts`; rows: of `practices`; due: the target date."""
    at = found["moment"]
    if found["open"] == 1 and rows:
        return _one(rows[0], at)
    text = f"{opening(of(found['live'], found['open']))} {_be(at, found['live'] != 0)} live"
    text += f" on {words.day(at.day)}" if _is_past(at) else ""
    had = "had " if _is_past(at) else ""
    return text + (f"; {found['late']} {had}missed {words.month(due)}" if found["late"] else "")


def _is_past(at: Told) -> bool:
    return at.day < at.last


def _be(at: Told, plural: bool) -> str:
    """`are`, `is`, `were` or `was`."""
    return ("were" if plural else "was") if _is_past(at) else ("are" if plural else "is")


def _one(row: dict[str, Any], at: Told) -> str:
    """The headline of a practice."""
    late = f", {long(row['days_late'])} late" if row["days_late"] is not None else ""
    if row["stage"] == "live":
        return f"Live since {words.day(row['since'])}{late}"
    if not row["is_tracked"]:
        return "Not in the tracker"
    on = f" on {words.day(at.day)}" if _is_past(at) else ""
    return f"Not live{on}: {STAGE_WORDS.get(row['stage'] or '', 'no stage reached').lower()}{late}"


def said(
    found: dict[str, Any], rows: Rows, dates: Rows, burn_up: Rows, forecast: Any, turnover: dict[str, Any]
) -> list[Sentence]:
    """The sentences that open the page.

    found: of `counts`; rows: of `practices` (those that may be named); dates: of `dates`; burn_up: of `burn_up`;
    forecast: of `forecast`, None when nothing is left to be done; turnover: of `turnover`.
    """
    at = found["moment"]
    due = next((row["day"] for row in dates if row["kind"] == "target"), None)
    waiting = [row for row in rows if row["is_tracked"] and row["stage"] != "live"]
    switch_offs = [row["day"] for row in dates if row["kind"] == "switch_off"]
    if found["open"] == 1:
        answer = [*_reached(rows), *[_planned(row, at) for row in waiting], _analogue(found, switch_offs)]
        return [*_instead(at), *answer, *_not_named(found), *_trackers(at)]
    answer = [*_instead(at), live(found, due), *_by_target(turnover["target"], found, due)]
    answer += _since(turnover["since"], found)
    if found["patients"] and found["live"] == found["open"]:
        answer.append(
            Sentence("Every patient", f" is registered at a live practice: {words.large(found['patients'])}.")
        )
    elif found["patients"] and found["live"]:
        reached = words.value(found["patients_live"] / found["patients"], "percent")
        rest = f" {_be(at, True)} registered at a live practice: {words.large(found['patients_live'])}."
        answer.append(Sentence(f"{reached} of patients", rest))
    if waiting and len(rows) == found["open"]:  # of some of them it would be taken for that of all
        answer.append(_longest_wait(waiting, at))
    answer.append(_analogue(found, switch_offs))
    if forecast is not None:
        answer.append(_forecast(forecast, at))
    answer += _national(dates, burn_up)
    return [*answer, *_not_named(found), *_trackers(at)]


def _instead(at: Told) -> list[Sentence]:
    """That another day is told than was asked for."""
    if at.asked <= at.day:
        return []
    claim = f"This is {words.day(at.day)}, not {words.day(at.asked)}"
    return [Sentence(claim, f": the tracker of {words.day(at.believed)} knows nothing of later days.")]


def _trackers(at: Told) -> list[Sentence]:
    """Which tracker tells what, where it is not the day's own."""
    if at.day > at.believed:
        claim = f"The newest tracker is that of {words.day(at.believed)}"
        return [Sentence(claim, ": what has happened since is not known.")]
    if at.planned in (at.believed, at.day) and at.planned <= at.day:
        return []
    rest = f" are those of the tracker of {words.day(at.planned)}"
    rest += ", the earliest there is" if at.planned > at.day else ", the newest by then"
    if at.planned != at.believed:
        rest += f"; what had happened is as the tracker of {words.day(at.believed)} tells it"
    return [Sentence("Planned dates", f"{rest}.")]


def _by_target(then: dict[str, Any] | None, found: dict[str, Any], due: date | None) -> list[Sentence]:
    """How many of the practices open on the target date were live by it, and why fewer or more are counted now."""
    if then is None or due is None:
        return []
    share = words.value(then["live"] / then["open"], "percent")
    unnamed = then["not_in_tracker"]
    rest = f": {of(then['live'], then['open'])} then open"
    rest += f", {words.spelt(unnamed)} of which the tracker does not name." if unnamed else "."
    if moves := _moves(then, " of those live", " that had been live by then"):
        by = found["live_by_target"]
        hence = f"all {by}" if by == found["open"] else f"{by or 'none'} of the {found['open']}"
        rest += f" {opening(moves)} since: hence {hence} above."
    return [Sentence(f"{share} of practices were live on {words.day(due)}", rest)]


def _since(since: dict[str, Any] | None, found: dict[str, Any]) -> list[Sentence]:
    """On a past day: that the practices counted are not quite those of today."""
    if since is None or not (moves := _moves(since, " of them", "")):
        return []
    claim = f"Counted are the {found['open']} practices open on {words.day(found['moment'].day)}"
    return [Sentence(claim, f"; {moves} since.")]


def _moves(moved: dict[str, Any], before: str, new: str) -> str:
    """`two of them have closed, one has moved elsewhere and one has joined`; empty where nobody did. before, new: words
    that say of whom that is, those there were and those that joined."""
    told = [
        (moved["closed"], before, "closed"),
        (moved["moved"], before, "moved elsewhere"),
        (moved["joined"], new, "joined"),
    ]
    parts = [
        f"{words.spelt(number)}{who} {'has' if number == 1 else 'have'} {what}" for number, who, what in told if number
    ]
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def _planned(row: dict[str, Any], at: Told) -> Sentence:
    plan = row["planned_live"]
    if plan is None:
        return Sentence("No date for going live is planned", ".")
    return Sentence(f"{'It was to be' if plan < at.day else 'Planned'} live on {words.day(plan)}", ".")


def _forecast(forecast: Any, at: Told) -> Sentence:
    text, on = forecast.sentence, f" on {words.day(at.day)}" if _is_past(at) else ""
    if forecast.refusal:
        return Sentence(f"No forecast{on}", f": {forecast.refusal}")
    if on:
        return Sentence(f"As forecast{on}", f": {text[0].lower()}{text[1:]}")
    claim, _, rest = text.partition(",")
    return Sentence(claim, "," + rest)


def _not_named(found: dict[str, Any]) -> list[Sentence]:
    if not found["not_in_tracker"]:
        return []
    number = words.plural(found["not_in_tracker"], "practice").capitalize()
    if found["open"] == 1:
        return [Sentence("The ICB's tracker does not name this practice", ": nothing is known of its telephony.")]
    return [Sentence(f"{number} not in the tracker", ": open and counted in the total, and nothing is known.")]


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
    at, count, every = found["moment"], found["live"], found["open"]
    share = f"{words.value(count / every, 'percent')} of practices {_be(at, True)}"
    claim = f"{share if 0 < count < every else opening(of(count, every)) + ' ' + _be(at, count != 0)} live"
    rest = f" on {as_told(at)}"
    if due is None or at.day < due:
        return Sentence(claim, f"{rest}." if due is None else f"{rest}; the target {_be(at, False)} {words.day(due)}.")
    if at.day == due:
        return Sentence(claim, f"{rest}, the target date: {of(count, every)}.")
    by = found["live_by_target"]
    parts = [f"{by or 'none'} by {words.day(due)}"]
    for number, text in (
        (count - by, "later"),
        (found["waiting"], "not yet"),
        (found["not_in_tracker"], "not in the tracker"),
    ):
        parts += [f"{number} {text}"] * bool(number)
    rest += f": of the {every} open, {', '.join(parts)}." if by < every else f", and all were by {words.day(due)}."
    if found["late"]:
        late = long(round(found["days_late"]))
        who = {1: f"The one that missed it {_be(at, False)} {late} late", 2: f"The two that missed it {_be(at, True)} "
               f"{late} late on average"}  # fmt: skip
        middle = f"The middle one of the {found['late']} that missed it {_be(at, False)} {late} late"
        rest += f" {who.get(found['late'], middle)}."
    return Sentence(claim, rest)


def _longest_wait(waiting: Rows, at: Told) -> Sentence:
    first = max(waiting, key=lambda row: row["days_here"] or 0)
    where = "at no stage yet"
    if first["stage"]:
        since = f"for {long(first['days_here'])}" if first["days_here"] else "since that day"
        where = f"{STAGE_WORDS[first['stage']].lower()} {since}"
    plan = "with no date planned"
    if first["planned_live"]:
        was = "which was to be" if first["planned_live"] < at.day else "planned"
        plan = f"{was} live on {words.day(first['planned_live'])}"
    number = words.plural(len(waiting), "practice").capitalize()
    many = f" {number} {'were waiting' if _is_past(at) else 'wait'} in all." if len(waiting) > 1 else ""
    return Sentence(f"The longest wait: {first['name']}", f", {where}, {plan}.{many}")


def _analogue(found: dict[str, Any], withdrawals: list[date]) -> Sentence:
    at, number = found["moment"], found["on_analogue"]
    still = "still " if number else ""
    who = "It" if found["open"] == 1 else f"{words.plural(number, 'practice').capitalize()}"
    be = _be(at, number > 1 or (not number and found["open"] > 1))
    claim = f"{who} {be} {'not ' if found['open'] == 1 and not number else still}on analogue lines"
    ahead, gone = [day for day in withdrawals if day > at.day], [day for day in withdrawals if day <= at.day]
    rest = ""
    if ahead:
        away = long((ahead[0] - at.day).days)
        when = f"{away} later" if _is_past(at) else f"in {away}"
        rest = f", which {_be(at, True)} to be withdrawn on {words.day(ahead[0])}, {when}"
        rest += f". A later date is set too: {words.day(ahead[-1])}" if len(ahead) > 1 else ""
    if gone:
        passed = f"The first date set for that, {words.day(gone[0])}, {'had' if _is_past(at) else 'has'} passed"
        rest += f". {passed}" if ahead else f", which were to be withdrawn by {words.day(gone[-1])}"
    return Sentence(claim, f"{rest}.")


def _national(dates: Rows, burn_up: Rows) -> list[Sentence]:
    """What was said nationally, beside where this organisation stood on that day."""
    by_day = {row["day"]: row for row in burn_up if row["open"] is not None}
    england = next((row for row in dates if row["kind"] == "england"), None)
    answer = []
    for row in dates:
        own = by_day.get(row["day"])
        if row["kind"] == "national" and own is not None and own["open"] > 1:
            share = words.value(own["signed_up"] / own["open"], "percent")
            claim = f"{opening(of(own['signed_up'], own['open']))} had signed up by {words.day(row['day'])}"
            whole = ""
            if england is not None:
                of_all = words.value(row["practices"] / england["practices"], "percent")
                whole = f" That was {of_all} of England's {words.count(england['practices'])} practices."
            answer.append(Sentence(claim, f" ({share}). {row['note']} ({row['source']}).{whole}"))
    return answer
