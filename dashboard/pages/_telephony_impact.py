"""Did digital telephony help? A chart of `/telephony`: what changed round go-live, against practices not yet live."""

from dash import html

from dashboard.charts import rollout
from dashboard.findings_rollout import change
from dashboard.page import Chart, Column, Definitions, Drawing, Rows
from dashboard.queries import telephony_delivery
from dashboard.view import View


def _impact(rows: Rows, view: View, known: Definitions) -> Drawing:
    told = [row for row in rows if row["refusal"] is None]
    changed = [row for row in told if not row["lower"] <= 0 <= row["upper"] and not row["placebo_differs"]]
    if not told:
        title = "Did it help? The data cannot say yet"
    elif changed:
        title = "After going live: " + ", ".join(f"{_lower(row['title'])} {change(row)}" for row in changed)
    else:
        title = "Did it help? No change can be told from chance"
    drawn = [row for row in told if row["unit"] == "percent"]
    most = max((row["practices"] for row in told), default=0)
    compared = max((row["controls"] for row in told), default=0)
    return Drawing(
        title,
        "In the whole tracker, up to now: what changed at practices that went live, against practices not yet live in "
        "the same months; in points, with 95% intervals. Hollow: the same sum with a made-up earlier date, which "
        "should find nothing.",
        rollout.effects(drawn) if drawn else None,
        f"{title}. " + " ".join(row["sentence"] for row in told),
        f"{most} that went live, {compared} not yet" if told else "",
        body=html.Ul([html.Li(text) for text in _sentences(rows)]),
    )


def _sentences(rows: Rows) -> list[str]:
    """Each answer; a refusal that several measures share is said once."""
    refused: dict[str, list[str]] = {}
    for row in rows:
        if row["refusal"]:
            refused.setdefault(row["sentence"], []).append(_lower(row["title"]))
    return [row["sentence"] for row in rows if not row["refusal"]] + [
        f"{', '.join(titles).capitalize()}: {sentence[0].lower()}{sentence[1:]}" for sentence, titles in refused.items()
    ]


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


IMPACT = Chart(
    "telephony-impact",
    telephony_delivery.impact,
    _impact,
    (
        Column("title", "Measure"),
        Column("sentence", "Answer"),
        Column("estimate", "Change (points where %)", "measure"),
        Column("lower", "Lower", "measure"),
        Column("upper", "Upper", "measure"),
        Column("practices", "Went live", "count"),
        Column("controls", "Compared with", "count"),
        Column("placebo", "Placebo check"),
        Column("placebo_estimate", "Placebo change", "measure"),
        Column("placebo_lower", "Placebo lower", "measure"),
        Column("placebo_upper", "Placebo upper", "measure"),
    ),
    measures=lambda view: ("calls_answered",),
    meaning="Staggered difference in differences: each practice's mean of the four months after going live less the "
    "four months before, less the same at practices not yet live in those months, so that what happened to everybody "
    "cancels out. The month of going live is left out. A practice counts only with figures for all those months, and "
    "fewer than eight give no answer. Calls that end in the menu, and calls made, are asked too: nothing says that "
    "they should change. The whole tracker is told, "
    "up to now, whichever organisation or day is chosen.",
    empty="No practice in the tracker has figures of its calls, so nothing can be compared.",
    height=0,
)
