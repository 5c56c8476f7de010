"""3CX call detail records: 27 unquoted fields without a heading, in an order the administrator may change.

One row is one segment of a call; `historyid` is the call. Display names may hold commas, so a row that has not
as many fields as the others is refused, never shifted. Times are what the platform writes: UTC where it was
seen, so `timezone` of the source must say. Segments: 3CX's documentation of call data records.
"""

import re

from etl.feeds.call_logs import checks, clock, people, rows
from etl.feeds.call_logs.sources import Source
from etl.feeds.feed import Problem, Received, RefusedFile, normalise, say
from etl.feeds.reading import Reading

COLUMNS = (
    "historyid", "callid", "duration", "time_start", "time_answered", "time_end", "reason_terminated", "from_no",
    "to_no", "from_dn", "to_dn", "dial_no", "reason_changed", "final_number", "final_dn", "bill_code", "bill_rate",
    "bill_cost", "bill_name", "chain", "from_type", "to_type", "final_type", "from_dispname", "to_dispname",
    "final_dispname", "missed_queue_calls",
)  # fmt: skip
NEEDED = ("historyid", "callid", "time_start", "time_answered", "time_end", "from_no", "to_no", "dial_no",
          "from_type", "to_type", "final_type")  # fmt: skip
MOMENT = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d")
LONGEST_SECONDS = 12 * 3600


def recognise(received: Received) -> bool:
    """Whether these are 3CX segments: wide, and with two or more times written its way."""
    return any(
        len(record) >= len(NEEDED) and sum(bool(MOMENT.fullmatch(cell.strip())) for cell in record) >= 2
        for record in received.records[:5]
    )


def read(reading: Reading, source: Source) -> None:
    """Stage a leg a segment. Raises RefusedFile when the declared columns cannot be those of the file."""
    names = [normalise(name) for name in source.columns] or list(COLUMNS)
    lacking = [name for name in NEEDED if name not in names]
    if lacking:
        raise RefusedFile(
            f"`columns` of the telephony source `{source.id}` in icb.toml lacks {', '.join(lacking)}, without which a "
            "3CX log cannot be read. Add them to the log in 3CX and to `columns`, in the same order."
        )
    mask = rows.new_mask()
    rows.register_numbers(reading, source, mask)
    # whole lines: the fields of each are counted, since a reader of CSV overlooks an empty one too many
    scan = reading.csv(["row"], delimiter="\x01", quote="")
    worked = _worked(scan, names, source)
    parsed = rows.parse(reading, scan, _kept(source, mask, _width(reading.received, names)), worked)
    segments = _segments(parsed)
    rows.make_people(reading, f"SELECT _person AS key, _month AS month FROM {segments}", mask)
    unmatched = checks.told_nowhere(
        reading,
        segments,
        "_by_dial IS NULL AND _by_to IS NULL AND _by_queue IS NULL",
        "(_dial_key IS NOT NULL OR _to_key IS NOT NULL)",
    )
    reading.stage(
        "call_leg",
        f"(SELECT r.*, p.pseudonym AS _pseudonym FROM {segments} AS r "
        "LEFT JOIN people AS p ON p.key = r._person AND p.month = r._month)",
        _facts(source),
        _problems(source, unmatched),
        skip="_direction = 'filtered' AND NOT _is_shifted",
        copy=False,
    )


def _width(received: Received, names: list[str]) -> int:
    """How many fields a row has: as many as there are columns, or one more where every line ends with a comma."""
    lengths = {len(record) for record in received.records}
    ends = all(record[-1] == "" for record in received.records)
    return len(names) + 1 if ends and lengths == {len(names) + 1} else len(names)


def _worked(scan: str, names: list[str], source: Source) -> str:
    """A relation over the file with times in UTC and numbers as digits: what one row alone can say."""

    def field(name: str) -> str:
        return f"nullif(_cells[{names.index(name) + 1}], '')" if name in names else "CAST(NULL AS VARCHAR)"

    def number(name: str) -> str:
        return f"regexp_replace({field(name)}, '^(Ext\\.|VoIP\\.)', '')"

    fields = {
        "_history": field("historyid"),
        "_callid": field("callid"),
        "_from": number("from_no"),
        "_to": number("to_no"),
        "_target": field("to_dn") if "to_dn" in names else number("to_no"),
        "_dial": number("dial_no"),
        "_from_type": f"lower({field('from_type')})",
        "_to_type": f"lower({field('to_type')})",
        "_final_type": f"lower({field('final_type')})",
        "_reason": f"lower({field('reason_terminated')})",
        # the name of a queue, never of a person
        "_queue_name": f"CASE WHEN lower({field('to_type')}) = 'queue' THEN lower({field('to_dispname')}) END",
        "_start_local": _moment(field("time_start")),
        "_answer_local": _moment(field("time_answered")),
        "_end_local": _moment(field("time_end")),
    }
    worked = {
        "_from_number": people.number("_from"),
        "_dial_number": people.number("_dial"),
        "_to_number": people.number("_to"),
        "_started": clock.to_utc("_start_local", source.timezone),
        "_answered": _not_before("_answer_local", source.timezone),
        "_ended": _not_before("_end_local", source.timezone),
    }
    cells = f"(SELECT *, string_split(row, ',') AS _cells FROM {scan})"
    return f"(SELECT *, {rows.named(worked)} FROM (SELECT *, {rows.named(fields)} FROM {cells}))"


def _kept(source: Source, mask: int, width: int) -> dict[str, str]:
    """What is kept of a segment while its file is read: no number, and no name but a queue's."""
    same = ("_from_type", "_to_type", "_final_type", "_reason", "_start_local", "_started", "_answered", "_ended")
    return {
        **{name: name for name in same},
        "_is_shifted": f"len(_cells) <> {width}",
        "_call": "_history",
        "_leg": rows.fingerprint(
            "_callid", "CAST(epoch(_started) AS BIGINT)", "_to_type", "CASE WHEN length(_target) < 7 THEN _target END"
        ),
        "_is_nameless": "_history IS NULL OR _callid IS NULL",
        "_month": clock.london_month("_started"),
        "_has_end": "_end_local IS NOT NULL",
        "_from_key": rows.masked("_from_number", mask),
        "_dial_key": rows.masked("_dial_number", mask),
        "_to_key": rows.masked("_to_number", mask),
        "_dial_name": "CASE WHEN _dial_number IS NULL THEN lower(_dial) END",
        "_to_name": "CASE WHEN _to_number IS NULL THEN lower(_to) END",
        "_queue": "CASE WHEN _to_type = 'queue' THEN lower(_target) END",
        "_queue_name": "_queue_name",
        "_status": people.status("_from", "_from_number"),
        "_is_damaged": people.damaged("_from"),
        "_is_ambiguous": clock.repeated("_start_local", source.timezone),
    }


def _segments(parsed: str) -> str:
    """The parsed rows with whose practice each was to, its direction, and which number is a person's."""
    joined = (
        "(SELECT r.*, coalesce(a.practice, e.practice) AS _by_dial, coalesce(b.practice, f.practice) AS _by_to, "
        f"coalesce(c.practice, d.practice) AS _by_queue, {_direction()} AS _direction FROM {parsed} AS r "
        "LEFT JOIN practice_numbers AS a ON a.key = r._dial_key "
        "LEFT JOIN practice_numbers AS e ON e.name = r._dial_name "
        "LEFT JOIN practice_numbers AS b ON b.key = r._to_key LEFT JOIN practice_numbers AS f ON f.name = r._to_name "
        "LEFT JOIN practice_numbers AS c ON c.name = r._queue "
        "LEFT JOIN practice_numbers AS d ON d.name = r._queue_name)"
    )
    person = "CASE _direction WHEN 'inbound' THEN _from_key WHEN 'outbound' THEN coalesce(_dial_key, _to_key) END"
    return f"(SELECT *, {person} AS _person FROM {joined})"


def _direction() -> str:
    """SQL: a Line calling is inbound; an extension calling a Line is outbound, another extension internal."""
    outside = "_to_type IN ('line', 'outboundrule', 'external')"
    return (
        "CASE WHEN _from_type = 'line' THEN 'inbound' "
        f"WHEN _from_type = 'extension' AND {outside} AND _answered IS NOT NULL THEN 'outbound' "
        "WHEN _from_type = 'extension' OR _from_type IS NULL THEN 'filtered' ELSE 'internal' END"
    )


def _facts(source: Source) -> dict[str, str]:
    step = (
        "CASE WHEN _to_type = 'queue' THEN 'queue' WHEN _to_type IN ('extension', 'ringgroup') THEN 'ring' "
        "WHEN _to_type IN ('voicemail', 'vmail') THEN 'voicemail' "
        "WHEN _to_type IN ('line', 'outboundrule', 'external') THEN 'divert' ELSE 'menu' END"
    )
    # a queue or a menu answers too: only a segment that ends at an extension was answered by a person
    person = (
        "_answered IS NOT NULL AND (_direction = 'outbound' OR (coalesce(_final_type, _to_type) = 'extension' "
        "AND _to_type IN ('extension', 'queue', 'ringgroup', 'ivr')))"
    )
    return {
        "source_id": say(source.id),
        "leg_id": "_leg",
        "correlation_id": "_call",
        "kind": "'segment'",
        "step": step,
        "direction": "_direction",
        "local_date": f"CAST({clock.london('_started')} AS DATE)",
        "started_at": "_started",
        "arrived_at": "CASE WHEN _direction = 'inbound' THEN _started END",
        "entered_at": "CASE WHEN _to_type IN ('queue', 'extension', 'ringgroup') THEN _started END",
        "answered_at": f"CASE WHEN {person} THEN _answered END",
        "ended_at": "_ended",
        "talk_seconds": f"CASE WHEN {person} THEN CAST(epoch(_ended) - epoch(_answered) AS INTEGER) END",
        "is_inferred": "_to_type = 'ivr'",
        "result": "CASE WHEN _final_type IN ('voicemail', 'vmail') THEN 'voicemail' WHEN _reason LIKE '%busy%' THEN "
        "'busy' WHEN _reason LIKE '%bysrc%' THEN 'caller' ELSE 'system' END",
        "queue_name": "_queue",
        "practice_code": "CASE WHEN _direction <> 'outbound' THEN coalesce(_by_dial, _by_to, _by_queue) END",
        "practice_rank": "CASE WHEN _direction = 'outbound' THEN NULL WHEN _by_dial IS NOT NULL THEN 1 "
        "WHEN _by_to IS NOT NULL THEN 2 WHEN _by_queue IS NOT NULL THEN 3 END",
        "caller_pseudonym": "_pseudonym",
        "cli_status": "CASE WHEN _direction = 'inbound' THEN _status END",
        "is_time_ambiguous": "_is_ambiguous",
    }


def _problems(source: Source, unmatched: str) -> list[Problem]:
    return [
        Problem(
            "_is_shifted", "historyid", "'the row has more or fewer fields than the others; a name may hold a comma'"
        ),
        Problem("_start_local IS NULL", "time_start", "'time-start is not a date and time'"),
        Problem(clock.missing("_start_local", source.timezone), "time_start", say(checks.NO_SUCH_HOUR)),
        Problem("_is_nameless", "historyid", "'historyid or callid is empty'"),
        Problem("NOT _has_end", "time_end", "'time-end is not a date and time'"),
        Problem("_ended < _started OR _answered < _started", "time_end", "'the segment ends before it starts'"),
        Problem("_ended < _answered", "time_end", "'the segment ends before it was answered'"),
        Problem(
            f"epoch(_ended) - epoch(_started) > {LONGEST_SECONDS}",
            "time_end",
            say(f"the segment is over {LONGEST_SECONDS // 3600} hours long"),
        ),
        Problem("_is_damaged", "from_no", say(checks.DAMAGED)),
        *checks.unknown_number(unmatched, "dial_no", source),
    ]


def _not_before(local: str, zone: str) -> str:
    """SQL: a time after the start, as UTC: in its second passing if the first would be before the start."""
    first = clock.to_utc(local, zone)
    if clock.repeated(local, zone) == "(FALSE)":
        return first
    second = clock.to_utc(local, zone, second=True)
    start = clock.to_utc("_start_local", zone)
    return f"CASE WHEN {clock.repeated(local, zone)} AND {first} < {start} THEN {second} ELSE {first} END"


def _moment(field: str) -> str:
    return f"try_cast(replace({field}, '/', '-') AS TIMESTAMP)"
