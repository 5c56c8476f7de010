"""The forms in which Asterisk and FreePBX write their logs, and the real ones."""

import csv

import pytest

from etl.feeds.call_logs import asterisk
from etl.nightly import load_files
from etl.settings import Settings
from tests.etl.feeds.call_logs.files import CALLER, RIVERSIDE, Home, cdr, epoch, event
from tests.reference import REFERENCE, needs_reference

AT = epoch("2026-06-01 08:00:12")
UIDS = [f"{AT + n}.{n}" for n in range(3)]
WHOLE = [next(csv.reader([cdr(AT + n, 60, uid=uid, seq=n, billsec=55, app="Dial", peer=f"PJSIP/2101-00000a{n}",
                              channel=f"PJSIP/trunk-00000b{n}")])) for n, uid in enumerate(UIDS)]  # fmt: skip


def lines(*records: list[str]) -> list[str]:
    """Records as lines, every field quoted."""
    return [",".join('"' + cell.replace('"', '""') + '"' for cell in record) for record in records]


FORMS = {
    16: lambda r: r[:16],
    17: lambda r: r[:17],
    18: lambda r: r[:18],
    19: lambda r: [*r[:16], *r[18:]],
    20: lambda r: [*r[:17], *r[18:]],
    21: lambda r: r,
}


@pytest.mark.parametrize("width", FORMS)
def test_every_width_of_master_csv(home: Settings, width: int) -> None:
    """16 to 21 fields: three calls, answered after five seconds."""
    where = Home(home, RIVERSIDE)
    night = where.load("riverside-Master.csv", lines(*(FORMS[width](record) for record in WHOLE)))
    assert night.loads[0].rows_kept == 3
    assert where.calls("practice_code, outcome, wait_seconds, talk_seconds") == [("Y99901", "answered", 5, 55)] * 3


def test_a_userfield_is_no_uniqueid(home: Settings) -> None:
    """17 fields of which the last is a recording: the caller's channel tells calls apart."""
    where = Home(home, RIVERSIDE)
    where.load("riverside-Master.csv", lines(*([*record[:16], f"rec{n}"] for n, record in enumerate(WHOLE))))
    assert where.calls("native_call_id") == [f"2026-06-01/00000b{n}" for n in range(3)]


def test_a_field_that_is_now_this_now_that(home: Settings) -> None:
    """Some rows end with a uniqueid, some with something else: refused, and what to do is said."""
    where = Home(home, RIVERSIDE)
    records = [record[:17] for record in WHOLE]
    records[1][16] = "recording"
    assert "Name the fields in `columns`" in where.load("riverside-Master.csv", lines(*records)).refused[0][1]
    declared = Home(home, {**RIVERSIDE, "columns": [*asterisk.BASE, "userfield"]})
    assert declared.load("riverside-again.csv", lines(*records)).loads[0].rows_kept == 3


def test_two_legs_without_a_sequence_are_two(home: Settings) -> None:
    """Ring-all without `sequence`: the other channel's counter tells the legs apart, and the copy adds none."""
    where = Home(home, RIVERSIDE)
    records = [[*WHOLE[0][:6], f"PJSIP/21{n}-00000c{n}", *WHOLE[0][7:18]] for n in range(3)]
    where.load("riverside-Master.csv", lines(*records))
    where.load("riverside-copy.csv", lines(*reversed(records)))
    assert where.rows("SELECT count(*) FROM fact.call_leg") == [(3,)]
    assert len(where.calls()) == 1


def _freepbx(heading: bool) -> list[list[str]]:
    names = ["calldate", "clid", "src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "lastdata", "duration",
             "billsec", "disposition", "amaflags", "accountcode", "uniqueid", "userfield", "did", "recordingfile",
             "cnum", "cnam", "outbound_cnum", "outbound_cnam", "dst_cnam", "linkedid", "peeraccount",
             "sequence"]  # fmt: skip
    rows = [
        [r[9], r[4], r[1], "600", r[3], r[5], r[6], r[7], r[8], r[12], r[13], r[14], "3", "", r[16], "",
         "+441632960001", "",
         r[1], "Ottoline", "", "", "", r[19], "", r[20]] for r in WHOLE
    ]  # fmt: skip
    return [names, *rows] if heading else rows


@pytest.mark.parametrize("heading", [True, False])
def test_freepbx_by_did(home: Settings, heading: bool) -> None:
    """What the caller dialled is `did`; `dst` is where the call went."""
    where = Home(home, RIVERSIDE)
    assert where.load("riverside-cdr.csv", lines(*_freepbx(heading))).loads[0].rows_kept == 3
    assert where.calls("practice_code") == ["Y99901"] * 3


def test_an_unknown_did_is_refused_though_dst_is_short(home: Settings) -> None:
    """The number the caller dialled is nobody's; the extension it went to says nothing."""
    where = Home(home, RIVERSIDE)
    rows = _freepbx(True)
    rows[2][16] = "01632960888"
    rows += [[*rows[1][:14], f"{AT + n}.{n}", *rows[1][15:23], f"{AT + n}.{n}", "", str(n)] for n in range(50, 90)]
    assert not where.load("riverside-cdr.csv", lines(*rows)).refused
    assert [line for line, _ in where.reasons()] == [3]


def test_a_mysql_export_with_its_nulls(home: Settings) -> None:
    """The word NULL is nothing; a heading repeated half-way is no row."""
    where = Home(home, RIVERSIDE)
    rows = [[cell or "NULL" for cell in row] for row in _freepbx(True)]
    night = where.load("riverside-cdr.csv", lines(*rows, rows[0]))
    assert (night.loads[0].rows_kept, night.loads[0].rows_filtered) == (3, 1)


def test_bare_carriage_returns_and_utf_16(home: Settings) -> None:
    """Line ends of an old Macintosh, and what a spreadsheet saves as Unicode text."""
    where = Home(home, RIVERSIDE)
    text = "".join(line + "\r" for line in lines(*WHOLE))
    assert where.load("riverside-1.csv", text.encode()).loads[0].rows_kept == 3
    assert where.load("riverside-2.csv", text.replace("\r", "\r\n").encode("utf-16")).loads[0].rows_kept == 3
    assert len(where.calls()) == 3


@pytest.mark.parametrize(
    ("position", "value", "reason"),
    [
        (9, "yesterday", "the start is not a date and time"),
        (11, "2026-06-01 08:00:00", "the call ends before it starts"),
        (12, "-4", "duration is not a number of seconds"),
        (12, "90000", "duration is over 12 hours"),
        (13, "99", "billsec is not a number of seconds within duration"),
        (14, "MAYBE", "disposition is none of"),
        (1, "4.42078E+11", "a spreadsheet has turned the number into a rounded one"),
    ],
)
def test_a_row_that_cannot_be(home: Settings, position: int, value: str, reason: str) -> None:
    """Refused with its line and the reason; the other rows are loaded."""
    where = Home(home, RIVERSIDE)
    good = [cdr(AT + n, uid=f"{AT + n}.{n}", seq=n) for n in range(30)]
    bad = list(WHOLE[0])
    bad[position] = value
    where.load("riverside-cdr", [*good, *lines(bad)])
    ((line, said),) = where.reasons()
    assert line == 31
    assert said.startswith(reason)


def test_a_line_with_too_many_fields_shifts_no_line_number(home: Settings) -> None:
    """Two records that cannot be read, then a row that cannot be: each with the line it is on."""
    where = Home(home, RIVERSIDE)
    good = [cdr(AT + n, uid=f"{AT + n}.{n}", seq=n) for n in range(80)]
    broken = good[0] + ',"x","y"'
    where.load("riverside-cdr", [*good[:5], broken, *good[5:9], broken, *good[9:], cdr(AT, -4, uid=f"{AT}.99")])
    assert [line for line, _ in where.reasons()] == [6, 11, 83]


@pytest.mark.parametrize("tabular", [False, True])
def test_the_queue_log_as_a_table(home: Settings, tabular: bool) -> None:
    """`data1`… of the database, with local times as text, and the reporting tool's columns."""
    uid = UIDS[0]
    if tabular:
        heading = "uid,date_time,callid,queue_name,type,event,param1,param2,param3,entpos,expos,htime,ttime,time"
        rows = [
            f"1,{AT + 10},{uid},nav,NONE,ENTERQUEUE,{CALLER},,,4,0,0,0,2026-06-01 08:00:22",
            f"2,{AT + 30},{uid},nav,Agent/1,RINGNOANSWER,{CALLER},,,1,1,9000,0,2026-06-01 08:00:42",
            f"3,{AT + 60},{uid},nav,Agent/1,CONNECT,,1.2,6,0,0,50,0,2026-06-01 08:01:12",
            f"4,{AT + 90},{uid},nav,Agent/1,COMPLETECALLER,{CALLER},,,4,0,50,30,2026-06-01 08:01:42",
        ]
    else:
        heading = "id,time,callid,queuename,agent,event,data1,data2,data3,data4,data5"
        rows = [
            f"1,2026-06-01 08:00:22.000000,{uid},nav,NONE,ENTERQUEUE,,{CALLER},4,,",
            f"2,2026-06-01 08:01:12.000000,{uid},nav,Agent/1,CONNECT,50,1.2,6,,",
            f"3,2026-06-01 08:01:42.000000,{uid},nav,Agent/1,COMPLETECALLER,50,30,4,,",
        ]
    where = Home(home, RIVERSIDE)
    assert not where.load("riverside-q.csv", [heading, *rows]).refused
    assert where.calls("outcome, wait_seconds, talk_seconds, queue_position") == [("answered", 50, 30, 4)]
    wrong = Home(home, {**RIVERSIDE, "timezone": "America/New_York"})
    assert "time zone America/New_York" in wrong.load("riverside-q2.csv", [heading, *rows, ""]).refused[0][1]


def test_a_wait_of_five_hours_is_refused(home: Settings) -> None:
    """No patient waits so long; the system's clock or counter is at fault."""
    where = Home(home, RIVERSIDE)
    good = [event(AT + n, f"{AT + n}.1", "ENTERQUEUE", "", CALLER, 1) for n in range(30)]
    where.load("riverside-q", [*good, event(AT + 18000, UIDS[0], "ABANDON", 1, 1, 18000)])
    assert where.reasons() == [(31, "the wait is over four hours")]


REAL = {
    "cdr_asterisk_queue_log_masked.csv": "America/New_York",
    "cdr_asterisk_mysql_masked.csv": "America/New_York",
    "cdr_freepbx_noheader_masked.csv": "Europe/London",
    "cdr_asterisk_master_noheader.csv": "Europe/Moscow",
    "cdr_simple_cr_line_endings.csv": "Europe/London",
}


def _real(home: Settings, name: str, zone: str) -> Home:
    numbers = {"IT": "Y99901", "07700900310": "Y99902", "07700900470": "Y99903"}
    return Home(home, {**RIVERSIDE, "id": "real", "files": name, "timezone": zone, "numbers": numbers})


@needs_reference
@pytest.mark.parametrize("name", REAL)
def test_real_logs_are_read_or_refused_for_a_reason(home: Settings, name: str) -> None:
    """With the zone in which each was written: internal calls are filtered, a log without any call id is refused."""
    where = _real(home, name, REAL[name])
    night = load_files(where.settings, [REFERENCE / name])
    if "simple" in name:
        assert "no uniqueid, linkedid or channel" in night.refused[0][1]
        return
    assert not night.refused
    load = night.loads[0]
    counts = (load.rows_read, load.rows_kept, load.rows_refused, load.rows_filtered)
    assert (
        counts
        == {
            "cdr_asterisk_queue_log_masked.csv": (500, 148, 0, 352),
            "cdr_asterisk_mysql_masked.csv": (300, 140, 7, 153),
            "cdr_freepbx_noheader_masked.csv": (200, 0, 0, 200),
            "cdr_asterisk_master_noheader.csv": (14, 0, 0, 14),
        }[name]
    )


@needs_reference
@pytest.mark.parametrize("name", [name for name in REAL if "simple" not in name])
def test_real_logs_in_the_wrong_zone_are_refused(home: Settings, name: str) -> None:
    """Declared as an hour or more from where they were written."""
    wrong = "UTC" if REAL[name] == "Europe/London" else "Europe/London"
    night = load_files(_real(home, name, wrong).settings, [REFERENCE / name])
    assert f"do not fit the time zone {wrong}" in night.refused[0][1]


@needs_reference
def test_the_real_queue_log_against_plain_python(home: Settings) -> None:
    """Answered, left the queue unanswered, hold and talk: call by call as a loop over the rows has them."""
    where = _real(home, "cdr_asterisk_queue_log_masked.csv", "America/New_York")
    path = REFERENCE / "cdr_asterisk_queue_log_masked.csv"
    load_files(where.settings, [path])
    rows = list(csv.DictReader(path.read_text("utf-8").splitlines()))
    expected: dict[str, list[object]] = {}
    for row in rows:
        call = expected.setdefault(row["callid"], ["unknown", None, None])
        if row["event"] == "CONNECT":
            call[:2] = ["answered", int(row["htime"])]
        elif row["event"] == "ABANDON":
            call[:2] = ["abandoned_queue", int(row["htime"])]
        elif row["event"] in ("COMPLETEAGENT", "COMPLETECALLER", "ATTENDEDTRANSFER"):
            call[2] = int(row["ttime"])
        elif row["event"] != "ENTERQUEUE" and call == ["unknown", None, None]:
            call[0] = "none"
    queued = {row["callid"] for row in rows if row["event"] == "ENTERQUEUE"}
    found = {row[0]: row[1:] for row in where.calls("native_call_id, outcome, wait_seconds, talk_seconds")}
    assert set(found) == queued
    near = 0
    for key, (outcome, wait, talk) in found.items():
        wanted = expected[key]
        assert outcome == ("unknown" if wanted[0] == "none" else wanted[0])
        assert talk == wanted[2]
        # the switch rounds hold time by itself: a second either way of the events' own times
        assert wait == wanted[1] or abs(wait - int(str(wanted[1]))) <= 1
        near += wait == wanted[1]
    assert near > len(found) * 0.8
    totals = where.rows("SELECT sum(answered), sum(missed), sum(unknown), sum(talk_seconds) FROM mart.calls_half_hour")[
        0
    ]
    assert totals == (46, 4, 2, 11798)
