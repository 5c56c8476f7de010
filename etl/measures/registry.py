"""Every measure's one definition: a TOML file beside this one, checked as it is read."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from etl.settings import Settings

Level = Literal["practice", "pcn", "sub_icb", "icb", "region", "england"]
LEVELS: tuple[Level, ...] = ("practice", "pcn", "sub_icb", "icb", "region", "england")


class Part(BaseModel):
    """A numerator or denominator: a column of a mart. `label` is what it counts, in words. `disclosure`: exact where
    a measure of people divides by what is no count of people: calls, practices, registered patients."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mart: str
    column: str
    label: str
    disclosure: Literal["exact"] | None = None


class Measure(BaseModel):
    """A definition. `measure` is the file's name. `aim`: a number, or the setting that holds it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    measure: str
    title: str
    question: str
    numerator: Part
    denominator: Part
    unit: Literal["percent", "per_1000_patients", "per_10000_patients", "seconds", "count", "ratio"]
    better: Literal["higher", "lower", "neither"]
    periods: tuple[Literal["day", "week", "month"], ...]
    levels: tuple[Level, ...] = LEVELS
    status: Literal["national", "national_components", "product"]
    source: str
    definition: str
    caveats: tuple[str, ...] = ()
    aim: float | Literal["redirection_aim"] | None = None
    disclosure: Literal["exact", "people"] = "exact"
    withhold: str = Field("", description="SQL over numerator, denominator and the mart's row: true empties the value")

    @property
    def factor(self) -> int:
        """What a ratio of raw counts is multiplied by."""
        return {"per_1000_patients": 1000, "per_10000_patients": 10_000}.get(self.unit, 1)

    def aim_in(self, settings: Settings) -> float | None:
        """The aim as a number, in the measure's unit; None where there is none."""
        return settings.redirection_aim if self.aim == "redirection_aim" else self.aim


class MeasureError(Exception):
    """A measure's file is wrong; the message names the file and the entry."""


@cache
def measures(folder: Path = Path(__file__).parent) -> dict[str, Measure]:
    """All measures by name, in order of name. Raises MeasureError naming the file that is wrong."""
    found = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            found[path.stem] = Measure(measure=path.stem, **tomllib.loads(path.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, ValidationError) as error:
            raise MeasureError(f"{path.name}: {error}") from None
    return found
