"""Asterisk and FreePBX call detail records: `Master.csv`, custom and database forms, with a heading or without.

One row is one leg: ring-all writes a row for each telephone, a transfer another. Which rows are one call is
told by `linkedid`, else `uniqueid`, else the caller's channel. `uniqueid` begins with the second at which the
channel was made, in UTC, which proves or disproves the declared time zone. The queue's events are in
`queue_log.py`. Field order: Asterisk's cdr/cdr_csv.c and configs/samples/cdr.conf.sample.
"""

import re

from etl.feeds.call_logs import checks, clock, people
from etl.feeds.call_logs.sources import Source, register_numbers
from etl.feeds.feed import Problem, Reading, Received, RefusedFile, say

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
    """Stage a leg a row. Raises RefusedFile for a file whose fields cannot be told."""
    names = columns(reading.received, source)
    has = set(names if names is not None else reading.received.header)
    register_numbers(reading.con, source)
    relation = _legs(reading.csv(names), has, source, reading.received)
    checks.first_pass(reading, source, f"SELECT _person, _month, epoch(_started) - _born AS _ahead FROM {relation}")
    unmatched = checks.told_nowhere(reading, relation, _UNTOLD)
    reading.stage(
        "call_leg",
        f"(SELECT r.*, p.pseudonym AS _pseudonym FROM {relation} AS r "
        "LEFT JOIN people AS p ON p.number = r._person AND p.month = r._month)",
        _facts(source, has),
        _problems(source, has, unmatched),
        skip="_start_text IN ('calldate', 'start') OR _direction = 'filtered'",
    )


def _field(name: str, has: set[str]) -> str:
    return people.text(f'"{name}"') if name in has else "CAST(NULL AS VARCHAR)"


def _legs(scan: str, has: set[str], source: Source, received: Received) -> str:
    """The rows with everything worked out, in layers so that each is worked out once."""
    start = "start" if "start" in has else "calldate"
    fields = {
        "_start_text": _field(start, has),
        "_end_text": _field("end", has),
        "_src": _field("src", has),
        "_dst": _field("dst", has),
        "_did": _field("did", has),
        "_app": f"lower({_field('lastapp', has)})",
        "_disposition": f"upper({_field('disposition', has)})",
        "_uniqueid": _field("uniqueid", has),
        "_linkedid": _field("linkedid", has),
        "_sequence": f"try_cast({_field('sequence', has)} AS BIGINT)",
        "_duration": f"try_cast({_field('duration', has)} AS INTEGER)",
        "_billsec": f"try_cast({_field('billsec', has)} AS INTEGER)",
        # the part of a channel's name that is only a counter; the rest may hold a number or a name
        "_channel": _counter("channel", has),
        "_peer": f"{_field('dstchannel', has)} IS NOT NULL",
        "_peer_channel": _counter("dstchannel", has),
    }
    layer = f"(SELECT *, {checks.named(fields)} FROM {scan})"
    local = _moment("_start_text", source, received)
    worked = {
        "_local": local,
        "_end_local": _moment("_end_text", source, received) if "end" in has else "CAST(NULL AS TIMESTAMP)",
        "_src_number": people.number("_src"),
        "_dst_number": people.number("_dst"),
        "_did_number": people.number("_did"),
        "_born": "try_cast(regexp_extract(_uniqueid, '([0-9]{9,10})\\.[0-9]+$', 1) AS BIGINT)",
        # the first argument of Queue() is the queue's name; the others may hold anything
        "_queue": f"CASE WHEN _app = 'queue' THEN lower(split_part({_field('lastdata', has)}, ',', 1)) END",
    }
    layer = f"(SELECT *, {checks.named(worked)} FROM {layer})"
    keys = {
        "_started": f"CASE WHEN {clock.repeated('_local', source.timezone)} "
        f"AND epoch({clock.to_utc('_local', source.timezone)}) < _born - 60 "
        f"THEN {clock.to_utc('_local', source.timezone, second=True)} "
        f"ELSE {clock.to_utc('_local', source.timezone)} END",
        "_src_status": people.status("_src", "_src_number"),
        "_call": "coalesce(_linkedid, _uniqueid, strftime(_local, '%Y-%m-%d/') || _channel)",
    }
    joined = (
        f"(SELECT r.*, {checks.named(keys)}, a.practice AS _by_did, b.practice AS _by_dst, c.practice AS _by_queue, "
        f"d.practice AS _by_src FROM {layer} AS r "
        "LEFT JOIN practice_numbers AS a ON a.lookup = coalesce(CAST(r._did_number AS VARCHAR), lower(r._did)) "
        "LEFT JOIN practice_numbers AS b ON b.lookup = coalesce(CAST(r._dst_number AS VARCHAR), lower(r._dst)) "
        "LEFT JOIN practice_numbers AS c ON c.lookup = r._queue "
        "LEFT JOIN practice_numbers AS d ON d.digits = r._src_number)"
    )
    return (
        f"(SELECT *, CASE _direction WHEN 'inbound' THEN _src_number WHEN 'outbound' THEN _dst_number END AS _person, "
        f"{_FIRST} AS _is_first, CAST(date_trunc('month', {clock.london('_started')}) AS DATE) AS _month "
        f"FROM (SELECT *, {_direction()} AS _direction FROM {joined}))"
    )


def _direction() -> str:
    """SQL: inbound from outside, outbound (kept when answered: it may be a call-back), internal, or filtered.

    The positive test is the number dialled. An internal leg is kept when it belongs to another call: a
    transfer. Everything else that begins at an extension is not this product's business.
    """
    outside = "_dst_number IS NOT NULL AND _by_dst IS NULL"
    outbound = f"CASE WHEN {outside} AND _disposition = 'ANSWERED' THEN 'outbound' ELSE 'filtered' END"
    transfer = "_linkedid <> _uniqueid"
    extension = f"(_src_status IN ('short', 'internal_error') AND NOT (regexp_full_match(_src, '{SERVICES}') "
    extension += "AND _dst_number IS NOT NULL AND _by_dst IS NOT NULL))"
    return (
        "CASE WHEN _by_did IS NOT NULL THEN 'inbound' "
        f"WHEN ({extension} OR _by_src IS NOT NULL) AND _did IS NULL THEN "
        f"CASE WHEN {outside} THEN {outbound} WHEN {transfer} THEN 'internal' ELSE 'filtered' END "
        "ELSE 'inbound' END"
    )


_UNTOLD = "_by_did IS NULL AND _by_dst IS NULL AND _by_queue IS NULL"
# a leg on the caller's own channel; others may belong to a call whose first leg is in another file
_FIRST = "(_linkedid IS NULL OR _uniqueid IS NULL OR _linkedid = _uniqueid)"


def _facts(source: Source, has: set[str]) -> dict[str, str]:
    """call_leg's columns from a worked-out row."""
    london = clock.london("_started")
    step = (
        "CASE WHEN _app = 'queue' THEN 'queue' WHEN _app IN ('dial', 'appdial', 'appqueue', 'followme', 'page') "
        "THEN 'dial' WHEN _app = 'voicemail' THEN 'voicemail' ELSE 'menu' END"
    )
    # without a sequence, the counters of both channels and the times tell two legs of a call apart
    leg = (
        "coalesce(_uniqueid, _call) || ':' || coalesce(CAST(_sequence AS VARCHAR), concat_ws('/', _peer_channel, "
        "_app, epoch_ms(_started) // 1000, _duration))"
    )
    person = "_peer AND _app IN ('queue', 'dial', 'appdial', 'appqueue', 'followme', 'page') "
    person += "AND _disposition = 'ANSWERED'"
    answered = "_started + to_seconds(_duration - _billsec)"
    return {
        "source_id": say(source.id),
        "leg_id": leg,
        "correlation_id": "_call",
        "channel_id": "nullif(_uniqueid, _call)",
        "kind": "'cdr'",
        "step": step,
        "direction": "_direction",
        "local_date": f"CAST({london} AS DATE)",
        "started_at": "_started",
        "arrived_at": "CASE WHEN _direction = 'inbound' THEN _started END",
        # of a queue this row does not tell when the caller joined it, nor when a person answered
        "entered_at": "CASE WHEN _peer AND _app <> 'queue' THEN _started END",
        "answered_at": f"CASE WHEN {person} THEN {answered} END",
        "ended_at": "_started + to_seconds(_duration)",
        "talk_seconds": f"CASE WHEN {person} AND _app <> 'queue' THEN _billsec END",
        "is_inferred": "TRUE",
        "result": "replace(lower(_disposition), ' ', '_')",
        "queue_name": "_queue",
        "practice_code": "CASE WHEN _direction = 'outbound' THEN _by_src ELSE coalesce(_by_did, _by_dst, _by_queue) END",
        "practice_rank": "CASE WHEN _direction = 'outbound' THEN NULL WHEN _by_did IS NOT NULL THEN 1 WHEN _by_dst IS NOT NULL THEN 2 "
        "WHEN _by_queue IS NOT NULL THEN 3 END",
        "caller_pseudonym": "_pseudonym",
        "cli_status": "CASE WHEN _direction = 'inbound' THEN _src_status END",
        "is_time_ambiguous": f"CASE WHEN _born IS NULL THEN {clock.repeated('_local', source.timezone)} END",
    }


def _problems(source: Source, has: set[str], unmatched: str) -> list[Problem]:
    start = "start" if "start" in has else "calldate"
    problems = [
        Problem("_local IS NULL", start, "'the start is not a date and time in the form of the other rows'"),
        Problem(
            clock.missing("_local", source.timezone),
            start,
            "'the start is in the hour that does not exist because the clocks went forward'",
        ),
        Problem("_call IS NULL", "uniqueid", "'the row has neither linkedid, uniqueid nor channel'"),
        Problem("_duration IS NULL OR _duration < 0", "duration", "'duration is not a number of seconds'"),
        Problem(f"_duration > {LONGEST_SECONDS}", "duration", say(f"duration is over {LONGEST_SECONDS // 3600} hours")),
        Problem(
            "_billsec IS NULL OR _billsec < 0 OR _billsec > _duration",
            "billsec",
            "'billsec is not a number of seconds within duration'",
        ),
        Problem(
            f"_disposition IS NULL OR _disposition NOT IN ({', '.join(map(say, DISPOSITIONS))})",
            "disposition",
            "'disposition is none of ANSWERED, NO ANSWER, BUSY, FAILED, CONGESTION'",
        ),
        Problem(people.damaged("_src"), "src", "'a spreadsheet has turned the number into a rounded one'"),
    ]
    if "end" in has:
        crossed = f"NOT {clock.repeated('_end_local', source.timezone)}"
        problems.append(Problem(f"_end_local < _local AND {crossed}", "end", "'the call ends before it starts'"))
    problems += checks.unknown_number(unmatched, "did" if "did" in has else "dst", source)
    return problems


def _counter(name: str, has: set[str]) -> str:
    return f"nullif(regexp_extract({_field(name, has)}, '-([0-9a-f]+(;[12])?)$', 1), '')"


def _moment(field: str, source: Source, received: Received) -> str:
    """SQL: a local time; in the declared form, else ISO or, if the file writes so, day/month/year."""
    if source.time_format:
        return f"try_strptime({field}, {say(source.time_format)})"
    cells = [cell for record in received.records for cell in record if MOMENT.match(cell)]
    if cells and "/" in cells[0]:
        forms = "['%d/%m/%Y %H:%M:%S', '%d/%m/%Y %H:%M', '%d/%m/%y %H:%M:%S', '%d/%m/%y %H:%M']"
        return f"try_strptime({field}, {forms})"
    return f"try_cast({field} AS TIMESTAMP)"
