"""Where call logs come from: the `[[telephony_source]]` tables of icb.toml, and which of them a file belongs to.

[[telephony_source]]
id = "riverside"            # appears in every call's lineage
platform = "asterisk"       # asterisk | three_cx | mapped_csv
files = "riverside-*"       # names of this source's files in the inbox
timezone = "Europe/London"  # the zone in which the platform writes
numbers = { "01632960001" = "Y99901", "nav" = ["Y99901", "Y99902"] }
columns = [...]             # optional: the platform's columns, where they are not the usual ones
time_format = "%d/%m/%Y %H:%M:%S"   # optional: how an Asterisk or 3CX export writes times
callback_keys = ["1"]       # asterisk: keys that ask for a call-back in a queue
profile = "canonical"       # mapped_csv
"""

from fnmatch import fnmatch
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from etl.feeds.feed import RefusedFile

Platform = Literal["asterisk", "three_cx", "mapped_csv"]


class Source(BaseModel):
    """One telephone platform that sends call logs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(min_length=1, pattern=r"^[A-Za-z0-9_.\-]+$")
    platform: Platform
    files: str = Field(min_length=1)
    timezone: str
    profile: str = "canonical"
    numbers: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    callback_keys: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    time_format: str = ""

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"`{value}` is not a time zone; write for example Europe/London or UTC") from None
        return value

    @field_validator("numbers", mode="before")
    @classmethod
    def _practices(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {
            str(number): tuple(sorted(str(code).strip().upper() for code in ([of] if isinstance(of, str) else of)))
            for number, of in value.items()
        }

    @model_validator(mode="after")
    def _needs_numbers(self) -> "Source":
        if self.platform != "mapped_csv" and not self.numbers:
            raise ValueError("`numbers` is missing: say which practice each dialled number or queue belongs to")
        return self


def sources(tables: list[dict[str, Any]]) -> list[Source]:
    """The declared sources. Raises RefusedFile naming the source and the entry that is wrong."""
    found: list[Source] = []
    for position, table in enumerate(tables, start=1):
        named = f"`{table['id']}`" if table.get("id") else f"number {position}"
        try:
            found.append(Source(**table))
        except ValidationError as error:
            first = error.errors()[0]
            entry = ".".join(str(part) for part in first["loc"][:1])
            where = f", `{entry}`" if entry else ""
            raise RefusedFile(
                f"The telephony source {named} in icb.toml is wrong{where}: "
                f"{first['msg'].removeprefix('Value error, ')}. Correct it and put the file in the inbox again."
            ) from None
    ids = [source.id for source in found]
    for twice in {name for name in ids if ids.count(name) > 1}:
        raise RefusedFile(f"Two telephony sources in icb.toml have the id `{twice}`. Give each its own.")
    return found


def claims(tables: list[dict[str, Any]], file_name: str) -> list[dict[str, Any]]:
    """The declared tables, checked or not, whose `files` matches: a member of a zip by its own name or the zip's."""
    names = [part for part in file_name.replace("\\", "/").split("/") if part]
    return [t for t in tables if any(fnmatch(name, str(t.get("files", ""))) for name in names)]


def source_of(tables: list[dict[str, Any]], file_name: str) -> Source:
    """The one source whose file this is. Raises RefusedFile when there is none, or more than one."""
    found = claims(tables, file_name)
    if not found:
        raise RefusedFile(
            "The file looks like a telephone system's call log, but no [[telephony_source]] in icb.toml has a `files` "
            "pattern that fits its name. Add the source, or rename the file, and put it in the inbox again."
        )
    if len(found) > 1:
        names = ", ".join(str(t.get("id")) for t in found)
        raise RefusedFile(
            f"The file's name fits the `files` pattern of more than one telephony source ({names}). Make the patterns "
            "in icb.toml differ and put the file in the inbox again."
        )
    return next(source for source in sources(tables) if source.id == found[0].get("id"))
