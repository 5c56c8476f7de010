"""Asterisk's queue_log: what happened to a caller in a queue, an event a row; as pipe text and as tables.

Times are UNIX seconds, so UTC. Each event also says something of those before it (a CONNECT how long the
caller was held), so that an event whose fellows are in another night's file is still of use. Parameters:
Asterisk's documentation of Queue Logs.
"""

from etl.feeds.call_logs import checks, clock, people, rows
from etl.feeds.call_logs.sources import Source
from etl.feeds.feed import Problem, Received, among, say
from etl.feeds.reading import Reading

PARAMETERS = tuple(f"data{n}" for n in range(1, 8))
PIPE = ("time", "callid", "queuename", "agent", "event", *PARAMETERS)
STEPS = {
    "ENTERQUEUE": "enter",
    "CONNECT": "connect",
    "COMPLETEAGENT": "complete",
    "COMPLETECALLER": "complete",
    "ABANDON": "abandon",
    "EXITWITHKEY": "exit_key",
    "EXITWITHTIMEOUT": "exit_timeout",
    "EXITEMPTY": "exit_empty",
    "BLINDTRANSFER": "transfer",
    "ATTENDEDTRANSFER": "transfer",
    "TRANSFER": "transfer",
}
LONGEST_WAIT = 4 * 3600
LONGEST_TALK = 12 * 3600


def recognise(received: Received) -> bool:
    """Whether these are queue events: pipe text, the database's table, or a reporting tool's table."""
    if received.delimiter == "|":
        return any(len(r) >= 5 and r[0].split(".")[0].isdigit() and r[4].isupper() for r in received.records[:5])
    return received.has("callid", "event") and ({"htime", "ttime"} <= set(received.header) or received.has("data1"))


def read(reading: Reading, source: Source) -> None:
    """Stage a leg an event. Events of agents, not of calls, are filtered. Raises RefusedFile for a wrong zone."""
    received = reading.received
    mask = rows.new_mask()
    rows.register_numbers(reading, source, mask)
    if received.delimiter == "|":
        scan = reading.csv(PIPE, delimiter="|", quote="", null_padding=True)
        fields = _numbered_parameters(scan, set(PIPE))
    else:
        scan = reading.csv()
        tabular = received.has("htime", "ttime")
        fields = (_tabular if tabular else _numbered_parameters)(scan, set(received.header))
    worked = _worked(fields, source, received.delimiter != "|")
    kept = _kept(mask)
    if received.delimiter != "|":
        kept |= _clocks(source)
    parsed = rows.parse(reading, scan, kept, worked)
    if received.delimiter != "|":
        checks.zone(reading, source, "_local", "CASE WHEN NOT _never THEN _known END", soon=300)
    rows.make_people(reading, "SELECT _person AS key, _month AS month FROM parsed", mask)
    reading.stage(
        "call_leg",
        f"(SELECT r.*, q.practice AS _practice, p.pseudonym AS _pseudonym FROM {parsed} AS r "
        "LEFT JOIN practice_numbers AS q ON q.name = r._queue "
        "LEFT JOIN people AS p ON p.key = r._person AND p.month = r._month)",
        _facts(source),
        _problems(),
        skip="_step IS NULL OR _call IS NULL",
        copy=False,
    )


def _numbered_parameters(scan: str, has: set[str]) -> str:
    """Layout A: parameters in the order of Asterisk's documentation, `data1` to `data5` or more."""

    def field(*names: str) -> str:
        return rows.plain(next((n for n in names if n in has), ""), has)

    data = [field(name) for name in PARAMETERS]
    whole = [f"try_cast({d} AS INTEGER)" for d in data]
    # a transfer's last three parameters; how many come before them differs from kind to kind
    tail = f"list_filter([{', '.join(data)}], lambda x: x IS NOT NULL)"
    return f"""(SELECT *,
        CASE _event WHEN 'ENTERQUEUE' THEN {data[1]} END AS _caller,
        CASE _event WHEN 'EXITWITHKEY' THEN {data[0]} END AS _key,
        CASE _event WHEN 'ENTERQUEUE' THEN {whole[2]} WHEN 'ABANDON' THEN {whole[1]} WHEN 'EXITWITHKEY' THEN {whole[2]}
            WHEN 'EXITWITHTIMEOUT' THEN {whole[1]} WHEN 'EXITEMPTY' THEN {whole[1]}
            WHEN 'COMPLETEAGENT' THEN {whole[2]} WHEN 'COMPLETECALLER' THEN {whole[2]} END AS _position,
        CASE _event WHEN 'CONNECT' THEN {whole[0]} WHEN 'COMPLETEAGENT' THEN {whole[0]}
            WHEN 'COMPLETECALLER' THEN {whole[0]} WHEN 'ABANDON' THEN {whole[2]} WHEN 'EXITWITHKEY' THEN {whole[3]}
            WHEN 'EXITWITHTIMEOUT' THEN {whole[2]} WHEN 'EXITEMPTY' THEN {whole[2]}
            WHEN 'BLINDTRANSFER' THEN try_cast({tail}[-3] AS INTEGER)
            WHEN 'ATTENDEDTRANSFER' THEN try_cast({tail}[-3] AS INTEGER)
            WHEN 'TRANSFER' THEN try_cast({tail}[-3] AS INTEGER) END AS _hold,
        CASE _event WHEN 'COMPLETEAGENT' THEN {whole[1]} WHEN 'COMPLETECALLER' THEN {whole[1]}
            WHEN 'BLINDTRANSFER' THEN try_cast({tail}[-2] AS INTEGER)
            WHEN 'ATTENDEDTRANSFER' THEN try_cast({tail}[-2] AS INTEGER)
            WHEN 'TRANSFER' THEN try_cast({tail}[-2] AS INTEGER) END AS _talk
        FROM (SELECT *, {field("time")} AS _time_text, CAST(NULL AS VARCHAR) AS _local_text,
            {field("callid")} AS _callid, lower({field("queuename", "queue_name", "queue")}) AS _queue,
            upper({field("event")}) AS _event FROM {scan}))"""


def _tabular(scan: str, has: set[str]) -> str:
    """Layout B: each kind of parameter has its own column (entpos, htime, ttime), and times come twice."""

    def field(*names: str) -> str:
        return rows.plain(next((n for n in names if n in has), ""), has)

    key = ", ".join(
        f"CASE WHEN regexp_full_match({field(name)}, '[0-9*#]{{1,2}}') THEN {field(name)} END"
        for name in ("param2", "param3", "param1")
    )
    return f"""(SELECT *,
        CASE _event WHEN 'ENTERQUEUE' THEN {field("param1")} END AS _caller,
        CASE _event WHEN 'EXITWITHKEY' THEN coalesce({key}) END AS _key,
        CASE WHEN _event <> 'CONNECT' THEN nullif(try_cast({field("entpos")} AS INTEGER), 0) END AS _position,
        CASE WHEN _event <> 'ENTERQUEUE' THEN try_cast({field("htime")} AS INTEGER) END AS _hold,
        CASE WHEN {among("_event", [event for event, step in STEPS.items() if step in ("complete", "transfer")])}
            THEN try_cast({field("ttime")} AS INTEGER) END AS _talk
        FROM (SELECT *, {field("date_time", "time_id", "time")} AS _time_text,
            {field("time") if "date_time" in has else "CAST(NULL AS VARCHAR)"} AS _local_text,
            {field("callid")} AS _callid, lower({field("queue_name", "queuename", "queue")}) AS _queue,
            upper({field("event")}) AS _event FROM {scan}))"""


def _worked(fields: str, source: Source, may_be_local: bool) -> str:
    """Events with times in UTC and what they mean. may_be_local: a table may hold local times beside UTC or for it."""
    zone = source.timezone
    keys = ", ".join(say(key) for key in source.callback_keys) or "NULL"
    steps = " ".join(f"WHEN {say(event)} THEN {say(step)}" for event, step in STEPS.items() if step != "exit_key")
    key = f"CASE WHEN _key IN ({keys}) THEN 'callback' ELSE 'exit_key' END"
    written = "CAST(NULL AS TIMESTAMP)"
    if may_be_local:
        written = "try_cast(CASE WHEN _time_text LIKE '%-%' THEN _time_text END AS TIMESTAMP)"
    epoch = "CASE WHEN length(_time_text) = 10 THEN try_cast(_time_text AS BIGINT) "
    epoch += "ELSE try_cast(regexp_extract(_time_text, '^([0-9]{9,10})(\\.[0-9]+)?$', 1) AS BIGINT) END"
    columns = {
        "_step": f"CASE _event WHEN 'EXITWITHKEY' THEN {key} {steps} END",
        "_number": people.number("_caller"),
        "_call": "CASE WHEN _callid NOT IN ('NONE', 'REALTIME', 'MANAGER') THEN _callid END",
        "_born": "CASE WHEN _callid LIKE '__________.%' THEN try_cast(_callid[:10] AS BIGINT) "
        "ELSE try_cast(regexp_extract(_callid, '([0-9]{9,10})\\.[0-9]+$', 1) AS BIGINT) END",
        "_at": f"coalesce(make_timestamp(({epoch}) * 1000000), {clock.to_utc(written, zone)})",
        "_never": clock.missing(written, zone),
        "_local_time": f"CASE WHEN _local_text IS NOT NULL THEN try_cast(_local_text AS TIMESTAMP) ELSE {written} END",
    }
    return f"(SELECT *, {rows.named(columns)} FROM {fields})"


def _kept(mask: int) -> dict[str, str]:
    """What is kept of an event while its file is read: no number and no name; words as small as can be."""
    entering = "CASE WHEN _step = 'enter' THEN {} END"
    return {
        **{name: name for name in ("_call", "_born", "_at", "_never", "_position", "_hold", "_talk", "_queue")},
        "_event": f"CAST(list_position([{', '.join(map(say, STEPS))}], _event) AS TINYINT)",
        "_step": rows.word("_step", (*dict.fromkeys(STEPS.values()), "callback")),
        "_month": entering.format(f"CAST(date_trunc('month', {clock.london('_at')}) AS DATE)"),
        "_person": entering.format(rows.masked("_number", mask)),
        "_status": rows.word(entering.format(people.status("_caller", "_number")), people.STATUSES),
        "_is_damaged": people.damaged("_caller"),
    }


def _clocks(source: Source) -> dict[str, str]:
    """Of a table, which may give local time too: that time as UTC, and what it is compared with: the UTC that the
    row gives besides, or the second the call began."""
    return {
        "_local": clock.to_utc("_local_time", source.timezone),
        "_known": "CASE WHEN _local_text IS NOT NULL THEN CAST(epoch(_at) AS BIGINT) "
        "WHEN _step = 'enter' THEN _born END",
    }


def _facts(source: Source) -> dict[str, str]:
    answered = "CASE _step WHEN 'connect' THEN _at WHEN 'complete' THEN _at - to_seconds(_talk) "
    answered += "WHEN 'transfer' THEN _at - to_seconds(_talk) END"
    return {
        "source_id": say(source.id),
        # seconds, then the kind of event: apart from any sequence of a call detail record
        "leg_id": "CAST(epoch(_at) AS BIGINT) * 16 + _event",
        "correlation_id": "_call",
        "kind": "'event'",
        "step": "_step",
        "direction": "'inbound'",
        "local_date": f"CAST({clock.london('_at')} AS DATE)",
        "started_at": "_at",
        # the call's id begins with the second at which the caller's channel was made
        "arrived_at": f"CASE WHEN epoch(_at) - _born BETWEEN 0 AND {LONGEST_TALK} "
        "THEN make_timestamp(_born * 1000000) ELSE _at END",
        "entered_at": "CASE WHEN _step IN ('complete', 'transfer') THEN _at - to_seconds(_talk + _hold) "
        "ELSE _at - to_seconds(coalesce(_hold, 0)) END",
        "answered_at": answered,
        "ended_at": "CASE WHEN _step IN ('complete', 'abandon') THEN _at END",
        "talk_seconds": "_talk",
        "is_inferred": "FALSE",
        "queue_name": "_queue",
        "queue_position": "_position",
        "practice_code": "_practice",
        "practice_rank": "CASE WHEN _practice IS NOT NULL THEN 3 END",
        "caller_pseudonym": "_pseudonym",
        "cli_status": "_status",
    }


def _problems() -> list[Problem]:
    return [
        Problem("_never", "time", say(checks.NO_SUCH_HOUR)),
        Problem("_at IS NULL", "time", "'the time is neither UNIX seconds nor a date and time'"),
        Problem("_hold < 0 OR _talk < 0", "data", "'a wait or a conversation is negative'"),
        Problem(f"_hold > {LONGEST_WAIT}", "data", "'the wait is over four hours'"),
        Problem(f"_talk > {LONGEST_TALK}", "data", "'the conversation is over twelve hours'"),
        Problem("_is_damaged", "callerid", say(checks.DAMAGED)),
        Problem(
            "_step IN ('connect', 'complete', 'transfer', 'abandon') AND _hold IS NULL",
            "data",
            "'the event does not say how long the caller waited'",
        ),
        Problem(
            "_step IN ('complete', 'transfer') AND _talk IS NULL",
            "data",
            "'the event does not say how long they talked'",
        ),
    ]
