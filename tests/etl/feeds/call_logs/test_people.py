"""Numbers: how they are read, and that none of them is kept."""

import json
import stat
from datetime import UTC, date, datetime, timedelta
from hmac import digest
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl import intake
from etl.feeds.call_logs import people
from etl.nightly import nightly
from etl.settings import Settings
from tests.etl.feeds.call_logs.files import (
    CANONICAL,
    CANONICAL_HEADING,
    RIVERSIDE,
    THREE_CX,
    Home,
    cdr,
    epoch,
    event,
    segment,
)

AT = epoch("2026-06-01 08:00:12")


def read_number(*written: str | None) -> list[tuple[int | None, str, bool]]:
    """Digits, status and damage of numbers as written."""
    with duckdb.connect() as con:
        return con.execute(
            f"SELECT n, {people.status('f', 'n')}, {people.damaged('f')} FROM (SELECT i, f, {people.number('f')} AS n "
            f"FROM (SELECT i, {people.text('v')} AS f FROM "
            "(SELECT unnest($1) AS v, unnest(range(len($1))) AS i))) ORDER BY i",
            [list(written)],
        ).fetchall()


@pytest.mark.parametrize(
    "written",
    ["07700900123", "07700 900 123", "+447700900123", "+44 (0)7700 900123", "00447700900123", "447700900123",
     "7700900123", "sip:+447700900123@trunk.example", "tel:+447700900123", "\u00a007700-900-123 ", "+4407700900123"],
)  # fmt: skip
def test_every_written_form_is_one_number(written: str) -> None:
    """British where no country is given; a zero that a spreadsheet took is put back."""
    assert read_number(written) == [(447700900123, "present", False)]


@pytest.mark.parametrize(
    ("written", "status"),
    [*((w, "withheld") for w in ("anonymous", "Anonymous", "withheld", "unavailable", "", "0000", "0", None)),
     ("PRIVATE", "withheld"),
     ("NULL", "withheld"),
     *((w, "short") for w in ("111", "999", "116123", "2101", "*43")), ("client1", "internal_error")],
)  # fmt: skip
def test_what_is_no_number_has_no_digits(written: str | None, status: str) -> None:
    """Withheld, a service or an extension, a name: never a pseudonym."""
    assert read_number(written) == [(None, status, False)]


def test_a_spreadsheets_number_is_damaged() -> None:
    """4.42078E+11 is no number any more."""
    assert [row[0::2] for row in read_number("4.42078E+11", "4,4207E+11", "4.4E+11")] == [(None, True)] * 3


@settings(max_examples=40, deadline=None)
@given(digits=st.integers(1_000_000_000, 9_999_999_999), key=st.binary(min_size=1, max_size=64))
def test_the_pseudonym_is_pythons_hmac(digits: int, key: bytes) -> None:
    """HMAC-SHA-256 of the number in E.164, 128 bits of it."""
    with duckdb.connect() as con:
        found = con.execute(
            f"SELECT {people.PSEUDONYM} FROM "
            "(SELECT $1::BIGINT AS number, $2::BLOB AS inner_key, $3::BLOB AS outer_key)",
            [
                440_000_000_000 + digits,
                bytes(b ^ 0x36 for b in key.ljust(64, b"\0")),
                bytes(b ^ 0x5C for b in key.ljust(64, b"\0")),
            ],
        ).fetchone()
    assert found == (digest(key, f"+44{digits}".encode(), "sha256").hex()[:32],)
    assert found == (people.pseudonym(key, f"+44{digits}"),)


def test_a_new_key_every_month_in_a_file_of_ones_own(home: Settings) -> None:
    """Mode 0600 in a folder of mode 0700; the same caller is somebody else in the next month."""
    where = Home(home, RIVERSIDE)
    june, july = epoch("2026-06-30 23:59:00"), epoch("2026-07-01 00:01:00")
    where.load("riverside-cdr", [cdr(at, uid=f"{at}.1", seq=at, app="BackGround") for at in (june, june + 1, july)])
    path = home.home / "secrets" / "call_log_keys.json"
    keys = json.loads(path.read_text())
    assert sorted(keys) == ["2026-06", "2026-07"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    expected = [people.pseudonym(bytes.fromhex(keys[m]), "+447700900123") for m in ("2026-06", "2026-06", "2026-07")]
    assert where.calls("caller_pseudonym") == expected


def test_keys_are_kept_and_their_loss_is_said(tmp_path: Path) -> None:
    """The same month has the same key again; a file that cannot be read is not silently replaced."""
    first = people.keys(tmp_path, [date(2026, 6, 1)])
    assert people.keys(tmp_path, [date(2026, 6, 1), date(2026, 7, 1)])[date(2026, 6, 1)] == first[date(2026, 6, 1)]
    (tmp_path / "secrets" / "call_log_keys.json").write_text("gone")
    with pytest.raises(people.KeyFileError, match="Put the file back from your backup"):
        people.keys(tmp_path, [date(2026, 6, 1)])


NAMES = ("Ottoline Pomfret", "Quillsworth", "Ottoline", "Pomfret", "Reception desk four")
MINE = ["07700900123", "07700900124", "07700900125", "02079460123", "07700900199"]


def test_no_number_and_no_name_is_anywhere(home: Settings) -> None:
    """Every file of a loaded night, byte by byte: warehouse, log, reasons, generation, keys.

    The archive keeps what was received, in a folder of its own for the days that the settings say.
    """
    where = Home(home, RIVERSIDE, THREE_CX, CANONICAL)
    good = [cdr(AT + n, uid=f"{AT + n}.{n}", seq=n, src=MINE[n % 4], name=NAMES[n % 5]) for n in range(40)]
    good += [cdr(AT + 900 + n, uid=f"{AT + 900 + n}.{n}", seq=900 + n, src="01632960001", dst=MINE[n % 5], app="Dial",
                 peer=f"Local/{MINE[n % 5]}@from-internal-00000a{n};1") for n in range(5)]  # fmt: skip
    bad = cdr(AT, dst="07700900199", uid=f"{AT}.99", seq=99, data=f"other,{MINE[0]},{NAMES[0]}", name=NAMES[1])
    where.write("riverside-cdr.csv", [*good, bad, "broken, 07700900123, Ottoline"])
    where.write("riverside-queue", [
        event(AT + 5, f"{AT}.0", "ENTERQUEUE", "", MINE[0], 3, NAMES[0]),
        event(AT + 9, f"{AT}.0", "ABANDON", 1, 3, 4, agent=f"Agent/{NAMES[1]}"),
    ])  # fmt: skip
    where.write("beck-1", [
        *(segment(AT + n, AT + 60 + n, src=MINE[n % 4], name=NAMES[n % 5], history=f"Call {n}", callid=f"{n}_1")
          for n in range(30)),
        segment(AT, AT + 60, name="Pomfret, Ottoline", history="Call 99", callid="99_1"),
    ])  # fmt: skip
    rows = [
        f"{MINE[n % 4]}-{n},Y99901,2026-06-01T07:00:{n:02d}Z,,,2026-06-01T07:05:00Z,unknown,,,,{MINE[n % 4]}"
        for n in range(40)
    ]
    where.write("holt-1.csv", [CANONICAL_HEADING, *rows, "x,Y99901,07700900123,,,,Ottoline Pomfret,,,,4.4077E+11"])
    where.write("riverside-refused.csv", [cdr(AT, dst="07700900199", uid=f"{AT}.98", name=NAMES[0], app="Playback")])
    where.write("holt-refused.csv", [CANONICAL_HEADING, "a,Ottoline Pomfret,07700900123,,,,x,,,,07700900123"])
    night = nightly(where.settings)
    assert len(night.loads) == 4
    assert len(night.refused) == 2
    assert len(where.reasons()) == 4
    assert where.rows("SELECT count(*) FROM fact.call WHERE caller_pseudonym IS NOT NULL")[0][0] > 100
    needles = {form.encode() for number in MINE for form in (number, number[1:], f"44{number[1:]}")}
    needles |= {name.encode() for name in NAMES}
    searched = 0
    for path in where.settings.home.rglob("*"):
        received = path.is_file() and path.name.startswith(("riverside-", "holt-", "beck-")) and path.suffix != ".txt"
        if received:
            assert [needle for needle in needles if needle in path.read_bytes()], "the search would find nothing"
        if not path.is_file() or received:
            continue
        searched += 1
        content = path.read_bytes()
        assert not [needle for needle in needles if needle in content], path
    assert searched >= 6
    # compressed columns do not show in bytes: every text of every table as well
    for (table,) in where.rows("SELECT schema_name || '.' || table_name FROM duckdb_tables()"):
        for row in where.rows(f"SELECT * FROM {table}"):
            text = " ".join(str(value) for value in row).encode()
            # what the sender called the file is in the ledger, and is no person's
            assert not [needle for needle in needles if needle in text], table
    for reason in (reason for _, reason in night.refused):
        assert not [needle for needle in needles if needle.decode() in reason]


def test_originals_are_kept_apart_and_not_for_long(home: Settings) -> None:
    """Folders of mode 0700, a refused file of mode 0600; after the days of the setting only the reason stays."""
    where = Home(home, RIVERSIDE)
    where.write("riverside-cdr", [cdr(AT, uid=f"{AT}.1", app="BackGround")])
    where.write("riverside-bad", [cdr(AT, dst="07700900199", uid=f"{AT}.2", app="Playback")])
    nightly(where.settings)
    (kept,) = (path for path in where.settings.archive.rglob("*") if path.is_file())
    assert kept.name == "riverside-cdr"
    folders = [kept.parent, kept.parent.parent, kept.parent.parent.parent]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700] * 3
    refused = where.settings.rejected / "riverside-bad"
    assert stat.S_IMODE(refused.stat().st_mode) == 0o600
    intake.expire_private(where.settings, datetime.now(UTC) + timedelta(days=29))
    assert kept.exists()
    assert refused.exists()
    intake.expire_private(where.settings, datetime.now(UTC) + timedelta(days=31))
    assert not kept.exists()
    assert not refused.exists()
    assert refused.with_name("riverside-bad.reason.txt").exists()
