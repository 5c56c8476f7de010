"""Which day it is. Practices, trackers and the calendar of exports live by London's days, wherever the server stands.

Moments (when a file was loaded, a generation built, a log written) are UTC, and so are the days in which logs and
archived files are put away.
"""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")


def today() -> date:
    """The day on a calendar in London."""
    return day_of(datetime.now(UTC))


def day_of(moment: datetime) -> date:
    """The day in London of a moment (aware).

    >>> day_of(datetime(2026, 6, 30, 23, 30, tzinfo=UTC))
    datetime.date(2026, 7, 1)
    """
    return moment.astimezone(LONDON).date()
