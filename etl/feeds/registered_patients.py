"""Patients registered at a practice: the monthly list sizes, by five-year age, and the registration map.

The published layouts name the area CCG (to 2022), sub-ICB (since) or not at all. Rows for ALL are totals of the
others: they are kept as `all` and never added to the parts.
"""

from collections.abc import Mapping

from etl.feeds.areas import stage_map
from etl.feeds.feed import Problem, Received, RefusedFile, code, count, day, say
from etl.feeds.publications import (
    AREA,
    PCN,
    PRACTICE,
    bad_code,
    bad_date,
    layout_of,
    pcn,
    quoted,
)
from etl.feeds.reading import Reading

NAME = "registered_patients"
FACTS = ("registered_patients", "organisation", "membership")

PUBLICATION = "GP_PRAC_PAT_LIST"
TOTALS = ("publication", "extract_date", "type", "code", "postcode", "sex", "age", "number_of_patients")
AREAS = {"ccg": ("ccg_code", "ons_ccg_code"), "sub_icb": ("sub_icb_location_code", "ons_sub_icb_location_code")}
MAP = {
    "practice": "practice_code",
    "practice_name": "practice_name",
    "practice_postcode": "practice_postcode",
    "pcn": "pcn_code",
    "pcn_name": "pcn_name",
    "sub_icb": "sub_icb_location_code",
    "sub_icb_name": "sub_icb_location_name",
    "sub_icb_ons_code": "ons_sub_icb_location_code",
    "icb": "icb_code",
    "icb_name": "icb_name",
    "icb_ons_code": "ons_icb_code",
    "region": "comm_region_code",
    "region_name": "comm_region_name",
    "region_ons_code": "ons_comm_region_code",
}
LAYOUTS = {
    "totals": TOTALS,
    "map": ("publication", "extract_date", *MAP.values()),
    "quin_age": (
        *("publication", "extract_date", "org_type", "org_code", "ons_code", "postcode", "sex"),
        *("age_group_5", "number_of_patients"),
    ),
}
KINDS = {
    "GP": "practice",
    "PCN": "pcn",
    "SUB_ICB_LOCATION_CODE": "sub_icb",
    "CCG": "sub_icb",
    "ICB": "icb",
    "COMM REGION": "region",
}
BANDS = ("ALL", *(f"{age}_{age + 4}" for age in range(0, 95, 5)), "95+")
SEXES = ("ALL", "FEMALE", "MALE")


def recognise(received: Received) -> str | None:
    """`totals_ccg`, `totals_sub_icb`, `totals` (no area), `quin_age` or `map`; None when it is another file.

    Raises RefusedFile when it is this publication with a column missing or renamed, or by single year of age.
    """
    if received.kind != "csv" or not _is_publication(received):
        return None
    if received.has("org_code", "age", "number_of_patients"):
        raise RefusedFile(
            "These are registered patients by single year of age, which Switchboard does not use. "
            "Put in the totals (gp-reg-pat-prac-all) and the five-year ages (quin-age) of the same release."
        )
    layout = layout_of(received.header, LAYOUTS, "the registered patients publication")
    return _totals_layout(received) if layout == "totals" else layout


def read(reading: Reading) -> None:
    """Stage list sizes, and the organisations and areas that the file names."""
    if reading.layout == "map":
        stage_map(reading, MAP, "registration_map", day("extract_date"), _dated(reading))
    elif reading.layout == "quin_age":
        _read_quin_age(reading)
    else:
        _read_totals(reading)


def _is_publication(received: Received) -> bool:
    named = any(PUBLICATION in record for record in received.records[:3])
    return named or received.has("extract_date", "number_of_patients")


def _totals_layout(received: Received) -> str:
    """Which area the totals name. A column that is neither of the two areas is a renamed one."""
    for layout, columns in AREAS.items():
        if received.has(*columns):
            return f"totals_{layout}"
    others = [heading for heading in received.header if heading not in TOTALS]
    if others:
        raise RefusedFile(
            "This looks like the registered patients publication, but the columns SUB_ICB_LOCATION_CODE and "
            "ONS_SUB_ICB_LOCATION_CODE (CCG_CODE and ONS_CCG_CODE before 2022) are not both in its heading. "
            f"It has {', '.join(others).upper()} instead. Put the published file in the inbox unchanged."
        )
    return "totals"


def _read_totals(reading: Reading) -> None:
    rows = reading.csv()
    area, ons_code = AREAS.get(reading.layout.removeprefix("totals_"), (None, None))
    problems = [
        *_dated(reading),
        bad_code("code", PRACTICE, "a practice code"),
        _not_one_of("type", ("GP",)),
        *([bad_code(area, AREA, "the code of a sub-ICB location")] if area else []),
        _not_one_of("sex", SEXES),
        _not_one_of("age", ("ALL",)),
        *_counted("code", "sex", "age"),
    ]
    _stage_patients(reading, rows, "code", "'practice'", "age", problems, _repeated("code", "sex", "age"))
    practices = _good(rows, problems, {"code": code("code"), "postcode": code("postcode")})
    _stage_unknown(reading, practices, {"kind": "'practice'", "postcode": "postcode"})
    if area and ons_code:
        areas = _good(rows, problems, {"code": code(area), "ons_code": code(ons_code)})
        _stage_unknown(reading, areas, {"kind": "'sub_icb'", "ons_code": "ons_code"})
        pairs = _good(rows, problems, {"code": code("code"), "parent": code(area)})
        statement = {"child": "code", "child_kind": "'practice'", "parent": "parent", "parent_kind": "'sub_icb'"}
        said = {"source": "'publication'", "as_of": "as_of"}
        reading.stage("membership", pairs, {**statement, **said}, count=False)


def _read_quin_age(reading: Reading) -> None:
    rows = reading.csv()
    kinds = " ".join(f"WHEN {say(said)} THEN {say(kind)}" for said, kind in KINDS.items())
    kind = f"CASE upper(trim(org_type)) {kinds} END"
    patterns = {"practice": PRACTICE, "pcn": PCN, "sub_icb": AREA, "icb": AREA, "region": AREA}
    whens = " ".join(f"WHEN '{name}' THEN regexp_full_match({code('org_code')}, '{p}')" for name, p in patterns.items())
    problems = [
        *_dated(reading),
        _not_one_of("org_type", tuple(KINDS)),
        Problem(
            f"NOT coalesce(CASE {kind} {whens} END, FALSE)",
            "org_code",
            f"{say('ORG_CODE is not the code of a ')} || org_type || ': ' || {quoted('org_code')}",
        ),
        _not_one_of("sex", SEXES),
        _not_one_of("age_group_5", BANDS),
        *_counted("org_code", "sex", "age_group_5"),
    ]
    # patients of practices in no PCN have a row under `U`, which is no organisation
    nobody = f"({kind} = 'pcn' AND {pcn('org_code')} IS NULL)"
    skip = f"{nobody} OR {_repeated('org_code', 'sex', 'age_group_5')}"
    _stage_patients(reading, rows, "org_code", kind, "age_group_5", problems, skip)
    named = {"code": code("org_code"), "kind": kind, "ons_code": code("ons_code"), "postcode": code("postcode")}
    organisations = _good(rows, problems, named, nobody)
    _stage_unknown(reading, organisations, {name: name for name in ("kind", "ons_code", "postcode")})


def _stage_patients(
    reading: Reading, rows: str, organisation: str, kind: str, age: str, problems: list[Problem], skip: str
) -> None:
    statement = {
        "period_start": f"date_trunc('month', {day('extract_date')})",
        "organisation": code(organisation),
        "organisation_kind": kind,
        "sex": "lower(trim(sex))",
        "age_band": f"lower(trim({age}))",
        "patients": _patients(),
    }
    reading.stage("registered_patients", rows, statement, problems, skip)


def _good(rows: str, problems: list[Problem], columns: Mapping[str, str], skip: str = "FALSE") -> str:
    """A relation of distinct values (with `as_of`, the date of the extract) from the rows without problems."""
    bad = " OR ".join(f"coalesce({p.condition}, FALSE)" for p in problems)
    chosen = ", ".join(f"{sql} AS {name}" for name, sql in {**columns, "as_of": day("extract_date")}.items())
    judged = f"SELECT {chosen}, ({skip}) OR ({bad}) AS bad FROM {rows}"
    return f"(SELECT DISTINCT * EXCLUDE (bad) FROM ({judged}) WHERE NOT bad)"


def _stage_unknown(reading: Reading, organisations: str, statement: Mapping[str, str]) -> None:
    """Stage organisations that no source has named yet: these files give no names, so must not replace one."""
    unknown = f"(SELECT * FROM {organisations} WHERE code NOT IN (SELECT code FROM known))"
    said = {"code": "code", "source": "'publication'", "as_of": "as_of"}
    reading.stage("organisation", unknown, {**statement, **said}, count=False)
    if "ons_code" in statement:  # of areas that others named, often without it; said apart, so that it replaces nothing
        areas = f"(SELECT * FROM {organisations} WHERE ons_code IS NOT NULL AND code IN (SELECT code FROM known))"
        apart = {**said, "source": "'registered_patients'"}
        reading.stage("organisation", areas, {**statement, **apart}, count=False)


def _patients() -> str:
    return f"try_cast({count('number_of_patients')} AS INTEGER)"


def _dated(reading: Reading) -> list[Problem]:
    return [bad_date("extract_date", reading.today)]


def _counted(*keys: str) -> list[Problem]:
    """Refuse rows whose number of patients is none, or differs from another row about the same people."""
    found = quoted("number_of_patients")
    about = ", ".join(f"upper(trim({key}))" for key in ("extract_date", *keys))
    patients = _patients()
    return [
        Problem(
            f"{patients} IS NULL",
            "number_of_patients",
            f"{say('NUMBER_OF_PATIENTS is not a whole number: ')} || {found}",
        ),
        Problem(f"{patients} < 0", "number_of_patients", f"{say('NUMBER_OF_PATIENTS is below zero: ')} || {found}"),
        Problem(
            f"min({patients}) OVER (PARTITION BY {about}) <> max({patients}) OVER (PARTITION BY {about})",
            "number_of_patients",
            f"{say('listed more than once with different numbers: ')} || {code(keys[0])}",
        ),
    ]


def _repeated(*keys: str) -> str:
    """SQL: the row says again, word for word, what another has said."""
    about = ", ".join(f"upper(trim({key}))" for key in ("extract_date", *keys, "number_of_patients"))
    return f"row_number() OVER (PARTITION BY {about}) > 1"


def _not_one_of(column: str, allowed: tuple[str, ...]) -> Problem:
    listed = ", ".join(say(value) for value in allowed)
    reason = f"{column.upper()} is not one of {', '.join(allowed)}: "
    return Problem(
        f"coalesce(upper(trim({column})), '') NOT IN ({listed})", column, f"{say(reason)} || {quoted(column)}"
    )
