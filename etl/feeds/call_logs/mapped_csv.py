"""Any other supplier's export, one row a call, read by a profile: a TOML file, no code.

Profiles lie in `profiles/` beside this file and in `<home>/profiles/`; `profiles/template.toml` explains every
entry. The product's own canonical CSV is the profile `canonical`.
"""

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from etl.feeds.call_logs import checks, clock, people, rows
from etl.feeds.call_logs.sources import Source
from etl.feeds.feed import Problem, Received, RefusedFile, among, normalise, say
from etl.feeds.profiles import read_profile
from etl.feeds.reading import Reading

SHIPPED = Path(__file__).parent / "profiles"
OUTCOMES = (
    "answered", "callback", "voicemail", "abandoned_queue", "no_answer", "out_of_hours", "abandoned_ivr",
    "ivr_diverted", "engaged", "unknown",
)  # fmt: skip
TIMES = ("started_at", "queue_entered_at", "answered_at", "ended_at", "callback_requested_at", "callback_completed_at")
DURATIONS = ("wait_seconds", "talk_seconds", "total_seconds")
OTHERS = (
    "call_id", "practice_ods", "dialled_number", "account", "outcome", "queue_name", "queue_position_announced",
    "callback_requested", "callback_completed", "caller_number",
)  # fmt: skip
COLUMNS = (*TIMES, *DURATIONS, *OTHERS)
LONGEST_WAIT, LONGEST_SECONDS = 4 * 3600, 12 * 3600
DURATION_UNITS = Literal["s", "ms", "mm:ss", "hh:mm:ss", "text"]


class Profile(BaseModel):
    """How one supplier's export looks. See `profiles/template.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    verified: bool
    columns: dict[str, str]
    delimiter: str = ""
    header_row: int = Field(1, ge=1)
    trailer: str = ""
    time_format: str = ""
    duration_unit: DURATION_UNITS = "s"
    practice_key: Literal["practice_ods", "dialled_number", "account", "fixed"] = "practice_ods"
    practice: str = ""
    outcomes: dict[str, str] = {}
    filters: dict[str, tuple[str, ...]] = {}
    true_values: tuple[str, ...] = ("true", "yes", "y", "1")


def profile(name: str, home: Path) -> Profile:
    """A profile by name, the home's own before a shipped one. Raises RefusedFile saying what is wrong with it."""
    for path in (home / "profiles" / f"{name}.toml", SHIPPED / f"{name}.toml"):
        if re.fullmatch(r"[\w-]+", name) and path.is_file():
            return read_profile(path, lambda entries: _checked(Profile(**entries)))
    raise RefusedFile(
        f"There is no profile `{name}`. Copy profiles/template.toml to profiles/{name}.toml in the home folder, fill "
        "it in, and put the file in the inbox again."
    )


def _checked(found: Profile) -> Profile:
    unknown = [column for column in found.columns if column not in COLUMNS]
    wrong = [value for value in found.outcomes.values() if value not in OUTCOMES]
    lacking = [c for c in ("call_id", "started_at", "outcome") if c not in found.columns]
    if not {"ended_at", "total_seconds"} & set(found.columns):
        lacking.append("ended_at or total_seconds")
    if found.practice_key != "fixed" and found.practice_key not in found.columns:
        lacking.append(found.practice_key)
    if unknown or wrong or lacking:
        problems = [f"unknown column {c}" for c in unknown] + [f"unknown outcome {o}" for o in wrong]
        problems += [f"no column for {c}" for c in lacking]
        raise ValueError("; ".join(problems))
    return found


def fits(received: Received, found: Profile) -> bool:
    """Whether the heading has every column that the profile names as one a call cannot do without."""
    header = {normalise(cell) for cell in _header(received, found)}
    needed = ("call_id", "started_at", "outcome", "ended_at", "total_seconds", found.practice_key)
    return {normalise(found.columns[c]) for c in needed if c in found.columns} <= header


def _header(received: Received, found: Profile) -> list[str]:
    return received.records[found.header_row - 1] if len(received.records) >= found.header_row else []


def read(reading: Reading, source: Source) -> None:
    """Stage a leg a row. Raises RefusedFile when the profile is wrong or does not fit the file."""
    found = profile(source.profile, reading.settings.home)
    if not fits(reading.received, found):
        raise RefusedFile(
            f"The heading of this file lacks columns that the profile `{source.profile}` names: it needs "
            f"{', '.join(sorted(found.columns.values()))}. Correct the profile, or `profile` of the telephony source "
            f"`{source.id}` in icb.toml."
        )
    mask = rows.new_mask()
    rows.register_numbers(reading, source, mask)
    names = [normalise(cell) for cell in _header(reading.received, found)]
    scan = reading.csv(names, skip=found.header_row, delimiter=found.delimiter or reading.received.delimiter)
    worked = _worked(scan, set(names), found, source)
    parsed = rows.parse(reading, scan, _kept(found, source, mask), worked)
    rows.make_people(reading, "SELECT _person AS key, _month AS month FROM parsed", mask)
    reading.stage(
        "call_leg",
        f"(SELECT r.*, {_practice(found)} AS _practice, p.pseudonym AS _pseudonym FROM {parsed} AS r "
        "LEFT JOIN practice_numbers AS k ON k.key = r._practice_key "
        "LEFT JOIN practice_numbers AS q ON q.name = r._practice_name "
        "LEFT JOIN people AS p ON p.key = r._person AND p.month = r._month)",
        _facts(source),
        _problems(source, found),
        skip="_is_left_out",
        copy=False,
    )


def before_trailer(received: Received, source: Source, home: Path) -> tuple[int, int]:
    """The offset at which a profile's trailer begins, and its number of lines; (size, 0) where there is none.

    Raises RefusedFile when the trailer states a number of rows (the group `rows` of the pattern) and it is
    another than there are.
    """
    found = profile(source.profile, home)
    size = received.path.stat().st_size
    if not found.trailer:
        return size, 0
    with received.path.open("rb") as stream:
        stream.seek(max(0, size - 65536))
        data = stream.read()
    lines = data.splitlines(keepends=True)
    left, blank, stated = 0, 0, None
    for line in reversed(lines):
        text = line.decode("utf-8", errors="replace").strip()
        match = re.match(found.trailer, text, re.IGNORECASE)
        if text and not match:
            break
        left, blank = left + 1, blank + (not text)
        stated = (match.groupdict().get("rows") if match else None) or stated
    kept = size - sum(len(line) for line in lines[len(lines) - left :])
    if stated is not None:
        with received.path.open("rb") as stream:
            counted = sum(1 for line in stream if line.strip()) - found.header_row - (left - blank)
        if counted != int(stated):
            raise RefusedFile(
                f"The file's last line says that there are {stated} rows, but there are {counted:,}. It is not "
                "complete: ask the sender to export it again."
            )
    return kept, left


def _worked(scan: str, has: set[str], found: Profile, source: Source) -> str:
    """A relation over the file with times in UTC, durations in seconds and the number as digits."""

    def field(column: str) -> str:
        name = normalise(found.columns.get(column, ""))
        return people.text(f'"{name}"') if name in has else "CAST(NULL AS VARCHAR)"

    fields = {f"_{column}_text": field(column) for column in (*TIMES, *DURATIONS)}
    fields |= {f"_{column}": field(column) for column in OTHERS}
    worked = {f"_{column}": _instant(f"_{column}_text", found, source) for column in TIMES}
    worked |= {f"_{column}": _seconds(f"_{column}_text", found) for column in DURATIONS}
    worked["_number"] = people.number("_caller_number")
    worked["_line"] = people.number("_account" if found.practice_key == "account" else "_dialled_number")
    worked["_result"] = _outcome(found)
    true = ", ".join(say(value.lower()) for value in found.true_values)
    for column in ("callback_requested", "callback_completed"):
        worked[f"_is_{column}"] = f"CASE WHEN _{column} IS NOT NULL THEN lower(_{column}) IN ({true}) END"
    return f"(SELECT *, {rows.named(worked)} FROM (SELECT *, {rows.named(fields)} FROM {scan}))"


def _kept(found: Profile, source: Source, mask: int) -> dict[str, str]:
    """What is kept of a call while its file is read: no number, and its id only as a hash, since a supplier may
    make ids from the caller's number."""
    unreadable = [f"(_{column}_text IS NOT NULL AND _{column} IS NULL)" for column in TIMES if column in found.columns]
    local = _local("_started_at_text", found)
    by_account = found.practice_key == "account"
    same = ("_queue_entered_at", "_answered_at", "_started_at", "_callback_requested_at", "_wait_seconds",
            "_talk_seconds", "_total_seconds", "_result", "_is_callback_requested")  # fmt: skip
    return {
        **{name: name for name in same},
        "_is_left_out": _left_out(found),
        "_has_id": "_call_id IS NOT NULL",
        "_call": f"left(sha256({say(source.id + '/')} || _call_id), 32)",
        "_month": clock.london_month("_started_at"),
        "_has_start": "_started_at_text IS NOT NULL",
        "_is_never": clock.missing(local, source.timezone),
        "_is_ambiguous": clock.repeated(local, source.timezone),
        "_is_unreadable": " OR ".join(unreadable) or "FALSE",
        "_ended": "coalesce(_ended_at, _started_at + to_seconds(_total_seconds))",
        "_completed": "coalesce(_is_callback_completed, FALSE) OR _callback_completed_at IS NOT NULL",
        "_queue": "lower(_queue_name)",
        "_position": "try_cast(_queue_position_announced AS INTEGER)",
        "_practice_ods": "upper(_practice_ods)",
        "_practice_key": rows.masked("_line", mask),
        "_practice_name": f"CASE WHEN _line IS NULL THEN lower({'_account' if by_account else '_dialled_number'}) END",
        "_person": rows.masked("_number", mask),
        "_status": people.status("_caller_number", "_number"),
        "_is_damaged": people.damaged("_caller_number"),
    }


def _practice(found: Profile) -> str:
    return {"practice_ods": "r._practice_ods", "fixed": say(found.practice.upper())}.get(
        found.practice_key, "coalesce(k.practice, q.practice)"
    )


def _instant(field: str, found: Profile, source: Source) -> str:
    """SQL: a time as UTC: by the zone it is written with, else by the source's."""
    if found.time_format:
        local = f"try_strptime({field}, {say(found.time_format)})"
        if "%z" in found.time_format:
            return f"CAST({local} AS TIMESTAMP)"
        return clock.to_utc(local, source.timezone)
    zoned = f"regexp_matches({field}, '(Z|[+-][0-9]{{2}}:?[0-9]{{2}})$')"
    local = f"try_cast({field} AS TIMESTAMP)"
    return (
        f"CASE WHEN {zoned} THEN CAST(try_cast({field} AS TIMESTAMPTZ) AS TIMESTAMP) "
        f"ELSE {clock.to_utc(local, source.timezone)} END"
    )


def _local(field: str, found: Profile) -> str:
    """SQL: the time as written, when it was written without a zone; else NULL."""
    if found.time_format:
        return (
            "CAST(NULL AS TIMESTAMP)"
            if "%z" in found.time_format
            else f"try_strptime({field}, {say(found.time_format)})"
        )
    zoned = f"regexp_matches({field}, '(Z|[+-][0-9]{{2}}:?[0-9]{{2}})$')"
    return f"CASE WHEN NOT {zoned} THEN try_cast({field} AS TIMESTAMP) END"


def _seconds(field: str, found: Profile) -> str:
    """SQL: a duration in whole seconds."""
    if found.duration_unit in ("s", "ms"):
        number = f"try_cast({field} AS DOUBLE)"
        return f"CAST(round({number}{' / 1000' if found.duration_unit == 'ms' else ''}) AS INTEGER)"
    if found.duration_unit == "text":

        def part(unit: str) -> str:
            return f"coalesce(try_cast(regexp_extract({field}, '([0-9]+) *{unit}', 1, 'i') AS INTEGER), 0)"

        known = f"regexp_matches({field}, '[0-9]+ *(h|m|s)', 'i')"
        return f"CASE WHEN {known} THEN {part('h')} * 3600 + {part('m')} * 60 + {part('s')} END"
    parts = f"list_transform(string_split({field}, ':'), lambda x: try_cast(x AS INTEGER))"
    return f"list_reduce({parts}, lambda total, x: total * 60 + x)"


def _outcome(found: Profile) -> str:
    if not found.outcomes:
        return f"CASE WHEN {among('lower(_outcome)', OUTCOMES)} THEN lower(_outcome) END"
    arms = " ".join(f"WHEN {say(theirs.lower())} THEN {say(ours)}" for theirs, ours in found.outcomes.items())
    return f"CASE lower(_outcome) {arms} END"


def _left_out(found: Profile) -> str:
    """Rows that are rightly not counted: a heading repeated, and whatever the profile's filters leave out."""
    rules = [f"_call_id = {say(found.columns['call_id'])}"]
    for column, kept in found.filters.items():
        values = ", ".join(say(value.lower()) for value in kept)
        rules.append(f"coalesce(lower({people.text(f'{chr(34)}{normalise(column)}{chr(34)}')}), '') NOT IN ({values})")
    return " OR ".join(rules)


def _facts(source: Source) -> dict[str, str]:
    wait, talk = "to_seconds(_wait_seconds)", "to_seconds(_talk_seconds)"
    picked_up = f"coalesce(_answered_at, _queue_entered_at + {wait}, _ended - {talk})"
    left = f"CASE WHEN _result = 'answered' THEN {picked_up} ELSE _ended END"
    return {
        "source_id": say(source.id),
        # the later word that a call-back was made is a leg of its own, so that an older copy cannot undo it
        "leg_id": "CASE WHEN _completed THEN 1 ELSE 0 END",
        "correlation_id": "_call",
        "kind": "'call'",
        "step": "CASE WHEN _result <> 'answered' AND _is_callback_requested THEN 'callback' ELSE _result END",
        "direction": "'inbound'",
        "local_date": f"CAST({clock.london('_started_at')} AS DATE)",
        "started_at": "_started_at",
        "arrived_at": "_started_at",
        "entered_at": f"coalesce(_queue_entered_at, {left} - {wait})",
        "answered_at": f"CASE WHEN _result = 'answered' THEN {picked_up} END",
        "ended_at": "_ended",
        "talk_seconds": "CASE WHEN _result = 'answered' THEN coalesce(_talk_seconds, "
        "CAST(epoch(_ended) - epoch(_answered_at) AS INTEGER)) END",
        "is_inferred": "FALSE",
        "queue_name": "_queue",
        "queue_position": "_position",
        "practice_code": "_practice",
        "practice_rank": "1",
        "caller_pseudonym": "_pseudonym",
        "cli_status": "_status",
        "callback_completed": "_completed",
        "is_time_ambiguous": "_is_ambiguous",
    }


def _problems(source: Source, found: Profile) -> list[Problem]:
    column = found.columns
    if found.practice_key == "practice_ods":
        practice = "'the practice is empty, or not an ODS code'"
    else:
        practice = say(f"the number dialled is not among `numbers` of the telephony source {source.id} in icb.toml")
    start, end = column["started_at"], column.get("ended_at", "total_seconds")
    return [
        Problem("NOT _has_id", column["call_id"], "'the call has no id'"),
        Problem("NOT _has_start", start, "'the start is empty'"),
        Problem("_is_unreadable", start, "'a time is not a date and time in the form that the profile gives'"),
        Problem("_is_never", start, say(checks.NO_SUCH_HOUR)),
        Problem("_ended IS NULL", end, "'the end is empty'"),
        Problem(
            "_practice IS NULL OR NOT regexp_full_match(_practice, '[A-Z0-9]{3,8}(,[A-Z0-9]{3,8})*')",
            column.get(found.practice_key, "practice"),
            practice,
        ),
        Problem("_result IS NULL", column["outcome"], "'the outcome is none of those that are known'"),
        Problem("_ended < _started_at", end, "'the call ends before it starts'"),
        Problem(f"epoch(_ended) - epoch(_started_at) > {LONGEST_SECONDS}", end, "'the call is over 12 hours long'"),
        Problem("_wait_seconds < 0 OR _talk_seconds < 0 OR _total_seconds < 0", "duration", "'a duration is negative'"),
        Problem(
            "coalesce(_wait_seconds, epoch(coalesce(_answered_at, _ended)) - epoch(_queue_entered_at)) "
            f"> {LONGEST_WAIT}",
            column.get("queue_entered_at", "wait_seconds"),
            "'the wait is over four hours'",
        ),
        Problem(
            "_answered_at < _started_at OR _answered_at > _ended",
            column.get("answered_at", "outcome"),
            "'the call is answered before it starts or after it ends'",
        ),
        Problem(
            "_queue_entered_at < _started_at OR _queue_entered_at > coalesce(_answered_at, _ended)",
            column.get("queue_entered_at", "outcome"),
            "'the caller joins the queue before the call, or after it is answered or over'",
        ),
        Problem("_is_damaged", column.get("caller_number", "caller_number"), say(checks.DAMAGED)),
    ]
