"""Calls and half-hours from the lines of Asterisk's logs, in plain Python: slow, obvious, one call at a time."""

import csv
import io
from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
NUMBERS = {"01632960001": "Y99901", "01632960002": "Y99902", "nav": "Y99901", "desk": "Y99902"}
CALLBACK_KEY = "1"
MISSED = ("voicemail", "abandoned_queue", "no_answer")
IN_IVR = ("out_of_hours", "abandoned_ivr", "ivr_diverted")


def calls(cdr: list[str], queue_log: list[str]) -> dict[str, dict[str, object]]:
    """Every inbound call by its linkedid."""
    legs = defaultdict(dict)
    events = defaultdict(set)
    outbound = {}
    for row in csv.reader(io.StringIO("\n".join(cdr))):
        start = datetime.fromisoformat(row[9]).replace(tzinfo=LONDON)
        uid, linked, sequence = row[16], row[19], row[20]
        leg = {
            "start": int(start.timestamp()),
            "end": int(start.timestamp()) + int(row[12]),
            "answer": int(start.timestamp()) + int(row[12]) - int(row[13]) if row[14] == "ANSWERED" else None,
            "talk": int(row[13]),
            "src": row[1],
            "dst": row[2],
            "app": row[7],
            "peer": row[6],
            "disposition": row[14],
        }
        if row[1] in NUMBERS and row[2] not in NUMBERS:
            if row[14] == "ANSWERED":
                outbound[uid] = leg
        elif len(row[1]) > 6 or row[1] == "anonymous":
            legs[linked][sequence] = leg
    for line in queue_log:
        at, uid, queue, _, name, *data = line.split("|")
        if name not in ("RINGNOANSWER", "CONFIGRELOAD", "ADDMEMBER"):
            events[uid].add((int(at), name, queue, tuple(data)))
    found = {}
    for key in {**legs, **events}:
        call = one_call(list(legs.get(key, {}).values()), sorted(events.get(key, ())), key)
        if call:
            found[key] = call
    ring_back(found, outbound)
    return found


def one_call(legs: list[dict], events: list[tuple], key: str) -> dict[str, object] | None:
    """One call from all its legs and events."""
    started = min([leg["start"] for leg in legs] + ([int(key.split(".")[0])] if events else []))
    practices = [NUMBERS[leg["dst"]] for leg in sorted(legs, key=lambda leg: leg["start"]) if leg["dst"] in NUMBERS]
    practices += [NUMBERS[queue] for _, _, queue, _ in events]
    if not practices:
        return None
    named = {name: [e for e in events if e[1] == name] for _, name, _, _ in events}
    transfers = named.get("BLINDTRANSFER", [])
    completes = named.get("COMPLETEAGENT", []) + named.get("COMPLETECALLER", [])
    exits = [e for e in events if e[1] in ("EXITWITHTIMEOUT", "EXITEMPTY")]
    exits += [e for e in named.get("EXITWITHKEY", []) if e[3][0] != CALLBACK_KEY]
    asked = [e[0] for e in named.get("EXITWITHKEY", []) if e[3][0] == CALLBACK_KEY]
    dialled = [leg for leg in legs if leg["app"] == "Dial"]
    entered = min([e[0] for e in named.get("ENTERQUEUE", [])], default=None)
    answered = min([e[0] for e in named.get("CONNECT", [])], default=None)
    talk = None
    if answered is not None:
        talked = [int(e[3][1]) for e in completes] + [int(e[3][3]) for e in transfers]
        talk = sum(talked) if talked else None
        if talk is None:
            talk = max(leg["end"] for leg in legs) - answered if legs else None
        elif transfers:
            moved = min(e[0] for e in transfers)
            talk += sum(leg["talk"] for leg in dialled if leg["answer"] is not None and leg["answer"] >= moved)
    elif exits:
        left = max(e[0] for e in exits)
        after = [leg for leg in dialled if leg["answer"] is not None and leg["answer"] >= left]
        answered = min([leg["answer"] for leg in after], default=None)
        talk = sum(leg["talk"] for leg in after) if after else None
    ended = max([leg["end"] for leg in legs] + [e[0] for e in completes + named.get("ABANDON", [])], default=None)
    voicemail = any(leg["app"] == "VoiceMail" for leg in legs)
    if answered is not None:
        outcome = "answered"
    elif asked:
        outcome = "callback"
    elif entered is None:
        if all(leg["disposition"] == "BUSY" for leg in legs):
            outcome = "engaged"
        else:
            outcome = "abandoned_ivr" if is_open(started) else "out_of_hours"
    elif voicemail:
        outcome = "voicemail"
    elif named.get("ABANDON"):
        outcome = "abandoned_queue"
    else:
        outcome = "no_answer"
    first = min(legs, key=lambda leg: leg["start"]) if legs else None
    number = first["src"] if first else named["ENTERQUEUE"][0][3][1]
    end = answered if outcome == "answered" else ended
    positions = [int(e[3][2]) for e in named.get("ENTERQUEUE", [])]
    return {
        "practice": practices[0],
        "started": started,
        "outcome": outcome,
        "wait": end - entered if entered is not None and end is not None else None,
        "talk": talk if outcome == "answered" else None,
        "position": positions[0] if positions else None,
        "caller": None if number == "anonymous" else number,
        "asked": min(asked) if outcome == "callback" else None,
        "made": False if outcome == "callback" else None,
    }


def is_open(at: int) -> bool:
    """Core hours; the dates generated hold no bank holiday."""
    local = datetime.fromtimestamp(at, LONDON)
    return local.weekday() < 5 and 8 * 60 <= local.hour * 60 + local.minute < 18 * 60 + 30


def ring_back(found: dict[str, dict], outbound: dict[str, dict]) -> None:
    """Each call-back, in order of time, completes the earliest request of that person still waiting that day."""
    for leg in sorted(outbound.values(), key=lambda leg: leg["answer"]):
        waiting = [
            call
            for call in found.values()
            if call["asked"] is not None
            and not call["made"]
            and call["caller"] == leg["dst"]
            and call["practice"] == NUMBERS[leg["src"]]
            and call["asked"] <= leg["answer"]
            and local_date(call["asked"]) == local_date(leg["answer"])
        ]
        if waiting:
            min(waiting, key=lambda call: call["asked"])["made"] = True


def local_date(at: int) -> date:
    """The date in London."""
    return datetime.fromtimestamp(at, LONDON).date()


def half_hours(found: dict[str, dict]) -> dict[tuple[str, date, int], Counter]:
    """The published table, by practice, date and half-hour."""
    table: dict[tuple[str, date, int], Counter] = defaultdict(Counter)
    seen = set()
    for call in sorted(found.values(), key=lambda call: call["started"]):
        local = datetime.fromtimestamp(call["started"], UTC).astimezone(LONDON)
        row = table[call["practice"], local.date(), local.hour * 2 + local.minute // 30]
        outcome = call["outcome"]
        row["engaged" if outcome == "engaged" else "inbound"] += 1
        row["answered"] += outcome == "answered"
        row["missed"] += outcome in MISSED
        row["ended_in_ivr"] += outcome in IN_IVR
        row["callback_requested"] += outcome == "callback"
        row["callback_made"] += bool(call["made"])
        if outcome == "answered":
            for limit in (60, 120, 300):
                row[f"answered_within_{limit}s"] += call["wait"] is not None and call["wait"] <= limit
            row["wait_seconds"] += call["wait"] or 0
            row["talk_seconds"] += call["talk"] or 0
        person = call["practice"], local.date(), call["caller"]
        if call["caller"] and outcome != "engaged":
            row["repeat_calls"] += person in seen
            seen.add(person)
    return table
