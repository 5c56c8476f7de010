"""The three platforms' files, written by DuckDB from a table of calls.

`calls` and `labels` are tables as call_logs.py makes them. Field orders are those of Asterisk's cdr_csv and
queue_log, of 3CX's CDR output with its 27 fields, and of this product's own canonical CSV.
"""

from datetime import date
from pathlib import Path

import duckdb
import pandas as pd

from etl.demo.formats import marked

# slots are places in Ofcom's drama ranges; see call_logs._slots
MACROS = """
CREATE MACRO utc(x) AS make_timestamp(CAST(x AS BIGINT) * 1000000);
CREATE MACRO london(x) AS utc(CAST(x AS BIGINT) + CASE WHEN {summer} THEN 3600 ELSE 0 END);
CREATE MACRO stamp(t) AS strftime(t, '%Y-%m-%d %H:%M:%S');
CREATE MACRO slashed(x) AS strftime(utc(x), '%Y/%m/%d %H:%M:%S');
CREATE MACRO iso(x) AS strftime(utc(x), '%Y-%m-%dT%H:%M:%SZ');
CREATE MACRO five_later(t) AS strftime(CAST(t AS TIMESTAMP) + INTERVAL 5 HOUR, '%Y-%m-%dT%H:%M:%SZ');
CREATE MACRO counter(unit) AS lpad(lower(to_hex(unit % 1048576)), 8, '0');
CREATE MACRO digits(slot) AS CASE
    WHEN slot < 1000 THEN '07700' || CAST(900000 + slot AS VARCHAR)
    WHEN slot < 2000 THEN '0207946' || lpad(CAST(slot - 1000 AS VARCHAR), 4, '0')
    ELSE '01632' || CAST(960000 + slot - 2000 AS VARCHAR) END;
CREATE MACRO withheld(unit) AS
    ['anonymous', 'Anonymous', 'withheld', 'unavailable', 'private', '', '0000', '111'][1 + unit % 8];
CREATE MACRO written(slot, unit) AS CASE
    WHEN slot < 0 THEN withheld(unit)
    WHEN unit % 3 = 0 THEN digits(slot)
    WHEN unit % 3 = 1 THEN '+44' || digits(slot)[2:]
    ELSE '44' || digits(slot)[2:] END;
CREATE MACRO person(unit) AS
    ['Ottoline', 'Peregrine', 'Ysolde', 'Barnaby', 'Cressida', 'Zoë'][1 + unit % 6] || ' '
    || ['Thwackeray', 'Pomfrettle', 'Quillsworth', 'Dunnockson', 'Larksbane'][1 + unit % 5];
CREATE MACRO hms(s) AS lpad(CAST(s // 3600 AS VARCHAR), 2, '0') || ':'
    || lpad(CAST(s // 60 % 60 AS VARCHAR), 2, '0') || ':' || lpad(CAST(s % 60 AS VARCHAR), 2, '0');
"""

_TIMED = """
WITH timed AS (
    SELECT c.*, l.code, l.line, l.queue, started AS s, started + ivr AS q, started + ivr + "wait" AS a,
        started + ivr + "wait" + talk AS e,
        outcome = 0 AND unit % 33 = 0 AND slot >= 0 AND talk > 20 AS moves, -- transferred half-way through
        outcome = 3 AND unit % 10 = 0 AS voicemail
    FROM calls AS c JOIN labels AS l USING (practice) WHERE c.source = '{source}'
)
"""

# one row a leg: leg 0 the call, 1 a telephone that rang in vain, 2 a transfer, 3 voicemail, 4 and 5 a call-back
_ASTERISK_LEGS = (
    _TIMED.format(source="larkline")
    + """
SELECT unit, practice, 0 AS leg, started || '.' || unit AS uid, written(slot, unit) AS src, line AS dst,
    person(unit) AS name, 'PJSIP/trunk-' || counter(unit) AS channel,
    CASE WHEN outcome = 0 THEN 'PJSIP/2101-' || counter(unit) ELSE '' END AS peer,
    CASE outcome WHEN 1 THEN 'BackGround' WHEN 4 THEN 'Busy' ELSE 'Queue' END AS app,
    CASE outcome WHEN 1 THEN 'menu-main' WHEN 4 THEN '10' ELSE queue || ',t,,,3600' END AS argument,
    s AS began, CASE WHEN outcome <> 4 THEN s + 1 END AS up,
    CASE WHEN outcome = 4 THEN s + 2 WHEN moves THEN a + talk // 2 ELSE e END AS done,
    CASE WHEN outcome = 4 THEN 'BUSY' ELSE 'ANSWERED' END AS disposition
FROM timed
UNION ALL
SELECT unit, practice, 1, started || '.' || unit, written(slot, unit), line, person(unit),
    'PJSIP/trunk-' || counter(unit), 'PJSIP/2102-' || counter(unit),
    'Queue', queue || ',t,,,3600', q, NULL, a, 'NO ANSWER'
FROM timed WHERE outcome = 0 AND unit % 2 = 0 AND "wait" > 0
UNION ALL
SELECT unit, practice, 2, started || '.' || unit, written(slot, unit), '2199', person(unit),
    'PJSIP/trunk-' || counter(unit), 'PJSIP/2199-' || counter(unit),
    'Dial', 'PJSIP/2199,30', a + talk // 2, a + talk // 2, e, 'ANSWERED'
FROM timed WHERE moves
UNION ALL
SELECT unit, practice, 3, started || '.' || unit, written(slot, unit), line, person(unit),
    'PJSIP/trunk-' || counter(unit), '', 'VoiceMail', '2100@default', a, a, a + 20, 'ANSWERED'
FROM timed WHERE voicemail
UNION ALL
SELECT unit, practice, 4, a + callback_after - 8 || '.' || unit + 500000000, line, digits(slot), 'Reception',
    'PJSIP/2101-' || counter(unit), 'PJSIP/trunk-' || counter(unit),
    'Dial', 'PJSIP/trunk,60', a + callback_after - 8, a + callback_after, a + callback_after + 180, 'ANSWERED'
FROM timed WHERE outcome = 2 AND callback_after >= 0 AND slot >= 0
UNION ALL
SELECT unit, practice, 5, a + callback_after - 45 || '.' || unit + 600000000, line, digits(slot), 'Reception',
    'PJSIP/2101-' || counter(unit), 'PJSIP/trunk-' || counter(unit),
    'Dial', 'PJSIP/trunk,60', a + callback_after - 45, NULL, a + callback_after - 15, 'NO ANSWER'
FROM timed WHERE outcome = 2 AND callback_after >= 0 AND slot >= 0 AND unit % 5 = 0
UNION ALL -- what is no patient's call: internal, outbound, a test, a number that is nobody's
SELECT unit, practice, 6, started || '.' || unit + 700000000,
    ['2101', line, '2101', digits(abs(slot))][1 + kind], ['2102', '01632960990', '*43', '01632960998'][1 + kind],
    'Reception', CASE WHEN kind = 3 THEN 'PJSIP/trunk-0000beef' ELSE 'PJSIP/2101-0000beef' END,
    ['PJSIP/2102-0000beef', 'PJSIP/trunk-0000beef', '', ''][1 + kind], ['Dial', 'Dial', 'Echo', 'Congestion'][1 + kind],
    '', s + 5, s + 9, s + 60, 'ANSWERED'
FROM (SELECT *, CAST(CASE WHEN unit % 10000 = 51 THEN 3 ELSE unit // 307 % 3 END AS INTEGER) AS kind FROM timed)
WHERE unit % 307 = 5 OR unit % 10000 = 51
"""
)

_ASTERISK_LINE = '''
'"","' || src || '","' || dst || '","' || CASE WHEN leg IN (4, 5, 6) THEN 'from-internal' ELSE 'ext-queues' END
|| '","""' || name || '"" <' || src || '>","' || channel || '","' || peer || '","' || app || '","' || argument
|| '","' || stamp(london(began)) || '",' || coalesce('"' || stamp(london(up)) || '"', '') || ',"'
|| stamp(london(done)) || '",' || done - began || ','
|| coalesce(CASE WHEN disposition = 'ANSWERED' THEN done - up END, 0)
|| ',"' || disposition || '","DOCUMENTATION","' || uid || '","","","' || uid || '",' || unit * 8 + leg
'''

_QUEUE_EVENTS = (
    _TIMED.format(source="larkline")
    + """
SELECT q AS moment, 0 AS step, unit, practice, 'NONE' AS agent,
    'ENTERQUEUE||' || written(slot, unit) || '|' || place || '|' || person(unit) AS event
FROM timed WHERE outcome IN (0, 2, 3)
UNION ALL
SELECT q + "wait" // 2, 1, unit, practice, 'PJSIP/2102', 'RINGNOANSWER|' || "wait" * 500
FROM timed WHERE outcome = 0 AND unit % 2 = 0 AND "wait" > 0
UNION ALL
SELECT a, 2, unit, practice, 'PJSIP/2101', 'CONNECT|' || "wait" || '|' || a || '.' || unit + 800000000 || '|'
    || least("wait", 7)
FROM timed WHERE outcome = 0
UNION ALL
SELECT CASE WHEN moves THEN a + talk // 2 ELSE e END, 3, unit, practice, 'PJSIP/2101',
    CASE WHEN moves THEN 'BLINDTRANSFER|2199|from-internal|' || "wait" || '|' || talk // 2 || '|' || place
    ELSE CASE WHEN unit % 3 = 0 THEN 'COMPLETEAGENT|' ELSE 'COMPLETECALLER|' END
        || "wait" || '|' || talk || '|' || place END
FROM timed WHERE outcome = 0
UNION ALL
SELECT a, 3, unit, practice, 'NONE', CASE
    WHEN outcome = 2 THEN 'EXITWITHKEY|1|1|' || place || '|' || "wait"
    WHEN voicemail THEN 'EXITWITHTIMEOUT|1|' || place || '|' || "wait"
    WHEN unit % 10 = 1 THEN 'EXITEMPTY|1|' || place || '|' || "wait"
    WHEN unit % 50 = 2 THEN 'EXITWITHKEY|2|1|' || place || '|' || "wait"
    ELSE 'ABANDON|1|' || place || '|' || "wait" END
FROM timed WHERE outcome IN (2, 3)
"""
)


_THREE_CX = (
    _TIMED.format(source="beckvoice")
    + """
SELECT unit AS n, e AS done, 'Call ' || unit || ',' || to_hex(unit) || '_' || part || ','
    || hms(gone - coalesce(up, gone))
    || ',' || slashed(began) || ',' || coalesce(slashed(up), '') || ',' || slashed(gone) || ',' || reason || ','
    || written(slot, unit) || ',' || to_no || ',10000,' || to_no[5:] || ',' || line || ',' || changed || ','
    || final_no || ',' || final_no[5:] || ',,,,,Chain: ' || written(slot, unit) || ';' || to_no || ';' || final_no
    || ';,Line,' || to_type || ',' || final_type || ',' || person(unit) || ',Menu,' || final_type
    || ',' || missed AS line
FROM (
    SELECT *, 'm' AS part, s AS began, s AS up, q AS gone, 'Ext.800' AS to_no, 'IVR' AS to_type,
        CASE outcome WHEN 1 THEN 'Ext.800' ELSE 'Ext.' || queue END AS final_no,
        CASE outcome WHEN 1 THEN 'IVR' ELSE 'Queue' END AS final_type,
        CASE outcome WHEN 1 THEN 'TerminatedBySrc' ELSE 'TerminatedByDst' END AS reason,
        CASE outcome WHEN 1 THEN '' ELSE 'ReplacedDst' END AS changed, '' AS missed FROM timed
    UNION ALL
    SELECT *, 'q', q, CASE outcome WHEN 0 THEN a END, CASE WHEN moves THEN a + talk // 2 ELSE e END,
        'Ext.' || queue, 'Queue',
        CASE WHEN outcome = 0 THEN 'Ext.101' WHEN voicemail THEN 'Ext.999' ELSE 'Ext.' || queue END,
        CASE WHEN outcome = 0 THEN 'Extension' WHEN voicemail THEN 'VoiceMail' ELSE 'Queue' END, 'TerminatedBySrc',
        CASE WHEN outcome = 0 THEN 'ReplacedDst' ELSE '' END, CASE WHEN outcome = 3 THEN 'Ext.101;Ext.102' ELSE '' END
    FROM timed WHERE outcome IN (0, 3)
    UNION ALL
    SELECT *, 't', a + talk // 2, a + talk // 2, e, 'Ext.150', 'Extension', 'Ext.150', 'Extension', 'TerminatedBySrc',
        '', '' FROM timed WHERE moves
)
UNION ALL -- internal, outbound, and an end before its start; one display name holds a comma
SELECT unit, e, 'Call ' || unit + 500000000 || ',' || to_hex(unit) || '_x,00:01:00,' || slashed(s) || ','
    || slashed(s + 9)
    || ',' || slashed(s + CASE WHEN kind = 2 THEN -600 ELSE 69 END) || ',TerminatedBySrc,'
    || ['Ext.101', 'Ext.101', digits(abs(slot))][1 + kind] || ','
    || ['Ext.102', '01632960990', 'Ext.' || queue][1 + kind]
    || ',101,102,' || ['102', '01632960990', line][1 + kind] || ',,Ext.102,102,,,,,Chain: Ext.101;,'
    || ['Extension', 'Extension', 'Line'][1 + kind] || ',' || ['Extension', 'Line', 'Queue'][1 + kind] || ',Extension,'
    || CASE WHEN unit % 4 = 0 AND kind = 0 THEN 'Quillsworth, Zoë' ELSE 'Desk' END || ',Desk,Desk,'
FROM (SELECT *, CAST(CASE WHEN unit % 10000 = 51 THEN 2 ELSE unit // 307 % 2 END AS INTEGER) AS kind FROM timed)
WHERE unit % 307 = 5 OR unit % 10000 = 51
"""
)

_CANONICAL = (
    _TIMED.format(source="holtcall")
    + """
SELECT 'H' || unit AS call_id, code AS practice_ods, iso(s) AS started_at,
    CASE WHEN outcome IN (0, 2, 3) THEN iso(q) END AS queue_entered_at,
    CASE WHEN outcome = 0 THEN iso(a) END AS answered_at,
    iso(e) AS ended_at,
    CASE outcome WHEN 0 THEN 'answered' WHEN 2 THEN 'callback' WHEN 4 THEN 'engaged' WHEN 5 THEN 'unknown'
        WHEN 3 THEN CASE WHEN voicemail THEN 'voicemail' WHEN unit % 10 = 1 THEN 'no_answer' ELSE 'abandoned_queue' END
        ELSE CASE WHEN half_hour BETWEEN 16 AND 36
            THEN CASE WHEN unit % 4 = 0 THEN 'ivr_diverted' ELSE 'abandoned_ivr' END
            ELSE 'out_of_hours' END END AS outcome,
    CASE WHEN outcome IN (0, 2, 3) THEN place END AS queue_position_announced,
    CASE WHEN outcome = 2 THEN 'true' ELSE 'false' END AS callback_requested,
    CASE WHEN outcome = 2 THEN
        CASE WHEN callback_after >= 0 {unless} THEN 'true' ELSE 'false' END END AS callback_completed,
    CASE WHEN slot >= 0 AND unit % 3 = 0 THEN digits(slot)[:5] || ' ' || digits(slot)[6:] ELSE written(slot, unit) END
        AS caller_number
FROM timed
"""
)
# a call-back of the month's last two days is told in the next month's file
_STILL_OPEN = "AND NOT (unit % 2 = 0 AND date >= (SELECT max(date) FROM calls) - INTERVAL 1 DAY)"


def write_asterisk(con: duckdb.DuckDBPyConnection, inbox: Path, first: date, newest: bool) -> None:
    """CDR and queue_log of a month; `calls` holds the last two days of the month before as well."""
    con.execute(f"CREATE OR REPLACE TEMP TABLE legs AS {_ASTERISK_LEGS}")
    lines = f"SELECT {_ASTERISK_LINE} AS line FROM legs"
    order = "ORDER BY done, unit, leg"
    month = f"{first:%Y-%m}"
    if not newest:
        _copy(con, inbox / marked(f"larkline-cdr-{month}.csv"), f"{lines} {order}")
    else:
        middle = int(pd.Timestamp(first).timestamp()) + 19 * 86_400
        early = f"done < {middle} AND NOT (leg IN (2, 3, 4) AND unit % 7 = 0)"
        part = inbox / marked(f"larkline-cdr-{month}-a.csv")
        _copy(con, part, f"{lines} WHERE {early} {order}")
        (inbox / marked(f"larkline-cdr-{month}-a-again.csv")).write_bytes(part.read_bytes())
        rest = inbox / marked(f"larkline-cdr-{month}-b.csv")
        _copy(con, rest, f"{lines} WHERE NOT ({early}) {order}")
        with rest.open("ab") as growing:
            growing.write(b'"","07700900000","01632960900","ext-queues","""Ottoline')
        _copy(con, inbox / marked(f"larkline-account-{month}.csv"), f"{lines} WHERE practice = 0 AND leg < 4 {order}")
        _write_strays(con, inbox, month)
    if first.month == 3:  # times in the hour that does not exist
        _copy(con, inbox / marked(f"larkline-spring-{month}.csv"), _spring(lines, first))
    events = (
        f"SELECT moment || '|' || started || '.' || unit || '|' || queue || '|' || agent || '|' || event AS line "
        f"FROM ({_QUEUE_EVENTS}) JOIN calls USING (unit, practice) JOIN labels USING (practice) "
        "ORDER BY moment, unit, step"
    )
    _copy(con, inbox / marked(f"larkline-queue-log-{month}.txt"), events)


def _spring(lines: str, first: date) -> str:
    """Sound calls of the month, and a few whose clock says half past one on the morning that has no such time."""
    sunday = max(day for day in pd.date_range(first, periods=31) if day.weekday() == 6)
    missing = f"TIMESTAMP '{sunday:%Y-%m-%d} 01:30:00'"
    # the last days of the month before are among the calls: alone in March, the odd ones would be its only rows
    own = f"leg = 0 AND began >= epoch(TIMESTAMP '{first}')"
    sound = f"{lines} WHERE {own} ORDER BY unit LIMIT 200"
    odd = lines.replace("stamp(london(began))", f"stamp({missing})").replace("|| uid ||", "|| 'x' || uid ||")
    return f"SELECT line FROM ({sound}) UNION ALL SELECT line FROM ({odd} WHERE {own} ORDER BY unit LIMIT 3)"


def _write_strays(con: duckdb.DuckDBPyConnection, inbox: Path, month: str) -> None:
    """Two sources that must not be believed: one an hour out, one from the future."""
    lines = f"SELECT {_ASTERISK_LINE} AS line FROM (SELECT * REPLACE ({{}}) FROM legs WHERE practice = 0 AND leg < 2)"
    hour = "began + 3600 AS began, up + 3600 AS up, done + 3600 AS done, '01632960917' AS dst"
    year = "began + 63072000 AS began, up + 63072000 AS up, done + 63072000 AS done, '01632960918' AS dst, "
    year += "CAST(began + 63072000 AS VARCHAR) || '.' || unit AS uid"
    for name, moved in (("quarrline", hour), ("driftline", year)):
        order = "ORDER BY done, unit, leg LIMIT 2000"
        _copy(con, inbox / marked(f"{name}-cdr-{month}.csv"), f"{lines.format(moved)} {order}")


def write_three_cx(con: duckdb.DuckDBPyConnection, inbox: Path, first: date) -> None:
    """3CX's 27 fields, a segment a line, UTC."""
    _copy(con, inbox / marked(f"beckvoice-{first:%Y-%m}.csv"), f"SELECT line FROM ({_THREE_CX}) ORDER BY done, n, line")


def write_canonical(
    con: duckdb.DuckDBPyConnection,
    inbox: Path,
    first: date,
    late: pd.DataFrame | None,
    place: int,
    newest: bool,
) -> None:
    """The canonical CSV of a month; `late` holds calls of the month before whose call-backs have come since."""
    path = inbox / marked(f"holtcall-{first:%Y-%m}.csv")
    unless = "" if newest else _STILL_OPEN
    con.execute(f"CREATE OR REPLACE TEMP TABLE month AS {_CANONICAL.format(unless=unless)}")
    rows = "SELECT * FROM (SELECT * FROM month ORDER BY started_at, call_id)"
    if late is not None:
        con.register("calls", late)
        con.execute(f"CREATE OR REPLACE TEMP TABLE told AS {_CANONICAL.format(unless='')}")
        rows += " UNION ALL SELECT * FROM (SELECT * FROM told WHERE callback_completed = 'true' ORDER BY call_id)"
    # the same calls again with what a spreadsheet made of the number; nobody else rang with those numbers that day
    rows += (
        " UNION ALL SELECT * REPLACE ('4.4077E+11' AS caller_number) FROM (SELECT * FROM month WHERE outcome = "
        "'answered' QUALIFY count(*) OVER (PARTITION BY practice_ods, started_at[:10], right(caller_number, 6)) = 1 "
        "AND caller_number LIKE '+44%' ORDER BY call_id LIMIT 3)"
        " UNION ALL SELECT * REPLACE ('X' || call_id AS call_id, '2020-01-01T00:00:00Z' AS ended_at) FROM "
        "(SELECT * FROM month WHERE outcome = 'answered' ORDER BY call_id LIMIT 3)"
        " UNION ALL SELECT * REPLACE ('W' || call_id AS call_id, five_later(queue_entered_at) AS answered_at, "
        "five_later(ended_at) AS ended_at) FROM "
        "(SELECT * FROM month WHERE outcome = 'answered' ORDER BY call_id LIMIT 2)"
    )
    target = str(path).replace("'", "''")
    con.execute(f"COPY ({rows}) TO '{target}' (FORMAT csv, HEADER true)")
    if place % 5 == 2:
        path.write_bytes(path.read_text(encoding="utf-8").encode("utf-16"))
    elif place % 2:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    elif place % 3 == 0:
        with path.open("ab") as end:
            end.write(b"End of report,,,,,,,,,,\n")


def _copy(con: duckdb.DuckDBPyConnection, path: Path, lines: str) -> None:
    """Writes the one text column of a SELECT, a line a row, as it is."""
    target = str(path).replace("'", "''")
    con.execute(f"COPY ({lines}) TO '{target}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x1f')")
