"""Appointments in General Practice, as NHS England publishes them: the practice crosstab, the daily and regional files
by sub-ICB location (CCG before July 2022), actual duration, and how many practices are covered.

The breakdowns are of the same appointments: datasets are never added to each other. No row means none were recorded.
The words for the same thing changed over the years; each is read as the canonical word of `fact.appointments`.
"""

import re
from collections.abc import Mapping

from etl.feeds.areas import KINDS, area_codes, area_problems, stage_areas, with_areas
from etl.feeds.feed import Problem, Received, count, day, say
from etl.feeds.publications import CROSSTAB_PLACES, bad_count, bad_date, layout_of, unknown_word
from etl.feeds.reading import Reading, run

NAME = "appointments"
FACTS = ("appointments", "printed_figure", "organisation", "membership")

PUBLICATION = "NHS England's Appointments in General Practice publication"
SUB_ICB = "sub_icb_location_code|ccg_code|organisation_code"
BREAKDOWN = {
    "status": "(appt|appointment)_status",
    "staff_group": "hcp_type",
    "mode": "(appt|appointment)_mode",
    "booking_wait": "time_between_book_and_(appt|appointment)",
}
COUNT = {"appointments": "count_of_appointments"}
LAYOUTS = {
    "crosstab": {
        "period": "appointment_month_start_date",
        **CROSSTAB_PLACES,
        **BREAKDOWN,
        "category": "national_category",
        **COUNT,
    },
    "daily": {"period": "appointment_date", "sub_icb": SUB_ICB, **BREAKDOWN, **COUNT},
    "regional": {"period": "appointment_month", "sub_icb": SUB_ICB, **BREAKDOWN, **COUNT},
    "duration": {"period": "appointment_date", "sub_icb": SUB_ICB, "duration": "actual_duration", **COUNT},
    "coverage": {
        "period": "appointment_month",
        "sub_icb": SUB_ICB,
        "practices_included": "included_practices",
        "practices_open": "open_practices",
        "patients_included": "patients_registered_at_included_practices",
        "patients_open": "patients_registered_at_open_practices",
    },
}
# a file without one of these is none of ours, however many codes and dates it has
OURS = re.compile("hcp_type|(appt|appointment)_(status|mode)|actual_duration|(included|open)_practices")
NAMES = {"sub_icb_name": "sub_icb_location_name|ccg_name|organisation_name"}
ONS_CODES = "sub_icb_location_ons_code|ccg_ons_code"

# canonical word → the labels published for it, old and new
WORDS = {
    "status": {
        "attended": ["Attended"],
        "dna": ["DNA"],
        "unknown": ["Unknown", "Appt Status Not Provided"],
    },
    "staff_group": {
        "gp": ["GP"],
        "other": ["Other Practice staff"],
        "unknown": ["Unknown", "HCP Type Not Provided"],
    },
    "mode": {
        "face_to_face": ["Face-to-Face"],
        "telephone": ["Telephone"],
        "home_visit": ["Home Visit"],
        "video_online": ["Video Conference/Online", "Video/Online", "Online"],
        "unknown": ["Unknown", "Appt Mode Not Provided"],
    },
    "booking_wait": {
        "same_day": ["Same Day"],
        "1_day": ["1 Day"],
        "2_to_7": ["2 to 7 Days"],
        "8_to_14": ["8  to 14 Days"],
        "15_to_21": ["15  to 21 Days"],
        "22_to_28": ["22  to 28 Days"],
        "over_28": ["More than 28 Days"],
        "unknown": ["Unknown / Data Quality", "Unknown / Data Issue", "Unknown"],
    },
    "duration": {
        "1_5": ["1-5 Minutes"],
        "6_10": ["6-10 Minutes"],
        "11_15": ["11-15 Minutes"],
        "16_20": ["16-20 Minutes"],
        "21_30": ["21-30 Minutes"],
        "31_60": ["31-60 Minutes"],
        "unknown": ["Unknown / Data Quality", "Unknown / Data Issue", "Unknown"],
    },
}
COVERAGE = ("practices_included", "practices_open", "patients_included", "patients_open")


def recognise(received: Received) -> str | None:
    """`crosstab`, `daily`, `regional`, `duration` or `coverage`; None when it is another file.

    Raises RefusedFile when it is one of these with a column missing or renamed.
    """
    if not any(OURS.fullmatch(heading) for heading in received.header):
        return None
    return layout_of(received.header, LAYOUTS, PUBLICATION)


def read(reading: Reading) -> None:
    """Stage appointments, or for `coverage` the printed figures, and the organisations named."""
    columns = _columns(reading)
    kinds: dict[str, str] = {kind: columns[kind] for kind in KINDS if kind in columns}
    words = {name: _word(columns[name], WORDS[name]) for name in WORDS if name in columns}
    counted = [name for name in ("appointments", *COVERAGE) if name in columns]
    more = {
        "period": _period(columns["period"], month=reading.layout in ("crosstab", "regional", "coverage")),
        **{f"n_{name}": count(columns[name]) for name in counted},
        **{f"w_{name}": word for name, word in words.items()},
        **_renamed(reading),
    }
    relation = with_areas(reading.csv(), kinds, more)
    problems = [
        bad_date(columns["period"], reading.today, when="period"),
        *area_problems(kinds),
        Problem(
            f"coalesce(trim({columns['sub_icb']}), '') = ''",
            columns["sub_icb"],
            say(f"{columns['sub_icb'].upper()} is empty"),
        ),
        *(unknown_word(columns[name], f"w_{name} IS NULL") for name in words),
        *(bad_count(columns[name], f"n_{name}") for name in counted),
    ]
    if reading.layout == "coverage":
        _stage_coverage(reading, relation, problems)
    else:
        statement = {
            "dataset": say(reading.layout),
            "period_kind": say("month" if reading.layout in ("crosstab", "regional") else "day"),
            "period_start": "period",
            **area_codes(kinds),
            **{name: f"w_{name}" for name in words},
            "category": _category(columns["category"]) if "category" in columns else "NULL",
            "appointments": "n_appointments",
        }
        reading.stage("appointments", relation, statement, problems)
    _stage_organisations(reading, relation, kinds, problems)
    if reading.layout == "crosstab":
        _drop_repeats(reading, relation, columns)


def _columns(reading: Reading) -> dict[str, str]:
    """Our name → the file's column."""
    header = reading.received.header
    return {
        name: next(heading for heading in header if re.fullmatch(pattern, heading))
        for name, pattern in LAYOUTS[reading.layout].items()
    }


def _renamed(reading: Reading) -> dict[str, str]:
    """Where the names of the areas are, when they are under other columns than `<kind>_name`."""
    header = reading.received.header
    return {
        name: heading
        for name, pattern in NAMES.items()
        for heading in header
        if heading != name and re.fullmatch(pattern, heading)
    } | ({"practice_name": "gp_name"} if reading.layout == "crosstab" else {})


def _word(column: str, words: Mapping[str, list[str]]) -> str:
    """SQL for the canonical word of a label; NULL for one that is not known.

    The labels as published are compared first: tidying millions of cells that need none takes longer than all the rest.
    """
    labels = [(label, word) for word, published in words.items() for label in published]
    exact = " ".join(f"WHEN {say(label)} THEN {say(word)}" for label, word in labels)
    tidy = " ".join(f"WHEN {say(' '.join(label.split()).lower())} THEN {say(word)}" for label, word in labels)
    return f"CASE {column} {exact} ELSE CASE lower(trim(regexp_replace({column}, '\\s+', ' ', 'g'))) {tidy} END END"


def _category(column: str) -> str:
    tidy = f"trim(CASE WHEN contains({column}, '  ') THEN regexp_replace({column}, ' +', ' ', 'g') ELSE {column} END)"
    return f"nullif({tidy}, '')"


def _period(column: str, month: bool) -> str:
    # the usual form first, for the same reason
    when = f"coalesce(CAST(try_strptime({column}, '%d%b%Y') AS DATE), {day(column)})"
    return f"CAST(date_trunc('month', {when}) AS DATE)" if month else when


def _stage_coverage(reading: Reading, relation: str, problems: list[Problem]) -> None:
    for item in COVERAGE:
        statement = {
            "source": say(NAME),
            "dataset": "'coverage'",
            "period_start": "period",
            "organisation": "sub_icb",
            "item": say(item),
            "value": f"n_{item}",
        }
        reading.stage("printed_figure", relation, statement, problems, count=item == COVERAGE[0])


def _stage_organisations(reading: Reading, relation: str, kinds: Mapping[str, str], problems: list[Problem]) -> None:
    as_of = "CAST(date_trunc('month', period) AS DATE)"
    if reading.layout == "crosstab":
        stage_areas(reading, _named_in_crosstab(reading, kinds), list(kinds), as_of)
        for table in ("named", "names"):
            reading.con.execute(f"DROP TABLE IF EXISTS {table}")
        return
    ons_code = next((heading for heading in reading.received.header if re.fullmatch(ONS_CODES, heading)), None)
    stage_areas(reading, relation, list(kinds), as_of, problems, {"sub_icb": ons_code} if ons_code else {})


def _named_in_crosstab(reading: Reading, kinds: Mapping[str, str]) -> str:
    """A relation of who is named with whom and when, from what is staged already: far fewer rows than the file has.

    Names take another pass over the file, so they are read only when it names someone who is not known yet.
    """
    con = reading.con
    codes = ", ".join(f"{kind}_code AS {kind}" for kind in kinds)
    staged = reading.staged["appointments"][-1]
    con.execute(f"CREATE OR REPLACE TEMP TABLE named AS SELECT DISTINCT {codes}, period_start AS period FROM {staged}")
    each = " UNION ALL ".join(f"SELECT {kind} AS code FROM named" for kind in kinds)
    fresh = f"SELECT 1 FROM ({each}) ANTI JOIN known USING (code) WHERE code IS NOT NULL LIMIT 1"
    if con.execute(fresh).fetchone() is None:
        return "named"
    names = ("gp_name", "pcn_name", "sub_icb_location_name")
    run(
        reading,
        f"CREATE OR REPLACE TEMP TABLE names AS "
        f"SELECT DISTINCT {', '.join([*kinds.values(), *names])} FROM {reading.csv()}",
    )
    same = " AND ".join(f"named.{kind} IS NOT DISTINCT FROM n.{kind}" for kind in kinds)
    called = ", ".join(f"max(n.{name}) AS {kind}_name" for kind, name in zip(kinds, names, strict=True))
    return f"(SELECT named.*, {called} FROM named LEFT JOIN {with_areas('names', kinds)} AS n ON {same} GROUP BY ALL)"


def _drop_repeats(reading: Reading, relation: str, columns: Mapping[str, str]) -> None:
    """Count a crosstab row once that is in the file twice, to the last letter (the release of June 2024).

    Two rows may be alike in all that is kept and still be different appointments (another SUPPLIER): only a repeat of
    the whole record is one. The file is read again only when some rows are alike.
    """
    con, staged = reading.con, reading.staged["appointments"][-1]
    kept = ("period_start", "practice_code", "pcn_code", "sub_icb_code", *BREAKDOWN, "category", "appointments")
    alike = f"hash({', '.join(kept)})"
    rows, different = con.execute(f"SELECT count(*), count(DISTINCT {alike}) FROM {staged}").fetchone() or (0, 0)
    if rows == different:
        return
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE alike AS SELECT {alike} AS likeness FROM {staged} GROUP BY 1 HAVING count(*) > 1"
    )
    record = ", ".join(columns.values())
    run(
        reading,
        f"""
        CREATE OR REPLACE TEMP TABLE repeats AS
        SELECT likeness, sum(copies - 1) AS surplus
        FROM (SELECT {_likeness(columns)} AS likeness, {record}, count(*) AS copies FROM {relation}
              WHERE likeness IN (FROM alike) GROUP BY ALL HAVING count(*) > 1)
        GROUP BY likeness
        """,
    )
    con.execute(
        f"""
        DELETE FROM {staged} WHERE rowid IN (
            SELECT place FROM (
                SELECT rowid AS place, {alike} AS likeness, row_number() OVER (PARTITION BY {alike}) AS copy
                FROM {staged} WHERE {alike} IN (SELECT likeness FROM repeats)
            ) JOIN repeats USING (likeness) WHERE copy <= surplus)
        """
    )
    dropped = con.execute("SELECT coalesce(sum(surplus), 0) FROM repeats").fetchone()
    con.execute("DROP TABLE alike")
    con.execute("DROP TABLE repeats")
    if dropped and dropped[0]:
        reading.rows_filtered += int(dropped[0])
        reading.notes.append(f"{int(dropped[0]):,} rows repeat another row to the last letter and were counted once.")


def _likeness(columns: Mapping[str, str]) -> str:
    """The hash of `_drop_repeats` over the file's relation."""
    words = ", ".join(f"w_{name}" for name in BREAKDOWN)
    return f"hash(period, practice, pcn, sub_icb, {words}, {_category(columns['category'])}, n_appointments)"
