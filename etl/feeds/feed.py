"""What a feed is, and the registry of them.

A feed is a module with these names:

    NAME = "published_calls"                 one name everywhere
    FACTS = ("published_calls", …)           tables of `etl.warehouse.tables` that it fills
    MAXIMUM_REJECTED_SHARE = 0.05            optional
    NEEDS_ORGANISATIONS = True               optional: read after the night's other files, when practices are known
    HOLDS_PEOPLE = True                      optional: originals hold numbers or names; kept apart, not for long
    def recognise(received) -> str | None    the layout's name, from the contents; None: not mine
    def read(reading) -> None                stages rows; says what it refuses
    def settle(warehouse) -> None            optional: when all files of a run are loaded, in its own transaction

`read` calls `reading.stage(...)` once for each fact and table of the file. It never touches the warehouse.
"""

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

FEEDS = (
    "organisations",
    "registered_patients",
    "published_calls",
    "online_requests",
    "appointments",
    "deprivation",
    "call_logs",
    "rollout_milestone",
    "rollout_capability",
    "rollout_funding",
    "navigation",
    "training",
)


def feeds() -> list[ModuleType]:
    """The feed modules, in the order in which they are asked to recognise a file."""
    return [importlib.import_module(f"etl.feeds.{name}") for name in FEEDS]


class RefusedFile(Exception):
    """The file as a whole cannot be taken. The message says what, where and what to do, in plain words."""


@dataclass(frozen=True)
class Problem:
    """Rows where `condition` (SQL over the source's columns) is true are refused with `reason` (an SQL
    expression giving text; quote a constant with `say`). `column` is the column at fault."""

    condition: str
    column: str
    reason: str


def say(text: str) -> str:
    """`text` as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def among(expression: str, words: Sequence[str]) -> str:
    """SQL: whether a text is one of these words; NULL for NULL.

    Where IN has more than four, DuckDB joins a table of them, and then works out the text for every row of the file,
    also where an arm of a CASE would have asked for it in one of a million.
    """
    return f"list_contains([{', '.join(map(say, words))}], {expression})"


@lru_cache(maxsize=65536)
def normalise(heading: object) -> str:
    """A column heading as a name: footnote marks, line breaks, case and punctuation gone.

    >>> normalise("Ended during the IVR\\n Stage [4] ")
    'ended_during_the_ivr_stage'
    """
    text = re.sub(r"\[[\d,\s]*\]", " ", str(heading)).lower().lstrip("\ufeff")
    return re.sub(r"[^a-z0-9%]+", "_", text).strip("_")


@dataclass
class Received:
    """A file as it came, after unpacking: what a feed sees when asked whether the file is its own.

    kind: "csv" or "workbook". For a CSV `header` is the normalised first record, `records` the first
    records as text (the first included, so that a file without a header can be recognised), `delimiter`
    the separator. For a workbook `sheets` maps each sheet's name to its cells: a list of rows, each a list
    of str, float, bool, date, datetime or "" as python-calamine gives them. `settings` are the
    home's, for a feed whose files' layout is declared there (None for a workbook).
    """

    name: str
    kind: str
    path: Path
    sha256: str = ""
    header: tuple[str, ...] = ()
    records: list[list[str]] = field(default_factory=list)
    delimiter: str = ","
    sheets: dict[str, list[list[Any]]] = field(default_factory=dict)
    recognised: tuple[ModuleType, str] | None = None
    settings: Any = None

    def has(self, *columns: str) -> bool:
        """Whether every one of these normalised columns is in the header."""
        return set(columns) <= set(self.header)


def code(expression: str) -> str:
    """SQL for an ODS code: trimmed and upper-cased, blank as NULL."""
    return f"nullif(upper(trim({expression})), '')"


def day(expression: str) -> str:
    """SQL for a date in any of the published forms (2026-01-01, 01JAN2021, 01Jul2026, 01-Dec-21, 20240131,
    01/12/2025 read as British, MAR2019 as its first day); NULL when it is none of these."""
    text = f"trim({expression})"
    forms = "['%Y-%m-%d', '%d%b%Y', '%d-%b-%y', '%d-%b-%Y', '%Y%m%d', '%d/%m/%Y', '%b%Y', '%Y-%m-%d %H:%M:%S']"
    return f"CAST(try_strptime({text}, {forms}) AS DATE)"


def count(expression: str) -> str:
    """SQL for a count of things: a whole number, also when written `344.0` or `1,234`; else NULL."""
    number = f"try_cast(replace(trim({expression}), ',', '') AS DOUBLE)"
    return f"CASE WHEN {number} = floor({number}) AND abs({number}) < 9e15 THEN CAST({number} AS BIGINT) END"
