"""Where every query reads: the current generation, and answers remembered for as long as it is current."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, ParamSpec, TypeVar, cast

from flask import current_app

from etl.published.reading import NothingPublished, Reader

REMEMBERED_ANSWERS = 1024
NAME = "switchboard_reader"

P = ParamSpec("P")
R = TypeVar("R")


def reader() -> Reader:
    """The reader of this app's published folder."""
    return cast(Reader, current_app.extensions[NAME])


def generation() -> str | None:
    """Name of the generation being read; None when nothing has been published yet."""
    try:
        return reader().generation
    except NothingPublished:
        return None


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

    return cast(Callable[P, R], wrapper)


@remembered
def columns_of(table: str) -> frozenset[str]:
    """The columns of a table of the generation; none where an older generation does not have it."""
    rows = reader().records(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'main' AND table_name = :name",
        name=table,
    )
    return frozenset(row["column_name"] for row in rows)
