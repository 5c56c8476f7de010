"""What the signed-in user may see. Always from the account, never from the request."""

import re
from dataclasses import dataclass
from typing import Literal

from flask import g, has_request_context

ROLES = ("viewer", "exporter", "administrator")  # each may do what those before it may
KINDS = ("icb", "pcn", "practice")
ODS_CODE = re.compile(r"[A-Z0-9]{3,10}")


class NotSignedIn(LookupError):
    """Asked for the user or scope where nobody is signed in."""


@dataclass(frozen=True)
class Scope:
    """The whole ICB, one PCN or one practice. Written `icb`, `pcn:U12345`, `practice:A81001`."""

    kind: Literal["icb", "pcn", "practice"]
    code: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of scope {self.kind!r}: use icb, pcn:CODE or practice:CODE")
        if (self.code is None) != (self.kind == "icb"):
            raise ValueError(f"scope {self.kind} takes {'no' if self.kind == 'icb' else 'an ODS'} code")
        if self.code is not None and not ODS_CODE.fullmatch(self.code):
            raise ValueError(f"{self.code!r} is not an ODS code: use 3 to 10 letters and figures")

    def __str__(self) -> str:
        return self.kind if self.code is None else f"{self.kind}:{self.code}"

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """The scope written as `icb`, `pcn:CODE` or `practice:CODE`. Raises ValueError, saying what to write."""
        kind, colon, code = text.strip().partition(":")
        return cls(kind.strip().lower(), code.strip().upper() if colon else None)  # type: ignore[arg-type]


@dataclass(frozen=True)
class CurrentUser:
    """Who is asking. `name` is how they sign in."""

    id: int
    name: str
    role: str
    scope: Scope

    def may(self, role: str) -> bool:
        """Whether this user's role includes `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)


def current_user() -> CurrentUser | None:
    """The signed-in user of this request; None for nobody, and while Dash calls layouts at start."""
    return g.get("access_user") if has_request_context() else None


def current_scope() -> Scope:
    """The signed-in user's scope. Raises NotSignedIn where there is none, so a query cannot run without."""
    user = current_user()
    if user is None:
        raise NotSignedIn("there is no signed-in user here")
    return user.scope
