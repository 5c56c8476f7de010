"""Calls by the half-hour and by the day: the marts that grow by millions, so only touched days are counted again.

Both are counted from `fact.call` in the transaction that changed it. The SELECTs are in the portable subset.
A call on an account that several practices share is `unassigned`; `shared_with` says who they are.
"""

from etl.warehouse.connection import Warehouse

INBOUND = "outcome <> 'engaged'"
MISSED = "outcome IN ('voicemail', 'abandoned_queue', 'no_answer')"
ENDED_IN_IVR = "outcome IN ('out_of_hours', 'abandoned_ivr', 'ivr_diverted')"
ANSWERED = "outcome = 'answered'"

COUNTS = {
    "inbound": f"count(*) FILTER (WHERE {INBOUND})",
    "answered": f"count(*) FILTER (WHERE {ANSWERED})",
    "ended_in_ivr": f"count(*) FILTER (WHERE {ENDED_IN_IVR})",
    "callback_requested": "count(*) FILTER (WHERE outcome = 'callback')",
    "callback_made": "count(*) FILTER (WHERE outcome = 'callback' AND callback_completed)",
    "missed": f"count(*) FILTER (WHERE {MISSED})",
    "engaged": "count(*) FILTER (WHERE outcome = 'engaged')",
    "unknown": "count(*) FILTER (WHERE outcome = 'unknown')",
    "answered_within_60s": f"count(*) FILTER (WHERE {ANSWERED} AND wait_seconds <= 60)",
    "answered_within_120s": f"count(*) FILTER (WHERE {ANSWERED} AND wait_seconds <= 120)",
    "answered_within_300s": f"count(*) FILTER (WHERE {ANSWERED} AND wait_seconds <= 300)",
    "wait_seconds": f"coalesce(sum(wait_seconds) FILTER (WHERE {ANSWERED}), 0)",
    "talk_seconds": f"coalesce(sum(talk_seconds) FILTER (WHERE {ANSWERED}), 0)",
    "repeat_calls": "count(*) FILTER (WHERE nth_of_caller > 1)",
}
# what only the day can say
OF_THE_DAY = {
    # calls whose wait or conversation is known: what a mean divides by
    "waits": f"count(wait_seconds) FILTER (WHERE {ANSWERED})",
    "talks": f"count(talk_seconds) FILTER (WHERE {ANSWERED})",
    "callers": "count(*) FILTER (WHERE nth_of_caller = 1)",
    "lost_callers": "count(*) FILTER (WHERE nth_missed = 1)",
    # the caller's last call of the day was missed: nobody who was missed and rang again
    "lost_not_back": f"count(*) FILTER (WHERE {MISSED} AND nth_from_last = 1)",
    "queued": f"count(*) FILTER (WHERE {INBOUND} AND entered_at IS NOT NULL)",
    "position_given": f"count(*) FILTER (WHERE {INBOUND} AND queue_position IS NOT NULL)",
    "out_of_hours": f"count(*) FILTER (WHERE {INBOUND} AND NOT is_open)",
    "first_hour": f"count(*) FILTER (WHERE {INBOUND} AND half_hour IN (16, 17))",
}

SCHEMA = {
    "calls_half_hour": ("practice_code", "shared_with", "local_date", "half_hour"),
    "calls_day": ("practice_code", "shared_with", "local_date"),
    "answered_waits": ("practice_code", "shared_with", "local_date", "wait_seconds"),
}


def refresh(warehouse: Warehouse) -> None:
    """Count again the days in `touched_days(practice_code, local_date)`, a temporary table of `warehouse.con`."""
    ensure(warehouse)
    if not warehouse.is_duckdb:
        warehouse.execute(
            "CREATE TEMP TABLE touched_days ON COMMIT DROP AS SELECT practice_code, local_date FROM fact.call LIMIT 0"
        )
        warehouse.append("touched_days", "touched_days", ["practice_code", "local_date"])
    found = warehouse.con.execute("SELECT min(local_date), max(local_date) FROM touched_days").fetchone()
    if found is None or found[0] is None:
        return
    # the range lets the database skip all other days; the pairs are exact
    within = f"local_date BETWEEN DATE '{found[0]}' AND DATE '{found[1]}'"
    for mart, select in SELECTS.items():
        warehouse.execute(
            f"DELETE FROM mart.{mart} AS m WHERE {within} AND EXISTS (SELECT 1 FROM touched_days AS t "
            "WHERE t.practice_code = m.practice_code AND t.local_date = m.local_date)"
        )
        warehouse.execute(f"INSERT INTO mart.{mart} {select.format(calls=_calls(within))}")
    if not warehouse.is_duckdb:
        warehouse.execute("DROP TABLE touched_days")


def ensure(warehouse: Warehouse) -> None:
    """Create the marts where they are not there yet."""
    types = {"practice_code": "VARCHAR", "shared_with": "VARCHAR", "local_date": "DATE", "half_hour": "SMALLINT"}
    for mart, keys in SCHEMA.items():
        columns = [*keys, *{"calls_half_hour": COUNTS, "calls_day": {**COUNTS, **OF_THE_DAY}}.get(mart, {"calls": ""})]
        listed = ", ".join(f"{column} {types.get(column, 'BIGINT')}" for column in columns)
        warehouse.execute(f"CREATE TABLE IF NOT EXISTS mart.{mart} ({listed})")


def _calls(within: str) -> str:
    """The calls of the touched days, each with its place among those of its caller to that practice that day."""
    caller = "PARTITION BY c.practice_code, c.shared_with, c.local_date, c.caller_pseudonym"
    known = f"c.caller_pseudonym IS NOT NULL AND c.{INBOUND}"
    return f"""(SELECT c.*,
        CASE WHEN {known} THEN row_number() OVER ({caller}, c.{INBOUND} ORDER BY c.started_at, c.call_id) END
            AS nth_of_caller,
        CASE WHEN {known} THEN row_number() OVER ({caller}, c.{INBOUND} ORDER BY c.started_at DESC, c.call_id DESC) END
            AS nth_from_last,
        CASE WHEN {known} AND c.{MISSED} THEN row_number() OVER ({caller}, c.{MISSED} ORDER BY c.started_at, c.call_id) END
            AS nth_missed
        FROM fact.call AS c JOIN touched_days AS t ON t.practice_code = c.practice_code AND t.local_date = c.local_date
        WHERE c.{within}) AS calls"""


def _select(keys: tuple[str, ...], counts: dict[str, str]) -> str:
    listed = ", ".join(f"{expression} AS {name}" for name, expression in counts.items())
    return f"SELECT {', '.join(keys)}, {listed} FROM {{calls}} GROUP BY {', '.join(keys)}"


SELECTS = {
    "calls_half_hour": _select(SCHEMA["calls_half_hour"], COUNTS),
    "calls_day": _select(SCHEMA["calls_day"], {**COUNTS, **OF_THE_DAY}),
    "answered_waits": "SELECT practice_code, shared_with, local_date, wait_seconds, count(*) AS calls FROM {calls} "
    f"WHERE {ANSWERED} AND wait_seconds IS NOT NULL GROUP BY practice_code, shared_with, local_date, wait_seconds",
}
