"""Variation and assurance icons: shape and colour both carry the meaning, each with a text alternative."""

from collections.abc import Mapping
from typing import Any

from dash import get_asset_url, html

from dashboard import findings, words

SIZE = 26
WITH_ICON = "nowrap"


def variation(name: str | None) -> html.Img:
    """The icon of a variation class; the one for too little data where there is none."""
    file = name if name and words.variation(name) != words.variation(None) else "none"
    return _icon(f"variation_{file}", "Variation: " + words.variation(name))


def judged(row: Mapping[str, Any]) -> html.Img:
    """The icon of a newest value; the one for too little data where its limits rest on too few points to say more."""
    return variation(row["variation"] if findings.has_enough(row) else None)


def assurance(name: str | None) -> list[html.Img]:
    """The icon of an assurance class; nothing where there is no aim to reach."""
    return [_icon(f"assurance_{name}", "Assurance: " + words.assurance(name))] if name else []


def beside(said: str, icon: html.Img) -> html.Span:
    """Words and the icon that judges them, on one line."""
    return html.Span([said, icon], className=WITH_ICON)


def _icon(file: str, meaning: str) -> html.Img:
    return html.Img(
        src=get_asset_url(f"icons/{file}.svg"), alt=meaning, title=meaning, width=SIZE, height=SIZE, className="icon"
    )
