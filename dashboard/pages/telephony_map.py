"""`/telephony/map`: where digital telephony is live. A page of its own, because a map needs the whole of plotly."""

from dash import html
from dash.development.base_component import Component

from dashboard import words
from dashboard.access.scope import Scope
from dashboard.charts.maps import live_map
from dashboard.components.panel import slot
from dashboard.components.sentences import headline
from dashboard.findings_rollout import NO_TRACKER, as_told, of, opening, untold
from dashboard.page import Chart, Column, Definitions, Drawing, Page, Rows
from dashboard.queries import telephony
from dashboard.view import View

FEW_AREAS = 4  # more would not fit into a title


def _map(rows: Rows, view: View, known: Definitions) -> Drawing:
    areas = [row for row in rows if row["kind"] == "sub_icb"]
    practices = [row for row in rows if row["kind"] == "practice"]
    by_area = "; ".join(
        f"{row['name'].rsplit(' - ')[-1]} {row['live'] or 'none'} of {row['practices']}" for row in areas
    )
    told = areas or practices
    live, every = (sum(row[name] for row in told) for name in ("live", "practices"))
    said = ["areas shaded by the share of their practices that are live"] * bool(areas)
    said += ["a point a practice, coloured by its stage"] * bool(practices)
    title = f"{opening(of(live, every))} on the map live" + (f": {by_area}" if 1 < len(areas) <= FEW_AREAS else "")
    if every == 1:
        title = f"The practice on the map is {'' if live else 'not '}live"
    return Drawing(
        title,
        "; ".join(said).capitalize() + ".",
        live_map(rows),
        f"Map of {words.plural(len(areas), 'area')} and {words.plural(len(practices), 'practice')}. {title}.",
    )


MAP = Chart(
    "telephony-map",
    telephony.places,
    _map,
    (
        Column("kind", "Kind"),
        Column("name", "Name"),
        Column("code", "Code"),
        Column("practices", "Practices", "count"),
        Column("live", "Live", "count"),
        Column("share", "Share live", "percent"),
        Column("stage", "Stage"),
    ),
    measures=lambda view: ("telephony_live",),
    empty="No boundary or place is loaded. Put GeoJSON files with ODS or ONS codes into the home's folder `reference`; "
    "the tiles by PCN show the same without a map.",
    height=560,
)


def layout(scope: Scope, view: View) -> list[Component]:
    """The map, and the way back."""
    at = telephony.moment(scope, view)
    back = html.P(html.A("Back to digital telephony", href="/telephony" + view.search()))
    if at is None or not at.is_told:
        return [*headline("Where digital telephony is live", untold(at) if at else NO_TRACKER), back]
    return [
        *headline("Where digital telephony is live", f"{view.organisation.name} · {as_told(at)}"),
        back,
        html.Div([slot(MAP, view, wide=True)], className="panels"),
    ]


PAGE = Page(path="/telephony/map", title="Map of digital telephony", layout=layout, charts=(MAP,), full_plotly=True)
