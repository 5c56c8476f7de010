"""Call logs of the practices whose telephone systems send them: three platforms, and the truth beside.

`TRAPS` lists what the files hold on purpose. Telephone numbers are only Ofcom's drama numbers; the people
have invented names, which no reader of the files may keep.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pandas as pd

from etl.demo.call_log_files import MACROS, write_asterisk, write_canonical, write_three_cx
from etl.demo.traffic import ANSWERED, CALLBACK, ENDED_IN_IVR, MISSED, days_of
from etl.demo.world import SHARED_ACCOUNT, World

ENGAGED, UNKNOWN = 4, 5
FULL_MONTHS, RECENT_MONTHS = 13, 3
SILENT = 46  # its platform sent nothing on these days of the newest month: missing, not zero
SILENT_DAYS = (9, 10)

TRAPS = {
    "asterisk": (
        "several legs a call: ring-all, transfer, voicemail, the same linkedid",
        "every call 'answered' by the menu, so the disposition says nothing",
        "each month's file repeats the last two days of the month before; a byte copy; a copy of one account",
        "the newest month in two files, with legs of calls in the first that come in the second",
        "internal, outbound and test calls; a call to a number that is nobody's",
        "call-backs as outbound calls: some tried twice, some the next day, some never",
        "names in clid and in ENTERQUEUE; numbers in several written forms; withheld in seven",
        "local time over both clock changes, with an hour that comes twice and one that does not exist",
        "a last line that is still being written; calls over midnight",
        "one telephone account for two practices",
        "a source whose clock is an hour out; a source from the future",
    ),
    "three_cx": (
        "UTC, menu and queue as segments of one historyid, transfers, internal and outbound rows",
        "a display name with a comma: 28 fields",
        "call-back requests do not show: they look like missed calls, and are counted so",
        "an end before its start",
    ),
    "canonical": (
        "UTF-8 with a byte-order mark and CRLF; one month in UTF-16; a trailer line",
        "call-backs that complete later: the same call_id again in the next file",
        "numbers damaged by a spreadsheet, on a repeated call_id",
        "an end before its start, a wait of five hours, engaged and unknown outcomes",
        "a practice without a row on two days: missing, not zero",
    ),
}


@dataclass(frozen=True)
class Source:
    """A telephone platform: whose calls it logs (positions in the world), and how it writes."""

    id: str
    platform: str
    timezone: str
    practices: tuple[int, ...]


SOURCES = (
    Source("larkline", "asterisk", "Europe/London", (0, 2, 7, 11, 16, 19, *SHARED_ACCOUNT, 3, 8)),
    Source("beckvoice", "three_cx", "UTC", (25, 28, 38, 1, 5, 9, 24, 27, 31)),
    Source("holtcall", "mapped_csv", "Europe/London", (43, 46, 4, 12, 13, 22, 26, 29, 33)),
)


def line(position: int) -> str:
    """The number that a practice's patients ring."""
    return f"01632{960900 + (SHARED_ACCOUNT[0] if position in SHARED_ACCOUNT else position):06d}"


def queue(position: int) -> str:
    """The name of a practice's queue."""
    return f"nav{SHARED_ACCOUNT[0] if position in SHARED_ACCOUNT else position:02d}"


def settings(world: World) -> str:
    """The `[[telephony_source]]` tables of icb.toml."""
    tables = []
    strays = (
        Source("quarrline", "asterisk", "Europe/London", (17,)),
        Source("driftline", "asterisk", "Europe/London", (18,)),
    )
    for source in (*SOURCES, *strays):
        numbers = {}
        for position in source.practices:
            codes = [world.practices.code[p] for p in SHARED_ACCOUNT]
            owner = f'"{world.practices.code[position]}"'
            numbers[line(position)] = numbers[queue(position)] = (
                "[" + ", ".join(f'"{code}"' for code in codes) + "]" if position in SHARED_ACCOUNT else owner
            )
        rows = [
            "",
            "[[telephony_source]]",
            f'id = "{source.id}"',
            f'platform = "{source.platform}"',
            f'files = "{source.id}-*"',
            f'timezone = "{source.timezone}"',
        ]
        if source.platform == "mapped_csv":
            rows.append('profile = "canonical"')
        else:
            rows.append("numbers = { " + ", ".join(f'"{k}" = {v}' for k, v in numbers.items()) + " }")
        if source.platform == "asterisk":
            rows.append('callback_keys = ["1"]')
        tables += rows
    return "\n".join(tables) + "\n"


def choose(world: World, month: int, calls: pd.DataFrame) -> pd.DataFrame:
    """The calls of a month that reach a log, with what a log adds.

    Further columns: code, source, number (as digits from 0; empty when withheld), unit (a running number),
    date (London), outcome with ENGAGED and UNKNOWN, talk_end and other marks follow from these.
    """
    owner = {position: source.id for source in SOURCES for position in source.practices}
    chosen = calls[calls.practice.isin(list(owner))].copy()
    if month == len(world.months) - 1:
        chosen = chosen[~((chosen.practice == SILENT) & chosen.day.isin(SILENT_DAYS))].copy()
    count = len(chosen)
    chosen["source"] = pd.Categorical(chosen.practice.map(owner))
    chosen["unit"] = np.arange(count, dtype=np.int64) + (month + world.skipped) * 1_000_000
    days = np.array(days_of(world.months[month]), dtype="datetime64[D]")
    chosen["date"] = days[chosen.day.to_numpy()]
    ivr = chosen.outcome == ENDED_IN_IVR
    engaged = ivr & (chosen.unit % 97 == 0) & (chosen.source != "beckvoice")
    unknown = ivr & (chosen.unit % 101 == 1) & (chosen.source == "holtcall")
    three_cx = (chosen.outcome == CALLBACK) & (chosen.source == "beckvoice")
    chosen["outcome"] = np.select([engaged, unknown, three_cx], [ENGAGED, UNKNOWN, MISSED], chosen.outcome)
    chosen.loc[three_cx, "callback_after"] = -1
    chosen.loc[engaged | unknown, "caller"] = -1
    chosen["slot"] = _slots(chosen)
    return chosen.reset_index(drop=True)


def _slots(chosen: pd.DataFrame) -> np.ndarray:
    """A number for each caller, different for all callers of a practice and day; -1 withheld.

    0–999 mobile, 1000–1999 London, 2000–2889 the fictional 01632: the slot's place in the drama ranges.
    """
    practice, caller = chosen.practice.to_numpy(), chosen.caller.to_numpy().astype(np.int64)
    second = practice == SHARED_ACCOUNT[1]
    shared = second | (practice == SHARED_ACCOUNT[0])
    base = np.where(shared, SHARED_ACCOUNT[0], practice)
    rank = np.where(shared, caller * 2 + second, caller)
    slot = (rank * 7 + base * 131 + chosen.day.to_numpy() * 977) % 2890
    return np.where(caller < 0, -1, slot)


def truth(world: World, chosen: pd.DataFrame) -> pd.DataFrame:
    """What `calls_half_hour` must hold for these calls, half-hour by half-hour."""
    codes = world.practices.code.to_numpy()[chosen.practice]
    codes = np.where(chosen.practice.isin(SHARED_ACCOUNT), "unassigned", codes)
    outcome, wait = chosen.outcome.to_numpy(), chosen["wait"].to_numpy()
    answered = outcome == ANSWERED
    key = pd.DataFrame({"code": codes, "date": chosen.date, "slot": chosen.slot})
    known = chosen.slot.to_numpy() >= 0
    again = key.duplicated().to_numpy() & known  # calls of a practice are in order of time
    frame = pd.DataFrame(
        {
            "practice_code": codes,
            "local_date": chosen.date.dt.date,
            "half_hour": chosen.half_hour,
            "inbound": outcome != ENGAGED,
            "answered": answered,
            "ended_in_ivr": outcome == ENDED_IN_IVR,
            "callback_requested": outcome == CALLBACK,
            "callback_made": _made(chosen),
            "missed": outcome == MISSED,
            "engaged": outcome == ENGAGED,
            "unknown": outcome == UNKNOWN,
            "answered_within_60s": answered & (wait <= 60),
            "answered_within_120s": answered & (wait <= 120),
            "answered_within_300s": answered & (wait <= 300),
            "wait_seconds": np.where(answered, wait, 0),
            "talk_seconds": np.where(answered, chosen.talk, 0),
            "repeat_calls": again,
        }
    )
    keys = ["practice_code", "local_date", "half_hour"]
    return frame.groupby(keys, as_index=False).sum()


def _made(chosen: pd.DataFrame) -> np.ndarray:
    """Which requests were completed: said outright in the canonical CSV; in Asterisk's by the first
    connected outbound call to that caller before the local day ends, each such call completing one."""
    requested = chosen.outcome == CALLBACK
    made = (requested & (chosen.callback_after >= 0) & (chosen.source == "holtcall")).to_numpy()
    asked = chosen[requested & (chosen.source == "larkline") & (chosen.slot >= 0)].sort_values("started", kind="stable")
    line_of = asked.practice.replace({SHARED_ACCOUNT[1]: SHARED_ACCOUNT[0]}).tolist()
    ended = (asked.started + asked.ivr + asked["wait"]).tolist()
    places, slots, after, dates = (asked[name].tolist() for name in ("unit", "slot", "callback_after", "date"))
    outbound: dict[tuple[int, int], list[int]] = {}
    for practice, slot, moment, delay in zip(line_of, slots, ended, after, strict=True):
        if delay >= 0:
            outbound.setdefault((practice, slot), []).append(moment + delay)
    midnights = {day: int((day + timedelta(days=1)).tz_localize("Europe/London").timestamp()) for day in set(dates)}
    completed = set()
    for unit, practice, slot, moment, day in zip(places, line_of, slots, ended, dates, strict=True):
        waiting = outbound.get((practice, slot), [])
        match = min((at for at in waiting if moment <= at < midnights[day]), default=None)
        if match is not None:
            waiting.remove(match)
            completed.add(unit)
    return made | chosen.unit.isin(completed).to_numpy()


def write_calls(home: Path, world: World, logged: Mapping[int, pd.DataFrame]) -> dict[str, object]:
    """Writes the logs of the months in `logged` (as `choose` gives them) into `<home>/inbox`, and the truth as
    `<home>/demo/calls_half_hour.parquet`. Returns what a manifest says about them."""
    con = duckdb.connect()
    con.execute(MACROS.format(summer=_summer(world)))
    labels = pd.DataFrame(
        {
            "practice": range(len(world.practices)),
            "code": world.practices.code,
            "line": [line(p) for p in range(len(world.practices))],
            "queue": [queue(p) for p in range(len(world.practices))],
        }
    )
    con.register("labels", labels)
    tail = None
    truths = []
    newest = max(logged)
    for month, chosen in sorted(logged.items()):
        truths.append(truth(world, chosen))
        first = world.months[month]
        con.register("calls", chosen if tail is None else pd.concat([tail, chosen], ignore_index=True))
        write_asterisk(con, home / "inbox", first, newest=month == newest)
        con.register("calls", chosen)
        write_three_cx(con, home / "inbox", first)
        write_canonical(con, home / "inbox", first, late=tail, place=month, newest=month == newest)
        tail = chosen[chosen.date >= pd.Timestamp(chosen.date.max()) - timedelta(days=1)]
    everything = pd.concat(truths, ignore_index=True)
    everything = everything.groupby(["practice_code", "local_date", "half_hour"], as_index=False).sum()
    con.register("everything", everything)
    target = str(home / "demo" / "calls_half_hour.parquet").replace("'", "''")
    con.execute(f"COPY (SELECT * FROM everything ORDER BY ALL) TO '{target}' (FORMAT parquet)")
    con.close()
    return {
        "calls": int(everything.inbound.sum() + everything.engaged.sum()),
        "months": [world.months[month].isoformat() for month in sorted(logged)],
        "traps": {platform: list(traps) for platform, traps in TRAPS.items()},
        "sources": {source.id: [world.practices.code[position] for position in source.practices] for source in SOURCES},
    }


def _summer(world: World) -> str:
    """SQL that is true for an epoch second `x` in British Summer Time, over the years of the window."""

    def last_sunday(year: int, month: int) -> int:
        day = date(year, month, 31)
        day -= timedelta(days=(day.weekday() + 1) % 7)
        return int(datetime(day.year, day.month, day.day, 1, tzinfo=ZoneInfo("UTC")).timestamp())

    years = range(world.months[0].year, world.today.year + 1)
    return " OR ".join(f"(x >= {last_sunday(y, 3)} AND x < {last_sunday(y, 10)})" for y in years)
