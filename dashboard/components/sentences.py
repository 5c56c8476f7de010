"""The box of sentences that opens a page: the claim in bold, then what it rests on."""

from collections.abc import Iterable

from dash import html
from dash.development.base_component import Component

from dashboard.findings import Sentence


def sentences(found: Iterable[Sentence]) -> Component:
    """Each sentence a paragraph of its own; nothing at all where there are none."""
    paragraphs = [html.P([html.B(each.claim), each.rest]) for each in found]
    return html.Div(paragraphs, className="sentences", role="note") if paragraphs else html.Div()


def headline(title: str, subtitle: str = "") -> list[Component]:
    """The page's one <h1> and the line under it."""
    heading: list[Component] = [html.H1(title, tabIndex="-1")]
    return [*heading, html.P(subtitle, className="subtitle")] if subtitle else heading
