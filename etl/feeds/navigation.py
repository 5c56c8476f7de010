"""Care navigation: where practices' requests went, one row a request handled.

How a file looks is a profile: a TOML file in `navigation_profiles/` beside this file or in `<home>/profiles/`;
`navigation_profiles/template.toml` explains every entry. Only columns that a profile names are read, so that no
patient's name ever is. Free-text outcomes become destinations by `navigation_profiles/destinations.csv` and the ICB's
own `<home>/reference/navigation_destinations.csv`, read anew whenever a generation is built.
"""

import csv
import hmac
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from etl.feeds import ids
from etl.feeds.call_logs import clock
from etl.feeds.feed import Problem, Received, normalise, say
from etl.feeds.profiles import read_profiles
from etl.feeds.publications import PRACTICE, layout_of
from etl.feeds.reading import Reading
from etl.settings import SettingsError
from etl.warehouse.connection import Warehouse

NAME = "navigation"
FACTS = ("navigation", "navigation_call")
NEEDS_ORGANISATIONS = True
MAXIMUM_REJECTED_SHARE = 1.0  # a row of another ICB, or a wrong date, says nothing of the rows beside it
HOLDS_PEOPLE = True  # some systems write the patient's name beside the request

SHIPPED = Path(__file__).parent / "navigation_profiles"
OWN_DESTINATIONS = Path("reference") / "navigation_destinations.csv"
CHANNELS = ("telephone", "online", "walk_in", "nhs_app", "other")
CATEGORIES = (
    "clinical_new", "clinical_ongoing", "medication", "test_result", "admin_fit_note", "admin_other", "unknown",
)  # fmt: skip
URGENCIES = ("same_day", "routine", "none", "unknown")
DESTINATIONS = (
    "gp_same_day", "gp_routine", "named_gp", "duty_doctor", "nurse", "hca", "practice_pharmacist", "paramedic",
    "physician_associate", "first_contact_physio", "mental_health_practitioner", "social_prescriber",
    "care_coordinator", "health_coach", "admin_resolved", "online_form", "community_pharmacy", "nhs_111", "ae_999",
    "urgent_treatment_centre", "dentist", "optician", "self_referral", "self_care", "voluntary_sector",
    "other_external", "not_recorded",
)  # fmt: skip
# consultations that a pharmacy reports back, long after the navigation: counted nowhere
CAME_BACK = (
    "1577041000000109",  # Community Pharmacist Consultation Service for minor illness
    "983341000000102",  # Pharmacy First service
    "2129921000000100",  # Community Pharmacy First Service
    "1577321000000100",  # Community Pharmacist Consultation Service for urgent supply of prescription items
    "1659111000000107",  # Community Pharmacy Blood Pressure Check Service
    "1659121000000101",  # Community Pharmacy Contraception Service
)
FIRST_DAY = date(2016, 4, 1)
FEWEST_ALIKE = 4  # headings in common, below which a file is not taken for a damaged one of a profile
# an outcome's words may be personal: they are kept only when they are one word or a shipped outcome, or short, without
# a digit and written alike so many times in one file
LONGEST_SHOWN, FEWEST_ALIKE_TEXTS = 40, 5
WRITTEN = (
    "%d/%m/%y %H:%M", "%d/%m/%y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d %b %Y %H:%M",
    "%d %b %Y %H:%M:%S", "%d %B %Y %H:%M", "%d-%b-%Y %H:%M", "%d-%b-%Y %H:%M:%S", "%d/%m/%Y", "%d %b %Y", "%d-%b-%Y",
)  # fmt: skip

COLUMNS = (
    "contact_id", "call_id", "practice_code", "recorded_at", "channel", "navigator_id", "request_category", "urgency",
    "destination", "declined", "snomed_code", "patient_pseudonym",
)  # fmt: skip


class Rule(BaseModel):
    """A cell of `column` that is wholly `like` gives the value `means`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    like: str
    means: str


class Profile(BaseModel):
    """How one export looks. See `navigation_profiles/template.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    feed: Literal["navigation"]
    title: str
    recognised_by: tuple[str, ...]
    columns: dict[str, str | tuple[str, ...]]
    nothing: tuple[str, ...] = ("-",)
    fixed: dict[str, str] = {}
    rules: dict[str, tuple[Rule, ...]] = {}

    def headings(self, column: str) -> tuple[str, ...]:
        """The file's headings of one of our columns, normalised."""
        named = self.columns.get(column, ())
        return tuple(normalise(heading) for heading in ((named,) if isinstance(named, str) else named))

    def heading(self, column: str) -> str:
        """The same as the file has it, for a reason."""
        named = self.columns.get(column, column)
        return named if isinstance(named, str) else " + ".join(named)


def profiles(home: Path | None) -> dict[str, Profile]:
    """Profiles by name, the home's own before shipped ones. Raises RefusedFile for one that is wrong."""
    return read_profiles(home, SHIPPED, NAME, _checked)


def _checked(entries: dict[str, Any]) -> Profile:
    profile = Profile(**entries)
    wrong = [name for name in (*profile.columns, *profile.fixed, *profile.rules) if name not in COLUMNS]
    lacking = [name for name in ("practice_code", "recorded_at") if name not in profile.columns]
    if wrong or lacking or not profile.recognised_by:
        said = [f"unknown column {name}" for name in wrong] + [f"no column for {name}" for name in lacking]
        raise ValueError("; ".join(said) or "`recognised_by` is empty")
    return profile


def recognise(received: Received) -> str | None:
    """The name of the profile with the most of its headings in the file; None when it is another file.

    Raises RefusedFile, naming it, when a column of that profile is missing or renamed.
    """
    if received.kind != "csv":
        return None
    known = profiles(received.settings.home if received.settings else None)
    wanted = {name: {normalise(heading) for heading in profile.recognised_by} for name, profile in known.items()}
    has = set(received.header)
    best = max(wanted, key=lambda name: (len(wanted[name] & has), -len(wanted[name]), name))
    if wanted[best] <= has:
        return best
    if len(wanted[best] & has) < FEWEST_ALIKE:
        return None
    return layout_of(received.header, {best: sorted(wanted[best])}, f"a file of the profile `{best}`")


def read(reading: Reading) -> None:
    """Stage contacts, and the calls they may belong to. Raises RefusedFile for a person's name in an id."""
    profile = profiles(reading.settings.home)[reading.layout]
    try:
        ids.make_own_practices(reading)
        ids.make_key(reading)
        _register_sources(reading)
        relation = _relation(reading, profile)
        ids.refuse_names(reading, relation, _names(profile))
        problems = _problems(profile)
        skip = f"coalesce(_snomed_code IN ({', '.join(map(say, CAME_BACK))}), FALSE)"
        reading.stage("navigation", relation, _facts(reading), problems, skip)
        _cover(reading)
        called = (
            f"(SELECT r.*, s.id AS _source, s.is_hashed AS _is_hashed FROM {relation} AS r INNER JOIN call_source AS s "
            "ON s.practice IS NULL OR s.practice = r._practice WHERE r._call_id IS NOT NULL)"
        )
        if "call_id" in profile.columns:
            reading.stage("navigation_call", called, _calls(reading), problems, skip, count=False)
    finally:
        ids.forget_own_practices(reading)
        ids.forget_key(reading)
        reading.con.execute("DROP TABLE IF EXISTS call_source")


def _relation(reading: Reading, profile: Profile) -> str:
    """The file's rows with `_` and each of our columns as text, and what is worked out from them."""
    has = set(reading.received.header)
    raw = {f"_{column}": _field(profile, column, has) for column in COLUMNS}
    raw["_code"] = f"upper({raw.pop('_practice_code')})"
    raw["_snomed_code"] = f"upper({raw['_snomed_code']})"
    raw["_written"] = raw.pop("_recorded_at")
    layer = f"(SELECT *, {', '.join(f'{sql} AS {name}' for name, sql in raw.items())} FROM {reading.csv()})"
    # `07:40Z` has no seconds, which a cast wants
    full = r"regexp_replace(upper(_written), '([T ]\d\d:\d\d) ?(Z|[+-]\d\d(:?\d\d)?)$', '\1:00\2')"
    zoned = r"regexp_matches(upper(_written), '\d\d:\d\d.*(Z|[+-]\d\d(:?\d\d)?)$')"
    forms = ", ".join(map(say, WRITTEN))
    layer = (
        f"(SELECT *, CASE WHEN {zoned} THEN CAST(try_cast({full} AS TIMESTAMPTZ) AS TIMESTAMP) END AS _zoned, "
        f"CASE WHEN NOT {zoned} THEN coalesce(try_strptime(_written, [{forms}]), try_cast(_written AS TIMESTAMP)) END "
        f"AS _local, {_outcome('_destination')} AS _outcome FROM {layer})"
    )
    utc = f"coalesce(_zoned, {clock.to_utc('_local', clock.LONDON)})"
    layer = f"(SELECT *, {utc} AS _at FROM {layer})"
    return (
        f"(SELECT r.*, o.code AS _practice, o.is_own AS _is_own, {clock.london('_at')} AS _london "
        f"FROM {layer} AS r LEFT JOIN practice_standing AS o ON o.code = r._code)"
    )


def _field(profile: Profile, column: str, has: set[str]) -> str:
    """SQL: one of our columns as the file has it, by rule, heading or fixed value; NULL for nothing."""
    found = [_cell(profile, heading) for heading in profile.headings(column) if heading in has]
    value = f"nullif(concat_ws(' ', {', '.join(found)}), '')" if found else "CAST(NULL AS VARCHAR)"
    if column in profile.fixed:
        value = f"coalesce({value}, {say(profile.fixed[column])})"
    arms = " ".join(
        f"WHEN regexp_full_match(coalesce({_cell(profile, normalise(rule.column))}, ''), {say('(?is)' + rule.like)}) "
        f"THEN {say(rule.means)}"
        for rule in profile.rules.get(column, ())
        if normalise(rule.column) in has
    )
    return f"CASE {arms} ELSE {value} END" if arms else value


def _cell(profile: Profile, heading: str) -> str:
    """SQL: a cell without blanks round it, nor the mark that keeps a spreadsheet from running it."""
    blank = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
    trimmed = f"regexp_replace(trim(\"{heading}\", {blank}), '^''([=+@-])', '\\1')"
    nothing = ", ".join(say(word.lower()) for word in ("", *profile.nothing))
    return f"CASE WHEN lower({trimmed}) NOT IN ({nothing}) THEN {trimmed} END"


def _outcome(field: str) -> str:
    """SQL: an outcome as it is looked up: small letters, one blank between words."""
    return rf"lower(trim(regexp_replace({field}, '[\s\x0b\x1c-\x1f\x85\p{{Z}}]+', ' ', 'g')))"


def _names(profile: Profile) -> dict[str, tuple[str, str]]:
    """SQL that is true of an id that reads like a person → its column, and what ought to stand there."""
    pseudonym = "a pseudonym of the {} that your practice keeps, such as {}"
    return {
        ids.reads_like_a_person("_navigator_id"): (
            profile.heading("navigator_id"), pseudonym.format("navigator", "N0012"),
        ),
        ids.reads_like_a_person("_patient_pseudonym"): (
            profile.heading("patient_pseudonym"), pseudonym.format("patient", "p0012345"),
        ),
        ids.spaced_like_a_person("_contact_id"): (profile.heading("contact_id"), "the system's own id of the contact"),
        ids.spaced_like_a_person("_call_id"): (profile.heading("call_id"), "the telephone system's own id of the call"),
    }  # fmt: skip


def _problems(profile: Profile) -> list[Problem]:
    """Why a row is refused. No reason repeats a cell that may be personal."""
    practice, when = profile.heading("practice_code"), profile.heading("recorded_at")
    now = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=5)
    own_id = "contact_id" in profile.columns
    return [
        *([Problem("_contact_id IS NULL", profile.heading("contact_id"), "'the contact has no id'")] if own_id else []),
        *practice_problems(practice),
        Problem("_written IS NULL", when, "'the time is empty'"),
        Problem(
            f"_at IS NULL OR {clock.missing('_local', clock.LONDON)}",
            when,
            "'not a date and time, or one that does not exist because the clocks went forward; write 2026-01-31T08:05'",
        ),
        Problem(f"_at > TIMESTAMP '{now:%Y-%m-%d %H:%M:%S}'", when, "'the time is in the future'"),
        Problem(f"_london < TIMESTAMP '{FIRST_DAY}'", when, f"'the time is before {FIRST_DAY:%B %Y}'"),
        Problem(
            "lower(_declined) NOT IN ('true', 'false')",
            profile.heading("declined"),
            "'declined is neither true nor false'",
        ),
    ]


def practice_problems(column: str) -> list[Problem]:
    """Refuse rows whose `_code` is not a practice of this ICB; `_practice` and `_is_own` say whether it is."""
    return [
        Problem("_code IS NULL", column, "'the practice is empty'"),
        Problem(f"NOT regexp_full_match(_code, '{PRACTICE}')", column, "'not the ODS code of a practice'"),
        Problem("_practice IS NULL", column, "'no practice with this code is known: ' || _code"),
        Problem("NOT _is_own", column, "'not a practice of this ICB: ' || _code"),
    ]


def _facts(reading: Reading) -> dict[str, str]:
    often = f"count(*) OVER (PARTITION BY _outcome) >= {FEWEST_ALIKE_TEXTS}"
    short = f"length(_outcome) <= {LONGEST_SHOWN} AND NOT regexp_matches(_outcome, '\\d')"
    shipped = f"_outcome IN ({', '.join(map(say, destinations(None)))})"
    coded = "regexp_full_match(_outcome, '\\d{15,18}')"  # codes of this length are SNOMED CT's, and nobody's number
    words = f"{short} AND (regexp_full_match(_outcome, '[a-z_]+') OR {often}) OR {shipped} OR {coded}"
    return {
        "layout": say(reading.layout),
        "practice_code": "_practice",
        "contact_key": _contact_key(reading),
        "recorded_at": "_at",
        "local_date": "CAST(_london AS DATE)",
        # a date without a time says nothing of the hour
        "half_hour": r"CASE WHEN _written LIKE '%:%' THEN hour(_london) * 2 + minute(_london) // 30 END",
        "channel": _one_of("_channel", CHANNELS, "other"),
        "request_category": _one_of("_request_category", CATEGORIES, "unknown"),
        "urgency": _one_of("_urgency", URGENCIES, "unknown"),
        "outcome_key": ids.keyed("_outcome"),
        "outcome_text": f"CASE WHEN {words} THEN _outcome END",
        "declined": "coalesce(lower(_declined) = 'true', FALSE)",
        "snomed_code": "CASE WHEN regexp_full_match(_snomed_code, '\\d{6,18}') THEN _snomed_code END",
        "patient_pseudonym": ids.keyed("_practice || '/' || _patient_pseudonym"),
    }


def _contact_key(reading: Reading) -> str:
    """SQL: a contact's own id within its practice and layout; NULL where the file gives none."""
    return ids.keyed(f"{say(reading.layout + '/')} || _practice || '/' || _contact_id")


def _one_of(field: str, allowed: tuple[str, ...], otherwise: str) -> str:
    word = f"regexp_replace(lower({field}), '[^a-z0-9]+', '_', 'g')"
    return f"CASE WHEN {word} IN ({', '.join(map(say, allowed))}) THEN {word} ELSE {say(otherwise)} END"


def _register_sources(reading: Reading) -> None:
    """`call_source(id, practice, is_hashed)`: the telephone systems whose calls a practice's contacts may belong to.

    practice: NULL where the source does not say which practices it serves. is_hashed: it keeps ids as a hash only.
    """
    rows: set[tuple[str, str | None, bool]] = set()
    for table in reading.settings.telephony_source:
        numbers = table.get("numbers")
        codes = numbers.values() if isinstance(numbers, Mapping) else []
        named: set[str | None] = {
            str(code).strip().upper() for of in codes for code in ([of] if isinstance(of, str) else of)
        }
        hashed = table.get("platform") == "mapped_csv"
        rows |= {(str(table.get("id")), code, hashed) for code in (named or {None})}
    reading.con.execute("CREATE OR REPLACE TEMP TABLE call_source (id VARCHAR, practice VARCHAR, is_hashed BOOLEAN)")
    if rows:
        reading.con.executemany("INSERT INTO call_source VALUES ($1, $2, $3)", [list(row) for row in rows])


def _calls(reading: Reading) -> dict[str, str]:
    """`fact.call.call_id` of the call that a contact names, for each source that may have it."""
    own = "CASE WHEN _is_hashed THEN left(sha256(_source || '/' || _call_id), 32) ELSE _call_id END"
    return {
        "layout": say(reading.layout),
        "practice_code": "_practice",
        "local_date": "CAST(_london AS DATE)",
        "contact_key": _contact_key(reading),
        "call_id": f"left(sha256(_source || '/' || {own}), 32)",
    }


def _cover(reading: Reading) -> None:
    for table in reading.staged[NAME]:
        found = reading.con.execute(f"SELECT min(local_date), max(local_date) FROM {table}").fetchone()
        if found and found[0]:
            reading.period_from, reading.period_to = found


def destinations(home: Path | None) -> dict[str, str]:
    """Outcome, in small letters with one blank between words → destination: each destination itself, the shipped
    table, and, where `home` is given, over both the ICB's own. Raises SettingsError naming the line of the ICB's own
    that is wrong."""
    found = dict(zip(DESTINATIONS, DESTINATIONS, strict=True))
    for path in (SHIPPED / "destinations.csv", *([home / OWN_DESTINATIONS] if home else [])):
        if not path.is_file():
            continue
        try:
            with path.open(encoding="utf-8-sig", newline="") as stream:
                reader = csv.reader(stream)
                for record in reader:
                    # a line of the Data page's list that nobody has filled in yet
                    undecided = len(record) > 1 and not record[1].strip()
                    if reader.line_num > 1 and any(cell.strip() for cell in record) and not undecided:
                        outcome, destination = _mapped(path, reader.line_num, record)
                        found[outcome] = destination
        except (UnicodeDecodeError, csv.Error) as error:
            raise SettingsError(f"{path} cannot be read: {error}. Save it as CSV in UTF-8.") from None
    return found


def _mapped(path: Path, line: int, record: list[str]) -> tuple[str, str]:
    destination = record[1].strip().lower() if len(record) > 1 else ""
    if not record[0].strip() or destination not in DESTINATIONS:
        raise SettingsError(
            f"{path}, line {line}: write an outcome, a comma and a destination, which is one of "
            f"{', '.join(DESTINATIONS)}."
        )
    return " ".join(record[0].removeprefix("'").lower().split()), destination


def write_destinations(warehouse: Warehouse) -> None:
    """Fill `fact.navigation_destination` from `destinations`, inside a transaction, before marts are built."""
    home = warehouse.settings.home
    warehouse.execute("DELETE FROM fact.navigation_destination")
    if not warehouse.fetch("SELECT 1 FROM fact.navigation LIMIT 1"):
        return
    key = ids.key_of(home)
    rows = [(_key(key, outcome), destination) for outcome, destination in destinations(home).items()]
    warehouse.con.execute("CREATE OR REPLACE TEMP TABLE mapped (outcome_key VARCHAR, destination VARCHAR)")
    warehouse.con.executemany("INSERT INTO mapped VALUES ($1, $2)", rows)
    warehouse.append("fact.navigation_destination", "mapped", ["outcome_key", "destination"])
    warehouse.con.execute("DROP TABLE mapped")


def _key(key: bytes, outcome: str) -> str:
    return hmac.digest(key, outcome.encode(), "sha256").hex()[:32]
