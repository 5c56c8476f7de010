"""What call logs say, in words. Pure: rows of `queries.call_logs` in, sentences out."""

from collections.abc import Mapping
from typing import Any

from dashboard import words
from dashboard.charts.week import mean, said
from dashboard.findings import Sentence
from dashboard.page import Rows
from etl.analysis.queueing import one_more_handler

FEWEST_DAYS = 4  # a mean over fewer days of a kind is not yet an ordinary one
FIRST_HOUR = range(8 * 60, 9 * 60)
ASSUMED = (
    "What one more call handler would change is worked out from calls, waits and those missed, by Erlang A. How many "
    "were answering is in no log: it is inferred, with up to a minute of notes after each call and patience of half to "
    "twice what the log implies; that is the range. A Monday at eight is not the settled queue that the formula takes "
    "it for. Nothing is said where few calls are missed or fewer than four days are counted."
)


def peak(rows: Rows, key: str) -> dict[str, Any] | None:
    """The half-hour with the highest `key`; None where nothing is above nought."""
    known = [row for row in rows if row[key]]
    return max(known, key=lambda row: row[key]) if known else None


def week_title(rows: Rows, key: str) -> str:
    """The finding of the grid of weekdays and half-hours."""
    highest = peak(rows, key)
    if highest is None:
        return "No call was missed" if key == "missed" else "No call was answered, so no wait is known"
    when = f"{highest['day']} {highest['label']}"
    if key == "wait":
        return f"The longest wait is on {when}: {said(key, highest[key])} on average"
    whole = sum(row[key] for row in rows)
    share = words.value(highest[key] / whole, "percent")
    if key == "missed":
        return f"Most calls are missed on {when}: {mean(highest[key])} a day, {share} of the week's"
    return f"The busiest half-hour is {when}: {mean(highest[key])} calls, {share} of the week's"


def first_hour(rows: Rows) -> tuple[float, float]:
    """Mean calls, and missed calls, of the hour from 08:00. rows: minutes of a Monday."""
    inside = [row for row in rows if row["minute"] in FIRST_HOUR]
    return sum(row["calls"] for row in inside), sum(row["missed"] for row in inside)


def monday_title(rows: Rows) -> str:
    """The finding of an ordinary Monday morning."""
    calls, _ = first_hour(rows)
    whole = sum(row["calls"] for row in rows)
    busiest = max(rows, key=lambda row: row["calls"])
    if not whole:
        return "Nobody rang between 07:00 and 11:00 on an ordinary Monday"
    return (
        f"{words.value(calls / whole, 'percent')} of Monday morning's calls come between 08:00 and 08:59; "
        f"the busiest minute is {busiest['label']}"
    )


def monday_sentence(rows: Rows) -> Sentence:
    """The first hour in a sentence, with how many Mondays it rests on."""
    calls, missed = first_hour(rows)
    mondays = words.plural(rows[0]["mondays"], "ordinary Monday")
    counted, lost = (round(each * rows[0]["mondays"]) for each in (calls, missed))
    share = f" ({words.value(lost / counted, 'percent')})" if counted else ""
    return Sentence(
        f"Monday 08:00–08:59: {calls:,.0f} calls, {missed:,.0f} missed{share}",
        f", on average over {mondays} with call logs; {lost:,} of {counted:,} in all.",
    )


def staffing_title(rows: Rows) -> str:
    """Where most callers are lost on the day shown."""
    worst = peak(rows, "missed")
    day = rows[0]["day"]
    if worst is None:
        return f"No call was missed between 08:00 and 18:30 on an ordinary {day}"
    return f"{day} {worst['label']}: {mean(worst['calls'])} calls, {mean(worst['missed'])} of them missed"


def one_more(rows: Rows, kind: str) -> Sentence | None:
    """What one more call handler would change in the half-hour with most missed calls; None where that cannot be said.

    rows: half-hours of one weekday; kind: of organisation. A queue is a practice's, so nothing is said of others.
    """
    worst = peak(rows, "missed")
    if kind != "practice" or worst is None or worst["days"] < FEWEST_DAYS:
        return None
    queued = worst["answered"] + worst["missed"]
    found = one_more_handler(queued, worst["missed"], worst["wait"] or 0, worst["talk"] or 0)
    if found is None:
        return None
    least, best, most = found.saved
    fewest, guess, greatest = found.handlers
    spread = "one person answers" if guess == 1 else f"{guess} people answer"
    spread += "" if fewest == greatest else f" ({fewest} to {greatest})"
    return Sentence(
        f"One more call handler on {worst['day']} at {worst['label']} would get about {best:.1f} more callers through",
        f" ({least:.1f} to {most:.1f}) of the {worst['missed']:.1f} missed in that half-hour, if about {spread} now: "
        "an estimate, to be tried before it is relied on.",
    )


def why_one_more(kind: str) -> str:
    """What the estimate of one more call handler rests on, or why there is none."""
    if kind == "practice":
        return ASSUMED
    return "What one more call handler would change is worked out for one practice at a time: each has its own queue."


def logs_sentence(found: Mapping[str, Any], name: str, kind: str, measured: bool) -> Sentence:
    """Which figures come from call logs and which are published. found: of `queries.call_logs.logged`; measured: the
    practice's own measures come from its logs."""
    if measured:
        return Sentence(
            "Figures of calls are from the practice's own call logs",
            "; splits by band of time and of wait are as NHS England published them, and so is any change told of "
            "where the logs have fewer than 12 months.",
        )
    if not found:
        return Sentence(
            "Figures of calls are those NHS England published",
            f"; {name} has no call log of its own in this period, so there is no week by the half-hour.",
        )
    span = words.months(found["first"], found["last"])
    whose = "" if kind == "practice" else f" of {found['practices']} of {words.count(found['expected'])} practices"
    return Sentence(
        "Figures of calls are those NHS England published",
        f"; the week by the half-hour is from the call logs{whose}, {span}.",
    )


def left_out(found: Mapping[str, Any]) -> str:
    """`1 bank holiday left out (…)`, or "" where there was none with logs."""
    if not found or not found["holidays"]:
        return ""
    number = f"{found['holidays']} bank holiday{'' if found['holidays'] == 1 else 's'} left out"
    return f"{number} ({'; '.join(found['holiday_names'])})" if found["holiday_names"] else number


def days_counted(rows: Rows) -> str:
    """`13 Mondays`, or `12 to 13 days of each weekday` where rows have several."""
    days = {row["weekday"]: row["days"] for row in rows}
    if len(days) == 1:
        return f"{rows[0]['days']} {rows[0]['day']}{'' if rows[0]['days'] == 1 else 's'}"
    fewest, most = min(days.values()), max(days.values())
    return f"{fewest if fewest == most else f'{fewest} to {most}'} days of each weekday"
