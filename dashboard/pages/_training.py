"""The part of Care navigation about training: who has been trained, who is left, and whether it changed anything."""

from datetime import date
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashboard import words
from dashboard.access.scope import Scope
from dashboard.charts import navigation as draw
from dashboard.components.panel import slot
from dashboard.findings import Sentence
from dashboard.page import Chart, Column, Definitions, Drawing, Rows
from dashboard.queries import data, navigation
from dashboard.queries.navigation import RATE, TRAINED
from dashboard.view import View

PAYERS = {"nhs_england": "NHS England", "icb": "ICB", "pcn": "PCN", "practice": "practice", "other": "other"}
NO_RETURN = "No training return names a practice that is open here. The template is training.csv."


def _training(rows: Rows, view: View, known: Definitions) -> Drawing:
    left = [row for row in rows if not row["is_trained"]]
    title = (
        f"{words.plural(len(left), 'practice').capitalize()} of {len(rows)} without a trained navigator"
        if left
        else f"All {words.plural(len(rows), 'practice')} have a trained navigator"
    )
    if view.organisation.kind == "practice":
        (row,) = rows
        trained = f"First trained on {words.day(row['trained_on'])}" if row["trained_on"] else "A trained navigator"
        return Drawing(
            "No trained navigator yet" if left else trained,
            "At least one training completed, funded or passed on, as the newest training return has it.",
        )
    named = sum(row["is_named"] for row in rows)
    then = "" if view.ending is None else f" As it stood in {words.month(view.ending)}, of practices open today."
    return Drawing(
        title,
        "Open practices by PCN: at least one training completed, funded or passed on. The table says who is left."
        + then,
        draw.trained(rows),
        f"{title}. Bars of practices by PCN, trained and not yet.",
        f"{named} of {words.plural(len(rows), 'practice')} in a training return",
    )


def _training_query(scope: Scope, view: View) -> Rows:
    return [
        {
            **row,
            "state": "trained" if row["is_trained"] else "not yet" if row["is_named"] else "in no return",
            "payer": PAYERS.get(row["funded_paid_by"] or "", ""),
        }
        for row in navigation.training(scope, view)
    ]


def _impact(rows: Rows, view: View, known: Definitions) -> Drawing:
    told = [row for row in rows if row["refusal"] is None]
    apart = [row for row in told if not row["lower"] <= 0 <= row["upper"]]
    sure = [row for row in apart if not row["placebo_differs"]]
    if sure:
        title = "After training, " + ", ".join(_change(row) for row in sure)
    elif apart:
        title = "Did training change it? The practices were moving apart before, so nobody can say"
    elif told:
        title = "Did training change it? No change can be told from chance"
    else:
        title = "Did training change it? The data cannot say yet"
    return Drawing(
        title,
        "Practices after their first training against practices not yet trained in the same months.",
        body=html.Ul([html.Li([html.B(f"{row['title']}. "), row["sentence"]]) for row in rows], className="answers"),
    )


def _impact_query(scope: Scope, view: View) -> Rows:
    return [{**row, "placebo": _placebo(row)} for row in navigation.impact(scope, view)]


def _placebo(row: dict[str, Any]) -> str:
    """Whether a made-up training before the real one seems to have changed something: it should not."""
    if row["refusal"] is not None:
        return ""
    return "fails: they moved apart before" if row["placebo_differs"] else "passes"


def _path(rows: Rows, view: View, known: Definitions) -> Drawing:
    first = rows[0]
    before, after = (
        [row["gap"] for row in rows if (row["months_since"] < 0) == is_before] for is_before in (True, False)
    )
    ahead, then = (100 * sum(gaps) / len(gaps) for gaps in (before, after))
    title = f"Practices trained were {_points(ahead)} the others before training and {_points(then)} them after"
    return Drawing(
        title,
        f"Requests redirected: mean of {words.plural(first['practices'], 'practice')} around their own training, and "
        f"of {words.plural(first['controls'], 'practice')} not yet trained in the same calendar months.",
        draw.before_and_after(rows),
        f"Two lines by months from training. {title}.",
        "every practice that a training return names, whatever is chosen above",
    )


def _points(gap: float) -> str:
    """`1.2 points above`."""
    return f"{abs(gap):.1f} points {'above' if gap >= 0 else 'below'}"


def _change(row: dict[str, Any]) -> str:
    way = "more" if row["estimate"] > 0 else "fewer"
    return f"{100 * abs(row['estimate']):.1f} points {way} {row['title'][0].lower()}{row['title'][1:]}"


TRAINING = Chart(
    "navigation-training",
    _training_query,
    _training,
    (
        Column("name", "Practice"),
        Column("practice", "Code"),
        Column("pcn_name", "PCN"),
        Column("state", "Navigator"),
        Column("funded_booked_on", "Funded place booked", "day"),
        Column("payer", "Paid by"),
        Column("trained_on", "First trained", "day"),
        Column("funded_completed", "Funded places completed", "count"),
        Column("cascaded_completed", "Colleagues passed on to", "count"),
    ),
    measures=lambda view: (TRAINED, "navigator_places_used", "navigator_cascade_ratio"),
    empty=NO_RETURN,
    height=160,
)
IMPACT = Chart(
    "navigation-impact",
    _impact_query,
    _impact,
    (
        Column("title", "Measure"),
        Column("sentence", "Answer"),
        Column("estimate", "Points", "points"),
        Column("lower", "Lower", "points"),
        Column("upper", "Upper", "points"),
        Column("practices", "Trained", "count"),
        Column("controls", "Not yet", "count"),
        Column("placebo", "Placebo check"),
    ),
    measures=lambda view: (RATE,),
    meaning="The same method as for going live with digital telephony: each practice's mean of the months after its "
    "first training less the months before, less the same at practices not yet trained in those months. Placebo: the "
    "same sum with a made-up date before the real one, which should find nothing. The month of training is left out, "
    "as are months in which the rate is withheld. It speaks of all practices that a training return names.",
    empty="There is nothing to compare yet: it needs a training return and navigation outcomes.",
    height=160,
)
PATH = Chart(
    "navigation-before-and-after",
    navigation.impact_path,
    _path,
    (
        Column("months_since", "Months from training"),
        Column("switched", "Trained", "percent"),
        Column("waiting", "Not yet trained", "percent"),
        Column("gap", "Difference, points", "points"),
    ),
    measures=lambda view: (RATE,),
    meaning="The gap after training less the gap before it is the change in the table. The month of training is left "
    "out: of it only a part was trained. Each practice's months are counted from its own training, so the lines hold "
    "different calendar months; both lines hold the same ones.",
    empty="There is nothing to compare yet: it needs eight practices with four months of records before their first "
    "training and four after it, and others that wait meanwhile.",
    height=300,
)
CHARTS = (TRAINING, PATH, IMPACT)


def section(view: View) -> list[Component]:
    """Heading and panels."""
    return [
        html.H2("Who has been trained, and did it help?", className="section"),
        html.Div([slot(each, view, wide=True) for each in CHARTS], className="panels"),
    ]


def sentence(scope: Scope, row: dict[str, Any]) -> Sentence:
    """How many practices have a trained navigator. row: the newest `measure_value` of that."""
    done, of = int(row["numerator"]), int(row["denominator"])
    if row["level"] == "practice":
        return Sentence(
            "A trained navigator" if done else "No trained navigator", f" {_by(scope, row['period_start'])}."
        )
    claim = f"{words.spelt(done)} of {words.plural(of, 'practice')}".capitalize()
    return Sentence(claim, f" had a trained navigator {_by(scope, row['period_start'])}.")


def _by(scope: Scope, month: date) -> str:
    """`at the end of October 2026`, or of a month that has not ended `by 25 Nov 2026`."""
    built = data.freshness(scope).get("built_at")
    if built is not None and (built.year, built.month) == (month.year, month.month):
        return f"by {words.day(built)}"
    return f"at the end of {words.month(month)}"
