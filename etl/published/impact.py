"""Did going live help, and did training? Answered once a night, so that a page only reads the answer."""

from datetime import date

import duckdb
import pandas as pd

from etl.analysis.impact import Impact, switching_effect
from etl.measures.registry import measures

# what going live may have changed, by measures published and logged; the last two are asked because nothing says that
# it should have: a method that finds changes everywhere is not believed anywhere
GROUPS = ("calls_", "logged_calls_")
QUESTIONS = (
    "answered",
    "missed",
    "dealt_with",
    "answered_within_120s",
    "mean_wait",
    "ended_in_ivr",
    "inbound_per_1000",
)
_ABOUT_CALLS = [group + question for group in GROUPS for question in QUESTIONS]
_ABOUT_NAVIGATION = ["navigation_redirected", "navigation_redirected_external", "navigation_not_recorded"]
MONTHS_BEFORE, MONTHS_AFTER = 4, 4
SETTLING = 1  # of the month of going live only a part was live
# event → what practices then did, and what others had not yet become
WORDS = {"going live": ("went live", "live"), "training": ("trained a navigator", "trained")}


def fill_impact(con: duckdb.DuckDBPyConnection) -> None:
    """Fill `built.main.impact` and `impact_path` from `measure_value`: what going live did to calls, by the tracker's
    current belief, and what training did to where requests go. No rows without a tracker or a training return."""
    _fill(con, went_live(con), _ABOUT_CALLS, "going live")
    _fill(con, trained(con), _ABOUT_NAVIGATION, "training")


def _fill(con: duckdb.DuckDBPyConnection, switched: dict[str, date | None], names: list[str], event: str) -> None:
    if not switched:
        return
    con.execute("CREATE OR REPLACE TEMP TABLE tracked (practice VARCHAR)")
    con.executemany("INSERT INTO tracked VALUES (?)", [(practice,) for practice in switched])
    for measure in measures().values():
        if measure.measure not in names or "month" not in measure.periods:
            continue
        values = con.execute(
            "SELECT organisation AS practice, period_start AS period, value FROM built.main.measure_value "
            "WHERE measure = ? AND level = 'practice' AND period_kind = 'month' AND value IS NOT NULL "
            "AND organisation IN (SELECT practice FROM tracked)",
            [measure.measure],
        ).fetch_df()
        if len(values):
            found = effect(values, switched, measure.title[0].lower() + measure.title[1:], measure.unit, event)
            con.execute(f"INSERT INTO built.main.impact VALUES ({', '.join('?' * 14)})", _row(measure.measure, found))
            for step in found.path:
                con.execute("INSERT INTO built.main.impact_path VALUES (?, ?, ?, ?)", [measure.measure, *step])


def went_live(con: duckdb.DuckDBPyConnection) -> dict[str, date | None]:
    """Practices of the tracker → when they went live, as believed now; None: not yet. Who is not in it is in neither
    group: nobody knows whether they switched."""
    rows = con.execute(
        """
        SELECT practice_code, max(CASE WHEN stage = 'live' THEN actual_date END) FROM mart.rollout
        WHERE believed_on = (SELECT max(believed_on) FROM mart.rollout) GROUP BY practice_code
        """
    ).fetchall()
    return dict(rows)


def trained(con: duckdb.DuckDBPyConnection) -> dict[str, date | None]:
    """Practices that a training return names → when their first navigator was trained; None: not yet."""
    return dict(con.execute("SELECT practice_code, trained_on FROM mart.training_practice").fetchall())


def effect(
    values: pd.DataFrame, switched: dict[str, date | None], title: str, unit: str, event: str = "going live"
) -> Impact:
    """The effect of an event on a monthly measure: values have practice, period (a month's first day), value."""
    done, yet = WORDS[event]
    return switching_effect(
        values.assign(period=pd.to_datetime(values["period"])),
        switched,
        before=MONTHS_BEFORE,
        after=MONTHS_AFTER,
        settling=SETTLING,
        measure=title,
        unit=unit,
        period="month",
        event=event,
        done=done,
        yet=yet,
    )


def _row(measure: str, found: Impact) -> list[object]:
    return [
        measure,
        found.estimate,
        found.lower,
        found.upper,
        found.placebo_estimate,
        found.placebo_lower,
        found.placebo_upper,
        found.placebo_differs,
        found.practices,
        found.controls,
        found.before,
        found.after,
        found.sentence,
        found.refusal,
    ]
