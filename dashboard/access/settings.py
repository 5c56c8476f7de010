"""Knobs of sign-in and scope: `ICB_*` in the environment, or `[access]` and `[oidc]` in `<home>/icb.toml`.

The environment wins. Secrets (the secret key, the OpenID Connect client secret) are never read from
icb.toml: they come from the environment or from a file in `<home>/secrets` that only its owner can read.
"""

import contextlib
import ipaddress
import os
import secrets
import stat
import tempfile
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from sqlalchemy import make_url

from dashboard.access.scope import Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SECRETS = ("secret_key", "oidc_client_secret")


class AccessSettingsError(Exception):
    """A setting is unknown, wrong or unsafe. The message names it and says what to do."""


class OidcRule(BaseModel, extra="forbid"):
    """People whose `claim` holds `value` get `role` and `scope`; the first rule that matches wins.

    `scope` may quote another claim, as in `practice:{ods_code}`; a person without that claim is not matched.
    """

    claim: str
    value: str
    role: Literal["viewer", "exporter", "administrator"] = "viewer"
    scope: str

    @field_validator("scope")
    @classmethod
    def _readable(cls, value: str) -> str:
        if "{" not in value:
            Scope.parse(value)
        elif not (value.startswith(("pcn:{", "practice:{")) and value.endswith("}")):
            raise ValueError("write a claim as `pcn:{claim}` or `practice:{claim}`")
        return value


class AccessSettings(BaseSettings):
    """Settings of accounts, sign-in and sessions. Build with `load_access_settings()`."""

    model_config = SettingsConfigDict(env_prefix="ICB_", extra="ignore")

    home: Path = Field(Path("data"), description="The home folder; secrets and accounts are kept in it.")
    secret_key: str = Field(
        "", repr=False, description="Signs cookies. Empty: made once, in `<home>/secrets/secret_key`."
    )
    accounts_url: str = Field(
        "", repr=False, description="SQLAlchemy URL of the accounts. Empty: `sqlite:///<home>/accounts.sqlite`."
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        (), description="Addresses or networks, comma separated, whose X-Forwarded-* headers are believed."
    )
    oidc_issuer: str = Field("", description="The OpenID Connect issuer. Empty: local accounts only.")
    oidc_client_id: str = Field("", description="The client's name at the issuer.")
    oidc_client_secret: str = Field(
        "", repr=False, description="The client's secret; or the file `<home>/secrets/oidc_client_secret`."
    )
    oidc_scopes: str = Field("openid profile email", description="What is asked of the issuer.")
    oidc_label: str = Field("Sign in with your organisation's account", description="The words on the sign-in link.")
    oidc_rule: list[OidcRule] = Field(
        [], description="Claims to role and scope, the first that matches: tables of `claim`, `value`, `role`, `scope`."
    )
    access_contact: str = Field(
        "the primary care team of your Integrated Care Board",
        description="Whom a person who is refused should ask.",
    )
    access_public_url: str = Field(
        "http://localhost:8050", description="Where people find the dashboard; begins set-password links."
    )
    access_idle_minutes: int = Field(60, ge=1, description="A session unused for this long ends.")
    access_absolute_minutes: int = Field(12 * 60, ge=1, description="A session this old ends.")
    access_link_hours: int = Field(72, ge=1, description="A set-password link this old no longer works.")
    access_lockout_minutes: int = Field(
        30, ge=1, description="How long an account name is locked; also when wrong passwords are forgotten."
    )
    access_argon2_time_cost: int = Field(
        3, ge=1, description="Passes over memory of a password hash; lower only in tests."
    )
    access_argon2_memory_kib: int = Field(
        65536, ge=8, description="Memory of a password hash, KiB; lower only in tests."
    )

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            return value
        return tuple(ipaddress.ip_network(str(part).strip(), strict=False) for part in parts if str(part).strip())

    @model_validator(mode="after")
    def _complete(self) -> "AccessSettings":
        self.home = self.home.expanduser().resolve()
        if not self.accounts_url:
            self.accounts_url = f"sqlite:///{self.home / 'accounts.sqlite'}"
        for prefix in ("postgres://", "postgresql://"):
            if self.accounts_url.startswith(prefix):
                self.accounts_url = "postgresql+psycopg://" + self.accounts_url.removeprefix(prefix)
        if not self.accounts_url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("accounts_url must begin with sqlite:/// or postgresql://")
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError("oidc_issuer is set but oidc_client_id is not")
        self.access_public_url = self.access_public_url.rstrip("/")
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
        """Arguments, then the environment, then icb.toml."""
        assert isinstance(init_settings, InitSettingsSource)
        home = Path(init_settings.init_kwargs.get("home") or os.environ.get("ICB_HOME") or "data")
        from_file = InitSettingsSource(settings_cls, _from_toml(home.expanduser() / "icb.toml"))
        return init_settings, env_settings, from_file


def load_access_settings(**overrides: Any) -> AccessSettings:
    """Settings from `overrides`, the environment and `<home>/icb.toml`, with the secrets filled in.

    Makes `<home>/secrets/secret_key` (mode 0600) where there is no secret key yet.
    Raises AccessSettingsError, naming the setting, for an unknown key, a wrong value or an unsafe file.
    """
    try:
        settings = AccessSettings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "access"
        raise AccessSettingsError(f"Setting `{name}` is wrong: {first['msg']}.") from None
    folder = settings.home / "secrets"
    try:
        settings.secret_key = settings.secret_key or _read_secret(folder / "secret_key") or make_secret(folder)
    except OSError as error:
        raise AccessSettingsError(f"{folder} cannot be used for secrets: {error.strerror}.") from None
    settings.oidc_client_secret = settings.oidc_client_secret or _read_secret(folder / "oidc_client_secret")
    if len(settings.secret_key) < 32:
        raise AccessSettingsError("ICB_SECRET_KEY is too short: use at least 32 random characters.")
    if settings.oidc_issuer and not settings.oidc_client_secret:
        raise AccessSettingsError(
            f"oidc_issuer is set but there is no client secret: set ICB_OIDC_CLIENT_SECRET or write it to "
            f"{folder / 'oidc_client_secret'} (mode 0600)."
        )
    return settings


def make_secret(folder: Path) -> str:
    """Write a random key to `folder/secret_key`, once even when several processes start together."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=folder)  # mkstemp gives mode 0600
    temporary, path = Path(name), folder / "secret_key"
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        temporary.unlink()
    return _read_secret(path)


def _read_secret(path: Path) -> str:
    """The secret in a file, or "" if there is none. Refuses a file that others can read."""
    if not path.exists():
        return ""
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise AccessSettingsError(f"{path} can be read by other users: run `chmod 600 {path}` and try again.")
    return path.read_text(encoding="utf-8").strip()


def _from_toml(path: Path) -> dict[str, Any]:
    """`[access]` and `[oidc]` of icb.toml as flat field names: `[oidc] issuer` is `oidc_issuer`."""
    if not path.is_file():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AccessSettingsError(f"{path} is not valid TOML: {error}. Correct the file and try again.") from None
    flat: dict[str, Any] = {}
    for table in ("access", "oidc"):
        for key, value in dict(tables.get(table, {})).items():
            names = [key, f"{table}_{key}"] if table == "access" else [f"{table}_{key}"]
            name = next((name for name in names if name in AccessSettings.model_fields), None)
            if name is None or name == "home":
                raise AccessSettingsError(f"Unknown setting `{key}` in [{table}] of {path}.")
            if name in SECRETS or (name == "accounts_url" and make_url(value).password):
                raise AccessSettingsError(
                    f"`{key}` in [{table}] of {path} is a secret: remove it there and set ICB_{name.upper()} "
                    f"or write it to {path.parent / 'secrets' / name} (mode 0600)."
                )
            flat[name] = value
    return flat
