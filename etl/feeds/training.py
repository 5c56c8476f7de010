"""Navigator training: funded places and the colleagues to whom it was passed on, one row a person.

A return holds everything known of a practice, so a later return replaces it. `staff_id` is a pseudonym that the
practice keeps; here it only tells a repeated row from two people.
"""

from etl.feeds import ids
from etl.feeds.feed import Problem, Received, day, say
from etl.feeds.navigation import practice_problems
from etl.feeds.publications import layout_of
from etl.feeds.reading import Reading

NAME = "training"
FACTS = ("training",)
NEEDS_ORGANISATIONS = True
MAXIMUM_REJECTED_SHARE = 1.0  # a row of another ICB, or a wrong date, says nothing of the rows beside it
HOLDS_PEOPLE = True  # a return may carry more columns than are asked for, names among them

COLUMNS = ("practice_code", "staff_id", "route", "booked_on", "completed_on")
OPTIONAL = ("offered_on", "paid_by")
DAYS = ("offered_on", "booked_on", "completed_on")
ROUTES = ("funded", "cascaded")
PAYERS = ("nhs_england", "icb", "pcn", "practice", "other")


def recognise(received: Received) -> str | None:
    """`csv`; None when it is another file. Raises RefusedFile when a column is missing or renamed."""
    if received.kind != "csv":
        return None
    return layout_of(received.header, {"csv": COLUMNS}, "the training return")


def read(reading: Reading) -> None:
    """Stage one row a person and route. Raises RefusedFile for a person's name in `staff_id`."""
    try:
        ids.make_own_practices(reading)
        ids.make_key(reading)
        relation = _relation(reading)
        ids.refuse_names(
            reading, relation, {ids.reads_like_a_person("_staff_id"): ("staff_id", "a pseudonym such as S0012")}
        )
        facts = {
            "practice_code": "_practice",
            "staff_key": ids.keyed("_practice || '/' || _staff_id"),
            "route": "lower(_route)",
            "paid_by": f"CASE WHEN _payer IN ({', '.join(map(say, PAYERS))}) THEN _payer END",
            **{column: f"_{column}_day" for column in DAYS},
        }
        reading.stage("training", relation, facts, _problems(reading))
        _cover(reading)
    finally:
        ids.forget_own_practices(reading)
        ids.forget_key(reading)


def _relation(reading: Reading) -> str:
    has = set(reading.received.header)
    cells = {
        f"_{column}": f"nullif(trim(\"{column}\"), '')" if column in has else "CAST(NULL AS VARCHAR)"
        for column in (*COLUMNS, *OPTIONAL)
    }
    cells["_code"] = f"upper({cells.pop('_practice_code')})"
    layer = f"(SELECT *, {', '.join(f'{sql} AS {name}' for name, sql in cells.items())} FROM {reading.csv()})"
    days = ", ".join(f"{day(f'_{column}')} AS _{column}_day" for column in DAYS)
    payer = "regexp_replace(lower(_paid_by), '[^a-z]+', '_', 'g')"
    return (
        f"(SELECT r.*, {days}, {payer} AS _payer, o.code AS _practice, o.is_own AS _is_own "
        f"FROM {layer} AS r LEFT JOIN practice_standing AS o ON o.code = r._code)"
    )


def _problems(reading: Reading) -> list[Problem]:
    return [
        *practice_problems("practice_code"),
        Problem("_staff_id IS NULL AND _completed_on IS NOT NULL", "staff_id", "'completed, but the id is empty'"),
        Problem(
            f"coalesce(lower(_route), '') NOT IN ({', '.join(map(say, ROUTES))})",
            "route",
            "'the route is neither funded nor cascaded'",
        ),
        *(
            Problem(f"_{column} IS NOT NULL AND _{column}_day IS NULL", column, say(f"{column} is not a date"))
            for column in DAYS
        ),
        Problem(f"_completed_on_day > DATE '{reading.today}'", "completed_on", "'completed in the future'"),
        Problem("_completed_on_day < _booked_on_day", "completed_on", "'completed before it was booked'"),
    ]


def _cover(reading: Reading) -> None:
    for table in reading.staged[NAME]:
        found = reading.con.execute(
            f"SELECT min(least(coalesce(booked_on, completed_on), coalesce(completed_on, booked_on))), "
            f"max(coalesce(completed_on, booked_on)) FROM {table}"
        ).fetchone()
        if found and found[0]:
            reading.period_from, reading.period_to = found
