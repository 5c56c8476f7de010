"""The ICB's rollout tracker as it was believed on several dates, what each system can do, and the money.

Trackers overwrite themselves, so each date is a file of its own, the date in its name. Plans slip: a
practice that was not live when its planned date came has a later one in the next file.
"""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from etl.demo.formats import marked, write_csv, write_workbook
from etl.demo.world import CLOSED, COUNTED_BEFORE, OWN_PRACTICES, STILL_TO_COME, STUCK, World
from etl.feeds.rollout_tracker import CAPABILITIES, STAGES

SNAPSHOTS = (
    date(2022, 12, 31),
    date(2023, 8, 31),
    date(2024, 3, 31),
    date(2024, 12, 31),
    date(2025, 6, 30),
    date(2025, 12, 31),
)
_DAYS_BEFORE_LIVE = {"signed_up": 210, "contracted": 120, "installed": 21, "live": 0}
_DAYS_LONGER = {"Larkline": -35, "Beckvoice": 0, "Holtcall": 40}
_COLUMNS = ["practice_code", "stage", "planned_date", "actual_date", "supplier", "line_type"]
# only an older tracker says so itself; a current one is believed on the day it is loaded
_BELIEVED = "believed_on"
_TARGET = date(2024, 3, 31)


def write_rollout(inbox: Path, world: World) -> dict[str, Any]:
    """Writes the tracker's snapshots, capabilities and funding; returns what a manifest says of them."""
    believed = [day for day in SNAPSHOTS if day < world.today] + [world.today - timedelta(days=1)]
    for number, day in enumerate(believed):
        rows = tracker(world, day)
        name = f"rollout-tracker-{day.isoformat()}"
        if number == len(believed) - 2:
            write_workbook(inbox / marked(f"{name}.xlsx"), {"Tracker": _as_workbook(world, day, rows)})
        else:
            frame = pd.DataFrame(rows, columns=_COLUMNS)
            write_csv(inbox / marked(f"{name}.csv"), frame.assign(**{_BELIEVED: day.isoformat()}))
    able = capabilities(world)
    paid = funding(world)
    write_csv(inbox / marked("rollout-capability.csv"), able)
    write_csv(inbox / marked("rollout-funding.csv"), paid)
    live = world.practices.live_on[:OWN_PRACTICES]
    return {
        "believed_on": [day.isoformat() for day in believed],
        "live_by_target": int((live <= pd.Timestamp(_TARGET)).sum()),
        "live_now": int((live <= pd.Timestamp(world.today)).sum()),
        "awarded": int(paid.awarded.sum()),
        "paid": int(paid.paid.sum()),
        "capabilities": {name: int((able.capability == name).sum()) for name in CAPABILITIES},
    }


def tracker(world: World, believed: date) -> list[tuple[str, ...]]:
    """The tracker's rows as they stood on a day: dates are ISO text, empty where there is none."""
    rows: list[tuple[str, ...]] = []
    for position, practice in enumerate(world.practices[:OWN_PRACTICES].to_dict("records")):
        old = _old_lines(position)
        supplier, code = practice["telephony_supplier"], practice["code"]
        rows.append((code, "analogue", "", "2021-04-01", "", old))
        for stage in STAGES[1:]:
            actual = _reached(position, practice, stage)
            if actual is not None and actual > believed:
                actual = None
            planned = _planned(position, practice, stage, believed)
            if actual is None and planned is None:
                continue
            text = ["" if day is None else day.isoformat() for day in (planned, actual)]
            rows.append((code, stage, *text, supplier, "cloud" if stage == "live" else old))
    return rows


def _old_lines(position: int) -> str:
    """What a practice had before: those whose old calls were counted had their own exchange."""
    if position in COUNTED_BEFORE:
        return "on-premise VoIP"
    return ("PSTN", "ISDN")[position % 2]


def _reached(position: int, practice: dict[str, Any], stage: str) -> date | None:
    """The day on which a stage was truly reached; None: not yet."""
    if position in STUCK:
        return date(2023, 9, 11) if stage == "signed_up" else None
    if position in STILL_TO_COME:
        return {"signed_up": date(2024, 1, 15), "contracted": date(2025, 3, 3)}.get(stage)
    live: pd.Timestamp = practice["live_on"]
    # whoever went live late had signed in time; some suppliers need longer than others
    days = _DAYS_BEFORE_LIVE[stage]
    if stage == "contracted":
        days += _DAYS_LONGER[practice["telephony_supplier"]] + position * 7 % 40
    if stage == "signed_up" and live > pd.Timestamp(2024, 6, 30):
        return date(2023, 10, 2) + timedelta(days=position)
    return (live - timedelta(days=days)).date()


def _planned(position: int, practice: dict[str, Any], stage: str, believed: date) -> date | None:
    """The planned date as believed on a day: first inside the target, then moved whenever it has passed."""
    reached = _reached(position, practice, stage)
    earliest = _DAYS_BEFORE_LIVE[stage]
    first = min((reached or _TARGET) - timedelta(days=position % 4 * 10), _TARGET - timedelta(days=earliest))
    if first > believed + timedelta(days=365):
        return None  # not planned yet
    if reached is not None and reached <= believed:
        return first if reached <= _TARGET else reached - timedelta(days=14 + position % 5 * 7)
    planned = first
    while planned <= believed:
        planned += timedelta(days=182)
    if position == STUCK[0] and believed > date(2024, 12, 31):
        return None  # nobody plans it any more
    return planned


def _as_workbook(world: World, believed: date, rows: list[tuple[str, ...]]) -> list[list[Any]]:
    """The rows as an ICB keeps them: a title above, British dates, serials, remarks in date cells, a total."""
    sheet: list[list[Any]] = [
        [f"Digital telephony tracker, position at {believed:%d %B %Y} (SYNTHETIC)"],
        [],
        ["Practice code", "Stage", "Planned date", "Actual date", "Supplier", "Line type", "Believed on"],
    ]

    def cell(number: int, text: str) -> Any:
        if not text:
            return ("TBC", "N/A", "-", None)[number % 4]
        day = date.fromisoformat(text)
        if number % 5 == 0:
            return (day - date(1899, 12, 30)).days
        return f"{day:%d/%m/%Y}" if number % 5 in (1, 2) else datetime(day.year, day.month, day.day)

    for number, (code, stage, planned, actual, supplier, lines) in enumerate(rows):
        sheet.append([code, stage, cell(number, planned), cell(number + 2, actual), supplier or None, lines, believed])
    closed = world.practices.code[CLOSED]
    sheet.append([closed, "installed", None, "done", "Larkline", "cloud", believed])
    return [*sheet, ["Total", f"{len(rows)} rows"]]


def capabilities(world: World) -> pd.DataFrame:
    """What each live practice's system can do, and since when."""
    random = world.random(5)
    rows = []
    for position in range(OWN_PRACTICES):
        live = world.practices.live_on[position]
        chances = (1.0, 0.8, 0.9, 0.45, 0.7)
        delays = (0, 30, 0, 150, 60)
        for name, chance, delay in zip(CAPABILITIES, chances, delays, strict=True):
            has = random.random() < chance
            since = live + timedelta(days=delay)
            if pd.isna(live) or not has or since > pd.Timestamp(world.today):
                continue
            closed = world.practices.closed[position]
            until = "" if pd.isna(closed) else closed.date().isoformat()
            rows.append((world.practices.code[position], name, since.date().isoformat(), until))
    return pd.DataFrame(rows, columns=["practice_code", "capability", "from_date", "to_date"])


def funding(world: World) -> pd.DataFrame:
    """Money awarded and paid: what a practice signs for is awarded, what is live is paid."""
    rows = []
    for position, practice in enumerate(world.practices[:OWN_PRACTICES].to_dict("records")):
        signed = _reached(position, practice, "signed_up")
        live = _reached(position, practice, "live")
        size = int(practice["patients"])
        for item, pounds in (("transition support", 6000 + size // 2), ("equipment", 4000 + size // 3)):
            paid_on = None if live is None or live > world.today else live + timedelta(days=30)
            is_paid = paid_on is not None and paid_on <= world.today
            day = paid_on if is_paid and paid_on else signed
            rows.append((practice["code"], item, pounds, pounds if is_paid else 0, day.isoformat() if day else ""))
    return pd.DataFrame(rows, columns=["practice_code", "item", "awarded", "paid", "date"])
