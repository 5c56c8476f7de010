"""What every call log is checked for as a whole: its clock, its zone, and that nothing is in it twice."""

from datetime import UTC, datetime, timedelta

import duckdb

from etl.feeds.call_logs import clock
from etl.feeds.call_logs.sources import Source
from etl.feeds.feed import Problem, RefusedFile, say
from etl.feeds.reading import Reading

FUTURE = timedelta(minutes=5)
# the zone is proved wrong in steps of a quarter of an hour, as zones are apart
STEP_SECONDS = 900
# weekday calls answered, before the hour in which most of them came says anything of the clock
ENOUGH_CALLS, ENOUGH_DAYS = 200, 3
CLEAR_PEAK = 0.125
BUSIEST_HOURS = (8, 9)
NO_SUCH_HOUR = "the start is in the hour that does not exist because the clocks went forward"
DAMAGED = "a spreadsheet has turned the number into a rounded one"


def zone(reading: Reading, source: Source, local: str, known: str, soon: int) -> None:
    """Whether the declared zone can be true: most rows of `parsed` agree, month by month, with a clock in UTC.

    local: SQL, a row's time read in the declared zone, as UTC. known: SQL, UNIX seconds at about the same time, NULL
    where the row has none. soon: seconds within which the two are, but for the zone; a row in which they are not, such
    as a leg well into a call, says nothing. Raises RefusedFile when most rows of a month are a quarter of an hour or
    more apart.
    """
    wrong = reading.con.execute(
        f"SELECT month, ahead FROM (SELECT month, ahead, row_number() OVER (PARTITION BY month ORDER BY count(*) DESC, "
        f"abs(ahead)) AS place FROM (SELECT date_trunc('month', {local}) AS month, "
        f"epoch({local}) - ({known}) AS apart, round(apart / {STEP_SECONDS}) AS ahead FROM parsed) "
        f"WHERE abs(apart - ahead * {STEP_SECONDS}) <= {soon} GROUP BY month, ahead) "
        "WHERE place = 1 AND ahead <> 0 ORDER BY month"
    ).fetchone()
    if wrong:
        minutes = int(wrong[1] * STEP_SECONDS / 60)
        raise RefusedFile(
            f"The times of this file do not fit the time zone {source.timezone} that icb.toml gives for the telephony "
            f"source `{source.id}`: in {wrong[0]:%B %Y} most rows are {abs(minutes)} minutes "
            f"{'ahead of' if minutes > 0 else 'behind'} the UTC times inside the file itself. Set `timezone` to the "
            "zone in which the platform writes (perhaps UTC) and put the file in the inbox again."
        )


def told_nowhere(reading: Reading, relation: str, untold: str, dialled: str) -> str:
    """SQL: whether no row of the file says whose practice this inbound call was to.

    relation: rows with `_direction`, `_call`. untold: SQL, whether the row itself does not say. dialled: SQL,
    whether the row is one that ought to say: it holds the number that the caller dialled. Other rows are asked
    only when there are such; the calls concerned are few.
    """
    con = reading.con
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE untold AS SELECT DISTINCT _call FROM {relation} "
        f"WHERE _direction = 'inbound' AND {untold} AND {dialled}"
    )
    if not con.execute("SELECT count(*) FROM untold").fetchone()[0]:  # type: ignore[index]
        return "FALSE"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE told AS SELECT DISTINCT _call FROM {relation} "
        f"WHERE NOT ({untold}) AND _call IN (SELECT _call FROM untold)"
    )
    return f"_direction = 'inbound' AND {untold} AND {dialled} AND _call NOT IN (SELECT _call FROM told)"


def unknown_number(unmatched: str, column: str, source: Source) -> list[Problem]:
    """The refusal of rows for which `told_nowhere` holds; none when there are no such rows."""
    reason = f"the number dialled is not among `numbers` of the telephony source {source.id} in icb.toml"
    return [] if unmatched == "FALSE" else [Problem(unmatched, column, say(reason))]


def staged_legs(reading: Reading, source: Source) -> None:
    """Check what was staged for call_leg and leave each leg once. Raises RefusedFile for a clock that is wrong."""
    con = reading.con
    for place, legs in enumerate(reading.staged.get("call_leg", [])):
        first, last, newest, total, different = con.execute(
            "SELECT min(local_date), max(local_date), max(started_at), count(*), "
            f"count(DISTINCT hash(correlation_id, leg_id)) FROM {legs}"
        ).fetchone() or (None, None, None, 0, 0)
        if first is None:
            continue
        _not_in_the_future(newest, source)
        # of Asterisk's times each was compared with a clock in UTC
        if source.platform != "asterisk":
            _busiest_hour(con, legs, source)
        if total > different:
            reading.staged["call_leg"][place] = _once(con, legs)
        reading.period_from = min(filter(None, (reading.period_from, first)))
        reading.period_to = max(filter(None, (reading.period_to, last)))


def _not_in_the_future(newest: datetime, source: Source) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    if newest > now + FUTURE:
        raise RefusedFile(
            f"The file has a call that starts at {newest:%Y-%m-%d %H:%M} UTC, after the time of loading "
            f"({now:%Y-%m-%d %H:%M} UTC). The clock of the telephone system, or `timezone` of the telephony source "
            f"`{source.id}` in icb.toml, is wrong. Correct it and export the file again."
        )


def _busiest_hour(con: duckdb.DuckDBPyConnection, legs: str, source: Source) -> None:
    """Most answered weekday calls come at 8 or 9, in summer and in winter; a zone an hour out moves them."""
    local = clock.london("started_at")
    hours = con.execute(
        f"SELECT {local} - started_at AS ahead, extract(hour FROM {local}) AS hour, count(*) AS calls, "
        f"count(DISTINCT CAST({local} AS DATE)) AS days FROM {legs} "
        f"WHERE answered_at IS NOT NULL AND isodow({local}) < 6 GROUP BY ahead, hour ORDER BY calls DESC, hour"
    ).fetchall()
    for ahead in {row[0] for row in hours}:
        season = [row for row in hours if row[0] == ahead]
        total = sum(row[2] for row in season)
        _, hour, calls, days = season[0]
        if total < ENOUGH_CALLS or days < ENOUGH_DAYS or calls < CLEAR_PEAK * total or hour in BUSIEST_HOURS:
            continue
        raise RefusedFile(
            f"Most calls answered on weekdays in {'summer time' if ahead else 'winter time'} fall in the hour from "
            f"{hour:02d}:00, where general practice has its busiest hour from 08:00 or 09:00. `timezone` of the "
            f"telephony source `{source.id}` in icb.toml, or the system's clock, is probably wrong. Correct it and put "
            "the file in the inbox again."
        )


def _once(con: duckdb.DuckDBPyConnection, legs: str) -> str:
    """A table of the legs in which one that is in the file more than once is kept once: the later and fuller row."""
    con.execute("SET preserve_insertion_order = true")
    con.execute(f"CREATE OR REPLACE TEMP TABLE legs_once AS SELECT * FROM {legs}")
    con.execute("SET preserve_insertion_order = false")
    con.execute(
        "DELETE FROM legs_once WHERE rowid IN (SELECT rowid FROM (SELECT rowid, row_number() OVER (PARTITION BY "
        "correlation_id, leg_id ORDER BY callback_completed DESC NULLS LAST, ended_at DESC NULLS LAST, "
        "answered_at DESC NULLS LAST, entered_at, rowid DESC) AS place FROM legs_once) WHERE place > 1)"
    )
    return "legs_once"
