"""The organisations that a row of a national publication names: a practice and the areas that it lies in.

A row may name no practice (`Unassigned`: an account shared by several), no PCN (`U`, `Unallocated`), or no
area at all (`Unmapped`). It counts in each area that it does name, and in England.
"""

from collections.abc import Mapping, Sequence

from etl.feeds.feed import Problem, code, say
from etl.feeds.publications import AREA, PCN, PRACTICE, bad_code, cover_as_of, is_refused, pcn, quoted
from etl.feeds.reading import Reading, run

UNASSIGNED = "Unassigned"
NOWHERE = "('U', 'UNALLOCATED', 'UNALIGNED', 'UNMAPPED')"
KINDS = ("practice", "pcn", "sub_icb", "icb", "region")
# a publication gives each child's parents side by side in one row
BELONGING = (("practice", "pcn"), ("practice", "sub_icb"), ("sub_icb", "icb"), ("icb", "region"))
FORMS = {"practice": PRACTICE, "pcn": PCN, "sub_icb": AREA, "icb": AREA, "region": AREA}
CALLED = {
    "practice": "a practice code",
    "pcn": "a PCN code",
    "sub_icb": "the code of a sub-ICB location",
    "icb": "the code of an ICB",
    "region": "the code of a region",
}


def with_areas(relation: str, columns: Mapping[str, str], more: Mapping[str, str] | None = None) -> str:
    """The relation with a clean code under each kind's name (`practice`, `pcn` …; NULL where none is named).

    columns: kind → the file's column. more: further names → SQL over the file's columns.
    """
    chosen = {kind: _clean(kind, column) for kind, column in columns.items()} | dict(more or {})
    # the file's own columns stay, for reasons to quote, and `line` with them
    return f"(SELECT *, {', '.join(f'{sql} AS {name}' for name, sql in chosen.items())} FROM {relation})"


def area_codes(columns: Mapping[str, str]) -> dict[str, str]:
    """The fact's area columns → SQL over a relation made by `with_areas` from the same columns."""
    return {f"{kind}_code": kind for kind in columns}


def area_problems(columns: Mapping[str, str]) -> list[Problem]:
    """Refuse rows without a practice, or with a code that cannot be one. Over a relation made by `with_areas`."""
    problems = []
    for kind, column in columns.items():
        wrong = f"NOT regexp_full_match({kind}, '{FORMS[kind]}')"
        if kind == "practice":
            wrong = f"practice IS NULL OR practice <> '{UNASSIGNED}' AND {wrong}"
        reason = f"{say(column.upper() + ' is not ' + CALLED[kind] + ': ')} || {quoted(column)}"
        problems.append(Problem(wrong, column, reason))
    return problems


def stage_areas(
    reading: Reading,
    relation: str,
    kinds: Sequence[str],
    as_of: str,
    problems: Sequence[Problem] = (),
    ons_codes: Mapping[str, str] | None = None,
) -> None:
    """Stage the organisations that the good rows name and who belongs to whom, each as of `as_of`.

    relation: made by `with_areas`; names in columns `<kind>_name` where the file has them, else a kind is staged
    only when no source has named it yet, so that a name is never replaced by none. as_of: SQL for the date.
    ons_codes: kind → the column with its ONS code. Counts no rows. A file whose only purpose is to say who is where
    is held to more: `stage_map`.
    """
    named = {column for column, *_ in reading.con.execute(f"DESCRIBE FROM {relation}").fetchall()}
    names = [f"{kind}_name" for kind in kinds if f"{kind}_name" in named]
    others = [f"{column} AS {kind}_ons_code" for kind, column in (ons_codes or {}).items()]
    run(
        reading,
        f"CREATE OR REPLACE TEMP TABLE areas AS SELECT DISTINCT {', '.join([*kinds, *names, *others])}, "
        f"{as_of} AS as_of FROM {relation} WHERE NOT ({is_refused(problems)})",
    )
    organisations = []
    for kind in kinds:
        name = f"max(trim({kind}_name))" if f"{kind}_name" in names else "NULL"
        ons_code = f"max(trim({kind}_ons_code))" if kind in (ons_codes or {}) else "NULL"
        fresh = "" if f"{kind}_name" in names else f"AND {kind} NOT IN (SELECT code FROM known WHERE code IS NOT NULL)"
        organisations.append(
            f"SELECT {kind} AS code, {say(kind)} AS kind, {name} AS name, {ons_code} AS ons_code, as_of FROM areas "
            f"WHERE {kind} <> '{UNASSIGNED}' {fresh} GROUP BY {kind}, as_of"
        )
    columns = {name: name for name in ("code", "kind", "name", "ons_code")}
    reading.stage("organisation", f"({' UNION ALL '.join(organisations)})", columns | _said(), count=False)
    belonging = [_belonging(reading, *pair) for pair in BELONGING if set(pair) <= set(kinds)]
    if belonging:
        columns = {name: name for name in ("child", "child_kind", "parent", "parent_kind")}
        reading.stage("membership", f"({' UNION ALL '.join(belonging)})", columns | _said(), count=False)
    reading.con.execute("DROP TABLE areas")


def _belonging(reading: Reading, child: str, parent: str) -> str:
    """One statement for each child: the parent that more than half of its rows name. A few rows of a practice that
    moved, or was typed under another ICB, do not move its sub-ICB location."""
    pairs = (
        f"SELECT {child} AS child, {parent} AS parent, as_of, count(*) AS rows, "
        f"sum(count(*)) OVER (PARTITION BY {child}, as_of) AS all_rows FROM areas "
        f"WHERE {child} <> '{UNASSIGNED}' AND {parent} IS NOT NULL GROUP BY {child}, {parent}, as_of"
    )
    several = reading.con.execute(f"SELECT DISTINCT child FROM ({pairs}) WHERE rows < all_rows ORDER BY 1").fetchall()
    if several:
        listed = ", ".join(row[0] for row in several)
        reading.notes.append(f"Named under more than one {parent}; taken as most rows have it: {child} {listed}.")
    return (
        f"SELECT child, {say(child)} AS child_kind, parent, {say(parent)} AS parent_kind, as_of "
        f"FROM ({pairs}) WHERE 2 * rows > all_rows"
    )


def stage_map(
    reading: Reading, columns: Mapping[str, str], source: str, as_of: str, problems: Sequence[Problem] = ()
) -> None:
    """Stage every organisation, and who belongs to whom, from a CSV that maps each practice to its areas.

    columns: `practice`, `pcn`, `sub_icb`, `icb`, `region` → the file's column; the same with `_name`, and with
    `_ons_code` and `practice_postcode` where it has them. as_of: SQL, one date for the file. problems: checked before
    the codes. A child named under two parents (a PCN across two sub-ICBs) gets none here: which is its own, ePCN says.
    """
    practice = code(columns["practice"])
    place = f"concat_ws('|', {', '.join(columns[kind] for kind in KINDS[1:])})"
    problems = [
        *problems,
        bad_code(columns["practice"], PRACTICE, "a practice code"),
        bad_code(columns["pcn"], f"U|UNALLOCATED|UNALIGNED|{PCN}", "a PCN code", optional=True),
        *(bad_code(columns[kind], AREA, "the code of an area") for kind in KINDS[2:]),
        Problem(
            f"min({place}) OVER (PARTITION BY {practice}) <> max({place}) OVER (PARTITION BY {practice})",
            columns["practice"],
            f"{say('listed in two places in this file: ')} || {practice}",
        ),
    ]
    # a practice with two suppliers has two rows: one statement is enough, the other is filtered
    copy = f"row_number() OVER (PARTITION BY {practice}, {place} ORDER BY {columns['practice_name']})"
    again = f"{copy} > 1 AND {practice} IS NOT NULL"
    values = {name: f"trim({column})" if name.endswith("_name") else code(column) for name, column in columns.items()}
    values["pcn"] = pcn(columns["pcn"])
    said = {"source": say(source), "as_of": "as_of"}
    rows = reading.csv()
    organisation = {name: values.get(f"practice_{name}", "NULL") for name in ("name", "postcode")}
    organisation |= {"code": values["practice"], "kind": "'practice'", **said, "as_of": as_of}
    reading.stage("organisation", rows, organisation, problems, again)
    chosen = ", ".join(f"{sql} AS {name}" for name, sql in {**values, "as_of": as_of}.items())
    good = f"(SELECT * FROM (SELECT {chosen}, ({is_refused(problems)}) AS bad FROM {rows}) WHERE NOT bad)"
    for kind in KINDS[1:]:
        ons_code = f"max({kind}_ons_code)" if f"{kind}_ons_code" in columns else "NULL"
        each = (
            f"(SELECT {kind} AS code, max({kind}_name) AS name, {ons_code} AS ons_code, max(as_of) AS as_of "
            f"FROM {good} WHERE {kind} IS NOT NULL GROUP BY {kind})"
        )
        statement = {"code": "code", "kind": say(kind), "name": "name", "ons_code": "ons_code", **said}
        reading.stage("organisation", each, statement, count=False)
    for child, parent in (*BELONGING, ("pcn", "sub_icb")):
        each = (
            f"(SELECT {child} AS child, max({parent}) AS parent, max(as_of) AS as_of FROM {good} WHERE {child} "
            f"IS NOT NULL AND {parent} IS NOT NULL GROUP BY {child} HAVING count(DISTINCT {parent}) = 1)"
        )
        statement = {"child": "child", "child_kind": say(child), "parent": "parent", "parent_kind": say(parent)}
        reading.stage("membership", each, {**statement, **said}, count=False)
    cover_as_of(reading)


def _said() -> dict[str, str]:
    return {"source": "'publication'", "as_of": "as_of"}


def _clean(kind: str, column: str) -> str:
    if kind == "practice":
        return f"CASE WHEN {code(column)} = '{UNASSIGNED.upper()}' THEN '{UNASSIGNED}' ELSE {code(column)} END"
    return f"CASE WHEN {code(column)} NOT IN {NOWHERE} THEN {code(column)} END"
