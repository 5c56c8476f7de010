"""3CX: segments of a historyid, columns in any order, names with commas."""

import pytest

from etl.feeds.call_logs import three_cx
from etl.settings import Settings
from tests.etl.feeds.call_logs.files import CALLER, THREE_CX, Home, epoch, segment

AT = epoch("2026-06-01 08:00:12")
MENU = segment(
    AT, AT + 18, callid="1_1", answered=AT, to="Ext.800", to_type="IVR", final_type="Queue", reason="TerminatedByDst"
)
QUEUE = segment(AT + 18, AT + 328, callid="1_2", answered=AT + 113, final_type="Extension")
PUBLISHED = (
    "Call 265500,89d3af2d8f010000_3456,00:08:10,2024/04/30 06:27:28,2024/04/30 06:27:36,2024/04/30 06:35:46,"
    "TerminatedByDst,07700900123,Ext.80002,10020,80002,80002,ReplacedDst,Ext.10013,10013,,,,,"
    "Chain: 07700900123;Ext.80002;Ext.10013;,Line,Queue,Extension,Ottoline Pomfret,Queue,Desk,"
)


@pytest.fixture
def beck(home: Settings) -> Home:
    """A home with one 3CX source that writes UTC."""
    return Home(home, THREE_CX)


def test_segments_of_one_call(beck: Home) -> None:
    """Menu and queue: one call in London's half-hour, answered after 95 seconds in the queue."""
    beck.load("beck-1", [MENU, QUEUE])
    columns = (
        "native_call_id, practice_code, half_hour, outcome, wait_seconds, talk_seconds, epoch(entered_at - started_at)"
    )
    assert beck.calls(columns) == [("Call 1", "Y99901", 16, "answered", 95, 215, 18.0)]


def test_the_example_that_3cx_systems_publish(beck: Home) -> None:
    """One segment, answered by the extension that the queue found; the queue's number says whose call it is."""
    beck.load("beck-1", [PUBLISHED])
    assert beck.calls("practice_code, outcome, wait_seconds, talk_seconds, local_date::VARCHAR, half_hour") == [
        ("Y99902", "answered", 8, 490, "2024-04-30", 14)
    ]


def test_the_first_extension_answers_and_talk_goes_on(beck: Home) -> None:
    """A queue's segment that ends at an extension, then a transfer to another."""
    moved = segment(
        AT + 328, AT + 400, callid="1_3", answered=AT + 328, to="Ext.150", to_type="Extension", final_type="Extension"
    )
    beck.load("beck-1", [QUEUE, moved, MENU])
    assert beck.calls("outcome, wait_seconds, talk_seconds") == [("answered", 95, 215 + 72)]


@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        ({"reason": "TerminatedBySrc"}, "abandoned_queue"),
        ({"reason": "TerminatedByDst"}, "no_answer"),
        ({"final_type": "VoiceMail", "answered": AT + 300}, "voicemail"),
        ({"to": "Ext.999", "to_type": "VoiceMail", "final_type": "VoiceMail"}, "out_of_hours"),
    ],
)
def test_calls_that_nobody_answered(beck: Home, last: dict[str, object], outcome: str) -> None:
    """Hung up, ended by the system, voicemail after ringing, voicemail straight from the menu while closed."""
    if outcome == "out_of_hours":
        night = epoch("2026-06-01 06:00:00")
        beck.load("beck-1", [segment(night, night + 20, **last)])
    else:
        beck.load("beck-1", [MENU, segment(AT + 18, AT + 328, callid="1_2", **last)])
    assert beck.calls() == [outcome]


def test_menu_only_and_busy(beck: Home) -> None:
    """Ended in the menu in opening hours; refused as busy before any menu."""
    busy = segment(AT, AT + 1, history="Call 2", callid="2_1", to="Ext.101", to_type="Extension", reason="Busy")
    ended = segment(AT, AT + 9, callid="1_1", answered=AT, to="Ext.800", to_type="IVR", final_type="IVR")
    beck.load("beck-1", [ended, busy])
    assert sorted(beck.calls()) == ["abandoned_ivr", "engaged"]


def test_internal_and_outbound_are_filtered(beck: Home) -> None:
    """Extension to extension, and an outbound call that nobody answered."""
    inside = segment(AT, AT + 9, history="Call 2", from_type="Extension", to_type="Extension", src="Ext.101")
    outside = segment(
        AT, AT + 9, history="Call 3", from_type="Extension", to_type="Line", src="Ext.101", to=CALLER, dial=CALLER
    )
    night = beck.load("beck-1", [inside, outside])
    assert (night.loads[0].rows_filtered, beck.calls()) == (2, [])


def test_a_name_with_a_comma_is_refused_not_shifted(beck: Home) -> None:
    """28 fields, also when the last of them is empty; the reason does not say the name."""
    good = [segment(AT + n, AT + 60, history=f"Call {n}", callid=f"{n}_1") for n in range(30)]
    beck.load("beck-1", [*good, segment(AT, AT + 60, callid="99_1", history="Call 99", name="Pomfret, Ottoline")])
    assert beck.reasons() == [(31, "the row has more or fewer fields than the others; a name may hold a comma")]


def test_every_line_may_end_with_a_comma(beck: Home) -> None:
    """A template with a comma at its end writes 28 fields throughout, which is no shift."""
    assert not beck.load("beck-1", [MENU + ",", QUEUE + ","]).refused
    assert beck.calls() == ["answered"]


def test_columns_in_another_order(home: Settings) -> None:
    """The administrator turned the order round and left what is not needed out; icb.toml says so."""
    keep = [name for name in three_cx.COLUMNS if name not in ("bill_code", "chain", "missed_queue_calls")][::-1]
    where = Home(home, {**THREE_CX, "columns": [name.replace("_", "-") for name in keep]})
    turned = []
    for line in (MENU, QUEUE):
        cells = dict(zip(three_cx.COLUMNS, line.split(","), strict=True))
        turned.append(",".join(cells[name] for name in keep))
    where.load("beck-1", turned)
    assert where.calls("outcome, wait_seconds") == [("answered", 95)]


def test_columns_that_cannot_do(home: Settings) -> None:
    """Without historyid nothing belongs together: refused with the names that lack."""
    where = Home(home, {**THREE_CX, "columns": [name for name in three_cx.COLUMNS if name != "historyid"]})
    assert "lacks historyid" in where.load("beck-1", [MENU]).refused[0][1]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"start": AT + 90, "end": AT}, "the segment ends before it starts"),
        ({"start": AT, "end": AT + 50_000}, "the segment is over 12 hours long"),
        (
            {"start": AT, "end": AT + 9, "dial": "01632960777", "to": "Ext.7"},
            "the number dialled is not among `numbers`",
        ),
    ],
)
def test_a_row_that_cannot_be(beck: Home, fields: dict[str, int], reason: str) -> None:
    """Refused with its line and reason."""
    good = [segment(AT + n, AT + 60, history=f"Call {n}", callid=f"{n}_1") for n in range(30)]
    beck.load(
        "beck-1", [*good, segment(fields.pop("start"), fields.pop("end"), history="Call 99", callid="99_1", **fields)]
    )
    ((line, said),) = beck.reasons()
    assert line == 31
    assert said.startswith(reason)


def test_a_segment_a_night_late_corrects_its_call(beck: Home) -> None:
    """Yesterday it ended in the menu; today's file has the queue."""
    beck.load("beck-1", [MENU])
    assert beck.calls() == ["abandoned_ivr"]
    beck.load("beck-2", [MENU, QUEUE])
    assert beck.rows("SELECT inbound, answered, ended_in_ivr FROM mart.calls_half_hour") == [(1, 1, 0)]
