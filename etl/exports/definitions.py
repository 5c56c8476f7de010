"""What an export is: a TOML file in `etl/exports/definitions/` or `<home>/exports/definitions/`, checked as it is read.

Figures come from one of two places. `measures` names measures (`*` stands for any text): one row for each of this
ICB's own organisations, month and measure. `select` gives counts at the finest grain; totals over its columns and
its organisations are made here, so that disclosure control knows what adds up to what.
"""

import re
import tomllib
from datetime import date, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

NAME = re.compile(r"[a-z][a-z0-9_]*")
SHIPPED = Path(__file__).parent / "definitions"
ALL = "all"


class DefinitionError(Exception):
    """A definition is wrong, or there is none of this name. The message names the file and the entry."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Strict):
    """A column of the file. `count`: whole numbers that add up. `totals`: a row with `all` for the total over it.
    `at_most`: another count, which this one never exceeds. A share has a `numerator` and a `denominator`."""

    name: str = Field(pattern=NAME.pattern)
    meaning: str = Field(min_length=3)
    type: Literal["text", "date", "integer", "number"] = "text"
    totals: bool = False
    count: bool = False
    at_most: str | None = None
    numerator: str | None = None
    denominator: str | None = None

    @property
    def is_share(self) -> bool:
        """Whether it is worked out from two other columns."""
        return self.numerator is not None


# columns that mean the same wherever they stand: a definition names them without saying more
COMMON = {
    column.name: column
    for column in (
        Column(name="period_start", type="date", meaning="First day of the period."),
        Column(name="period_kind", meaning="Length of the period: month."),
        Column(name="level", meaning="Kind of organisation: practice, pcn, sub_icb or icb."),
        Column(name="organisation_code", meaning="ODS code of the organisation."),
        Column(
            name="ons_code",
            meaning="ONS code of the organisation, where a loaded file gives it: ICBs and sub-ICB locations have one. "
            "Empty for practices and PCNs, which have none.",
        ),
        Column(name="organisation_name", meaning="Name of the organisation; never a key."),
        Column(name="measure", meaning="Name of the measure; its definition is in the metadata beside this file."),
        Column(name="numerator", type="number", meaning="What the measure counts."),
        Column(name="denominator", type="number", meaning="What it is counted against."),
        Column(name="value", type="number", meaning="The measure: a share is a fraction from 0 to 1."),
        Column(name="unit", meaning="Unit of the value."),
        Column(
            name="obs_status",
            meaning="c: a figure of this row is confidential and empty. x: not available. p: provisional. "
            "Empty: nothing to remark.",
        ),
    )
}
MEASURE_COLUMNS = (
    "period_start",
    "period_kind",
    "level",
    "organisation_code",
    "ons_code",
    "organisation_name",
    "measure",
    "numerator",
    "denominator",
    "value",
    "unit",
    "obs_status",
)

WITHOUT_ONS_CODE = tuple(name for name in MEASURE_COLUMNS if name != "ons_code")


class Sum(_Strict):
    """Parts of measures that add up: `navigation_declined.denominator`. With one part: the same under two names."""

    total: str = Field(pattern=r"^\w+\.(numerator|denominator)$")
    parts: tuple[str, ...] = Field(min_length=1)


class AtMost(_Strict):
    """Parts of measures that together never exceed parts of others together; each under its own measure's policy."""

    lesser: tuple[str, ...] = Field(min_length=1)
    parts: tuple[str, ...] = Field(min_length=1)


class Cells(_Strict):
    """A part of a measure that is a sum of cells of care_navigation: those with one of the values of `only` and none
    of `but`. `at_most`: it never exceeds them."""

    count: str = Field(pattern=r"^\w+\.(numerator|denominator)$")
    column: Literal["contacts", "declined"] = "contacts"
    only: dict[str, tuple[str, ...]] = {}
    but: dict[str, tuple[str, ...]] = {}
    at_most: bool = False


class Schedule(_Strict):
    """When an export goes: on a working day (Monday to Friday, no England bank holiday) of a later month."""

    working_day: int = Field(ge=1, le=15, description="3 = the third working day of the month")
    months_after: int = Field(1, ge=1, le=12, description="1 = of the month after the period")
    at: time = Field(time(7, 0), description="London time")
    deadline_working_day: int | None = Field(
        None, ge=1, le=20, description="from this one on, an incomplete period goes marked provisional"
    )

    def due(self, month: date) -> date:
        """The day on which the period that starts on `month` goes."""
        return working_day(_months_later(month, self.months_after), self.working_day)

    def deadline(self, month: date) -> date | None:
        """The day from which an incomplete period goes as provisional; None: never without a person."""
        if self.deadline_working_day is None:
            return None
        return working_day(_months_later(month, self.months_after), self.deadline_working_day)

    @model_validator(mode="after")
    def _deadline_is_later(self) -> Self:
        if self.deadline_working_day is not None and self.deadline_working_day < self.working_day:
            raise ValueError("deadline_working_day comes before working_day")
        return self


class Definition(_Strict):
    """An export. `name` is the file's name."""

    name: str
    title: str
    purpose: str
    grain: Literal["month"] = "month"
    disclosure: Literal["exact", "people"]
    complete_from: tuple[str, ...] = Field((), description="feeds that every open practice must have data from")
    measures: tuple[str, ...] = ()
    sums: tuple[Sum, ...] = ()
    limits: tuple[AtMost, ...] = ()
    cells: tuple[Cells, ...] = ()
    select: str | None = None
    roll_up: tuple[Literal["pcn", "sub_icb", "icb"], ...] = ()
    columns: tuple[Column, ...] = ()
    schedule: Schedule | None = None
    delivery: Literal["folder", "sftp", "mesh"] = "folder"

    @field_validator("columns", mode="before")
    @classmethod
    def _known_columns(cls, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        for column in value:
            if isinstance(column, str) and column not in COMMON:
                raise ValueError(f"column {column!r} needs a meaning: {{ name = {column!r}, meaning = … }}")
        return [COMMON[column] if isinstance(column, str) else column for column in value]

    @model_validator(mode="before")
    @classmethod
    def _columns_of_measures(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("measures") and not value.get("columns"):
            return {**value, "columns": list(MEASURE_COLUMNS)}
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.measures) == bool(self.select):
            raise ValueError("give either measures or select")
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise ValueError("a column appears twice")
        if self.measures and tuple(names) not in (MEASURE_COLUMNS, WITHOUT_ONS_CODE):
            raise ValueError("an export of measures has its own columns: leave columns out")
        if self.select:
            self._check_select(set(names))
        return self

    def _check_select(self, names: set[str]) -> None:
        counts = {column.name for column in self.columns if column.count}
        for column in self.columns:
            if (column.numerator is None) != (column.denominator is None):
                raise ValueError(f"{column.name}: a share has a numerator and a denominator")
            for other in (column.at_most, column.numerator, column.denominator):
                if other is not None and other not in counts:
                    raise ValueError(f"{column.name}: {other} is not one of the counts")
        if self.disclosure == "people" and not counts:
            raise ValueError("counts of people: mark the columns that hold them with count = true")
        if self.disclosure == "people" and any(c.type == "number" and not c.is_share for c in self.columns):
            raise ValueError("counts of people: any other number must be a share of two counts")
        if counts and not {"obs_status", "period_start", "organisation_code"} <= names:
            raise ValueError("columns of counts need period_start, organisation_code and obs_status beside them")
        if self.roll_up and "level" not in names:
            raise ValueError("roll_up needs the column level")

    @property
    def keys(self) -> list[str]:
        """The columns that say what a row is about."""
        plain = {"organisation_name", "ons_code", "numerator", "denominator", "value", "unit", "obs_status"}
        if self.select:
            return [c.name for c in self.columns if c.name not in plain and not c.count and not c.is_share]
        return [c.name for c in self.columns if c.name not in plain]


def definitions(home: Path | None = None) -> dict[str, Definition]:
    """All exports by name, the ICB's own (`<home>/exports/definitions/*.toml`) in place of shipped ones of the
    same name. Raises DefinitionError, naming the file that is wrong."""
    found, wrong = readable(home)
    if wrong:
        raise next(iter(wrong.values()))
    return found


def readable(home: Path | None = None) -> tuple[dict[str, Definition], dict[str, DefinitionError]]:
    """`definitions`, and by file name what is wrong with those that cannot be used. One that is wrong stops only
    itself: a shipped one of its name is not used instead."""
    folders = [SHIPPED] + ([home / "exports" / "definitions"] if home else [])
    found: dict[str, Definition] = {}
    wrong: dict[str, DefinitionError] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            try:
                found[path.stem] = _read(path)
            except DefinitionError as error:
                wrong[path.stem] = error
                found.pop(path.stem, None)
    return dict(sorted(found.items())), wrong


def _read(path: Path) -> Definition:
    if not NAME.fullmatch(path.stem):
        raise DefinitionError(f"{path}: the file's name is the export's: lower case letters, digits and _ only.")
    try:
        return Definition(name=path.stem, **tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DefinitionError(f"{path}: {where + ': ' if where else ''}{first['msg']}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, OSError) as error:
        raise DefinitionError(f"{path} cannot be read: {error}") from None


@cache
def working_day(month: date, number: int) -> date:
    """The so-manieth working day from the first of `month` on."""
    day = month.replace(day=1)
    while True:
        if day.weekday() < 5 and day not in _bank_holidays(day.year):
            number -= 1
            if number == 0:
                return day
        day += timedelta(days=1)


@cache
def _bank_holidays(year: int) -> frozenset[date]:
    import holidays  # slow to import

    return frozenset(holidays.country_holidays("GB", subdiv="ENG", years=year))


def _months_later(month: date, months: int) -> date:
    place = month.year * 12 + month.month - 1 + months
    return date(place // 12, place % 12 + 1, 1)


def months_between(first: date, last: date) -> list[date]:
    """First days of the months from that of `first` to that of `last`."""
    months, month = [], first.replace(day=1)
    while month <= last:
        months.append(month)
        month = _months_later(month, 1)
    return months


def month_of(text: str) -> date:
    """`2026-10` as the first day of the month. Raises DefinitionError."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise DefinitionError(f"The period {text!r} is not a month: write it as 2026-10.")
    return date(int(text[:4]), int(text[5:]), 1)


def last_day(month: date) -> date:
    """The last day of the month that starts on `month`."""
    return _months_later(month, 1) - timedelta(days=1)
