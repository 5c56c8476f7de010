"""The telephony publication of each month: summary workbook, and day-and-time CSVs for the newest months.

The workbooks carry the real ones' habits: footnote marks that move, spacer columns, a totals row, notes
below the data, blank percentages, a stray month cell, accounts shared by several practices.
"""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from etl.demo.formats import csv_bytes, marked, pick, write_workbook, write_zip
from etl.demo.traffic import (
    ANSWERED,
    BAND_OF_HALF_HOUR,
    BANDS,
    CALLBACK,
    ENDED_IN_IVR,
    MISSED,
    days_of,
    is_working,
)
from etl.demo.world import SHARED_ACCOUNT, UNMAPPED_ACCOUNT, World, add_months

DAY_AND_TIME_MONTHS = 13
_LIMITS = (60, 120, 300)
_WAITS = ("Less than 1 minute", "1 - 2 minutes", "2 - 5 minutes", "Longer than 5 minutes")
# the order in which a shift of labels was printed over the duration percentages
_DURATION_LABELS = ("1 minute or less", "1 to 2 minutes", "2 to 5 minutes", "over 5 minutes")


@dataclass(frozen=True)
class Counts:
    """A month's calls counted by practice (only practices in the collection; the others are zero).

    outcomes: practices × (answered, ended in IVR, call-back requested, missed); made: call-backs made;
    answered_wait, answered_talk, missed_wait: practices × four bands; bands: practices × days × 9 time
    bands × (the four outcomes, call-backs made); collected: which practices are in.
    """

    outcomes: np.ndarray
    made: np.ndarray
    answered_wait: np.ndarray
    answered_talk: np.ndarray
    missed_wait: np.ndarray
    bands: np.ndarray
    collected: np.ndarray

    @property
    def inbound(self) -> np.ndarray:
        """Calls by practice."""
        return self.outcomes.sum(axis=1)


def count_month(world: World, month: int, calls: pd.DataFrame) -> Counts:
    """Counts the calls of a month as the publication does."""
    collected = (world.practices.collected_from.to_numpy() <= month + world.skipped) & (world.patients[month] > 0)
    calls = calls[collected[calls.practice]]
    practice, outcome = calls.practice.to_numpy().astype(int), calls.outcome.to_numpy().astype(int)
    practices, days = len(world.practices), len(days_of(world.months[month]))
    made = calls.callback_after.to_numpy() >= 0
    band = BAND_OF_HALF_HOUR[calls.half_hour.to_numpy()]
    cell = (practice * days + calls.day.to_numpy()) * 9 + band
    bands = np.stack(
        [np.bincount(cell[chosen], minlength=practices * days * 9)
         for chosen in (*(outcome == o for o in range(4)), made)], axis=-1,
    ).reshape(practices, days, 9, 5)  # fmt: skip

    def banded(chosen: np.ndarray, seconds: pd.Series) -> np.ndarray:
        cells = practice[chosen] * 4 + np.searchsorted(_LIMITS, seconds.to_numpy()[chosen])
        return np.bincount(cells, minlength=practices * 4).reshape(practices, 4)

    by_practice = bands.sum(axis=(1, 2))
    return Counts(
        outcomes=by_practice[:, :4],
        made=by_practice[:, 4],
        answered_wait=banded(outcome == ANSWERED, calls["wait"]),
        answered_talk=banded(outcome == ANSWERED, calls["talk"]),
        missed_wait=banded(outcome == MISSED, calls["wait"]),
        bands=bands,
        collected=collected,
    )


def write_month(inbox: Path, world: World, month: int, counts: list[Counts]) -> None:
    """The summary workbook of a month (`counts` holds every month so far), and its day-and-time archive."""
    first = world.months[month]
    rows = _published_rows(world, month, counts[month])
    name = f"Cloud Based Telephony Publication Summary {first:%B %Y}.xlsx"
    write_workbook(
        inbox / marked(name),
        {
            "Title sheet": _title(world, month),
            "Table 1": _table_1(world, month, counts),
            "Table 2": _table_2(first, counts[month]),
            "Table 3": _table_3(first, month, rows),
            "Table 4": _waits_table(first, rows, answered=True),
            "Table 5": _waits_table(first, rows, answered=False),
        },
    )
    if month >= len(world.months) - DAY_AND_TIME_MONTHS:
        _write_day_and_time(inbox, world, month, counts[month])


def published_areas(world: World, month: int) -> pd.DataFrame:
    """Areas of each practice as printed: shared accounts are Unassigned, without or with their areas."""
    areas = world.areas(world.months[month])
    areas.loc[list(SHARED_ACCOUNT), ["code", "name"]] = ["Unassigned", "Unmapped"]
    areas.loc[list(UNMAPPED_ACCOUNT), list(areas.columns)] = ["Unassigned", *["Unmapped"] * 9]
    return areas


def _published_rows(world: World, month: int, counts: Counts) -> pd.DataFrame:
    """One row a practice or shared account: areas, and counts as columns."""
    areas = published_areas(world, month)
    numbers = np.column_stack(
        [counts.outcomes, counts.made, counts.answered_wait, counts.answered_talk, counts.missed_wait]
    )
    frame = pd.concat([areas, pd.DataFrame(numbers)], axis=1)[counts.collected]
    keys = list(areas.columns)
    frame = frame.groupby(keys, as_index=False, sort=False).sum()
    return frame.sort_values(["region", "sub_icb", "pcn", "code"], kind="stable")


def _title(world: World, month: int) -> list[list[Any]]:
    first = world.months[month]
    return [
        *([[]] * 6),
        ["_"],
        ["Cloud Based Telephony data in General Practice"],
        ["_"],
        ["SYNTHETIC DATA: not a publication of anybody"],
        [],
        [f"{world.months[0]:%B %Y} to {first:%B %Y}"],
        [f"Publication date: 26 {add_months(first, 1):%B %Y}"],
    ]


def _share(part: int, whole: int) -> Any:
    return round(part / whole, 3) if whole else None


def _table_1(world: World, month: int, counts: list[Counts]) -> list[list[Any]]:
    """The national series, newest first. From January 2026 the duration shares sit beside shifted labels."""
    back = list(range(month, -1, -1))
    headings: list[Any] = []
    for m in back:
        last = datetime.combine(days_of(world.months[m])[-1], datetime.min.time())
        headings.append(f"{last:%b-%y} [5]" if m == month - 1 and last.month == 11 else last)
    inbound = [int(counts[m].inbound.sum()) for m in back]
    outcomes = [counts[m].outcomes.sum(axis=0) for m in back]
    made = [int(counts[m].made.sum()) for m in back]
    waits = [counts[m].answered_wait.sum(axis=0) for m in back]
    talks = [counts[m].answered_talk.sum(axis=0) for m in back]
    open_now = [world.patients[m] > 0 for m in back]
    included = [counts[m].collected for m in back]
    patients = [int(world.patients[m].sum()) for m in back]
    covered = [int(world.patients[m][counts[m].collected].sum()) for m in back]

    def column(values: list[np.ndarray], place: int) -> list[int]:
        return [int(v[place]) for v in values]

    def of(parts: list[int], wholes: list[int]) -> list[Any]:
        return [_share(p, w) for p, w in zip(parts, wholes, strict=True)]

    answered = column(outcomes, ANSWERED)
    within = ("within 1 minute", "within 1 to 2 minutes", "within 2 to 5 minutes", "after waiting over 5 minutes")
    shift = 1 if world.months[month] >= date(2026, 1, 1) else 0
    working = [sum(is_working(day) for day in days_of(world.months[m])) for m in back]
    lines: list[list[Any]] = [
        ["Coverage", "Open active practices", *(int(o.sum()) for o in open_now)],
        [None, "Count of practices included", *(int(i.sum()) for i in included)],
        [None, "Practice coverage [1]", *of([int(i.sum()) for i in included], [int(o.sum()) for o in open_now])],
        [None, "Registered patients at open active practices", *patients],
        [None, "Registered patients at included practices [2]", *covered],
        [None, "Patient coverage", *of(covered, patients)],
        [],
        ["Working Days", "Number of working weekdays", *working],
        [],
        ["Inbound calls", "Total Inbound Calls ", *inbound],
        [None, "Rate of inbound calls per 1,000 patients registered at practices included",
         *(round(1000 * i / c, 1) for i, c in zip(inbound, covered, strict=True))],
        [],
        ["Calls dealt with", "Calls answered [3]", *answered],
        [None, "Calls ended during the IVR (Interactive Voice Response) stage of the call [3]",
         *column(outcomes, ENDED_IN_IVR)],
        [None, "Calls resulting in a call back request [3]", *column(outcomes, CALLBACK)],
        [],
        [None, "Percentage of Inbound calls answered", *of(answered, inbound)],
        [],
        [None, "Call backs made", *made],
        [None, "Percentage of call backs made of those requested", *of(made, column(outcomes, CALLBACK))],
        [],
        ["Calls not dealt with ", "Missed calls [3, 5]", *column(outcomes, MISSED)],
        [None, "Percentage of inbound calls missed", *of(column(outcomes, MISSED), inbound)],
        [],
        *([("Call wait times [4]" if k == 0 else None), f"Calls answered {within[k]}", *column(waits, k)]
          for k in range(4)),
        [],
        *([None, f"Percentage of calls answered {within[k]}", *of(column(waits, k), answered)]
          for k in range(4)),
        [],
        *([("Call durations" if k == 0 else None), f"Duration of {_DURATION_LABELS[k]}", *column(talks, k)]
          for k in range(4)),
        [],
        *([None, f"Percentage of calls with a duration of {_DURATION_LABELS[(k + shift) % 4]}",
           *of(column(talks, k), answered)] for k in range(4)),
    ]  # fmt: skip
    return [
        *([[]] * 4),
        ["Return to Contents"],
        [],
        ["Table 1: Summary of Cloud based telephony calls by month, England", None, None, "\xa0"],
        [None, None, *headings],
        [],
        *lines,
        [None, None, None, "\xa0"],
        ["Notes"],
        ["1 - Every figure here is invented."],
        [f"Copyright © {world.months[month]:%Y} nobody: synthetic data "],
    ]


def _table_2(first: date, counts: Counts) -> list[list[Any]]:
    rows: list[list[Any]] = [
        *([[]] * 4),
        ["Return to Contents"],
        [],
        [f"Table 2: Inbound Calls by day and time of day, {first:%B %Y}"],
        [],
        [None, "Date", "Total Count of Inbound Calls", None, *(b.replace("-", " - ") for b in BANDS)],
        [],
    ]
    by_day = counts.bands[..., :4].sum(axis=(0, 3))
    for day, bands in zip(days_of(first), by_day, strict=True):
        stamp = datetime.combine(day, datetime.min.time())
        rows.append([f"{day:%A}", stamp, int(bands.sum()), None, *map(int, bands)])
    return [*rows, [], ["Copyright: synthetic data "]]


def _heading(first: date, title: str) -> tuple[list[list[Any]], list[Any]]:
    """The rows above a practice table's header, and the header's area columns."""
    above: list[list[Any]] = [
        [*[None] * 11, 12, None, 7],  # helper numbers left behind above the table
        *([[]] * 3),
        ["Return to Contents"],
        [],
        [f"{title}, England, {first:%B %Y}"],
        [],
    ]
    header: list[Any] = [
        "Month [1]", "GP Practice \n(ODS_CODE)", "GP Name", "PCN Code", "PCN Name [2,3]", "Sub ICB Code [2]",
        "Sub ICB Name", "ICB Code  [2]", "ICB Name", "Region Code  [2]", "Region Name",
    ]  # fmt: skip
    return above, header


def _notes(first: date) -> list[list[Any]]:
    return [
        *([[]] * 4),
        ["Notes:", "  1   Every figure here is invented"],
        [None, "  2   Not all practices are members of a PCN. These cases are denoted by U or 'Unallocated'"],
        [],
        [f"Copyright © {first:%Y} nobody: synthetic data "],
    ]


def _table_3(first: date, month: int, rows: pd.DataFrame) -> list[list[Any]]:
    above, header = _heading(first, "Table 3: Summary of Cloud based telephony call outcomes, by practice")
    ivr, missed = ("[5]", " [6]") if month % 2 else ("[4]", "")

    def cells(numbers: np.ndarray) -> list[Any]:
        answered, ended, requested, lost, made = (int(n) for n in numbers[:5])
        inbound = answered + ended + requested + lost
        return [
            inbound, None, answered, _share(answered, inbound), ended, _share(ended, inbound), requested,
            _share(requested, inbound), None, lost, _share(lost, inbound), None, made, _share(made, requested),
        ]  # fmt: skip

    totals = rows[list(range(5))].to_numpy().sum(axis=0)
    table = [
        *above,
        [*[None] * 13, "Count of Inbound Call Outcome"],
        [*header, "Count of Inbound calls", None, "Answered", None, f"Ended during the IVR Stage {ivr}", None,
         "Call back requested", None, None, f"Missed{missed}", None, None, "Call back made"],
        [*[None] * 11, "Total", None, "Total", "%", "Total", "%", "Total", "%", None, "Total", "%", None,
         "Total", "% of requested"],
        [],
        ["Total", *[None] * 10, *cells(totals)],
        [],
    ]  # fmt: skip
    stamp = datetime.combine(first, datetime.min.time())
    for number, row in enumerate(rows.itertuples(index=False)):
        # one real edition has a copyright line in the month cell of a row that counts
        month_cell = f"Copyright © {first:%Y} NHS England " if (month, number) == (11, 7) else stamp
        table.append([month_cell, *row[:10], *cells(np.array(row[10:15]))])
    return [*table, *_notes(first)]


def _waits_table(first: date, rows: pd.DataFrame, answered: bool) -> list[list[Any]]:
    """Table 4 (answered: waits and durations) or Table 5 (missed: waits)."""
    title = (
        "Table 4: Summary of Answered Calls, the time it took to answer and the duration of the call by practice"
        if answered
        else "Table 5: Summary of Missed Calls, the time spent waiting by practice"
    )
    above, header = _heading(first, title)
    groups = (slice(5, 9), slice(9, 13)) if answered else (slice(13, 17),)

    def cells(numbers: np.ndarray) -> list[Any]:
        inbound, own = int(numbers[:4].sum()), int(numbers[ANSWERED if answered else MISSED])
        row: list[Any] = [inbound, own, _share(own, inbound)]
        for group in groups:
            row.append(None)
            for count in numbers[group]:
                row += [int(count), _share(int(count), own)]
        return row

    bands: list[Any] = []
    for _ in groups:
        bands.append(None)
        for wait in _WAITS:
            bands += [wait, None]
    what = "Answered  [4]" if answered else "Missed [4]"
    over: list[Any] = [*[None] * 15, "Answered Calls - Wait time " if answered else "Missed Calls - Wait time [4]"]
    table = [
        *above,
        [*over, *[None] * 8, "Answered Calls - Duration "] if answered else over,
        [*header, "Total Inbound calls", what, None, *bands],
        [*[None] * 11, "Count", "Count", "%", *[None, *["Count", "%"] * 4] * len(groups)],
        ["Total", "National", *[None] * 9, *cells(rows[list(range(17))].to_numpy().sum(axis=0))],
        [],
    ]
    stamp = datetime.combine(first, datetime.min.time())
    table += [[stamp, *row[:10], *cells(np.array(row[10:27]))] for row in rows.itertuples(index=False)]
    return [*table, *_notes(first)]


def _write_day_and_time(inbox: Path, world: World, month: int, counts: Counts) -> None:
    """An archive with a CSV a region and one of the unmapped; every second month spaces its bands."""
    first = world.months[month]
    areas = published_areas(world, month)
    values = np.concatenate([counts.bands[..., :4].sum(axis=-1, keepdims=True), counts.bands], axis=-1)
    # CBT001 inbound, 002 ended in IVR, 003 answered, 004 missed, 005 call-back requested, 006 made
    values = values[..., [0, 1 + ENDED_IN_IVR, 1 + ANSWERED, 1 + MISSED, 1 + CALLBACK, 5]]
    for account in (SHARED_ACCOUNT, UNMAPPED_ACCOUNT):  # one row an account, not a practice
        values[account[0]] += values[list(account[1:])].sum(axis=0)
        values[list(account[1:])] = 0
    practice, day, band, indicator = np.nonzero(values)
    bands = [b.replace("-", " - ") if month % 2 else b for b in BANDS]
    frame = pd.DataFrame(
        {
            "Date": pick([d.isoformat() for d in days_of(first)], day),
            "REGION_CODE": pick(areas.region, practice),
            "ICB_CODE": pick(areas.icb, practice),
            "SUB_ICB_LOCATION_CODE": pick(areas.sub_icb, practice),
            "PCN_CODE": pick(areas.pcn, practice),
            "PRACTICE_CODE": pick(areas.code, practice),
            "Indicator": pick([f"CBT00{n}" for n in range(1, 7)], indicator),
            "Time_Category": pick(bands, band),
            "Value": values[practice, day, band, indicator].astype(float),
        }
    )
    title = f"Cloud Based Telephony By Day and Time {first:%B %Y}"
    members = {
        marked(f"{title}_{region}.csv"): csv_bytes(frame.loc[frame.REGION_CODE.eq(region)], inbox)
        for region in ("Y97", "Y98", "Unmapped")
    }
    write_zip(inbox / marked(f"{title}.zip"), members)
