"""The templates that the ICB's team and practices fill in: listed on `/data`, downloaded by name."""

from pathlib import Path

from dash import html
from dash.development.base_component import Component
from flask import Response, abort, send_file

from dashboard.components.attributes import attributes

FOLDER = Path(__file__).resolve().parents[1] / "data" / "templates"
# file → what it is for, in the order in which they are listed
TITLES = {
    "rollout.csv": "Digital telephony tracker: stages and dates",
    "rollout_capability.csv": "Telephony capabilities",
    "rollout_funding.csv": "Telephony funding",
    "rollout_dictionary.csv": "What each column of the telephony templates means",
    "navigation.csv": "Care-navigation outcomes",
    "navigation_destinations.csv": "Your own words for destinations (for the home folder's `reference`, not the inbox)",
    "navigation_dictionary.csv": "What each column of the navigation templates means",
    "training.csv": "Navigator training",
}


def template_route(name: str) -> Response:
    """One template as a file. 404 for any name that is not listed."""
    path = FOLDER / name
    if name not in TITLES or not path.is_file():
        abort(404)
    return send_file(path, mimetype="text/csv", as_attachment=True, download_name=name)


def template_links() -> Component:
    """A panel with a link to each template."""
    listed = [
        html.Li(html.A(title, href=f"/templates/{name}")) for name, title in TITLES.items() if (FOLDER / name).is_file()
    ]
    return html.Section(
        [
            html.H2("Templates to fill in", id="templates"),
            html.P("Save as CSV (those of telephony also as XLSX), keep the headings, and put the file in the inbox."),
            html.Ul(listed),
        ],
        className="panel wide",
        **attributes(aria_labelledby="templates"),
    )
