"""A call log's rows: parsed in one pass over the file, and told apart by who rang without a number being kept.

`parsed` holds what the file says with each number under a mask that is made anew for every file and is nowhere
but in this process, so that even memory that the database writes to disk holds no number. `people` says which
pseudonym each stands for; both are dropped when the file has been loaded or refused.
"""

import secrets
from collections.abc import Mapping, Sequence

from etl.feeds.call_logs import people
from etl.feeds.call_logs.sources import Source
from etl.feeds.feed import RefusedFile, say
from etl.feeds.reading import Reading, run

# every temporary table that reading a call log makes
TABLES = ("parsed", "people", "month_keys", "practice_numbers", "untold", "told", "legs_once")


def named(expressions: Mapping[str, str]) -> str:
    """A SELECT's list of expressions under their names."""
    return ", ".join(f"{expression} AS {name}" for name, expression in expressions.items())


def word(expression: str, words: Sequence[str]) -> str:
    """SQL: a text that is one of these words in a byte, because millions are kept in memory; NULL if it is another."""
    return f"TRY_CAST({expression} AS ENUM ({', '.join(map(say, words))}))"


def plain(name: str, has: set[str]) -> str:
    """SQL: a column as a machine writes it; empty and the word NULL are NULL, as is a column that is not there."""
    return f"nullif(nullif(\"{name}\", ''), 'NULL')" if name in has else "CAST(NULL AS VARCHAR)"


def fingerprint(*parts: str) -> str:
    """SQL: a BIGINT that stands for these expressions together, the same on every machine and in every version."""
    return f"CAST(md5_number_lower(concat_ws('/', {', '.join(parts)})) >> 1 AS BIGINT)"


def new_mask() -> int:
    """A mask for the numbers of one file."""
    return secrets.randbits(62)


def masked(number: str, mask: int) -> str:
    """SQL: a number (BIGINT) under the mask, or from under it."""
    return f"xor({number}, {mask})"


def parse(reading: Reading, scan: str, columns: Mapping[str, str], source: str) -> str:
    """Make the temporary table `parsed` from a SELECT over the scan, and a relation over it with `line`.

    source: the relation from which the columns are taken (it contains `scan`). Rows keep the order of the file, so
    that their place says their line.
    """
    con = reading.con
    con.execute("SET preserve_insertion_order = true")
    try:
        run(reading, f"CREATE OR REPLACE TEMP TABLE parsed AS SELECT {named(columns)} FROM {source}")
    finally:
        con.execute("SET preserve_insertion_order = false")
    first = reading.scans[scan]
    line = f"rowid + {first}"
    if bad := reading.broken.get(scan, []):
        # records that could not be read were stepped over
        after = ", ".join(f"({place - number})" for number, (place, _) in enumerate(bad))
        line += f" + (SELECT count(*) FROM (VALUES {after}) AS b(after) WHERE b.after <= rowid + {first})"
    return f"(SELECT {line} AS line, * FROM parsed)"


def make_people(reading: Reading, keys: str, mask: int) -> None:
    """Make `people(key, month, pseudonym)`: the pseudonym in a month of each masked number.

    keys: SELECT of `key` (a masked number or NULL) and `month` from `parsed`.
    """
    con = reading.con
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE people AS SELECT DISTINCT key, month FROM ({keys}) WHERE key IS NOT NULL"
    )
    months = [row[0] for row in con.execute("SELECT DISTINCT month FROM people WHERE month IS NOT NULL").fetchall()]
    con.execute("CREATE OR REPLACE TEMP TABLE month_keys (month DATE, inner_key BLOB, outer_key BLOB)")
    if months:
        con.executemany("INSERT INTO month_keys VALUES ($1, $2, $3)", people.padded_keys(reading.settings.home, months))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE people AS SELECT key, month, {people.PSEUDONYM} AS pseudonym FROM "
        f"(SELECT key, month, {masked('key', mask)} AS number FROM people) JOIN month_keys USING (month)"
    )
    con.execute("DROP TABLE month_keys")


def register_numbers(reading: Reading, source: Source, mask: int) -> None:
    """Make `practice_numbers(key, name, practice)` of a source's numbers (`key`) and queues' names (`name`).

    practice: a code, or for an account that several practices share all their codes, comma separated.
    Raises RefusedFile when one number, in two ways of writing it, is given to different practices.
    """
    con = reading.con
    con.execute("CREATE OR REPLACE TEMP TABLE practice_numbers (key BIGINT, name VARCHAR, practice VARCHAR)")
    if source.numbers:
        con.executemany(
            f"INSERT INTO practice_numbers SELECT {masked('n', mask)}, CASE WHEN n IS NULL THEN lower(f) END, p FROM "
            f"(SELECT f, p, {people.number('f')} AS n FROM (SELECT {people.text('w')} AS f, p FROM "
            "(SELECT $1::VARCHAR AS w, $2::VARCHAR AS p)))",
            [(number, ",".join(practices)) for number, practices in source.numbers.items()],
        )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE practice_numbers AS SELECT key, name, min(practice) AS practice, "
        "count(DISTINCT practice) AS practices FROM practice_numbers GROUP BY key, name"
    )
    if con.execute("SELECT 1 FROM practice_numbers WHERE practices > 1").fetchone():
        raise RefusedFile(
            f"The telephony source `{source.id}` in icb.toml gives one number, written in two ways, to different "
            "practices. Keep one of them; an account that practices share is one number with a list of codes."
        )
