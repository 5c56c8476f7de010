"""The canonical CSV, and profiles for what other suppliers export."""

import shutil
from pathlib import Path

import pytest

from etl.feeds.call_logs import mapped_csv
from etl.settings import Settings
from tests.etl.feeds.call_logs.files import CALLER, CANONICAL, CANONICAL_HEADING, Home

ANSWERED = (
    "7,Y99901,2026-06-01T07:00:12Z,2026-06-01T07:00:30Z,2026-06-01T07:02:05Z,2026-06-01T07:05:40Z,answered,7,false,,"
    + CALLER
)
ASKED = f"8,Y99901,2026-06-01T07:10:00Z,2026-06-01T07:10:20Z,,2026-06-01T07:11:00Z,callback,3,true,false,{CALLER}"


@pytest.fixture
def holt(home: Settings) -> Home:
    """A home with one source of canonical CSVs."""
    return Home(home, CANONICAL)


def test_a_canonical_row(holt: Home) -> None:
    """Wait from the queue, talk from answer to end, the position announced, London's half-hour."""
    holt.load("holt-1.csv", [CANONICAL_HEADING, ANSWERED])
    columns = "practice_code, half_hour, outcome, wait_seconds, talk_seconds, queue_position, cli_status"
    assert holt.calls(columns) == [("Y99901", 16, "answered", 95, 215, 7, "present")]


def test_required_columns_are_enough(holt: Home) -> None:
    """call_id, practice_ods, started_at, ended_at, outcome; local time without a zone."""
    holt.load(
        "holt-1.csv",
        [
            "call_id,practice_ods,started_at,ended_at,outcome",
            "1,y99901,2026-06-01 08:00:12,2026-06-01 08:05:40,answered",
        ],
    )
    assert holt.calls("practice_code, half_hour, outcome, wait_seconds, cli_status") == [
        ("Y99901", 16, "answered", None, "withheld")
    ]


def test_a_later_row_completes_the_call_back(holt: Home) -> None:
    """The same call_id with callback_completed = true corrects the call; an older copy does not undo it."""
    holt.load("holt-1.csv", [CANONICAL_HEADING, ASKED])
    select = "SELECT inbound, callback_requested, callback_made FROM mart.calls_half_hour"
    assert holt.rows(select) == [(1, 1, 0)]
    holt.load("holt-2.csv", [CANONICAL_HEADING, ASKED.replace("true,false", "true,true")])
    assert holt.rows(select) == [(1, 1, 1)]
    holt.load("holt-3.csv", [CANONICAL_HEADING, ASKED, ANSWERED])
    assert holt.rows(select) == [(2, 1, 1)]


def test_the_same_file_with_both_rows(holt: Home) -> None:
    """Request and completion in one file: one call."""
    holt.load("holt-1.csv", [CANONICAL_HEADING, ASKED, ASKED.replace("true,false", "true,true"), ASKED])
    assert holt.rows("SELECT inbound, callback_made FROM mart.calls_half_hour") == [(1, 1)]


def test_a_request_is_a_call_back_whatever_the_outcome_says(holt: Home) -> None:
    """Asked for a call-back and not answered: dealt with, not missed; asked and answered: answered."""
    holt.load(
        "holt-1.csv",
        [CANONICAL_HEADING, ASKED.replace(",callback,", ",abandoned_queue,"), ANSWERED.replace("7,false", "7,true")],
    )
    assert holt.calls() == ["answered", "callback"]


@pytest.mark.parametrize("outcome", mapped_csv.OUTCOMES)
def test_every_outcome_has_its_place(holt: Home, outcome: str) -> None:
    """Engaged is beside inbound, unknown in it; each other outcome in exactly one of four."""
    row = ANSWERED.replace(",answered,", f",{outcome},").replace("2026-06-01T07:02:05Z", "")
    holt.load("holt-1.csv", [CANONICAL_HEADING, row])
    place = {
        "answered": "answered", "callback": "callback_requested", "engaged": "engaged", "unknown": "unknown",
        **dict.fromkeys(("voicemail", "abandoned_queue", "no_answer"), "missed"),
        **dict.fromkeys(("out_of_hours", "abandoned_ivr", "ivr_diverted"), "ended_in_ivr"),
    }[outcome]  # fmt: skip
    names = ("answered", "callback_requested", "missed", "ended_in_ivr", "engaged", "unknown", "inbound")
    found = dict(zip(names, holt.rows(f"SELECT {', '.join(names)} FROM mart.calls_half_hour")[0], strict=True))
    assert found == {**dict.fromkeys(names, 0), place: 1, "inbound": int(outcome != "engaged")}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ANSWERED.replace("07:05:40", "06:05:40"), "the call ends before it starts"),
        (ANSWERED.replace("T07:05:40", "T23:05:40"), "the call is over 12 hours long"),
        (ANSWERED.replace("07:02:05", "12:02:05").replace("07:05:40", "12:05:40"), "the wait is over four hours"),
        (ANSWERED.replace("07:02:05", "07:06:05"), "the call is answered before it starts or after it ends"),
        (ANSWERED.replace("07:00:30", "07:00:01"), "the caller joins the queue before the call"),
        (ANSWERED.replace("answered", "abandoned"), "the outcome is none of those that are known"),
        (ANSWERED.replace("Y99901", ""), "the practice is empty, or not an ODS code"),
        (ANSWERED.replace("2026-06-01T07:00:12Z", "01/06/2026 07:00"), "a time is not a date and time"),
        (ANSWERED.replace("2026-06-01T07:00:12Z", ""), "the start is empty"),
        (ANSWERED.replace(CALLER, "4.42078E+11"), "a spreadsheet has turned the number into a rounded one"),
        (ANSWERED[1:], "the call has no id"),
    ],
)
def test_a_row_that_cannot_be(holt: Home, row: str, reason: str) -> None:
    """Refused with its line and a reason; the other rows are loaded."""
    good = [f"g{n}" + ANSWERED[1:] for n in range(30)]
    holt.load("holt-1.csv", [CANONICAL_HEADING, *good, row])
    ((line, said),) = holt.reasons()
    assert line == 32
    assert said.startswith(reason)
    assert len(holt.calls()) == 30


@pytest.mark.parametrize("encode", [
    lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
    lambda text: text.encode("utf-16"),
    lambda text: text.replace(CALLER, f"\u00a0{CALLER}\u00a0").encode(),
    lambda text: text.rstrip("\n").encode(),
    lambda text: (text + text).encode(),
    lambda text: (text + "End of report,,,,,,,,,,\n").encode(),
    lambda text: (text + "\n\nTotal: 1\n").encode(),
], ids=["bom", "utf-16", "nbsp", "no last line end", "heading twice", "trailer", "count"])  # fmt: skip
def test_what_surrounds_the_rows(holt: Home, encode: object) -> None:
    """Byte-order mark, Unicode text, no-break spaces, a second heading, a trailer: one call, nothing refused."""
    night = holt.load("holt-1.csv", encode(f"{CANONICAL_HEADING}\n{ANSWERED}\n"))  # type: ignore[operator]
    assert not night.refused
    assert night.loads[0].rows_refused == 0
    assert holt.calls("outcome, cli_status") == [("answered", "present")]


def test_a_count_that_is_not_so_refuses_the_file(holt: Home) -> None:
    """The trailer says that there are three rows: the file is not complete."""
    night = holt.load("holt-1.csv", [CANONICAL_HEADING, ANSWERED, "Total rows: 3"])
    assert "says that there are 3 rows, but there are 1" in night.refused[0][1]


PROFILE = """
title = "Test"
verified = false
header_row = 2
delimiter = ";"
trailer = 'rows (?P<rows>\\d+)'
time_format = "%d/%m/%Y %H:%M:%S"
duration_unit = "hh:mm:ss"
practice_key = "dialled_number"
[columns]
call_id = "Ref"
started_at = "Start"
total_seconds = "Total"
wait_seconds = "Wait"
talk_seconds = "Talk"
outcome = "Result"
dialled_number = "DDI"
caller_number = "CLI"
[outcomes]
"Answered" = "answered"
"Gave up" = "abandoned_queue"
[filters]
"Direction" = ["In"]
"""
PORTAL = [
    "Calls of the week;;;;;;;;",
    "Ref;Start;Total;Wait;Talk;Result;DDI;CLI;Direction",
    f"a1;01/06/2026 08:00:00;00:05:00;00:01:00;00:03:30;Answered;01632 960001;{CALLER};In",
    f"a2;01/06/2026 08:10:00;00:02:00;00:01:30;00:00:00;gave up;01632960001;{CALLER};In",
    f"a3;01/06/2026 08:20:00;00:02:00;00:01:30;00:00:00;Answered;01632960001;{CALLER};Out",
    "rows 3",
]


def test_a_profile_needs_no_code(home: Settings) -> None:
    """A title above, a count below, British dates, durations, the supplier's words, outbound rows: from one TOML."""
    (home.home / "profiles").mkdir()
    (home.home / "profiles" / "portal.toml").write_text(PROFILE)
    where = Home(home, {**CANONICAL, "profile": "portal", "numbers": {"01632960001": "Y99901"}})
    night = where.load("holt-1.csv", PORTAL)
    assert not night.refused, night.refused
    assert (night.loads[0].rows_kept, night.loads[0].rows_filtered) == (2, 2)
    assert where.calls("half_hour, outcome, wait_seconds, talk_seconds") == [
        (16, "answered", 60, 210),
        (16, "abandoned_queue", 90, None),
    ]


@pytest.mark.parametrize(
    ("unit", "written"), [("s", "90"), ("ms", "90000"), ("mm:ss", "1:30"), ("hh:mm:ss", "00:01:30"), ("text", "1m 30s")]
)
def test_duration_units(home: Settings, unit: str, written: str) -> None:
    """A minute and a half in every unit."""
    (home.home / "profiles").mkdir()
    (home.home / "profiles" / "portal.toml").write_text(PROFILE.replace("hh:mm:ss", unit))
    where = Home(home, {**CANONICAL, "profile": "portal", "numbers": {"01632960001": "Y99901"}})
    rows = [*PORTAL[:2], f"a1;01/06/2026 08:00:00;{written};{written};;Gave up;01632960001;;In"]
    where.load("holt-1.csv", rows)
    assert where.calls("wait_seconds, epoch(ended_at - started_at)") == [(90, 90.0)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("title =", "name ="), "`title`: Field required"),
        (('"abandoned_queue"', '"lost"'), "unknown outcome lost"),
        (("caller_number =", "patient ="), "unknown column patient"),
        (("call_id =", "queue_name ="), "no column for call_id"),
        (('title = "Test"', "title = "), "is wrong: "),
    ],
)
def test_a_wrong_profile_is_said(home: Settings, change: tuple[str, str], reason: str) -> None:
    """The file is refused with the entry at fault."""
    (home.home / "profiles").mkdir()
    (home.home / "profiles" / "portal.toml").write_text(PROFILE.replace(*change))
    night = Home(home, {**CANONICAL, "profile": "portal", "numbers": {"1": "Y99901"}}).load("holt-1.csv", PORTAL)
    assert reason in night.refused[0][1]


def test_a_profile_that_is_not_there_or_does_not_fit(home: Settings) -> None:
    """Its name, and what the heading lacks."""
    night = Home(home, {**CANONICAL, "profile": "nobody"}).load("holt-1.csv", PORTAL)
    assert "There is no profile `nobody`" in night.refused[0][1]
    assert "The heading of this file lacks columns" in Home(home, CANONICAL).load("holt-2.csv", PORTAL).refused[0][1]


def test_shipped_profiles_are_sound(home: Settings) -> None:
    """Each can be read; only the canonical one is marked as verified; the others say that they are not."""
    found = {path.stem: mapped_csv.profile(path.stem, home.home) for path in mapped_csv.SHIPPED.glob("*.toml")}
    assert {name for name, profile in found.items() if profile.verified} == {"canonical"}
    for name in set(found) - {"canonical", "template"}:
        assert "UNVERIFIED" in (mapped_csv.SHIPPED / f"{name}.toml").read_text()


def test_the_template_can_be_copied(home: Settings, tmp_path: Path) -> None:
    """Copied and named in icb.toml, it reads a file that looks as it says."""
    (home.home / "profiles").mkdir()
    shutil.copyfile(mapped_csv.SHIPPED / "template.toml", home.home / "profiles" / "ours.toml")
    where = Home(home, {**CANONICAL, "profile": "ours", "numbers": {"01632960001": "Y99901"}})
    heading = "Call reference,Start,Result,Total duration,Number dialled,Direction"
    where.load("holt-1.csv", [heading, "x1,2026-06-01 08:00:00,Answered,60,01632960001,Inbound"])
    assert where.calls() == ["answered"]
