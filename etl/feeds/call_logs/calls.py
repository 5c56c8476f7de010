"""Legs become calls: one row an inbound external call, rebuilt whenever one of its legs arrives.

Only the calls of new legs are rebuilt, from all their legs, whichever file and night brought them. What is read
is limited to the local dates beside those legs, so that the cost is of what came in, not of all there is. The
building is done by DuckDB in process; where the facts live does not matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import duckdb

from etl.feeds.call_logs import call_backs, clock, opening_hours
from etl.feeds.feed import say
from etl.warehouse.connection import Warehouse
from etl.warehouse.tables import metadata

# of so many legs the calls are built at once: about a gigabyte of what they say
LEGS_AT_ONCE = 3_000_000
ANSWERED_BY_A_PERSON = "connected, connected_by_talk, answered_surely, answered_after"
# what any one leg may say of its call: a bit each of one number, where a column each would take memory and time
SAID = {
    "joined_queue": "step = 'queue'",
    "left_voicemail": "step = 'voicemail' OR result = 'voicemail'",
    "diverted": "step = 'divert'",
    "heard_menu": "kind = 'segment' AND step = 'menu'",
    "was_busy": "direction = 'inbound' AND result IN ('busy', 'congestion')",
    "has_failed": "direction = 'inbound' AND result = 'failed'",
    "was_neither": "direction = 'inbound' AND result NOT IN ('busy', 'congestion', 'failed')",
    "was_completed": "callback_completed",
    "is_time_ambiguous": "is_time_ambiguous",
}


@dataclass(frozen=True)
class Touched:
    """Which sources the new legs are of, and their first and last local dates."""

    sources: tuple[str, ...]
    first: date
    last: date

    @property
    def window(self) -> str:
        """SQL: rows that can belong to a call of these legs, which may have begun the day before."""
        first, last = self.first - timedelta(days=1), self.last + timedelta(days=1)
        names = ", ".join(say(source) for source in self.sources)
        return f"source_id IN ({names}) AND local_date BETWEEN DATE '{first}' AND DATE '{last}'"


def rebuild(warehouse: Warehouse, since: int) -> bool:
    """Rebuild the calls to which legs of loads after `since` belong, inside a transaction.

    Leaves the temporary table `touched_days(practice_code, local_date)` in `warehouse.con`: where a call came,
    went or changed. Returns False when there is no such leg.
    """
    touched = _touched(warehouse, since)
    if touched is None:
        return False
    con = warehouse.con
    _look(warehouse, "window_legs", "fact.call_leg", touched)
    _look(warehouse, "window_calls", "fact.call", touched)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE links AS SELECT source_id, channel_id, min(correlation_id) AS call_key "
        "FROM window_legs WHERE channel_id IS NOT NULL GROUP BY source_id, channel_id"
    )
    con.execute(
        "CREATE OR REPLACE TEMP VIEW keyed AS SELECT coalesce(k.call_key, l.correlation_id) AS call_key, l.* "
        "FROM window_legs AS l LEFT JOIN links AS k "
        "ON l.kind = 'event' AND k.source_id = l.source_id AND k.channel_id = l.correlation_id"
    )
    opening_hours.register(con, warehouse.settings.practice_hours, touched.first.year, touched.last.year)
    # where every leg is new and there is no call yet, as on the first night, there is nothing to choose
    is_first = con.execute(
        f"SELECT (SELECT count(*) FROM window_legs WHERE load_id <= {since}) + (SELECT count(*) FROM window_calls) = 0"
    ).fetchone()[0]  # type: ignore[index]
    con.execute(
        # a call-back may be completed by a new leg, and of two requests the first has the first call-back
        "CREATE OR REPLACE TEMP TABLE wanted AS "
        f"SELECT source_id, call_key FROM keyed WHERE load_id > {since} AND NOT {is_first} "
        "UNION SELECT source_id, native_call_id FROM window_calls WHERE callback_requested_at IS NOT NULL"
    )
    _forget(warehouse, touched)
    chosen = "" if is_first else "SEMI JOIN wanted USING (source_id, call_key)"
    columns = [column.name for column in metadata.tables["fact.call"].columns]
    for legs, begun in _spans(con):
        warehouse.append("fact.call", f"({_calls(legs, begun, chosen)})", columns)
    _look(warehouse, "window_calls", "fact.call", touched)
    call_backs.complete(warehouse, touched.window)
    built = "" if is_first else "SEMI JOIN wanted AS w ON w.source_id = c.source_id AND w.call_key = c.native_call_id"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE touched_days AS SELECT practice_code, local_date FROM gone "
        f"UNION SELECT practice_code, local_date FROM window_calls AS c {built}"
    )
    for name in ("window_legs", "window_calls", "keyed"):
        con.execute(f"DROP {'VIEW' if warehouse.is_duckdb or name == 'keyed' else 'TABLE'} IF EXISTS {name}")
    for name in ("links", "wanted", "gone", "open_hours", "bank_holidays"):
        con.execute(f"DROP TABLE IF EXISTS {name}")
    return True


def _touched(warehouse: Warehouse, since: int) -> Touched | None:
    rows = warehouse.fetch(
        f"SELECT source_id, min(local_date), max(local_date) FROM fact.call_leg WHERE load_id > {since} "
        "GROUP BY source_id"
    )
    if not rows:
        return None
    return Touched(tuple(sorted(r[0] for r in rows)), min(r[1] for r in rows), max(r[2] for r in rows))


def _look(warehouse: Warehouse, name: str, table: str, touched: Touched) -> None:
    """The rows of a fact within the window, as a relation of `con`."""
    select = f"SELECT * FROM {table} WHERE {touched.window}"
    if warehouse.is_duckdb:
        warehouse.con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {select}")
    else:
        warehouse.bring(select, name)


def _forget(warehouse: Warehouse, touched: Touched) -> None:
    """Delete the calls that are to be rebuilt, and leave their days in `gone(call_id, practice_code, local_date)`."""
    con = warehouse.con
    con.execute(
        "CREATE OR REPLACE TEMP TABLE gone AS SELECT call_id, practice_code, local_date FROM window_calls AS c "
        "WHERE EXISTS (SELECT 1 FROM wanted AS w WHERE w.source_id = c.source_id AND w.call_key = c.native_call_id) "
        "OR EXISTS (SELECT 1 FROM links AS k JOIN wanted AS w USING (source_id, call_key) "
        "WHERE k.source_id = c.source_id AND k.channel_id = c.native_call_id AND k.channel_id <> k.call_key)"
    )
    if con.execute("SELECT count(*) FROM gone").fetchone()[0]:  # type: ignore[index]
        warehouse.share("gone", ["call_id"], "fact.call")
        warehouse.execute(f"DELETE FROM fact.call WHERE {touched.window} AND call_id IN (SELECT call_id FROM gone)")


def _spans(con: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str]]:
    """The window in parts whose calls fit in memory: SQL for the legs to read, and for the days calls begin on.

    A call's legs lie on the day it begins or beside it, so each part reads a day more on either side.
    """
    days = con.execute(
        "SELECT local_date, count(*) FROM window_legs GROUP BY local_date ORDER BY local_date"
    ).fetchall()
    while days:
        legs, length = days[0][1], 1
        while length < len(days) and legs + days[length][1] <= LEGS_AT_ONCE:
            legs, length = legs + days[length][1], length + 1
        first, last = days[0][0], days[length - 1][0]
        days = days[length:]
        yield (
            f"local_date BETWEEN DATE '{first - timedelta(days=1)}' AND DATE '{last + timedelta(days=1)}'",
            f"BETWEEN DATE '{first}' AND DATE '{last}'",
        )


def _calls(legs: str, begun: str, chosen: str) -> str:
    """SELECT the calls to which the wanted legs belong, without call-backs made by another call.

    legs: SQL, which legs to read. begun: SQL, between which days a call's first leg lies.
    """
    said = ", ".join(f"said & {1 << bit} > 0 AS {name}" for bit, name in enumerate(SAID))
    local = clock.london("started_at")
    return f"""
    WITH legs AS (SELECT * FROM keyed {chosen} WHERE {legs}),
    grouped AS ({_grouped()} FROM legs GROUP BY source_id, call_key HAVING min(local_date) {begun}),
    after AS (  -- where a call went when it left the queue, or after it was transferred
        SELECT g.source_id, g.call_key, min(k.answered_at) AS answered_after, sum(k.talk_seconds) AS talk_after
        FROM (SELECT * FROM grouped
            WHERE transferred_at IS NOT NULL OR (left_at IS NOT NULL AND connected IS NULL)) AS g
        JOIN (SELECT * FROM legs WHERE kind = 'cdr' AND step = 'dial' AND direction <> 'outbound') AS k
          ON k.source_id = g.source_id AND k.call_key = g.call_key
         AND k.answered_at >= coalesce(g.transferred_at, g.left_at)
        GROUP BY g.source_id, g.call_key
    ),
    timed AS (
        SELECT g.*, talk_after, {said},
            coalesce({ANSWERED_BY_A_PERSON}, CASE WHEN events = 0 THEN answered_perhaps END) AS answered_at,
            coalesce(entered_on_joining, entered_by_hold, entered_otherwise) AS entered_at,
            coalesce({ANSWERED_BY_A_PERSON}) IS NULL AND answered_perhaps IS NOT NULL AND events = 0 AS is_inferred,
            events > 0 AND leg_ended_at IS NULL AND left_at IS NULL AND asked_at IS NULL AND transferred_at IS NULL
                AS is_unfinished,
            coalesce(leg_ended_at, last_event_at, arrived_at) AS ended_at,
            arrived_at AS started_at
        FROM grouped AS g LEFT JOIN after AS a ON a.source_id = g.source_id AND a.call_key = g.call_key
        WHERE arrived_at IS NOT NULL AND practices IS NOT NULL
    ),
    placed AS (
        SELECT *, {local} AS local_time,
            CASE WHEN contains(practices, ',') THEN 'unassigned' ELSE practices END AS practice_code,
            CASE WHEN contains(practices, ',') THEN practices END AS shared_with,
            answered_at IS NOT NULL OR given_outcome = 'answered' AS is_answered,
            entered_at IS NOT NULL OR joined_queue AS is_queued
        FROM timed
    ),
    opened AS (
        SELECT p.*, h.practice IS NOT NULL AND b.day IS NULL AS is_open
        FROM placed AS p
        LEFT JOIN bank_holidays AS b ON b.day = CAST(p.local_time AS DATE)
        LEFT JOIN open_hours AS h
          ON h.practice = CASE WHEN p.practice_code IN (SELECT practice FROM open_hours) THEN p.practice_code
            ELSE '' END
         AND h.weekday = isodow(p.local_time)
         AND hour(p.local_time) * 60 + minute(p.local_time) >= h.opens
         AND hour(p.local_time) * 60 + minute(p.local_time) < h.closes
    ),
    decided AS (SELECT *, {_outcome()} AS outcome FROM opened)
    SELECT
        left(sha256(source_id || '/' || call_key), 32) AS call_id, source_id, call_key AS native_call_id,
        practice_code, shared_with, CAST(local_time AS DATE) AS local_date,
        CAST(hour(local_time) * 2 + minute(local_time) // 30 AS SMALLINT) AS half_hour,
        started_at, entered_at, CASE WHEN outcome = 'answered' THEN answered_at END AS answered_at, ended_at, outcome,
        -- a queue's call detail record may tell of the menu's answer, before the caller joined the queue
        CAST(CASE WHEN is_unfinished THEN NULL
            WHEN outcome <> 'answered' THEN epoch(ended_at) - epoch(entered_at)
            WHEN answered_at >= entered_at THEN epoch(answered_at) - epoch(entered_at) END AS INTEGER) AS wait_seconds,
        CAST(CASE WHEN outcome <> 'answered' THEN NULL
            WHEN events > 0 AND connected_by_talk IS NOT NULL
                THEN coalesce(talk_events + coalesce(talk_after, 0), epoch(leg_ended_at) - epoch(answered_at))
            WHEN events > 0 THEN talk_after
            ELSE coalesce(talk_given, talk_surely, talk_perhaps) END AS INTEGER) AS talk_seconds,
        queue_name, queue_position, CASE WHEN outcome = 'callback' THEN coalesce(asked_at, started_at) END
            AS callback_requested_at,
        CASE WHEN outcome = 'callback' THEN was_completed OR coalesce(rung_back_at > asked_at, FALSE) END
            AS callback_completed,
        is_open, caller_pseudonym, cli_status,
        nullif(concat_ws(',', CASE WHEN is_time_ambiguous THEN 'time_ambiguous' END,
            CASE WHEN is_inferred THEN 'outcome_inferred' END, CASE WHEN is_unfinished THEN 'legs_incomplete' END), '')
            AS flags,
        load_id
    FROM decided
    """


def _grouped() -> str:
    """SELECT, for each call, what its legs and events together say."""
    said = " | ".join(f"CASE WHEN {leg} THEN {1 << bit} ELSE 0 END" for bit, leg in enumerate(SAID.values()))
    return f"""
        SELECT source_id, call_key, bit_or({said}) AS said,
            min(arrived_at) AS arrived_at,
            max(ended_at) FILTER (direction <> 'outbound') AS leg_ended_at,
            max(started_at) FILTER (kind = 'event') AS last_event_at,
            count(*) FILTER (kind = 'event') AS events,
            min(entered_at) FILTER (step = 'enter') AS entered_on_joining,
            min(entered_at) FILTER (kind = 'event') AS entered_by_hold,
            min(entered_at) FILTER (kind <> 'event' AND direction <> 'outbound') AS entered_otherwise,
            min(answered_at) FILTER (step = 'connect') AS connected,
            min(answered_at) FILTER (kind = 'event') AS connected_by_talk,
            min(answered_at) FILTER (NOT is_inferred AND kind <> 'event' AND direction <> 'outbound')
                AS answered_surely,
            coalesce(min(answered_at) FILTER (is_inferred AND step <> 'queue' AND direction <> 'outbound'),
                min(answered_at) FILTER (is_inferred AND direction <> 'outbound')) AS answered_perhaps,
            max(answered_at) FILTER (direction = 'outbound') AS rung_back_at,
            max(started_at) FILTER (step IN ('exit_key', 'exit_timeout', 'exit_empty')) AS left_at,
            max(started_at) FILTER (step = 'abandon') AS abandoned_at,
            min(started_at) FILTER (step = 'transfer') AS transferred_at,
            min(started_at) FILTER (step = 'callback' AND kind = 'event') AS asked_at,
            sum(talk_seconds) FILTER (kind = 'event') AS talk_events,
            max(talk_seconds) FILTER (kind = 'call') AS talk_given,
            sum(talk_seconds) FILTER (NOT is_inferred AND kind = 'segment' AND direction <> 'outbound') AS talk_surely,
            sum(talk_seconds) FILTER (is_inferred AND direction <> 'outbound') AS talk_perhaps,
            coalesce(max_by(result, started_at) FILTER (kind = 'segment') = 'system', FALSE) AS ended_by_system,
            max_by(step, load_id) FILTER (kind = 'call') AS given_outcome,
            min_by(queue_name, started_at) AS queue_name,
            min_by(queue_position, started_at) AS queue_position,
            -- the number called before a leg's destination, that before a queue; of each the first
            min_by(practice_code, practice_rank * 1000000000000 + epoch(started_at)) AS practices,
            min_by(caller_pseudonym, started_at) FILTER (direction = 'inbound') AS caller_pseudonym,
            min_by(cli_status, started_at) FILTER (direction = 'inbound') AS cli_status,
            max(load_id) AS load_id
    """


def _outcome() -> str:
    """SQL: what became of a call: the first that holds."""
    return """CASE
        WHEN given_outcome IS NOT NULL THEN given_outcome
        WHEN is_answered THEN 'answered'
        WHEN asked_at IS NOT NULL THEN 'callback'
        WHEN events = 0 AND was_busy AND NOT (has_failed OR was_neither OR heard_menu OR joined_queue) THEN 'engaged'
        WHEN is_unfinished THEN 'unknown'
        WHEN left_voicemail AND is_queued THEN 'voicemail'
        WHEN is_queued AND abandoned_at IS NOT NULL AND abandoned_at >= coalesce(left_at, abandoned_at)
            THEN 'abandoned_queue'
        WHEN is_queued AND (left_at IS NOT NULL OR ended_by_system) THEN 'no_answer'
        WHEN is_queued THEN 'abandoned_queue'
        WHEN has_failed AND NOT (was_busy OR was_neither) THEN 'unknown'
        WHEN NOT is_open THEN 'out_of_hours'
        WHEN diverted THEN 'ivr_diverted'
        ELSE 'abandoned_ivr' END"""
