"""When a practice is open: core hours, or the practice's own in icb.toml; never on England's bank holidays."""

from collections.abc import Mapping
from typing import Any

import duckdb
import holidays

from etl.feeds.feed import RefusedFile

CORE_HOURS = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), "08:00-18:30")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def register(con: duckdb.DuckDBPyConnection, own: Mapping[str, Any], first_year: int, last_year: int) -> None:
    """Make `open_hours(practice, weekday, opens, closes)`, as `listed` has them, and `bank_holidays(day)` of these
    years and those beside them."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE open_hours (practice VARCHAR, weekday INTEGER, opens INTEGER, closes INTEGER)"
    )
    con.executemany("INSERT INTO open_hours VALUES (?, ?, ?, ?)", listed(own))
    years = range(first_year - 1, last_year + 2)
    named = holidays.country_holidays("GB", subdiv="ENG", years=years)
    con.execute("CREATE OR REPLACE TEMP TABLE bank_holidays (day DATE)")
    con.executemany("INSERT INTO bank_holidays VALUES (?)", [(day,) for day in named])


def listed(own: Mapping[str, Any]) -> list[tuple[str, int, int, int]]:
    """Rows (practice, weekday 1–7, opens, closes) in minutes of the day; practice '' is core hours.

    own: `practice_hours` of icb.toml: practice → day → "08:00-18:30", several times separated by commas; a day
    that is left out is closed. Raises RefusedFile naming the entry that is wrong.
    """
    rows = []
    for practice, week in {"": CORE_HOURS, **own}.items():
        code = str(practice).strip().upper()
        if not isinstance(week, Mapping):
            raise _wrong_hours(code, "")
        for day, times in week.items():
            if day.lower() not in WEEKDAYS:
                raise _wrong_hours(code, day)
            for span in str(times).split(","):
                try:
                    opens, closes = (int(t.strip()[:-3]) * 60 + int(t.strip()[-2:]) for t in span.split("-"))
                except ValueError:
                    raise _wrong_hours(code, day) from None
                rows.append((code, WEEKDAYS.index(day.lower()) + 1, opens, closes))
        # closed all week is said by an entry that no minute falls in
        rows.append((code, 1, 0, 0))
    return rows


def _wrong_hours(practice: str, day: str) -> RefusedFile:
    return RefusedFile(
        f"`practice_hours` of {practice} in icb.toml is wrong{f' for {day}' if day else ''}. Write for example "
        '{ monday = "08:00-18:30", saturday = "09:00-12:00" }; correct it and put the file in the inbox again.'
    )
