"""Logged calls by weekday, half-hour and Monday minute, and logs against the publication, by a slow oracle.

Two practices and an account that they share, over August and September 2025 in the small home: one PCN in August, two
in September, so that the account's lowest common organisation changes. Monday 25 August is a bank holiday.
"""

import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from etl.nightly import load_files
from etl.published.reading import Reader
from etl.published.writing import publish
from etl.settings import Settings
from etl.warehouse.connection import Warehouse
from tests.etl.feeds.call_logs.files import CANONICAL, CANONICAL_HEADING, RIVERSIDE, cdr
from tests.etl.small_home import AUG, BANK_HOLIDAYS, SEP, days, is_working_day, number

LONDON = ZoneInfo("Europe/London")
ONE, TWO = "Z91001", "Z91002"
SHARED = f"{ONE},{TWO}"
ABSENT = {(TWO, date(2025, 8, 11)), (TWO, date(2025, 8, 12)), (ONE, date(2025, 9, 1))}
MISSED = ("abandoned_queue", "no_answer")
Call = tuple[str, datetime, str, int, int]  # account, London time, outcome, wait, talk


def calls() -> Iterator[Call]:
    """Every call of the home."""
    for day in [*days(AUG), *days(SEP)]:
        for account in (ONE, TWO, SHARED):
            busy = 6 if is_working_day(day) else 2
            for n in range(0 if (account, day) in ABSENT else 1 + number(account, day, top=busy)):
                minute = 6 * 60 + 40 + number(account, day, n, "minute", top=300)
                at = datetime(day.year, day.month, day.day, minute // 60, minute % 60, 5, tzinfo=LONDON)
                if account == SHARED:
                    yield account, at, "abandoned_ivr", 0, 0
                else:
                    outcome = ("answered", "answered", "abandoned_queue", "no_answer", "engaged")[
                        number(account, day, n, "outcome", top=5)
                    ]
                    yield account, at, outcome, number(account, day, n, "wait"), 1 + number(account, day, n, "talk")


def _files() -> tuple[list[str], list[str]]:
    rows, legs = [CANONICAL_HEADING], []
    for place, (account, at, outcome, wait, talk) in enumerate(calls()):
        start = at.astimezone(UTC)
        if account == SHARED:
            legs.append(
                cdr(int(start.timestamp()), 20, dst="01632960009", app="BackGround",
                    uid=f"{int(start.timestamp())}.{place}", seq=place)
            )  # fmt: skip
            continue
        over = start + timedelta(seconds=wait)
        end = over + timedelta(seconds=talk if outcome == "answered" else 0)
        answered = f"{over:%Y-%m-%dT%H:%M:%SZ}" if outcome == "answered" else ""
        joined = "" if outcome == "engaged" else f"{start:%Y-%m-%dT%H:%M:%SZ}"
        rows.append(
            f"{place},{account},{start:%Y-%m-%dT%H:%M:%SZ},{joined},{answered},{end:%Y-%m-%dT%H:%M:%SZ},{outcome},,,,"
        )
    return rows, legs


@pytest.fixture(scope="module")
def logs(small: Settings, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """The small home with call logs, published."""
    numbers = {"01632960009": [ONE, TWO]}
    home = Settings(
        home=tmp_path_factory.mktemp("logs"), code=("QZZ",), inbox_settle_seconds=0,
        telephony_source=[CANONICAL, {**RIVERSIDE, "numbers": numbers}],
    )  # fmt: skip
    shutil.copyfile(small.home / "warehouse.duckdb", home.home / "warehouse.duckdb")
    home.inbox.mkdir()
    paths = []
    for name, lines in zip(("holt-1.csv", "riverside-1.csv"), _files(), strict=True):
        paths.append(home.inbox / name)
        paths[-1].write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    night = load_files(home, paths)
    assert not night.refused
    with Warehouse(home) as warehouse:
        publish(warehouse, lambda *_: None)
    return Reader(home.published)


def places(account: str, month: date) -> list[tuple[str, str]]:
    """Whose totals an account's calls belong to, by hand."""
    above = [("sub_icb", "91Z"), ("icb", "QZZ")]
    pcn = {ONE: "U91001", TWO: "U91001" if month == AUG else "U91002"}
    if account == SHARED:
        return ([("pcn", "U91001")] if month == AUG else []) + above
    return [("practice", account), ("pcn", pcn[account]), *above]


def kind(day: date) -> int:
    """1 Monday … 7 Sunday, 0 a bank holiday."""
    return 0 if day in BANK_HOLIDAYS else day.isoweekday()


def month_of(at: datetime) -> date:
    """The first of a time's month."""
    return at.date().replace(day=1)


def logged_days() -> dict[Any, set[tuple[str, date]]]:
    """(level, organisation, month, weekday) → accounts and dates with a call."""
    found: dict[Any, set[tuple[str, date]]] = defaultdict(set)
    for account, at, *_ in calls():
        for place in places(account, month_of(at)):
            found[(*place, month_of(at), kind(at.date()))].add((account, at.date()))
    return found


def about(entries: set[tuple[str, date]]) -> tuple[int, int]:
    """Dates, and practices with an account of their own."""
    own = {account for account, _ in entries} - {SHARED}
    return len({day for _, day in entries}), len(own)


def test_each_half_hour_of_each_weekday(logs: Reader) -> None:
    expected: dict[Any, list[int]] = defaultdict(lambda: [0] * 5)
    for account, at, outcome, wait, talk in calls():
        for place in places(account, month_of(at)):
            sums = expected[(*place, month_of(at), kind(at.date()), at.hour * 2 + at.minute // 30)]
            answered = outcome == "answered"
            added = (outcome != "engaged", answered, outcome in MISSED, wait * answered, talk * answered)
            sums[:] = [one + int(more) for one, more in zip(sums, added, strict=True)]
    known = logged_days()
    rows = logs.records(
        "SELECT level, organisation, month, weekday, half_hour, inbound, answered, missed, wait_seconds, talk_seconds, "
        "days, practices FROM calls_week"
    )
    found = {tuple(row.values())[:5]: tuple(row.values())[5:] for row in rows}
    assert found == {key: (*sums, *about(known[key[:4]])) for key, sums in expected.items()}
    assert len(found) == len(rows)
    assert {key[3] for key in found} == set(range(8))


def test_each_minute_of_an_ordinary_monday(logs: Reader) -> None:
    inbound, missed = Counter[Any](), Counter[Any]()
    for account, at, outcome, *_ in calls():
        if kind(at.date()) == 1 and 7 <= at.hour < 11 and outcome != "engaged":
            for place in places(account, month_of(at)):
                inbound[(*place, month_of(at), at.hour * 60 + at.minute)] += 1
                missed[(*place, month_of(at), at.hour * 60 + at.minute)] += outcome in MISSED
    known = logged_days()
    rows = logs.records(
        "SELECT level, organisation, month, minute, inbound, missed, mondays, practices FROM calls_monday"
    )
    found = {tuple(row.values())[:4]: tuple(row.values())[4:] for row in rows}
    assert found == {key: (count, missed[key], *about(known[(*key[:3], 1)])) for key, count in inbound.items()}
    # a Monday without a call in a minute still counts, a bank holiday and a day without logs do not
    assert {row["mondays"] for row in rows if row["organisation"] == TWO and row["month"] == AUG} == {2}


def test_a_shared_account_stays_in_what_its_practices_have_in_common(logs: Reader) -> None:
    of = {
        (row["organisation"], row["month"]): row["inbound"]
        for row in logs.records("SELECT organisation, month, sum(inbound) AS inbound FROM calls_week GROUP BY ALL")
    }
    shared = Counter(month_of(at) for account, at, *_ in calls() if account == SHARED)
    assert of["U91001", AUG] == of[ONE, AUG] + of[TWO, AUG] + shared[AUG]
    assert (of["U91001", SEP], of["U91002", SEP]) == (of[ONE, SEP], of[TWO, SEP])
    assert of["QZZ", SEP] == of["91Z", SEP] == of[ONE, SEP] + of[TWO, SEP] + shared[SEP]


def test_half_hours_are_published_with_shared_accounts_as_unassigned(logs: Reader) -> None:
    expected = Counter(
        ("unassigned" if account == SHARED else account, at.date(), at.hour * 2 + at.minute // 30)
        for account, at, outcome, *_ in calls()
        if outcome != "engaged"
    )
    rows = logs.records("SELECT practice_code, local_date, half_hour, inbound FROM calls_half_hour WHERE inbound > 0")
    assert {tuple(row.values())[:3]: row["inbound"] for row in rows} == expected
    assert len(rows) == len(expected)


def test_logs_against_the_publication(logs: Reader) -> None:
    """September is not published, so it is not compared; August is, and TWO's log misses two working days."""
    published = {
        row["organisation"]: row["numerator"]
        for row in logs.records(
            "SELECT organisation, numerator FROM measure_value WHERE measure = 'calls_inbound_per_1000' "
            f"AND level = 'practice' AND period_start = '{AUG}'"
        )
    }
    ours = Counter(a for a, at, outcome, *_ in calls() if month_of(at) == AUG and outcome != "engaged")
    working = sum(is_working_day(day) for day in days(AUG))
    rows = logs.records("SELECT * FROM call_log_reconciliation WHERE item = 'inbound' ORDER BY practice_code")
    assert [(r["practice_code"], r["period_start"]) for r in rows] == [(ONE, AUG), (TWO, AUG)]
    for row, gone in zip(rows, (0, 2), strict=True):
        code = row["practice_code"]
        assert (row["logged"], row["published"]) == (ours[code], published[code])
        assert row["difference"] == ours[code] - published[code]
        assert (row["working_days_logged"], row["working_days"]) == (working - gone, working)
    assert rows[0]["note"].startswith("fewer in logs")
    assert rows[1]["note"].startswith("logs are missing")
