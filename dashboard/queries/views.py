"""From a URL's query string to what is looked at, within what a scope may see."""

from datetime import date

from dashboard.access.scope import Scope
from dashboard.queries import organisations
from dashboard.queries.measures import month_range
from dashboard.view import DEFAULT_PERIOD, PERIODS, View, parse_search

MOST_OPTIONS = 8


def resolve(scope: Scope, search: str | None) -> View:
    """The view of a query string: the months of `period` that end with `ending` (`2026-03`; else the newest month).
    An unknown period is the default one, an unknown month the newest.

    Raises NoSuchOrganisation for an organisation that is unknown or not this scope's.
    """
    parts = parse_search(search)
    code = parts.pop("organisation", "")
    period, asked = parts.pop("period", DEFAULT_PERIOD), parts.pop("ending", "")
    organisation = organisations.find(scope, code) if code else organisations.home(scope)
    period = period if period in PERIODS else DEFAULT_PERIOD
    first, last = month_range() or (None, None)
    ending = next((month for month in months() if f"{month:%Y-%m}" == asked and month != last), None)
    last = ending or last
    if first is not None and last is not None and period != "all":
        first = max(first, months_before(last, int(period) - 1))
    return View(organisation, period, first, last, tuple(sorted(parts.items())[:MOST_OPTIONS]), ending)


def months() -> list[date]:
    """Every month that a period may end with, newest first."""
    first, last = month_range() or (None, None)
    found = []
    while first is not None and last is not None and first <= last:
        found.append(last)
        last = months_before(last, 1)
    return found


def months_before(month: date, count: int) -> date:
    """The first of the month `count` months before `month`."""
    years, index = divmod(month.year * 12 + month.month - 1 - count, 12)
    return date(years, index + 1, 1)
