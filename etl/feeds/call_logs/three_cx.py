"""3CX call detail records: 27 unquoted fields without a heading, in an order the administrator may change.

One row is one segment of a call; `historyid` is the call. Display names may hold commas, so a row that has not
as many fields as the others is refused, never shifted. Times are what the platform writes: UTC where it was
seen, so `timezone` of the source must say. Segments: 3CX's documentation of call data records.
"""

import re

from etl.feeds.call_logs import checks, clock, people
from etl.feeds.call_logs.sources import Source, register_numbers
from etl.feeds.feed import Problem, Reading, Received, RefusedFile, normalise, say

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
    register_numbers(reading.con, source)
    relation = _segments(reading.csv(names, delimiter=",", quote=""), set(names), source)
    checks.first_pass(reading, source, f"SELECT _person, _month, CAST(NULL AS DOUBLE) AS _ahead FROM {relation}")
    unmatched = checks.told_nowhere(reading, relation, "_by_dial IS NULL AND _by_to IS NULL AND _by_queue IS NULL")
    reading.stage(
        "call_leg",
        f"(SELECT r.*, p.pseudonym AS _pseudonym FROM {relation} AS r "
        "LEFT JOIN people AS p ON p.number = r._person AND p.month = r._month)",
        _facts(source),
        _problems(source, unmatched),
        skip="_direction = 'filtered'",
    )


def _segments(scan: str, has: set[str], source: Source) -> str:
    def field(name: str) -> str:
        return people.text(f'"{name}"') if name in has else "CAST(NULL AS VARCHAR)"

    def number(name: str) -> str:
        return f"regexp_replace({field(name)}, '^(Ext\\.|VoIP\\.)', '')"

    fields = {
        "_history": field("historyid"),
        "_callid": field("callid"),
        "_from": number("from_no"),
        "_to": number("to_no"),
        "_to_dn": field("to_dn") if "to_dn" in has else number("to_no"),
        "_dial": number("dial_no"),
        "_final": number("final_number"),
        "_from_type": f"lower({field('from_type')})",
        "_to_type": f"lower({field('to_type')})",
        "_final_type": f"lower({field('final_type')})",
        "_reason": f"lower({field('reason_terminated')})",
        "_start_local": _moment(field("time_start")),
        "_answer_local": _moment(field("time_answered")),
        "_end_local": _moment(field("time_end")),
    }
    layer = f"(SELECT *, {checks.named(fields)} FROM {scan})"
    worked = {
        "_from_number": people.number("_from"),
        "_dial_number": people.number("_dial"),
        "_to_number": people.number("_to"),
        "_queue_key": "CASE WHEN _to_type = 'queue' THEN lower(_to_dn) END",
        # the name of a queue, never of a person
        "_queue_name": f"CASE WHEN _to_type = 'queue' THEN lower({field('to_dispname')}) END",
        "_started": clock.to_utc("_start_local", source.timezone),
    }
    layer = f"(SELECT *, {checks.named(worked)} FROM {layer})"
    later = {
        "_answered": _not_before("_answer_local", source.timezone),
        "_ended": _not_before("_end_local", source.timezone),
        "_direction": _direction(),
    }
    return (
        "(SELECT *, CASE _direction WHEN 'inbound' THEN _from_number WHEN 'outbound' THEN "
        "coalesce(_dial_number, _to_number) END AS _person, TRUE AS _is_first, "
        f"CAST(date_trunc('month', {clock.london('_started')}) AS DATE) AS _month FROM "
        f"(SELECT r.*, {checks.named(later)}, _history AS _call, a.practice AS _by_dial, b.practice AS _by_to, "
        f"coalesce(c.practice, d.practice) AS _by_queue FROM {layer} AS r "
        "LEFT JOIN practice_numbers AS a ON a.lookup = coalesce(CAST(r._dial_number AS VARCHAR), lower(r._dial)) "
        "LEFT JOIN practice_numbers AS b ON b.lookup = coalesce(CAST(r._to_number AS VARCHAR), lower(r._to)) "
        "LEFT JOIN practice_numbers AS c ON c.lookup = r._queue_key "
        "LEFT JOIN practice_numbers AS d ON d.lookup = r._queue_name))"
    )


def _direction() -> str:
    """SQL: a Line calling is inbound; an extension calling a Line is outbound, another extension internal."""
    outside = "_to_type IN ('line', 'outboundrule', 'external')"
    return (
        "CASE WHEN _from_type = 'line' THEN 'inbound' "
        f"WHEN _from_type = 'extension' AND {outside} AND _answer_local IS NOT NULL THEN 'outbound' "
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
        "leg_id": "concat_ws(':', _callid, epoch_ms(_started) // 1000, "
        "CASE WHEN length(_to_dn) < 7 THEN _to_dn END, _to_type)",
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
        "is_inferred": "_to_type <> 'extension'",
        "result": "CASE WHEN _final_type IN ('voicemail', 'vmail') THEN 'voicemail' WHEN _reason LIKE '%busy%' THEN "
        "'busy' WHEN _reason LIKE '%bysrc%' THEN 'caller' ELSE 'system' END",
        "queue_name": "_queue_key",
        "practice_code": "CASE WHEN _direction <> 'outbound' THEN coalesce(_by_dial, _by_to, _by_queue) END",
        "practice_rank": "CASE WHEN _direction = 'outbound' THEN NULL WHEN _by_dial IS NOT NULL THEN 1 "
        "WHEN _by_to IS NOT NULL THEN 2 WHEN _by_queue IS NOT NULL THEN 3 END",
        "caller_pseudonym": "_pseudonym",
        "cli_status": f"CASE WHEN _direction = 'inbound' THEN {people.status('_from', '_from_number')} END",
        "is_time_ambiguous": clock.repeated("_start_local", source.timezone),
    }


def _problems(source: Source, unmatched: str) -> list[Problem]:
    return [
        Problem("_start_local IS NULL", "time_start", "'time-start is not a date and time'"),
        Problem(
            clock.missing("_start_local", source.timezone),
            "time_start",
            "'the start is in the hour that does not exist because the clocks went forward'",
        ),
        Problem("_history IS NULL OR _callid IS NULL", "historyid", "'historyid or callid is empty'"),
        Problem("_end_local IS NULL", "time_end", "'time-end is not a date and time'"),
        Problem("_ended < _started OR _answered < _started", "time_end", "'the segment ends before it starts'"),
        Problem("_ended < _answered", "time_end", "'the segment ends before it was answered'"),
        Problem(
            f"epoch(_ended) - epoch(_started) > {LONGEST_SECONDS}",
            "time_end",
            say(f"the segment is over {LONGEST_SECONDS // 3600} hours long"),
        ),
        Problem(people.damaged("_from"), "from_no", "'a spreadsheet has turned the number into a rounded one'"),
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
