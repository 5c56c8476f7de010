"""Local times to UTC and back, as SQL that costs a comparison a row.

DuckDB's own conversion moves times of the missing spring hour without a word and takes the repeated autumn
hour for its second passing. So the changes of a zone are written out here, newest first, as a CASE.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from etl.london import today

LONDON = "Europe/London"
FIRST_YEAR = 2010


@lru_cache(maxsize=64)
def changes(zone: str, last_year: int) -> tuple[tuple[datetime, int, int], ...]:
    """Every change of a zone's offset from 2010 to the end of `last_year`, newest first.

    Each is (UTC time without tzinfo, offset before, offset after), offsets in seconds ahead of UTC.
    """
    place = ZoneInfo(zone)

    def offset(at: datetime) -> int:
        found = at.replace(tzinfo=UTC).astimezone(place).utcoffset()
        return int(found.total_seconds()) if found is not None else 0

    found = []
    day, end = datetime(FIRST_YEAR, 1, 1), datetime(last_year + 1, 1, 1)
    while day < end:
        before, after = day, day + timedelta(days=1)
        if offset(before) != offset(after):
            while after - before > timedelta(seconds=1):
                middle = before + timedelta(seconds=(after - before).total_seconds() // 2)
                before, after = (middle, after) if offset(middle) == offset(before) else (before, middle)
            found.append((after, offset(before), offset(after)))
        day += timedelta(days=1)
    return tuple(reversed(found))


def to_utc(local: str, zone: str, second: bool = False) -> str:
    """SQL: a local TIMESTAMP as UTC. A time that comes twice is its first passing, or with `second` its second.

    A time that does not exist is shifted; ask `missing` first.
    """
    return f"{local} - to_seconds({_case(local, zone, 'second' if second else 'first')})"


def repeated(local: str, zone: str) -> str:
    """SQL: whether a local TIMESTAMP comes twice, as 01:30 does when the clocks go back."""
    return f"({_case(local, zone, 'repeated')})"


def missing(local: str, zone: str) -> str:
    """SQL: whether a local TIMESTAMP never comes, as 01:30 when the clocks go forward."""
    return f"({_case(local, zone, 'missing')})"


def london(utc: str) -> str:
    """SQL: a UTC TIMESTAMP as the time on a clock in London, a TIMESTAMP without a zone."""
    every = changes(LONDON, today().year + 1)
    arms = " ".join(f"WHEN {utc} >= {_at(when)} THEN {after}" for when, _, after in every)
    return f"{utc} + to_seconds(CASE {arms} ELSE {every[-1][1]} END)"


def london_month(utc: str) -> str:
    """SQL: the month in London of a UTC TIMESTAMP, as its first day."""
    return f"CAST(date_trunc('month', {london(utc)}) AS DATE)"


def _case(local: str, zone: str, kind: str) -> str:
    """Arms from the newest change to the oldest, so that recent times are decided by the first ones."""
    every = changes(zone, today().year + 1)
    if not every:
        plain = datetime(2020, 1, 1, tzinfo=ZoneInfo(zone)).utcoffset() or timedelta()
        return {"repeated": "FALSE", "missing": "FALSE"}.get(kind, str(int(plain.total_seconds())))
    arms = []
    for when, before, after in every:
        first, last = sorted((when + timedelta(seconds=before), when + timedelta(seconds=after)))
        back = after < before
        settled = {"repeated": "FALSE", "missing": "FALSE"}.get(kind, str(after))
        between = {
            "repeated": "TRUE" if back else "FALSE",
            "missing": "FALSE" if back else "TRUE",
            "first": str(before),
            "second": str(after if back else before),
        }[kind]
        arms += [f"WHEN {local} >= {_at(last)} THEN {settled}", f"WHEN {local} >= {_at(first)} THEN {between}"]
    oldest = {"repeated": "FALSE", "missing": "FALSE"}.get(kind, str(every[-1][1]))
    return f"CASE {' '.join(arms)} ELSE {oldest} END"


def _at(when: datetime) -> str:
    return f"TIMESTAMP '{when:%Y-%m-%d %H:%M:%S}'"
