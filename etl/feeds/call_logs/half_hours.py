"""Calls by the half-hour and by the day: the marts that grow by millions, so only touched days are counted again.

Both are counted from `fact.call` in the transaction that changed it. The SELECTs are in the portable subset.
A call on an account that several practices share is `unassigned`; `shared_with` says who they are.
"""

from uuid import uuid4

from etl.warehouse.connection import Warehouse

INBOUND = "outcome <> 'engaged'"
MISSED = "outcome IN ('voicemail', 'abandoned_queue', 'no_answer')"
ENDED_IN_IVR = "outcome IN ('out_of_hours', 'abandoned_ivr', 'ivr_diverted')"
ANSWERED = "outcome = 'answered'"

# an average over days or practices must not mean over means: these are sums and what they are sums of
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
}
# what a day has besides the sums of its half-hours
OF_THE_DAY = {
    "waits": f"count(wait_seconds) FILTER (WHERE {ANSWERED})",
    "talks": f"count(talk_seconds) FILTER (WHERE {ANSWERED})",
    "queued": f"count(*) FILTER (WHERE {INBOUND} AND entered_at IS NOT NULL)",
    "position_given": f"count(*) FILTER (WHERE {INBOUND} AND entered_at IS NOT NULL AND queue_position IS NOT NULL)",
    "out_of_hours": f"count(*) FILTER (WHERE {INBOUND} AND NOT is_open)",
    "first_hour": f"count(*) FILTER (WHERE {INBOUND} AND half_hour IN (16, 17))",
}
OF_CALLERS = ("callers", "lost_callers", "lost_not_back")
DAY = ("practice_code", "shared_with", "local_date")
MARTS = {
    "calls_half_hour": (*DAY, "half_hour", *COUNTS, "repeat_calls"),
    "calls_day": (*DAY, *COUNTS, "repeat_calls", *OF_THE_DAY, *OF_CALLERS),
    "answered_waits": (*DAY, "wait_seconds", "calls"),
}
TYPES = {"practice_code": "VARCHAR", "shared_with": "VARCHAR", "local_date": "DATE", "half_hour": "SMALLINT"}


def ensure(warehouse: Warehouse) -> None:
    """Create the marts, and the note of what is settled, where they are not there yet."""
    for mart, columns in MARTS.items():
        listed = ", ".join(f"{column} {TYPES.get(column, 'BIGINT')}" for column in columns)
        warehouse.execute(f"CREATE TABLE IF NOT EXISTS mart.{mart} ({listed})")
        if not warehouse.is_duckdb:  # which needs none: it knows which days each of its blocks holds
            warehouse.execute(f"CREATE INDEX IF NOT EXISTS {mart}_days ON mart.{mart} USING brin (local_date)")
    warehouse.execute("CREATE TABLE IF NOT EXISTS mart.calls_settled (load_id BIGINT)")
    # each day with calls, and a word that is new whenever its calls were counted again: see etl/marts/periods.py
    warehouse.execute("CREATE TABLE IF NOT EXISTS mart.calls_changed (local_date DATE, version VARCHAR)")
    warehouse.execute(
        "INSERT INTO mart.calls_changed SELECT DISTINCT local_date, :version FROM mart.calls_day "
        "WHERE local_date NOT IN (SELECT local_date FROM mart.calls_changed)",
        {"version": uuid4().hex},
    )


def refresh(warehouse: Warehouse) -> None:
    """Count again the days in `touched_days(practice_code, local_date)`, a temporary table of `warehouse.con`."""
    found = warehouse.con.execute("SELECT min(local_date), max(local_date) FROM touched_days").fetchone()
    if found is None or found[0] is None:
        return
    warehouse.share("touched_days", ["practice_code", "local_date"], "fact.call")
    # the range lets the database skip all other days; the pairs are exact
    within = f"local_date BETWEEN DATE '{found[0]}' AND DATE '{found[1]}'"
    for name, select in {"caller_day": _caller_day(within), "half_hour": _half_hour(within)}.items():
        warehouse.execute(f"CREATE TEMP TABLE {name} AS {select}")
    for mart, select in {
        "calls_half_hour": f"SELECT {', '.join(MARTS['calls_half_hour'])} FROM half_hour",
        "calls_day": _day(),
        "answered_waits": _waits(within),
    }.items():
        warehouse.execute(
            f"DELETE FROM mart.{mart} AS m WHERE {within} AND EXISTS (SELECT 1 FROM touched_days AS t "
            "WHERE t.practice_code = m.practice_code AND t.local_date = m.local_date)"
        )
        warehouse.execute(f"INSERT INTO mart.{mart} {select}")
    warehouse.execute("DELETE FROM mart.calls_changed WHERE local_date IN (SELECT local_date FROM touched_days)")
    warehouse.execute(
        "INSERT INTO mart.calls_changed SELECT DISTINCT local_date, :version FROM touched_days",
        {"version": uuid4().hex},
    )
    for name in ("caller_day", "half_hour", "touched_days"):
        warehouse.execute(f"DROP TABLE {name}")


def _calls(within: str) -> str:
    return (
        "FROM fact.call AS c JOIN touched_days AS t "
        f"ON t.practice_code = c.practice_code AND t.local_date = c.local_date WHERE c.{within}"
    )


def _caller_day(within: str) -> str:
    """A row a caller, practice and day: when the first call came, whether one was missed, and the last.

    The first and the last are found by the smallest and greatest of numbers that begin with the time.
    """
    seconds = "CAST(extract(epoch FROM c.started_at) AS BIGINT)"
    return f"""
        SELECT c.practice_code, c.shared_with, c.local_date, c.caller_pseudonym,
            min({seconds} * 64 + c.half_hour) % 64 AS first_half_hour,
            count(*) AS calls,
            max(CASE WHEN c.{MISSED} THEN 1 ELSE 0 END) AS was_lost,
            max({seconds} * 2 + CASE WHEN c.{MISSED} THEN 1 ELSE 0 END) % 2 AS was_lost_last
        {_calls(within)} AND c.caller_pseudonym IS NOT NULL AND c.{INBOUND}
        GROUP BY c.practice_code, c.shared_with, c.local_date, c.caller_pseudonym
    """


def _half_hour(within: str) -> str:
    """The half-hours, and what days need besides. A repeat is any call of a caller that is not the day's first."""
    counts = {**COUNTS, **OF_THE_DAY, "known": f"count(caller_pseudonym) FILTER (WHERE {INBOUND})"}
    listed = ", ".join(f"{expression} AS {name}" for name, expression in counts.items())
    return f"""
        SELECT h.*, h.known - coalesce(f.firsts, 0) AS repeat_calls
        FROM (
            SELECT practice_code, shared_with, local_date, half_hour, {listed}
            FROM (SELECT c.* {_calls(within)}) AS calls
            GROUP BY practice_code, shared_with, local_date, half_hour
        ) AS h
        LEFT JOIN (
            SELECT practice_code, shared_with, local_date, first_half_hour, count(*) AS firsts FROM caller_day
            GROUP BY practice_code, shared_with, local_date, first_half_hour
        ) AS f
          ON f.practice_code = h.practice_code AND coalesce(f.shared_with, '') = coalesce(h.shared_with, '')
         AND f.local_date = h.local_date AND f.first_half_hour = h.half_hour
    """


def _day() -> str:
    sums = ", ".join(f"d.{name}" for name in (*COUNTS, "repeat_calls", *OF_THE_DAY))
    added = ", ".join(f"sum({name}) AS {name}" for name in (*COUNTS, "repeat_calls", *OF_THE_DAY))
    callers = ", ".join(f"coalesce(p.{name}, 0)" for name in OF_CALLERS)
    return f"""
        SELECT d.practice_code, d.shared_with, d.local_date, {sums}, {callers}
        FROM (SELECT practice_code, shared_with, local_date, {added} FROM half_hour
            GROUP BY practice_code, shared_with, local_date) AS d
        LEFT JOIN (
            SELECT practice_code, shared_with, local_date, count(*) AS callers, sum(was_lost) AS lost_callers,
                sum(was_lost_last) AS lost_not_back
            FROM caller_day GROUP BY practice_code, shared_with, local_date
        ) AS p
          ON p.practice_code = d.practice_code AND coalesce(p.shared_with, '') = coalesce(d.shared_with, '')
         AND p.local_date = d.local_date
    """


def _waits(within: str) -> str:
    """How many calls were answered after how many seconds: all that an exact percentile of any group needs."""
    return f"""
        SELECT c.practice_code, c.shared_with, c.local_date, c.wait_seconds, count(*) AS calls
        {_calls(within)} AND c.{ANSWERED} AND c.wait_seconds IS NOT NULL
        GROUP BY c.practice_code, c.shared_with, c.local_date, c.wait_seconds
    """
