"""Attributes whose names Python cannot write."""

from typing import Any


def attributes(**named: str) -> dict[str, Any]:
    """`**attributes(aria_label="Pages")` gives `aria-label="Pages"`; `data_testid` likewise."""
    return {name.replace("_", "-"): value for name, value in named.items()}
