"""From a URL's query string to what is looked at, within what a scope may see."""

from datetime import date

from dashboard.access.scope import Scope
from dashboard.queries import organisations
from dashboard.queries.measures import month_range
from dashboard.view import DEFAULT_PERIOD, PERIODS, View, parse_search

MOST_OPTIONS = 8


def resolve(scope: Scope, search: str | None) -> View:
    """The view of a query string. An unknown period is the default one.

    Raises NoSuchOrganisation for an organisation that is unknown or not this scope's.
    """
    parts = parse_search(search)
    code = parts.pop("organisation", "")
    period = parts.pop("period", DEFAULT_PERIOD)
    organisation = organisations.find(scope, code) if code else organisations.home(scope)
    period = period if period in PERIODS else DEFAULT_PERIOD
    first, last = month_range() or (None, None)
    if first is not None and last is not None and period != "all":
        first = max(first, months_before(last, int(period) - 1))
    return View(organisation, period, first, last, tuple(sorted(parts.items())[:MOST_OPTIONS]))


def months_before(month: date, count: int) -> date:
    """The first of the month `count` months before `month`."""
    years, index = divmod(month.year * 12 + month.month - 1 - count, 12)
    return date(years, index + 1, 1)
