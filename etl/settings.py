"""Every knob, documented once: `ICB_*` in the environment, or `<home>/icb.toml`; the environment wins.

`docs/settings.md` is generated from this file and checked by a test.
"""

import os
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict


class SettingsError(Exception):
    """A setting is unknown or wrong. The message names it and says what to do."""


class Settings(BaseSettings):
    """Settings of one home folder. Build with `load_settings()`."""

    model_config = SettingsConfigDict(env_prefix="ICB_", extra="forbid")

    home: Path = Field(
        Path("data"), description="The folder that holds everything: inbox, archive, warehouse, published."
    )
    code: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="This ICB's ODS code; several, comma separated, after a merger."
    )
    warehouse_url: str = Field(
        "", description="SQLAlchemy URL of the warehouse. Empty: `duckdb:///<home>/warehouse.duckdb`."
    )
    inbox_settle_seconds: int = Field(
        60, ge=0, description="A file in the inbox that changed less than this ago waits for the next night."
    )
    maximum_rejected_share: float = Field(
        0.05, ge=0, le=1, description="A feed refuses a file whole above this share of rejected rows."
    )
    maximum_unpacked_bytes: int = Field(
        16 * 2**30, gt=0, description="A compressed file that unpacks to more than this is refused."
    )
    maximum_line_bytes: int = Field(2**20, gt=0, description="A text file with a longer line is refused.")
    generations_kept: int = Field(3, ge=1, description="How many published generations are kept.")
    memory_limit: str = Field("3GB", description="Memory DuckDB may use while loading and building.")
    log_retention_days: int = Field(90, ge=1, description="Logs older than this are deleted.")
    telephony_target_date: date = Field(
        date(2024, 3, 31), description="The date by which every practice was to be on digital lines."
    )
    analogue_switch_off_dates: list[date] = Field(
        [date(2025, 12, 31), date(2027, 1, 31)],
        description="The dates on which analogue lines are withdrawn, first announced first.",
    )
    telephony_funding_share: float | None = Field(
        None,
        ge=0,
        description="The ICB's share of the £240 million for digital telephony, in pounds. Empty: an even split over "
        "England's practices is shown in its place, and called that.",
    )
    redirection_aim: float = Field(
        0.40,
        ge=0,
        le=1,
        description="The national aim for requests directed more effectively; drawn as an aim, never as a pass mark.",
    )
    navigation_minimum_base: int = Field(
        30, ge=0, description="Redirection rates on fewer requests than this are withheld."
    )
    navigation_maximum_not_recorded: float = Field(
        0.30,
        ge=0,
        le=1,
        description="Redirection rates are withheld when a larger share has no outcome recorded.",
    )
    call_log_retention_days: int = Field(
        30,
        ge=0,
        description="Archived originals that may hold numbers or names (call logs, navigation outcomes, training "
        "returns) are deleted after this many days, and so are refused ones.",
    )
    telephony_source: list[dict[str, Any]] = Field(
        [], description="Where call logs come from: one table a source (see README)."
    )
    practice_hours: dict[str, Any] = Field(
        {}, description="A practice's own opening hours, where they differ from core hours."
    )
    access: dict[str, Any] = Field({}, description="Who may sign in; see `dashboard/access/settings.py`.")
    oidc: dict[str, Any] = Field({}, description="Single sign-on; see `dashboard/access/settings.py`.")
    exports: dict[str, Any] = Field({}, description="Where exports go and who is told: a table, see below.")

    @field_validator("code", mode="before")
    @classmethod
    def _codes(cls, value: object) -> object:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            return value
        return tuple(str(part).strip().upper() for part in parts if str(part).strip())

    @model_validator(mode="after")
    def _absolute(self) -> "Settings":
        self.home = self.home.expanduser().resolve()
        if not self.warehouse_url:
            self.warehouse_url = f"duckdb:///{self.home / 'warehouse.duckdb'}"
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over icb.toml (passed as init)."""
        return env_settings, init_settings

    @property
    def inbox(self) -> Path:
        """Where files are put for the night."""
        return self.home / "inbox"

    @property
    def archive(self) -> Path:
        """Accepted files, by date and load."""
        return self.home / "archive"

    @property
    def rejected(self) -> Path:
        """Refused files, each beside its `.reason.txt`."""
        return self.home / "rejected"

    @property
    def published(self) -> Path:
        """Generations, and CURRENT that names the one to read."""
        return self.home / "published"

    @property
    def logs(self) -> Path:
        """Structured logs, one JSON object a line."""
        return self.home / "logs"


# settings of other parts that share the ICB_ prefix or live in the same file
OTHER_ENVIRONMENT = (
    "ICB_SECRET_KEY",
    "ICB_ACCOUNTS_URL",
    "ICB_OIDC_",
    "ICB_TRUSTED_PROXIES",
    "ICB_ACCESS_",
    "ICB_EXPORT_",
    "ICB_SMTP_",
    "ICB_MESH_",
    "ICB_SFTP_",
)


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and `<home>/icb.toml`.

    Raises SettingsError, naming the setting, for an unknown key or a wrong value.
    """
    home = Path(overrides.get("home") or os.environ.get("ICB_HOME") or "data").expanduser()
    path = home / "icb.toml"
    from_file: dict[str, Any] = {}
    if path.is_file():
        try:
            from_file = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} is not valid TOML: {error}. Correct the file and try again.") from None
    known = set(Settings.model_fields)
    for name in os.environ:
        if name.startswith("ICB_") and name[4:].lower() not in known and not name.startswith(OTHER_ENVIRONMENT):
            raise SettingsError(f"Unknown setting {name} in the environment. Known settings are in docs/settings.md.")
    for name in from_file:
        if name not in known:
            raise SettingsError(f"Unknown setting `{name}` in {path}. Known settings are in docs/settings.md.")
    try:
        return Settings(**{**from_file, "home": home, **overrides})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "settings"
        raise SettingsError(f"Setting `{name}` is wrong: {first['msg']}.") from None
