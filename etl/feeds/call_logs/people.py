"""Callers: a telephone number becomes a keyed pseudonym while its file is being read, and is kept nowhere.

HMAC-SHA-256 (RFC 2104) of the number in E.164, cut to 128 bits, with a key that is new every month. Keys lie
in `<home>/secrets/call_log_keys.json`, mode 0600, beside the databases and never in one. Deleting a month's
key makes that month's pseudonyms unlinkable for ever.
"""

import json
import os
import secrets
from datetime import date
from hmac import digest
from pathlib import Path

from etl.feeds.feed import among

KEY_BYTES, BLOCK = 32, 64
WITHHELD = (
    "anonymous", "withheld", "unavailable", "private", "unknown", "restricted", "blocked", "not available",
    "number withheld", "caller withheld", "no cli", "none", "null", "n/a", "-",
)  # fmt: skip
STATUSES = ("present", "withheld", "short", "internal_error")
# digits in which a caller's number is shortest; anything shorter is an extension or a service such as 111
SHORTEST = 7


class KeyFileError(Exception):
    """The key file cannot be used. The message says where and what to do."""


def text(field: str) -> str:
    """SQL: a field as text, without spaces of any kind round it; blank and the word NULL are NULL."""
    return f"nullif(nullif(trim({field}, ' ' || chr(9) || chr(13) || chr(160)), ''), 'NULL')"


def number(field: str) -> str:
    """SQL: the digits of a number in E.164 as BIGINT, without the plus; NULL when it is not a full number.

    Read as British where no country is given; spaces, brackets, hyphens, `(0)`, `00`, `sip:…@…` are understood,
    as is a leading zero that a spreadsheet took away.
    """
    bare = f"regexp_replace({field}, '^(sips?:|tel:)|@.*$|\\(0\\)|[ ().\\-\\x{{00a0}}/]', '', 'g')"
    whole = f"try_cast({field} AS BIGINT)"
    return (
        # the forms of nearly every number first, without a pattern
        f"CASE WHEN length({field}) = 11 AND {field} LIKE '0%' AND {whole} BETWEEN 1000000000 AND 9999999999 "
        f"THEN 440000000000 + {whole} "
        f"WHEN {field} LIKE '+44_________%' AND length({field}) = 13 AND {whole} BETWEEN 441000000000 AND 449999999999 "
        f"THEN {whole} "
        f"WHEN regexp_full_match({field}, '\\+?[0-9]{{{SHORTEST},17}}') THEN {_e164(field)} "
        f"WHEN {field} IS NULL OR NOT regexp_matches({field}, '[0-9]') THEN NULL "
        f"WHEN regexp_full_match({bare}, '\\+?[0-9]{{{SHORTEST},17}}') THEN {_e164(f'({bare})')} END"
    )


def _e164(digits: str) -> str:
    """SQL: the number in a text of 7 to 17 digits, perhaps after a plus; arithmetic, because it is fast."""
    value, british = f"try_cast({digits} AS BIGINT)", "440000000000"
    return (
        f"CASE WHEN {value} = 0 THEN NULL "
        f"WHEN {digits} LIKE '+440%' THEN {british} + {value} % 10000000000 "
        f"WHEN {digits} LIKE '+%' OR {digits} LIKE '00%' THEN {value} "
        f"WHEN {digits} LIKE '0%' THEN CASE length({digits}) WHEN 11 THEN {british} + {value} "
        f"WHEN 10 THEN 44000000000 + {value} END "
        f"WHEN length({digits}) = 10 AND {among(f'{digits}[1]', '12378')} THEN {british} + {value} "
        f"ELSE {value} END"
    )


def damaged(field: str) -> str:
    """SQL: whether a number was turned into 4.42078E+11 by a spreadsheet."""
    return f"coalesce(regexp_full_match({field}, '[0-9][.,]?[0-9]*[eE]\\+[0-9]+'), FALSE)"


def status(field: str, digits: str) -> str:
    """SQL: cli_status of a field: present, withheld, short (an extension or 111) or internal_error."""
    return (
        f"CASE WHEN {digits} IS NOT NULL THEN 'present' "
        f"WHEN {field} IS NULL OR {among(f'lower({field})', WITHHELD)} "
        f"OR regexp_full_match({field}, '\\+?0+') THEN 'withheld' "
        f"WHEN regexp_full_match({field}, '[0-9*#]+') THEN 'short' ELSE 'internal_error' END"
    )


# HMAC by its definition, H(key xor opad, H(key xor ipad, message)); the keys come as values, never as SQL
PSEUDONYM = "left(sha256(outer_key || unhex(sha256(inner_key || ('+' || number)::BLOB))), 32)"


def padded_keys(home: Path, months: list[date]) -> list[tuple[date, bytes, bytes]]:
    """Each month with its key as `PSEUDONYM` wants it: xor ipad and xor opad, a block long."""
    return [
        (
            month,
            bytes(byte ^ 0x36 for byte in key.ljust(BLOCK, b"\0")),
            bytes(byte ^ 0x5C for byte in key.ljust(BLOCK, b"\0")),
        )
        for month, key in keys(home, months).items()
    ]


def pseudonym(key: bytes, telephone: str) -> str:
    """The pseudonym of one number in E.164 (`+447700900123`), as `PSEUDONYM` makes it: 32 hexadecimal digits."""
    return digest(key, telephone.encode(), "sha256").hex()[:32]


def keys(home: Path, months: list[date]) -> dict[date, bytes]:
    """The key of each month, made where there is none yet. Raises KeyFileError."""
    path = home / "secrets" / "call_log_keys.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        wanted = [f"{month:%Y-%m}" for month in months]
        new = {month: secrets.token_hex(KEY_BYTES) for month in wanted if month not in known}
        if new:
            known |= new
            part = path.with_suffix(".part")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
                json.dump(known, out, indent=1, sort_keys=True)
                out.flush()
                os.fsync(out.fileno())
            part.replace(path)
        return {month: bytes.fromhex(known[f"{month:%Y-%m}"]) for month in months}
    except (OSError, ValueError) as error:
        raise KeyFileError(
            f"The keys in {path} cannot be used ({type(error).__name__}). Put the file back from your backup; without "
            "it, callers of past months cannot be recognised again."
        ) from None
