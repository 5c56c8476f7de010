"""What is being looked at: one organisation over one period, as the URL says."""

from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qsl, urlencode

from dashboard import words

PERIODS = {"12": "Last 12 months", "24": "Last 24 months", "36": "Last 36 months", "all": "All months"}
DEFAULT_PERIOD = "24"
NEWEST = "newest"  # what the filter of the last month holds where none was chosen
LONGEST_VALUE = 80
LONGEST_SEARCH = 4000  # no address is longer; a request to Dash's endpoint could say anything


@dataclass(frozen=True)
class Organisation:
    """One organisation, with the codes of those it belongs to now (`parents`, nearest first)."""

    code: str
    kind: str
    name: str
    postcode: str | None = None
    patients: int | None = None
    patients_on: date | None = None
    closed: date | None = None
    is_own: bool = True
    parents: tuple[str, ...] = ()


@dataclass(frozen=True)
class View:
    """What a page or chart shows. Hashable, so that it is the key under which answers are remembered.

    first_month, last_month: first days of the first and last month shown; both None before anything is loaded.
    ending: the last month where an earlier one than the newest was chosen; then nothing later is looked at.
    options: the page's own choices from the URL (such as `measure`), sorted.
    """

    organisation: Organisation
    period: str = DEFAULT_PERIOD
    first_month: date | None = None
    last_month: date | None = None
    options: tuple[tuple[str, str], ...] = ()
    ending: date | None = None

    @property
    def months_in_words(self) -> str:
        """Its months as a page says them."""
        return words.months(self.first_month, self.last_month)

    def option(self, name: str, default: str = "") -> str:
        """The page's own choice `name`, or `default` where the URL does not say."""
        return dict(self.options).get(name, default)

    def search(self, **changes: str | None) -> str:
        """The URL's query string for this view, `?` included; `changes` replace or (None) remove parts of it."""
        parts: dict[str, str | None] = {
            "organisation": self.organisation.code,
            "period": self.period,
            "ending": None if self.ending is None else f"{self.ending:%Y-%m}",
            **dict(self.options),
            **changes,
        }
        return "?" + urlencode({name: value for name, value in parts.items() if value is not None})


def parse_search(search: str | None) -> dict[str, str]:
    """The parts of a query string, with or without its `?`; over-long texts are cut, the last of a name wins."""
    asked = (search or "")[:LONGEST_SEARCH].lstrip("?")
    return {name: value[:LONGEST_VALUE] for name, value in parse_qsl(asked)}
