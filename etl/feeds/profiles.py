"""Profiles: TOML files that say how one export looks, shipped beside a feed or put in `<home>/profiles/`."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from etl.feeds.feed import RefusedFile

T = TypeVar("T")


def read_profiles(home: Path | None, shipped: Path, feed: str, make: Callable[[dict[str, Any]], T]) -> dict[str, T]:
    """Profiles by name, the home's own before those in `shipped`. `template.toml` is for copying and is none.

    feed: how the entry `feed` begins in those that are wanted; the home's folder holds other feeds' profiles too.
    make: a profile from its entries, checked. Raises RefusedFile, naming the file and the entry, for one that is wrong.
    """
    found: dict[str, T] = {}
    for folder in [*([home / "profiles"] if home else []), shipped]:
        for path in sorted(folder.glob("*.toml")):
            if path.stem == "template" or path.stem in found:
                continue
            wanted = read_profile(
                path, lambda entries: make(entries) if str(entries.get("feed", "")).startswith(feed) else None
            )
            if wanted is not None:
                found[path.stem] = wanted
    return found


def read_profile(path: Path, make: Callable[[dict[str, Any]], T]) -> T:
    """What `make` makes of a profile's entries. Raises RefusedFile, naming the file and the entry, for a wrong one."""
    try:
        return make(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except ValueError as error:  # TOML's, Unicode's and pydantic's errors are all ValueErrors
        what = error.errors()[0] if isinstance(error, ValidationError) else None
        detail = f"`{'.'.join(map(str, what['loc']))}`: {what['msg']}" if what else str(error)
        raise RefusedFile(f"The profile {path.name} is wrong: {detail}. Correct it and try again.") from None
