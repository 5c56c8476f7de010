"""Asterisk and FreePBX call detail records: `Master.csv`, custom and database forms, with a heading or without.

One row is one leg: ring-all writes a row for each telephone, a transfer another. Which rows are one call is
told by `linkedid`, else `uniqueid`, else the caller's channel. `uniqueid` begins with the second at which the
channel was made, in UTC, which proves or disproves the declared time zone. The queue's events are in
`queue_log.py`. Field order: Asterisk's cdr/cdr_csv.c and configs/samples/cdr.conf.sample.
"""

import re

from etl.feeds.call_logs import checks, clock, people, rows
from etl.feeds.call_logs.sources import Source
from etl.feeds.feed import Problem, Received, RefusedFile, among, say
from etl.feeds.reading import Reading

BASE = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata",
    "start", "answer", "end", "duration", "billsec", "disposition", "amaflags",
)  # fmt: skip
TAIL = ("peeraccount", "linkedid", "sequence")
# cdr_custom's sample: the caller first, no linkedid
CUSTOM = (
    "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer", "end",
    "duration", "billsec", "disposition", "amaflags", "accountcode", "uniqueid", "userfield", "sequence",
)  # fmt: skip
FREEPBX = (
    "calldate", "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "duration",
    "billsec", "disposition", "amaflags", "accountcode", "uniqueid", "userfield", "did", "recordingfile", "cnum",
    "cnam", "outbound_cnum", "outbound_cnam", "dst_cnam", "linkedid", "peeraccount", "sequence",
)  # fmt: skip
MYSQL = ("calldate", "src", "dst", "duration", "billsec", "disposition")
UNIQUEID = r"^(\S+-)?\d{9,10}\.\d+$"
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d|\d{1,2}/\d{1,2}/\d{2,4} \d{1,2}:\d\d")
DIALLING = ("dial", "appdial", "appqueue", "followme", "page")
DISPOSITIONS = ("ANSWERED", "NO ANSWER", "BUSY", "FAILED", "CONGESTION")
LONGEST_SECONDS = 12 * 3600
# services that ring a practice under a short number; other short numbers are extensions
SERVICES = r"1(01|05|11|12|19|16\d{3}|18\d{3})|999"


def recognise(received: Received) -> bool:
    """Whether these are call detail records, with or without a heading."""
    if received.delimiter not in ",;\t":
        return False
    if received.has(*MYSQL) or received.has("start", *MYSQL[1:]):
        return True
    return any(_headerless(record) is not None for record in received.records[:5])


def _headerless(record: list[str]) -> tuple[str, ...] | None:
    """The columns of a record without a heading; None when it is no call detail record."""

    def looks(*expected: tuple[int, object]) -> bool:
        return all(
            bool(test.search(record[n])) if isinstance(test, re.Pattern) else record[n].upper() in DISPOSITIONS
            for n, test in expected
        )

    width = len(record)
    if 16 <= width <= 21 and looks((9, MOMENT), (11, MOMENT), (14, None)):
        return BASE + ("",) * (width - 16)
    if width == 19 and looks((8, MOMENT), (10, MOMENT), (13, None)):
        return CUSTOM
    if 17 <= width <= 30 and looks((0, MOMENT), (11, None)):
        known = FREEPBX if width > 23 and re.match(UNIQUEID, record[23]) else FREEPBX[:23]
        return known[:width] + ("",) * (width - len(known))
    return None


def columns(received: Received, source: Source) -> list[str] | None:
    """Names of the columns of a file without a heading; None when it has one.

    Raises RefusedFile when the file's width does not say which optional fields it has, or there are none by
    which the rows of one call can be brought together.
    """
    if received.has(*MYSQL[1:]):
        named = set(received.header)
        if not named & {"uniqueid", "linkedid", "channel"}:
            raise RefusedFile(
                "The call log has no uniqueid, linkedid or channel, so the rows of one call cannot be told from "
                "several calls, and a call that rang five telephones would be counted five times. Export it again "
                "with uniqueid and, if the system has it, linkedid."
            )
        return None
    sample = [record for record in received.records if _headerless(record) is not None]
    found = _headerless(sample[0]) or ()
    if source.columns:
        if len(source.columns) != len(sample[0]):
            raise RefusedFile(
                f"The file has {len(sample[0])} fields and `columns` of the telephony source `{source.id}` in icb.toml "
                f"names {len(source.columns)}. Correct `columns` and put the file in the inbox again."
            )
        return [name.lower() for name in source.columns]
    if found[: len(BASE)] != BASE:
        return _named(list(found))
    ids = [bool(re.match(UNIQUEID, record[16])) for record in sample if len(record) > 16]
    single = _uniqueid_or_userfield(ids, source) if len(found) in (17, 20) else ()
    both = ("uniqueid", "userfield")
    optional = {16: (), 17: single, 18: both, 19: TAIL, 20: (*single, *TAIL), 21: (*both, *TAIL)}
    return [*BASE, *optional[len(found)]]


def _uniqueid_or_userfield(ids: list[bool], source: Source) -> tuple[str]:
    """What a single optional field is: its values say, unless they disagree."""
    if any(ids) and not all(ids):
        raise RefusedFile(
            "The 17th field of the call log is in some rows a uniqueid and in others not, so it cannot be told which "
            f"it is. Name the fields in `columns` of the telephony source `{source.id}` in icb.toml."
        )
    return ("uniqueid",) if any(ids) else ("userfield",)


def _named(found: list[str]) -> list[str]:
    return [name or f"unused_{position}" for position, name in enumerate(found, start=1)]


def read(reading: Reading, source: Source) -> None:
    """Stage a leg a row. Raises RefusedFile for a file whose fields, or whose time zone, cannot be."""
    names = columns(reading.received, source)
    has = set(names if names is not None else reading.received.header)
    mask = rows.new_mask()
    rows.register_numbers(reading, source, mask)
    scan = reading.csv(names)
    worked = _worked(scan, has, source, reading.received)
    parsed = rows.parse(reading, scan, _kept(has, source, mask), worked)
    is_never = clock.missing("_local", source.timezone)
    checks.zone(reading, source, "_started", f"CASE WHEN NOT {is_never} THEN _born END", soon=60)
    # a leg to an extension may belong to a call whose first leg is in another file
    legs = _legs(parsed)
    rows.make_people(reading, f"SELECT _person AS key, _month AS month FROM {legs}", mask)
    unmatched = checks.told_nowhere(
        reading, legs, _UNTOLD, "_is_first AND (_did_key IS NOT NULL OR _dst_key IS NOT NULL)"
    )
    reading.stage(
        "call_leg",
        f"(SELECT r.*, p.pseudonym AS _pseudonym FROM {legs} AS r "
        "LEFT JOIN people AS p ON p.key = r._person AND p.month = r._month)",
        _facts(source),
        _problems(source, has, unmatched),
        skip="_is_heading OR (_direction = 'filtered' AND NOT _is_damaged)",
        copy=False,
    )


def _worked(scan: str, has: set[str], source: Source, received: Received) -> str:
    """A relation over the file with times in UTC and numbers as digits: what one row alone can say."""
    start = "start" if "start" in has else "calldate"
    fields = {
        "_start_text": rows.plain(start, has),
        "_src": rows.plain("src", has),
        "_dst": rows.plain("dst", has),
        "_did": rows.plain("did", has),
        "_app": f"lower({rows.plain('lastapp', has)})",
        "_uniqueid": rows.plain("uniqueid", has),
        "_linkedid": rows.plain("linkedid", has),
        "_local": _moment(rows.plain(start, has), source, received),
        "_end_local": _moment(rows.plain("end", has), source, received) if "end" in has else "CAST(NULL AS TIMESTAMP)",
    }
    worked = {
        "_src_number": people.number("_src"),
        "_dst_number": people.number("_dst"),
        "_did_number": people.number("_did"),
        "_born": "CASE WHEN _uniqueid LIKE '__________.%' THEN try_cast(_uniqueid[:10] AS BIGINT) "
        "ELSE try_cast(regexp_extract(_uniqueid, '([0-9]{9,10})\\.[0-9]+$', 1) AS BIGINT) END",
    }
    first = clock.to_utc("_local", source.timezone)
    second = clock.to_utc("_local", source.timezone, second=True)
    # the second at which the channel was made says which passing of a repeated hour it was
    started = (
        f"CASE WHEN {clock.repeated('_local', source.timezone)} AND epoch({first}) < _born - 60 THEN {second} "
        f"ELSE {first} END"
    )
    layer = f"(SELECT *, {rows.named(worked)} FROM (SELECT *, {rows.named(fields)} FROM {scan}))"
    return f"(SELECT *, {started} AS _started FROM {layer})"


def _kept(has: set[str], source: Source, mask: int) -> dict[str, str]:
    """What is kept of a row while its file is read: no number, no name, no text that may hold one."""
    call = f"coalesce(_linkedid, _uniqueid, strftime(_local, '%Y-%m-%d/') || {_counter('channel', has)})"
    # without a sequence, the counter of the other channel and the times tell two legs of a call apart
    apart = [
        "_uniqueid",
        _counter("dstchannel", has),
        "_app",
        "CAST(epoch(_started) AS BIGINT)",
        _whole("duration", has),
    ]
    ends = "_end_local < _local"
    disposition = f"upper({rows.plain('disposition', has)})"
    step = f"CASE WHEN _app = 'queue' THEN 'queue' WHEN {among('_app', DIALLING)} THEN 'dial' "
    step += "WHEN _app = 'voicemail' THEN 'voicemail' ELSE 'menu' END"
    return {
        "_is_heading": "_start_text IN ('calldate', 'start')",
        "_local": "_local",
        "_started": "_started",
        "_month": f"CAST(date_trunc('month', {clock.london('_started')}) AS DATE)",
        "_born": "_born",
        "_is_backwards": f"{ends} AND NOT {clock.repeated('_end_local', source.timezone)}" if "end" in has else "FALSE",
        "_is_damaged": people.damaged("_src"),
        "_duration": _whole("duration", has),
        "_billsec": _whole("billsec", has),
        "_disposition": rows.word(disposition, DISPOSITIONS),
        "_step": rows.word(step, ("queue", "dial", "voicemail", "menu")),
        "_peer": f"{rows.plain('dstchannel', has)} IS NOT NULL",
        # the first argument of Queue() is the queue's name; the others may hold anything
        "_queue": f"CASE WHEN _app = 'queue' THEN lower(split_part({rows.plain('lastdata', has)}, ',', 1)) END",
        "_call": call,
        "_channel": f"nullif(_uniqueid, {call})",
        "_leg": f"coalesce(try_cast({rows.plain('sequence', has)} AS BIGINT), {rows.fingerprint(*apart)})",
        # a leg on the caller's own channel; others may belong to a call whose first leg is in another file
        "_is_first": "coalesce(_linkedid = _uniqueid, TRUE)",
        "_src_key": rows.masked("_src_number", mask),
        "_dst_key": rows.masked("_dst_number", mask),
        "_did_key": rows.masked("_did_number", mask),
        "_dst_name": "CASE WHEN _dst_number IS NULL THEN lower(_dst) END",
        "_did_name": "CASE WHEN _did_number IS NULL THEN lower(_did) END",
        "_src_status": rows.word(people.status("_src", "_src_number"), people.STATUSES),
        "_is_service": f"coalesce(regexp_full_match(_src, '{SERVICES}'), FALSE)" if "src" in has else "FALSE",
    }


def _legs(parsed: str) -> str:
    """The parsed rows with whose practice each was to, its direction, and which number is a person's."""
    joined = (
        "(SELECT r.*, coalesce(a.practice, e.practice) AS _by_did, coalesce(b.practice, f.practice) AS _by_dst, "
        f"c.practice AS _by_queue, d.practice AS _by_src FROM {parsed} AS r "
        "LEFT JOIN practice_numbers AS a ON a.key = r._did_key LEFT JOIN practice_numbers AS e ON e.name = r._did_name "
        "LEFT JOIN practice_numbers AS b ON b.key = r._dst_key LEFT JOIN practice_numbers AS f ON f.name = r._dst_name "
        "LEFT JOIN practice_numbers AS c ON c.name = r._queue LEFT JOIN practice_numbers AS d ON d.key = r._src_key)"
    )
    person = "CASE _direction WHEN 'inbound' THEN _src_key WHEN 'outbound' THEN _dst_key END"
    return f"(SELECT *, {person} AS _person FROM (SELECT *, {_direction()} AS _direction FROM {joined}))"


def _direction() -> str:
    """SQL: inbound from outside, outbound (kept when answered: it may be a call-back), internal, or filtered.

    The positive test is the number dialled. An internal leg is kept when it belongs to another call: a
    transfer. Everything else that begins at an extension is not this product's business.
    """
    outside = "_dst_key IS NOT NULL AND _by_dst IS NULL"
    outbound = f"CASE WHEN {outside} AND _disposition = 'ANSWERED' THEN 'outbound' ELSE 'filtered' END"
    extension = "(_src_status IN ('short', 'internal_error') AND NOT (_is_service AND _dst_key IS NOT NULL "
    extension += "AND _by_dst IS NOT NULL))"
    return (
        "CASE WHEN _by_did IS NOT NULL THEN 'inbound' "
        f"WHEN ({extension} OR _by_src IS NOT NULL) AND _did_key IS NULL AND _did_name IS NULL THEN "
        f"CASE WHEN {outside} THEN {outbound} WHEN NOT _is_first THEN 'internal' ELSE 'filtered' END "
        "ELSE 'inbound' END"
    )


_UNTOLD = "_by_did IS NULL AND _by_dst IS NULL AND _by_queue IS NULL"


def _facts(source: Source) -> dict[str, str]:
    """call_leg's columns from a worked-out row."""
    # a telephone was reached and answered; of a queue's row that may have been the menu before it
    person = "_peer AND _step IN ('queue', 'dial') AND _disposition = 'ANSWERED'"
    return {
        "source_id": say(source.id),
        "leg_id": "_leg",
        "correlation_id": "_call",
        "channel_id": "_channel",
        "kind": "'cdr'",
        "step": "_step",
        "direction": "_direction",
        "local_date": f"CAST({clock.london('_started')} AS DATE)",
        "started_at": "_started",
        "arrived_at": "CASE WHEN _direction = 'inbound' THEN _started END",
        # a queue's row does not tell when the caller joined it
        "entered_at": "CASE WHEN _peer AND _step = 'dial' THEN _started END",
        "answered_at": f"CASE WHEN {person} THEN _started + to_seconds(_duration - _billsec) END",
        "ended_at": "_started + to_seconds(_duration)",
        "talk_seconds": f"CASE WHEN {person} AND _step = 'dial' THEN _billsec END",
        "is_inferred": "TRUE",
        "result": "replace(lower(_disposition), ' ', '_')",
        "queue_name": "_queue",
        "practice_code": "CASE WHEN _direction = 'outbound' THEN _by_src "
        "ELSE coalesce(_by_did, _by_dst, _by_queue) END",
        "practice_rank": "CASE WHEN _direction = 'outbound' THEN NULL WHEN _by_did IS NOT NULL THEN 1 "
        "WHEN _by_dst IS NOT NULL THEN 2 WHEN _by_queue IS NOT NULL THEN 3 END",
        "caller_pseudonym": "_pseudonym",
        "cli_status": "CASE WHEN _direction = 'inbound' THEN _src_status END",
        "is_time_ambiguous": f"CASE WHEN _born IS NULL THEN {clock.repeated('_local', source.timezone)} END",
    }


def _problems(source: Source, has: set[str], unmatched: str) -> list[Problem]:
    start = "start" if "start" in has else "calldate"
    hours = LONGEST_SECONDS // 3600
    return [
        Problem("_local IS NULL", start, "'the start is not a date and time in the form of the other rows'"),
        Problem(clock.missing("_local", source.timezone), start, say(checks.NO_SUCH_HOUR)),
        Problem("_call IS NULL", "uniqueid", "'the row has neither linkedid, uniqueid nor channel'"),
        Problem("_duration IS NULL OR _duration < 0", "duration", "'duration is not a number of seconds'"),
        Problem(f"_duration > {LONGEST_SECONDS}", "duration", say(f"duration is over {hours} hours")),
        Problem(
            "_billsec IS NULL OR _billsec < 0 OR _billsec > _duration",
            "billsec",
            "'billsec is not a number of seconds within duration'",
        ),
        Problem(
            "_disposition IS NULL",
            "disposition",
            "'disposition is none of ANSWERED, NO ANSWER, BUSY, FAILED, CONGESTION'",
        ),
        Problem("_is_damaged", "src", say(checks.DAMAGED)),
        Problem("_is_backwards", "end", "'the call ends before it starts'"),
        *checks.unknown_number(unmatched, "did" if "did" in has else "dst", source),
    ]


def _whole(name: str, has: set[str]) -> str:
    return f"try_cast({rows.plain(name, has)} AS INTEGER)"


def _counter(name: str, has: set[str]) -> str:
    """SQL: the part of a channel's name that is only a counter; the rest may hold a number or a name."""
    return f"nullif(regexp_extract({rows.plain(name, has)}, '-([0-9a-f]+(;[12])?)$', 1), '')"


def _moment(field: str, source: Source, received: Received) -> str:
    """SQL: a local time; in the declared form, else ISO or, if the file writes so, day/month/year."""
    if source.time_format:
        return f"try_strptime({field}, {say(source.time_format)})"
    cells = [cell for record in received.records for cell in record if MOMENT.match(cell)]
    if cells and "/" in cells[0]:
        forms = "['%d/%m/%Y %H:%M:%S', '%d/%m/%Y %H:%M', '%d/%m/%y %H:%M:%S', '%d/%m/%y %H:%M']"
        return f"try_strptime({field}, {forms})"
    return f"try_cast({field} AS TIMESTAMP)"
