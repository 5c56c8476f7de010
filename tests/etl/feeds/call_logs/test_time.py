"""Local times, both changes of the clock, and sources whose clock or zone is wrong."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl import london
from etl.feeds.call_logs import clock
from etl.settings import Settings
from tests.etl.feeds.call_logs.files import (
    CANONICAL,
    CANONICAL_HEADING,
    RIVERSIDE,
    THREE_CX,
    Home,
    cdr,
    epoch,
    event,
    segment,
)

ZONES = ("Europe/London", "UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
CHANGES = ("2025-10-26", "2026-03-29", "2026-10-25")
around_changes = st.builds(
    lambda day, seconds: datetime.fromisoformat(day) + timedelta(seconds=seconds),
    st.sampled_from([*CHANGES, "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04", "2014-07-01"]),
    st.integers(-90_000, 90_000),
)


@settings(max_examples=150, deadline=None)
@given(local=around_changes, zone=st.sampled_from(ZONES))
def test_local_times_as_zoneinfo_has_them(local: datetime, zone: str) -> None:
    """First passing, second passing, whether it comes twice, whether it never comes; and London from UTC."""
    place = ZoneInfo(zone)
    first, second = (local.replace(fold=fold, tzinfo=place).astimezone(UTC).replace(tzinfo=None) for fold in (0, 1))
    exists = first.replace(tzinfo=UTC).astimezone(place).replace(tzinfo=None) == local
    value = f"TIMESTAMP '{local}'"
    with duckdb.connect() as con:
        found = con.execute(
            f"SELECT {clock.missing(value, zone)}, {clock.repeated(value, zone)}, {clock.to_utc(value, zone)}, "
            f"{clock.to_utc(value, zone, second=True)}, {clock.london(value)}"
        ).fetchone()
    assert found is not None
    assert found[0] == (not exists)
    assert found[4] == local.replace(tzinfo=UTC).astimezone(ZoneInfo("Europe/London")).replace(tzinfo=None)
    if exists:
        assert found[1:4] == (first != second, first, second)


@pytest.fixture
def riverside(home: Settings) -> Home:
    """A home with one Asterisk source."""
    return Home(home, RIVERSIDE)


@pytest.mark.parametrize("day", ["2025-10-26", "2026-10-25"])
def test_the_hour_that_comes_twice_is_told_by_uniqueid(riverside: Home, day: str) -> None:
    """01:30 in summer time and 01:30 in winter time: an hour apart in UTC, one half-hour of the day in London."""
    first, second = epoch(f"{day} 01:30:00"), epoch(f"{day} 01:30:00+1")
    assert second - first == 3600
    lines = [cdr(at, uid=f"{at}.{n}", seq=n, app="BackGround") for n, at in enumerate((first, second))]
    assert riverside.load("riverside-cdr", lines).refused == []
    assert riverside.calls("epoch(started_at)") == [first, second]
    assert riverside.calls("flags") == [None, None]
    assert riverside.rows("SELECT half_hour, inbound FROM mart.calls_half_hour") == [(3, 2)]


def test_a_wait_across_the_change_is_counted_in_utc(riverside: Home) -> None:
    """Joined at 01:59:30 summer time, answered at 01:00:30 winter time: one minute."""
    joined = epoch("2026-10-25 01:59:30")
    uid = f"{joined - 5}.1"
    riverside.load(
        "riverside-queue",
        [
            event(joined, uid, "ENTERQUEUE", "", "07700900123", 1),
            event(joined + 60, uid, "CONNECT", 60, "x", 1),
            event(joined + 90, uid, "COMPLETECALLER", 60, 30, 1),
        ],
    )
    riverside.load("riverside-cdr", [cdr(joined - 5, 95, uid=uid)])
    found = riverside.calls("wait_seconds, talk_seconds, epoch(ended_at - started_at)")
    assert found == [(60, 30, 95.0)]


@pytest.mark.parametrize(
    "source", [RIVERSIDE, {**THREE_CX, "timezone": "Europe/London"}, CANONICAL], ids=lambda s: s["platform"]
)
def test_the_hour_that_does_not_exist_is_refused(home: Settings, source: dict[str, object]) -> None:
    """29 March 2026 has no 01:30: the row is refused, never shifted; those beside it are kept."""
    where = Home(home, source)
    at = epoch("2026-03-29 12:00:00")
    gap = "2026-03-29 01:30:00"
    if source is RIVERSIDE:
        good = [cdr(at + n, uid=f"{at + n}.{n}", seq=n) for n in range(30)]
        bad = cdr(at, uid=f"{at}.77", seq=77).replace("2026-03-29 12:00:00", gap)
        where.load("riverside-cdr", [*good, bad])
    elif source is CANONICAL:
        rows = [f"{n},Y99901,2026-03-29T12:00:{n:02d},,,2026-03-29T12:05:00,abandoned_ivr,,,," for n in range(30)]
        where.load("holt-1.csv", [CANONICAL_HEADING, *rows, f"99,Y99901,{gap},,,2026-03-29 03:00:00,unknown,,,,"])
    else:
        good = [segment(at + n, at + n + 60, history=f"Call {n}", callid=f"{n}_1") for n in range(30)]
        bad = segment(at, at + 60, callid="99_1", history="Call 99")
        where.load("beck-1", [*good, bad.replace("2026/03/29 11:00:00", "2026/03/29 01:30:00")])
    assert [reason for _, reason in where.reasons()] == [
        "the start is in the hour that does not exist because the clocks went forward"
    ]
    assert len(where.calls()) == 30


def test_the_repeated_hour_without_a_uniqueid_is_flagged(home: Settings) -> None:
    """The canonical CSV in local time cannot say which 01:30 it was: the first, and marked."""
    where = Home(home, CANONICAL)
    row = "7,Y99901,2026-10-25T01:30:00,,,2026-10-25T01:31:00,out_of_hours,,,,"
    sure = "8,Y99901,2026-10-25T01:30:00Z,,,2026-10-25T01:31:00Z,out_of_hours,,,,"
    where.load("holt-1.csv", [CANONICAL_HEADING, row, sure])
    assert where.calls("epoch(started_at), flags") == [
        (epoch("2026-10-25 01:30:00"), "time_ambiguous"),
        (epoch("2026-10-25 01:30:00+1"), None),
    ]


@pytest.mark.parametrize(
    ("declared", "written", "day", "refused"),
    [
        ("Europe/London", "UTC", "2026-06-01", "60 minutes behind"),
        ("UTC", "Europe/London", "2026-06-01", "60 minutes ahead of"),
        ("Europe/London", "UTC", "2026-01-05", ""),
        ("UTC", "UTC", "2026-06-01", ""),
        ("America/New_York", "Europe/London", "2026-06-01", "300 minutes ahead of"),
    ],
)
def test_a_zone_that_uniqueid_disproves(home: Settings, declared: str, written: str, day: str, refused: str) -> None:
    """The source is quarantined whole, with both zones in the reason; in winter UTC is London's time and passes."""
    where = Home(home, {**RIVERSIDE, "timezone": declared})
    at = epoch(f"{day} 09:00:00")
    night = where.load("riverside-cdr", [cdr(at + n, zone=written, uid=f"{at + n}.{n}", seq=n) for n in range(5)])
    if refused:
        assert refused in night.refused[0][1]
        assert declared in night.refused[0][1]
        assert where.rows("SELECT count(*) FROM fact.call_leg") == [(0,)]
    else:
        assert not night.refused


def test_a_zone_wrong_in_summer_only_is_not_averaged_away(home: Settings) -> None:
    """Many rows of winter agree, those of June do not: refused."""
    where = Home(home, RIVERSIDE)
    winter, summer = epoch("2026-01-05 09:00:00"), epoch("2026-06-01 09:00:00")
    lines = [cdr(winter + n, zone="UTC", uid=f"{winter + n}.{n}", seq=n) for n in range(50)]
    lines += [cdr(summer + n, zone="UTC", uid=f"{summer + n}.{n}", seq=n) for n in range(5)]
    assert "June 2026" in where.load("riverside-cdr", lines).refused[0][1]


def test_later_legs_do_not_accuse_the_clock(riverside: Home) -> None:
    """A leg an hour into a long call starts an hour after its uniqueid; the other rows vouch for the zone."""
    at = epoch("2026-06-01 09:00:00")
    lines = [cdr(at + n, uid=f"{at + n}.{n}", seq=n) for n in range(5)]
    assert not riverside.load("riverside-cdr", [*lines, cdr(at + 3600, uid=f"{at}.0", seq=99)]).refused


def test_one_row_in_a_month_that_says_nothing_of_the_clock(riverside: Home) -> None:
    """A leg of the first of July, of a call of June; and nothing but the hour that does not exist."""
    born = epoch("2026-06-30 23:51:00")
    at = born + 15 * 60 - 100
    assert not riverside.load("riverside-1", [cdr(at, uid=f"{born}.1"), cdr(born, uid=f"{born}.1", seq=2)]).refused
    never = cdr(epoch("2026-03-29 00:30:00"), seq=3).replace("2026-03-29 00:3", "2026-03-29 01:3")
    assert "does not exist because the clocks went forward" in riverside.load("riverside-2", [never]).refused[0][1]


@pytest.mark.parametrize("ahead", [timedelta(minutes=4), timedelta(minutes=7)])
def test_the_future_refuses_the_file(riverside: Home, ahead: timedelta) -> None:
    """A start more than five minutes ahead of the clock by which it is loaded; the file's age says nothing."""
    at = int((datetime.now(UTC) + ahead).timestamp())
    night = riverside.load("riverside-cdr", [cdr(at, uid=f"{at}.1")])
    assert bool(night.refused) == (ahead > timedelta(minutes=5))


def test_what_is_ahead_is_told_by_the_moment_not_by_the_day(riverside: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the hour after London's midnight in summer, UTC is still a day behind: nothing of the new day has been."""
    tomorrow = london.today() + timedelta(days=1)
    monkeypatch.setattr(london, "today", lambda: tomorrow)
    at = int((datetime.now(UTC) + timedelta(minutes=7)).timestamp())
    assert riverside.load("riverside-cdr", [cdr(at, uid=f"{at}.1")]).refused


@pytest.mark.parametrize(("written", "refused"), [("Europe/London", ""), ("UTC", "the hour from 07:00")])
@pytest.mark.parametrize("season", ["2026-06-01", "2026-01-05"])
def test_the_busiest_hour_gives_a_wrong_zone_away(home: Settings, written: str, refused: str, season: str) -> None:
    """A platform that writes UTC, declared as London: in summer its busiest hour would be seven."""
    where = Home(home, {**THREE_CX, "timezone": "Europe/London"})
    lines = []
    for number in range(300):
        hour, day = (8, 9, 10, 11, 12, 13)[min(number % 9, 5)], number % 4
        if number % 2:
            hour = 8
        local = datetime.fromisoformat(season) + timedelta(days=day, hours=hour, seconds=number * 7)
        at = int(local.replace(tzinfo=ZoneInfo("Europe/London")).timestamp())
        # segment() writes UTC; a platform that writes London's time is that much ahead
        shift = (
            0 if written == "UTC" else int(local.replace(tzinfo=ZoneInfo("Europe/London")).utcoffset().total_seconds())
        )  # type: ignore[union-attr]
        lines.append(
            segment(
                at + shift,
                at + shift + 90,
                answered=at + shift + 30,
                final_type="Extension",
                history=f"Call {number}",
                callid=f"{number}_1",
            )
        )
    night = where.load("beck-1", lines)
    if refused and season == "2026-06-01":
        assert refused in night.refused[0][1]
    else:
        assert not night.refused


def test_a_half_written_last_line_waits_for_the_next_night(riverside: Home) -> None:
    """The last line has no line end: left out, not refused; the next file brings it whole."""
    at = epoch("2026-06-01 09:00:00")
    whole = [cdr(at + n, uid=f"{at + n}.{n}", seq=n) for n in range(3)]
    night = riverside.load("riverside-1", "\n".join(whole)[:-100])
    assert (night.loads[0].rows_kept, night.loads[0].rows_filtered, night.loads[0].rows_refused) == (2, 1, 0)
    assert riverside.load("riverside-2", whole).loads[0].rows_kept == 3
    assert len(riverside.calls()) == 3
