"""What a practice's figures say, in words: what changed, what differs from similar practices, what to do next. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from dashboard import findings, words
from dashboard.charts.navigation import GP, NOT_RECORDED, group_of
from dashboard.findings import FEWEST_POINTS, Sentence
from dashboard.page import Rows

MOST_STEPS = 3
MANY_MISSED, FEWEST_MISSED = 0.10, 3  # of the callers of Monday's first hour: one in ten, and three of them at least
NOTHING = "Nothing here asks for action"
# measure → what to do where it is worse than in similar practices or has changed for the worse
ADVICE = {
    "calls_missed": "Put people where calls are missed",
    "calls_answered": "Find out where callers are lost",
    "calls_answered_within_120s": "Look at the longest waits first",
    "calls_callback_made": "Make every call-back that was asked for",
    "calls_monday_8_to_10": "Take some of the load off Monday mornings",
    "appointments_dna": "Make appointments easy to cancel, and remind people",
    "appointments_within_14_days": "Look at how far ahead appointments are booked",
    "navigation_redirected": "See which requests could go elsewhere than to a GP",
    "navigation_not_recorded": "Record where each request goes",
}
# feed → whom to ask for what is missing
SENDERS = {
    "published_calls": "Ask your telephone supplier whether it is sent to NHS England",
    "appointments": "Ask your clinical system's supplier whether it is sent",
    "online_requests": "Ask your online consultation supplier whether it is sent",
    "navigation": "Ask who at the practice sends the care navigation outcomes",
    "call_logs": "Ask your telephone supplier for them",
}


def about(value: float | None, unit: str) -> str:
    """A rounded figure of others: 0.64 percent → `64%`, 0.041 → `4.1%`, 550 per 1,000 → `550`."""
    if value is None:
        return words.MISSING
    if unit == "percent":
        return f"{round(100 * value, 1):g}%"
    return words.value(value, unit) if unit == "seconds" else f"{value:,g}"


def middle_half(row: Mapping[str, Any]) -> str:
    """`61% to 67%`: where the middle half of the similar practices lies; "" where there are too few."""
    low, high = row["lower_quartile"], row["upper_quartile"]
    if low is None or high is None:
        return ""
    first, last = about(low, row["unit"]), about(high, row["unit"])
    return first if first == last else f"{first} to {last}"


def is_better(row: Mapping[str, Any]) -> bool | None:
    """Whether the practice differs from similar ones for the better; None where it does not, or neither is better."""
    if row["judgement"] not in ("above", "below") or row["better"] == "neither":
        return None
    return bool((row["judgement"] == "above") == (row["better"] == "higher"))


def changed(rows: Rows, latest: Mapping[str, Mapping[str, Any]], known: Mapping[str, Mapping[str, Any]]) -> Sentence:
    """What changed by SPC in the newest month, worse before better. rows: of `queries.practice.compared`."""
    changes = [row for row in rows if findings.is_change(row)]
    changes.sort(key=lambda row: ("concern", "improvement", "neutral").index(row["variation"].split("_")[0]))
    if changes:
        first = findings.series_sentence(known[changes[0]["measure"]], latest[changes[0]["measure"]])
        others = [f"{lower(row['title'])} ({words.value(row['latest'], row['unit'])})" for row in changes[1:3]]
        more = f" Also changed: {' and '.join(others)}." if others else ""
        return Sentence(first.claim, first.rest + more)
    judged = sum(findings.has_enough(row) for row in rows)
    if judged:
        which = "every measure is" if judged == len(rows) else f"all that can be judged ({judged} of {len(rows)}) are"
        why = "" if judged == len(rows) else f"; of the others there are fewer than {FEWEST_POINTS} months"
        return Sentence("Nothing has changed beyond chance", f": {which} within the usual range{why}.")
    if rows:
        return Sentence("Too early to speak of change", f": no measure has {FEWEST_POINTS} months of data yet.")
    return Sentence("No figures yet", ": nothing that has been loaded names this practice.")


def against_similar(rows: Rows, likeness: str, period: str) -> list[Sentence]:
    """What is better and what is worse than in most similar practices, the widest differences first.

    period: the months that are compared, in words; the cards beside these sentences show the newest month.
    """
    compared = [row for row in rows if row["judgement"] is not None]
    if not compared:
        return [Sentence("Not compared with similar practices", f": {likeness}.")]
    said = []
    for better, words_for in ((True, "Better"), (False, "Worse")):
        found = sorted((row for row in compared if is_better(row) is better), key=_apart, reverse=True)
        if found:
            said.append(Sentence(f"{words_for} than most similar practices", f", {period} together: {_listed(found)}."))
    return said or [Sentence("Much like similar practices", f", {period} together, on every measure compared.")]


def _apart(row: Mapping[str, Any]) -> float:
    """How far from the middle of similar practices, as a share of it."""
    return abs(row["value"] - row["median"]) / row["median"] if row["median"] else 0.0


def _listed(rows: Rows) -> str:
    return "; ".join(
        f"{lower(row['title'])} {words.value(row['value'], row['unit'])} (theirs {middle_half(row)})"
        for row in rows[:3]
    )


def next_steps(rows: Rows, monday: Rows, telephony: Rows, unrecorded: float | None, missing: Rows,
               training: Rows) -> list[Sentence]:  # fmt: skip
    """What to do next, most urgent first, at most three: the action, then the figure it rests on.

    monday, telephony, training: of `queries.practice`. unrecorded: share of clinical requests without a
    destination, where the rate of redirection is withheld because of it; None elsewhere.
    missing: rows of `queries.data.coverage` of which a recent month is missing.
    """
    first_hour = _first_hour(monday)
    steps = [first_hour] if first_hour else []
    worse = sorted((row for row in rows if _is_worse(row) and row["measure"] in ADVICE), key=_urgency)
    calls = [row for row in worse if row["measure"].startswith("calls_")]
    others = [row for row in worse if row not in calls]
    for row in [*calls[:1], *others[:1]]:
        where = "" if first_hour or row not in calls else f" {monday_crowd(monday)}"
        steps.append(Sentence(ADVICE[row["measure"]], f": {_why(row)}.{where.rstrip()}"))
    steps += [
        Sentence(
            f"Find out why {lower(words.FEEDS.get(row['feed']) or row['feed'])} data is missing",
            f": none for {words.ranges(row['missing'][-3:])}. {SENDERS.get(row['feed'], 'Ask who sends it')}.",
        )
        for row in missing[:1]
    ]
    steps += _telephone_steps(telephony, {row["measure"]: row["latest"] for row in rows})
    said = {step.claim for step in steps}
    if unrecorded is not None and ADVICE["navigation_not_recorded"] not in said:
        share = words.value(unrecorded, "percent")
        steps.append(
            Sentence(ADVICE["navigation_not_recorded"], f": {share} of clinical requests have no destination.")
        )
    if training and not any(row["people"] for row in training if row["item"].endswith("completed")):
        steps.append(
            Sentence("Take up the funded care navigation place", ": nobody at the practice has completed the training.")
        )
    return steps[:MOST_STEPS] or [Sentence(NOTHING, "; look again when next month's data is in.")]


def _first_hour(monday: Rows) -> Sentence | None:
    """What to do about the first hour of a Monday; None where few are lost in it, or no call logs tell."""
    calls, missed = _counted(monday, ("08:00", "08:30"))
    if missed < FEWEST_MISSED or missed < MANY_MISSED * calls:
        return None
    mondays = monday[0]["mondays"]
    return Sentence(
        "Put more people on the phones on Mondays from 08:00 to 09:00",
        f": {round(missed * mondays):,} of {round(calls * mondays):,} calls missed "
        f"({words.value(missed / calls, 'percent')}) on {words.plural(mondays, 'ordinary Monday')} with call logs.",
    )


def _counted(monday: Rows, labels: Sequence[str]) -> tuple[float, float]:
    """Calls and missed calls of an ordinary Monday in these half-hours; (0, 0) where no call logs tell."""
    found = [row for row in monday if row["label"] in labels and row["mondays"] is not None]
    return sum(row["calls"] for row in found), sum(row["missed"] for row in found)


def monday_crowd(monday: Rows) -> str:
    """Where an ordinary Monday loses its callers, in a sentence; "" where there is nothing to say."""
    if not monday:
        return ""
    if monday[0]["mondays"] is None:
        row = max(monday, key=lambda row: row["calls"] or 0)
        return f"The busiest time is {words.category(row['label'])}: {words.value(row['share'], 'percent')} of calls."
    worst = max(monday, key=lambda row: row["missed"])
    if worst["missed"] < 1:
        return ""
    return f"On an ordinary Monday most are missed at {worst['label']}: {worst['missed']:.0f} of {worst['calls']:.0f}."


def monday_title(rows: Rows) -> str:
    """The finding of the Monday chart."""
    if rows[0]["mondays"] is None:
        peak = max(rows, key=lambda row: row["calls"] or 0)
        title = f"{words.category(peak['label'])} brings {words.value(peak['share'], 'percent')} of calls"
        england = peak["england_share"]
        return title if england is None else f"{title}; England {words.value(england, 'percent')}"
    calls, missed = _counted(rows, ("08:00", "08:30"))
    if not calls:
        return "No calls from 08:00 to 09:00 on an ordinary Monday"
    return f"{calls:.0f} calls from 08:00 to 09:00 on a Monday; {words.value(missed / calls, 'percent')} of them missed"


def destinations_title(rows: Rows) -> str:
    """The finding of the destinations: what did not end with a GP, and what nobody recorded."""
    known = [row for row in rows if row["destination"] != "not_recorded"]
    base, whole = sum(row["contacts"] for row in known), sum(row["contacts"] for row in rows)
    unknown = f"{words.value((whole - base) / whole, 'percent')} not recorded" if whole else ""
    if base < rows[0]["minimum_base"]:
        return f"Only {words.plural(base, 'request')} with a recorded destination: too few for shares"
    elsewhere = sum(row["contacts"] for row in known if is_elsewhere(row["destination"])) / base
    return f"{words.value(elsewhere, 'percent')} of requests went elsewhere than to a GP; {unknown}"


def is_elsewhere(destination: str) -> bool:
    """Whether a request that went there counts as redirected."""
    return group_of(destination) not in (GP, NOT_RECORDED)


def lower(title: str) -> str:
    """A title within a sentence: its first letter small, unless it is an abbreviation."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def list_of(parts: Sequence[str]) -> str:
    """`list size, deprivation and age profile`."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def _is_worse(row: Mapping[str, Any]) -> bool:
    return is_better(row) is False or _has_worsened(row)


def _urgency(row: Mapping[str, Any]) -> tuple[bool, float]:
    """Sorts a change for the worse before what only differs, and the widest differences first."""
    return not _has_worsened(row), -_apart(row) if row["judgement"] else 0.0


def _has_worsened(row: Mapping[str, Any]) -> bool:
    return findings.is_change(row) and str(row["variation"]).startswith("concern")


def _why(row: Mapping[str, Any]) -> str:
    if _has_worsened(row):
        shown = f"{lower(row['title'])} {words.value(row['latest'], row['unit'])} in {words.month(row['month'])}"
        return f"{shown}, {words.rule(row['special_cause'])}"
    return f"{lower(row['title'])} {words.value(row['value'], row['unit'])} (similar practices {middle_half(row)})"


def _telephone_steps(telephony: Rows, latest: Mapping[str, float | None]) -> list[Sentence]:
    state = {row["item"]: row for row in telephony}
    live = state.get("live")
    if live is None:
        return []
    if live["state"] != "reached":
        if live["planned"] is None:
            return [Sentence("Agree a date to go live on digital telephony", ": the ICB's tracker has none.")]
        return [Sentence("Prepare to go live on digital telephony", f": planned for {words.day(live['planned'])}.")]
    supplier = live["supplier"] or "your telephone supplier"
    if any(row["kind"] == "capability" and row["state"] == "held" for row in telephony):
        # the tracker may be behind: where callers do ask for call-backs there is nothing to turn on
        if state["call_back"]["state"] == "not_held" and not latest.get("calls_callback_requested"):
            return [Sentence(f"Ask {supplier} to turn on call-back", ": the tracker does not list it.")]
        if state["queue_position"]["state"] == "not_held":
            return [Sentence(f"Ask {supplier} to tell callers their place in the queue", ": the tracker lists none.")]
    return []
