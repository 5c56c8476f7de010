"""Which requests for a call-back were completed, and by which call, where the platform does not say so itself."""

from etl.feeds.call_logs import clock
from etl.warehouse.connection import Warehouse


def complete(warehouse: Warehouse, window: str) -> None:
    """Say of the requests within the window that an outbound call completed them.

    Reads `window_calls` and `window_legs`, the calls and legs there.
    """
    warehouse.con.execute(f"CREATE OR REPLACE TEMP TABLE rung_back AS {_rung_back()}")
    if warehouse.con.execute("SELECT count(*) FROM rung_back").fetchone()[0]:  # type: ignore[index]
        warehouse.share("rung_back", ["call_id"], "fact.call")
        warehouse.execute(
            f"UPDATE fact.call SET callback_completed = TRUE WHERE {window} "
            "AND call_id IN (SELECT call_id FROM rung_back)"
        )
    warehouse.con.execute("DROP TABLE rung_back")


def _rung_back() -> str:
    """SELECT the ids of requests completed by an outbound call: the first connected one from the practice to
    the caller before the local day ends, each completing one request, the earliest still waiting."""
    asked_day = f"CAST({clock.london('callback_requested_at')} AS DATE)"
    rung_day = f"CAST({clock.london('answered_at')} AS DATE)"
    return f"""
    WITH outbound AS (
        SELECT source_id, correlation_id, caller_pseudonym, answered_at, practice_code FROM window_legs AS l
        WHERE direction = 'outbound' AND answered_at IS NOT NULL AND caller_pseudonym IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM window_calls AS c
            WHERE c.source_id = l.source_id AND c.native_call_id = l.correlation_id)
    ),
    asked AS (
        SELECT call_id, source_id, caller_pseudonym, {asked_day} AS day, callback_requested_at AS moment,
            coalesce(shared_with, practice_code) AS practice
        FROM window_calls SEMI JOIN outbound USING (source_id, caller_pseudonym)
        WHERE outcome = 'callback' AND NOT callback_completed
    ),
    rung AS (
        SELECT source_id, correlation_id, caller_pseudonym, {rung_day} AS day, min(answered_at) AS moment,
            min(practice_code) AS practice
        FROM outbound SEMI JOIN asked USING (source_id, caller_pseudonym)
        GROUP BY ALL
    ),
    placed AS (  -- a call whose row names no practice is for the practice that the person last asked
        SELECT r.source_id, r.caller_pseudonym, r.day, r.moment, r.correlation_id,
            coalesce(r.practice, max_by(a.practice, a.moment)) AS practice
        FROM rung AS r LEFT JOIN asked AS a
          ON a.source_id = r.source_id AND a.caller_pseudonym = r.caller_pseudonym AND a.day = r.day
         AND a.moment <= r.moment
        GROUP BY r.source_id, r.caller_pseudonym, r.day, r.moment, r.correlation_id, r.practice
    ),
    events AS (
        SELECT source_id, caller_pseudonym, day, practice, moment, 0 AS is_call, call_id AS id FROM asked
        UNION ALL SELECT source_id, caller_pseudonym, day, practice, moment, 1, correlation_id FROM placed
    ),
    levels AS (
        SELECT *, sum(1 - 2 * is_call) OVER (same ORDER BY moment, is_call, id) AS level FROM events
        WINDOW same AS (PARTITION BY source_id, caller_pseudonym, day, practice)
    ),
    lowest AS (
        SELECT *, coalesce(min(level) OVER (PARTITION BY source_id, caller_pseudonym, day, practice
            ORDER BY moment, is_call, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS lowest_before
        FROM levels
    ),
    -- a call finds someone waiting unless it takes the balance of requests and calls to a new low
    used AS (
        SELECT *, row_number() OVER (PARTITION BY source_id, caller_pseudonym, day, practice, is_call
            ORDER BY moment, id) AS place
        FROM lowest WHERE is_call = 0 OR level >= least(0, lowest_before)
    )
    SELECT a.id AS call_id FROM used AS a JOIN used AS r USING (source_id, caller_pseudonym, day, practice, place)
    WHERE a.is_call = 0 AND r.is_call = 1
    """
