"""Did going live help? Answered once a night for every measure of calls, so that a page only reads the answer."""

from datetime import date

import duckdb
import pandas as pd

from etl.analysis.impact import Impact, switching_effect
from etl.measures.registry import measures

# the first part of a measure's name: what going live may have changed
GROUPS = ("calls_", "logged_calls_")
QUESTIONS = ("answered", "missed", "dealt_with", "answered_within_120s", "wait")
MONTHS_BEFORE, MONTHS_AFTER = 4, 4
SETTLING = 1  # of the month of going live only a part was live


def fill_impact(con: duckdb.DuckDBPyConnection) -> None:
    """Fill `built.main.impact` from `raw_value` and the tracker's current belief; no rows without a tracker."""
    switched = went_live(con)
    if not switched:
        return
    con.execute("CREATE OR REPLACE TEMP TABLE tracked (practice VARCHAR)")
    con.executemany("INSERT INTO tracked VALUES (?)", [(practice,) for practice in switched])
    for measure in measures().values():
        if not measure.measure.startswith(GROUPS) or "month" not in measure.periods:
            continue
        if not any(measure.measure.removeprefix(group) in QUESTIONS for group in GROUPS):
            continue
        values = con.execute(
            "SELECT organisation AS practice, period_start AS period, value FROM raw_value WHERE measure = ? "
            "AND level = 'practice' AND period_kind = 'month' AND value IS NOT NULL "
            "AND organisation IN (SELECT practice FROM tracked)",
            [measure.measure],
        ).fetch_df()
        if len(values):
            found = effect(values, switched, measure.title[0].lower() + measure.title[1:], measure.unit)
            con.execute(f"INSERT INTO built.main.impact VALUES ({', '.join('?' * 14)})", _row(measure.measure, found))


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


def effect(values: pd.DataFrame, switched: dict[str, date | None], title: str, unit: str) -> Impact:
    """The effect of going live on a monthly measure: values have practice, period (a month's first day), value."""
    return switching_effect(
        values.assign(period=pd.to_datetime(values["period"])),
        switched,
        before=MONTHS_BEFORE,
        after=MONTHS_AFTER,
        settling=SETTLING,
        measure=title,
        unit=unit,
        period="month",
        event="going live",
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
