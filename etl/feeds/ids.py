"""Ids of people at practices: refused where they read like a name, and otherwise kept only as a keyed hash.

The key is made once for a home and lies in `<home>/secrets/navigation_key`, mode 0600, beside the databases and
never in one. Without it nothing that was loaded can be traced back to an id, and new files no longer match old ones.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from etl.feeds.feed import RefusedFile
from etl.feeds.reading import Reading, numbered, run

KEY_BYTES, BLOCK = 32, 64
KEY_TABLE = "id_key"

UUID = r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
SPACED = r"(?s)\p{L}.*[\s\p{Z},;@].*\p{L}"
TITLED = r"(?i)(mr|mrs|ms|miss|mx|dr|prof|sister|nurse)[\s\p{P}]+\p{L}.*"
TITLED_CLOSE = r"(Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Sister|Nurse)\p{Lu}\p{Ll}+"
CAPITALS = r"\p{Lu}\p{Ll}{2,}\p{Lu}\p{Ll}{2,}"  # JaneSmith
DOTTED = r"\p{L}+\.\p{L}{2,}[0-9]{0,2}"  # jane.smith2
BETWEEN_WORDS, WORD = r"[^\p{L}\p{M}\p{N}]+", r"[\p{L}\p{M}]+"


def reads_like_a_person(field: str) -> str:
    """SQL: whether an id reads like a person: a space or comma between letters, a title, two or more words."""
    words = f"list_filter(regexp_split_to_array({field}, '{BETWEEN_WORDS}'), lambda w: regexp_full_match(w, '{WORD}'))"
    whole = " OR ".join(f"regexp_full_match({field}, '{form}')" for form in (TITLED, TITLED_CLOSE, CAPITALS, DOTTED))
    return (
        f"coalesce(NOT regexp_full_match({field}, '{UUID}') AND "
        f"({spaced_like_a_person(field)} OR {whole} OR len({words}) >= 2), FALSE)"
    )


def spaced_like_a_person(field: str) -> str:
    """SQL: the same for ids that machines make, in which words joined by hyphens are usual."""
    return f"coalesce(regexp_matches({field}, '{SPACED}'), FALSE)"


def refuse_names(reading: Reading, relation: str, tests: Mapping[str, tuple[str, str]]) -> None:
    """Raises RefusedFile when an id reads like a person, before anything of the file is kept.

    tests: what SQL says of a row of `relation` → the file's column and what it ought to hold.
    """
    found = run(
        reading,
        f"SELECT {', '.join(f'count(*) FILTER ({test})' for test in tests)} FROM {relation}",
    ).fetchone()
    assert found is not None
    for rows, (test, (column, instead)) in zip(found, tests.items(), strict=True):
        if rows:
            line = run(reading, f"SELECT min(line) FROM {numbered(relation, reading)} WHERE {test}").fetchone()
            raise RefusedFile(
                f"The column {column} holds what reads like a person's name ({rows:,} rows, first at line "
                f"{line[0] if line else '?'}). Nothing of the file was kept. Put {instead} there, with no name in it, "
                "and put the file in the inbox again; then delete this one."
            )


def make_key(reading: Reading) -> None:
    """Make the temporary table that `keyed` reads. Raises RefusedFile when the key cannot be used."""
    key = _key(reading.settings.home)
    padded = [bytes(byte ^ pad for byte in key.ljust(BLOCK, b"\0")) for pad in (0x36, 0x5C)]
    reading.con.execute(f"CREATE OR REPLACE TEMP TABLE {KEY_TABLE} (inner_key BLOB, outer_key BLOB)")
    reading.con.execute(f"INSERT INTO {KEY_TABLE} VALUES ($1, $2)", padded)


def keyed(text: str) -> str:
    """SQL: HMAC-SHA-256 (RFC 2104) of a text, cut to 128 bits; NULL for none. Needs `make_key`."""
    inner = f"sha256((SELECT inner_key FROM {KEY_TABLE}) || encode({text}))"
    return f"left(sha256((SELECT outer_key FROM {KEY_TABLE}) || unhex({inner})), 32)"


def forget_key(reading: Reading) -> None:
    """Drop what `make_key` made."""
    reading.con.execute(f"DROP TABLE IF EXISTS {KEY_TABLE}")


def key_of(home: Path) -> bytes:
    """The home's key, made where there is none yet. Raises OSError or ValueError."""
    path = home / "secrets" / "navigation_key"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        part = path.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(secrets.token_hex(KEY_BYTES) + "\n")
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
    key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    if len(key) != KEY_BYTES:
        raise ValueError("the key is not whole")
    return key


def _key(home: Path) -> bytes:
    try:
        return key_of(home)
    except (OSError, ValueError) as error:
        raise RefusedFile(
            f"The key in {home / 'secrets' / 'navigation_key'} cannot be used ({type(error).__name__}). Put it back "
            "from your backup, or delete it to begin with a new one, and put the file in the inbox again."
        ) from None


def make_own_practices(reading: Reading) -> None:
    """Make the temporary table `practice_standing(code, is_own)`: every practice known, and whether it belongs, or
    once belonged, to this ICB, as all do where `code` is not set, and those of whose ICB nothing is known yet.

    Raises RefusedFile before any practice is known.
    """
    con, codes = reading.con, reading.settings.code
    listed = ", ".join(f"('{code.replace(chr(39), '')}')" for code in codes) or "(NULL)"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE practice_standing AS
        WITH RECURSIVE own AS (
            SELECT code FROM (VALUES {listed}) AS own_icb(code)
            UNION SELECT b.child FROM belongs AS b INNER JOIN own AS f ON b.parent = f.code
        ),
        any_icb AS (
            SELECT code FROM known WHERE kind = 'icb'
            UNION SELECT b.child FROM belongs AS b INNER JOIN any_icb AS f ON b.parent = f.code
        )
        SELECT DISTINCT
            code, {not codes} OR code IN (SELECT code FROM own) OR code NOT IN (SELECT code FROM any_icb) AS is_own
        FROM known
        WHERE kind = 'practice'
        """
    )
    if not con.execute("SELECT count(*) FROM practice_standing").fetchone()[0]:  # type: ignore[index]
        raise RefusedFile(
            "No practices are known yet, so it cannot be told whose rows these are. Put epraccur and ePCN in the inbox "
            "first, and then this file again."
        )


def forget_own_practices(reading: Reading) -> None:
    """Drop what `make_own_practices` made."""
    reading.con.execute("DROP TABLE IF EXISTS practice_standing")
