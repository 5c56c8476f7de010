"""The day that the product goes by is London's, on a machine of any zone."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from etl import london


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2026, 6, 30, 22, 59, 59, tzinfo=UTC), date(2026, 6, 30)),
        (datetime(2026, 6, 30, 23, 0, tzinfo=UTC), date(2026, 7, 1)),
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2026, 7, 1, 11, 0, tzinfo=timezone(timedelta(hours=13))), date(2026, 6, 30)),
    ],
)
def test_summer_days_begin_an_hour_before_utc_does(moment: datetime, day: date) -> None:
    assert london.day_of(moment) == day
