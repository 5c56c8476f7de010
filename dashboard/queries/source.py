"""Where every query reads: the current generation, and answers remembered for as long as it is current."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar, cast

from flask import current_app

from etl.published.reading import NothingPublished, Reader
from etl.published.tables import TABLES

# of each function: the largest panel takes 0.7 MB, and one user can ask for as many views as there are words
REMEMBERED_ANSWERS = 256
NAME = "switchboard_reader"
MINIMUM_BASE = "NAVIGATION_MINIMUM_BASE"

P = ParamSpec("P")
R = TypeVar("R")


def reader() -> Reader:
    """The reader of this app's published folder."""
    return cast(Reader, current_app.extensions[NAME])


def minimum_base() -> int:
    """The setting `navigation_minimum_base`: shares of fewer requests are not drawn."""
    return int(current_app.config[MINIMUM_BASE])


def generation() -> str | None:
    """Name of the generation being read; None when there is none that this version can read."""
    name = _published()
    return name if name and not _lacks(reader(), name) else None


def is_outdated() -> bool:
    """Whether what is published was made by an older version, and has to be made again before it can be read."""
    name = _published()
    return bool(name and _lacks(reader(), name))


def _published() -> str | None:
    try:
        return reader().generation
    except NothingPublished:
        return None


@lru_cache(maxsize=8)
def _lacks(from_: Reader, name: str) -> frozenset[tuple[str, str]]:
    """Tables and columns that this version reads and the generation does not have."""
    rows = from_.records("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'main'")
    has = {(row["table_name"], row["column_name"]) for row in rows}
    return frozenset((table, column) for table, columns in TABLES.items() for column in columns) - has


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """Remember answers by generation and arguments (all hashable), so that a new night forgets them.

    The caller must not change what it is given: others are given the same object.
    """

    @lru_cache(maxsize=REMEMBERED_ANSWERS)
    def answer(_reader: Reader, _generation: str | None, *args: Any) -> R:
        return function(*args)  # type: ignore[call-arg]

    @wraps(function)
    def wrapper(*args: Any) -> R:
        return answer(reader(), generation(), *args)

    wrapper.cache_info = answer.cache_info  # type: ignore[attr-defined]
    return cast(Callable[P, R], wrapper)
