"""Which source a file is of, and what is said when that is not clear."""

import io
import zipfile
from typing import Any

import pytest

from etl.settings import Settings
from tests.etl.feeds.call_logs.files import CANONICAL, RIVERSIDE, THREE_CX, Home, cdr, epoch, segment

AT = epoch("2026-06-01 08:00:12")
LINE = cdr(AT, uid=f"{AT}.1", app="BackGround")


@pytest.mark.parametrize(
    ("sources", "name", "reason"),
    [
        ([], "riverside-1", "no [[telephony_source]] in icb.toml has a `files` pattern that fits its name"),
        ([RIVERSIDE], "other-1", "no [[telephony_source]] in icb.toml has a `files` pattern that fits its name"),
        ([RIVERSIDE, {**RIVERSIDE, "id": "b"}], "riverside-1", "more than one telephony source (riverside, b)"),
        (
            [{**THREE_CX, "files": "riverside-*"}],
            "riverside-1",
            "says that it comes from three_cx, but it does not look like it",
        ),
        (
            [{**RIVERSIDE, "timezone": "London"}],
            "riverside-1",
            "`riverside` in icb.toml is wrong, `timezone`: `London` is not",
        ),
        ([{k: v for k, v in RIVERSIDE.items() if k != "timezone"}], "riverside-1", "wrong, `timezone`: Field required"),
        ([{**RIVERSIDE, "platform": "fax"}], "riverside-1", "wrong, `platform`"),
        ([{**RIVERSIDE, "colour": "red"}], "riverside-1", "wrong, `colour`"),
        ([{**RIVERSIDE, "numbers": {}}], "riverside-1", "`numbers` is missing"),
        (
            [RIVERSIDE, {**CANONICAL, "id": "riverside"}],
            "riverside-1",
            "Two telephony sources in icb.toml have the id `riverside`",
        ),
        (
            [{**RIVERSIDE, "numbers": {"01632960001": "Y99901", "+441632960001": "Y99902"}}],
            "riverside-1",
            "written in two ways",
        ),
    ],
)
def test_what_is_said(home: Settings, sources: list[dict[str, Any]], name: str, reason: str) -> None:
    """The file is refused; the message names the source and the entry."""
    assert reason in Home(home, *sources).load(name, [LINE]).refused[0][1]


def test_a_file_that_a_source_claims_and_no_feed_knows(home: Settings) -> None:
    """The reason speaks of the source, not of the file's first line, which may hold a name."""
    night = Home(home, RIVERSIDE).load("riverside-letter.csv", ["Dear Ottoline", "please ring"])
    assert "The telephony source `riverside` in icb.toml claims this file by its name" in night.refused[0][1]
    assert "Ottoline" not in night.refused[0][1]


def test_a_member_of_a_zip_by_either_name(home: Settings) -> None:
    """riverside-june.zip holds Master.csv and queue_log."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("logs/Master.csv", LINE + "\n")
    where = Home(home, RIVERSIDE)
    assert not where.load("riverside-june.zip", packed.getvalue()).refused
    assert where.calls() == ["abandoned_ivr"]


def test_two_sources_keep_their_calls_apart(home: Settings) -> None:
    """The same native id at two platforms is two calls, in one practice's half-hour."""
    where = Home(home, RIVERSIDE, {**RIVERSIDE, "id": "b", "files": "b-*"}, THREE_CX)
    where.load("riverside-1", [LINE])
    where.load("b-1", [LINE.replace("Ottoline", "Ysolde")])
    where.load("beck-1", [segment(AT, AT + 9)])
    assert sorted(where.calls("source_id")) == ["b", "beck", "riverside"]
    assert where.rows("SELECT practice_code, inbound FROM mart.calls_half_hour") == [("Y99901", 3)]


def test_only_touched_days_are_counted_again(home: Settings) -> None:
    """A later night leaves the rows of other days and practices as they lie."""
    where = Home(home, RIVERSIDE)
    where.load("riverside-1", [LINE, cdr(AT, dst="01632960002", uid=f"{AT}.2", app="BackGround", data="")])
    before = where.rows("SELECT rowid, * FROM mart.calls_half_hour ORDER BY ALL")
    later = AT + 7 * 86400
    where.load("riverside-2", [cdr(later, uid=f"{later}.1", app="BackGround")])
    after = where.rows("SELECT rowid, * FROM mart.calls_half_hour ORDER BY ALL")
    assert after[:2] == before
    assert len(after) == 3
