"""Settings of exports: the table `[exports]` of `<home>/icb.toml`; passwords only from the environment.

[exports]
night_at = "03:00"                      # London time
delivery = { care_navigation = "mesh" } # in place of the definition's route

[exports.folder]
path = "/srv/to-dhsc"                   # without it, a file is delivered when it is in <home>/exports/<name>/

[exports.sftp]
host = "sftp.example.nhs.uk"            # password: ICB_SFTP_PASSWORD, or key_file
user = "icb"
host_key = "ssh-ed25519 AAAA…"          # pinned: any other server is refused
folder = "incoming"

[exports.mesh]
mailbox = "X26ABC1"                     # ICB_MESH_PASSWORD, ICB_MESH_SHARED_KEY
recipient = "X26ABC2"
workflow_id = "ICB_ACCESS"

[exports.email]                         # off unless it is here; ICB_SMTP_PASSWORD
host = "smtp.example.nhs.uk"
sender = "switchboard@example.nhs.uk"
to = ["access-team@example.nhs.uk"]

[exports.webhook]                       # off unless it is here
url = "https://hooks.example.nhs.uk/access"
"""

import os
from datetime import time
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from etl.settings import Settings, SettingsError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Folder(_Strict):
    """A folder that someone else collects from."""

    path: Path


class Sftp(_Strict):
    """An SFTP server. `host_key` is its public key as in a known_hosts line: kind and base64."""

    host: str
    port: int = 22
    user: str
    host_key: str
    folder: str = "."
    key_file: Path | None = None

    @property
    def password(self) -> str | None:
        """From ICB_SFTP_PASSWORD."""
        return os.environ.get("ICB_SFTP_PASSWORD")


class Mesh(_Strict):
    """A MESH mailbox and where to send. `certificate` and `key`: files for mutual TLS; `authority`: its CA bundle."""

    url: str = "https://mesh-sync.spineservices.nhs.uk"
    mailbox: str
    recipient: str
    workflow_id: str
    certificate: Path | None = None
    key: Path | None = None
    authority: Path | None = None

    @property
    def password(self) -> str:
        """From ICB_MESH_PASSWORD."""
        return os.environ.get("ICB_MESH_PASSWORD", "")

    @property
    def shared_key(self) -> str:
        """From ICB_MESH_SHARED_KEY."""
        return os.environ.get("ICB_MESH_SHARED_KEY", "")


class Email(_Strict):
    """A mail server for notices."""

    host: str
    port: int = 587
    starttls: bool = True
    user: str | None = None
    sender: str
    to: tuple[str, ...] = Field(min_length=1)

    @property
    def password(self) -> str:
        """From ICB_SMTP_PASSWORD."""
        return os.environ.get("ICB_SMTP_PASSWORD", "")


class Webhook(_Strict):
    """An address that notices are posted to as JSON."""

    url: str


class ExportSettings(_Strict):
    """The table `[exports]`."""

    night_at: time = time(3, 0)
    delivery: dict[str, Literal["folder", "sftp", "mesh"]] = {}
    folder: Folder | None = None
    sftp: Sftp | None = None
    mesh: Mesh | None = None
    email: Email | None = None
    webhook: Webhook | None = None


def export_settings(settings: Settings) -> ExportSettings:
    """The table `[exports]`, checked. Raises SettingsError naming the entry that is wrong."""
    try:
        return ExportSettings(**settings.exports)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(("exports", *(str(part) for part in first["loc"])))
        raise SettingsError(f"Setting `{name}` is wrong: {first['msg']}. etl/exports/settings.py lists them.") from None
