"""Each rule by which legs become calls, on the fewest lines that show it."""

import pytest

from etl.settings import Settings
from tests.etl.feeds.call_logs.files import CALLER, RIVERSIDE, Home, cdr, epoch, event

AT = epoch("2026-06-01 08:00:12")
UID = f"{AT}.161"
ANSWERED = [
    event(AT + 18, UID, "ENTERQUEUE", "", CALLER, 7),
    event(AT + 113, UID, "CONNECT", 95, f"{AT + 106}.170", 7, agent="PJSIP/2101"),
    event(AT + 328, UID, "COMPLETECALLER", 95, 215, 7, agent="PJSIP/2101"),
]
MENU_ANSWERED = cdr(AT, 328, billsec=327, uid=UID, peer="PJSIP/2101-00000a2", dst="600", seq=41)
WAITS = (
    "outcome, wait_seconds, talk_seconds, queue_position, epoch(entered_at - started_at), epoch(ended_at - started_at)"
)


@pytest.fixture
def riverside(home: Settings) -> Home:
    """A home with one Asterisk source."""
    return Home(home, RIVERSIDE)


@pytest.mark.parametrize("order", [("cdr", "queue"), ("queue", "cdr")])
def test_the_menu_is_no_answer_and_either_file_may_come_first(riverside: Home, order: tuple[str, str]) -> None:
    """A call whose menu answered after a second: its wait is the queue's, whichever night brings which file."""
    lines = {"cdr": [MENU_ANSWERED], "queue": ANSWERED}
    for name in order:
        riverside.load(f"riverside-{name}", lines[name])
    assert riverside.calls(WAITS) == [("answered", 95, 215, 7, 18.0, 328.0)]
    assert riverside.calls("flags") == [None]


def test_without_the_queue_log_nothing_is_made_up(riverside: Home) -> None:
    """A queue's call detail record alone cannot tell wait, talk or position; the outcome is marked as inferred."""
    riverside.load("riverside-cdr", [MENU_ANSWERED])
    assert riverside.calls("outcome, wait_seconds, talk_seconds, flags") == [
        ("answered", None, None, "outcome_inferred")
    ]


def test_an_abandoned_call_answered_by_the_menu_is_not_answered(riverside: Home) -> None:
    """The disposition says ANSWERED and a telephone rang; the queue says that the caller gave up."""
    riverside.load("riverside-cdr", [MENU_ANSWERED])
    riverside.load("riverside-queue", [ANSWERED[0], event(AT + 328, UID, "ABANDON", 1, 7, 310)])
    assert riverside.calls("outcome, wait_seconds") == [("abandoned_queue", 310)]


def test_ring_all_is_one_call(riverside: Home) -> None:
    """Five telephones ring, one is answered: six rows, one call."""
    ring = [
        cdr(AT + 18, 95, uid=UID, peer=f"PJSIP/21{n:02d}-00000b{n}", disposition="NO ANSWER", seq=50 + n)
        for n in range(5)
    ]
    riverside.load("riverside-cdr", [MENU_ANSWERED, *ring])
    riverside.load("riverside-queue", ANSWERED)
    assert riverside.rows("SELECT inbound, answered FROM mart.calls_half_hour") == [(1, 1)]
    assert riverside.rows("SELECT count(*) FROM fact.call_leg") == [(9,)]


def test_the_same_legs_again_add_nothing(riverside: Home) -> None:
    """Overlapping windows, an account's copy and a leg twice in one file: each leg once."""
    riverside.load("riverside-a", [MENU_ANSWERED, MENU_ANSWERED])
    riverside.load("riverside-b", [MENU_ANSWERED, cdr(AT + 600, uid=f"{AT + 600}.2", app="BackGround")])
    riverside.load("riverside-account", [MENU_ANSWERED + "\n"])
    assert riverside.rows("SELECT sum(inbound) FROM mart.calls_half_hour") == [(2,)]
    assert riverside.rows("SELECT count(*) FROM fact.call_leg") == [(2,)]


def test_a_late_leg_corrects_its_call_and_its_half_hour(riverside: Home) -> None:
    """The second night brings the answer: yesterday's missed call was answered."""
    riverside.load("riverside-1", ANSWERED[:1])
    assert riverside.rows("SELECT inbound, answered, unknown FROM mart.calls_half_hour") == [(1, 0, 1)]
    riverside.load("riverside-2", ANSWERED[1:])
    assert riverside.rows("SELECT inbound, answered, unknown, wait_seconds FROM mart.calls_half_hour") == [
        (1, 1, 0, 95)
    ]


def test_events_of_a_callers_second_channel_belong_to_its_linkedid(riverside: Home) -> None:
    """The queue knows the channel, the call detail record says whose call it was, a night later."""
    other = f"{AT + 5}.162"
    riverside.load("riverside-1", [line.replace(UID, other) for line in ANSWERED])
    riverside.load("riverside-2", [cdr(AT, 328, uid=other, linked=UID, peer="PJSIP/2101-00000a2")])
    assert riverside.calls("native_call_id, outcome, wait_seconds") == [(UID, "answered", 95)]


def test_internal_outbound_and_test_rows_are_filtered(riverside: Home) -> None:
    """An extension calling another, a patient, a feature code: no calls, no refusals."""
    night = riverside.load(
        "riverside-cdr",
        [
            cdr(AT, src="2101", dst="2102", app="Dial", peer="PJSIP/2102-00000a3"),
            cdr(AT, src="2101", dst="07700900555", uid=f"{AT}.3", app="Dial", disposition="NO ANSWER"),
            cdr(AT, src="2101", dst="*43", uid=f"{AT}.4", app="Echo"),
            cdr(AT, src="reception", dst="600", uid=f"{AT}.5"),
        ],
    )
    assert (night.loads[0].rows_filtered, night.loads[0].rows_refused, riverside.calls()) == (4, 0, [])


def test_a_number_that_is_nobodys_is_refused(riverside: Home) -> None:
    """A call to a number that the source does not list: refused with its line, and the number not said."""
    sound = [cdr(AT + n, uid=f"{AT + n}.{n}", seq=n) for n in range(30)]
    night = riverside.load(
        "riverside-cdr", [*sound, cdr(AT, dst="01632960777", data="other,t", uid=f"{AT}.99", seq=99)]
    )
    assert not night.refused
    assert riverside.reasons() == [
        (31, "the number dialled is not among `numbers` of the telephony source riverside in icb.toml")
    ]


def test_numbers_compare_in_any_written_form(home: Settings) -> None:
    """The list says 01632 960001, the log +441632960001, 441632960001 and 1632960001."""
    where = Home(home, {**RIVERSIDE, "numbers": {"(01632) 960 001": "y99901"}})
    forms = ("+441632960001", "441632960001", "01632960001", "00441632960001")
    where.load("riverside-cdr", [cdr(AT + n, dst=form, uid=f"{AT + n}.{n}", seq=n) for n, form in enumerate(forms)])
    assert where.calls("practice_code") == ["Y99901"] * 4


def test_a_shared_account_is_unassigned(riverside: Home) -> None:
    """Ten practices may share one account: the call is nobody's in particular, and still counted."""
    riverside.load("riverside-cdr", [cdr(AT, dst="01632960009", app="BackGround")])
    assert riverside.rows("SELECT practice_code, shared_with, inbound FROM mart.calls_half_hour") == [
        ("unassigned", "Y99901,Y99902", 1)
    ]


def test_the_first_number_dialled_says_whose_call_it_is(riverside: Home) -> None:
    """A call to one practice, transferred to the line of another."""
    riverside.load(
        "riverside-cdr",
        [
            cdr(AT, uid=UID, seq=1, app="Dial", peer="PJSIP/2101-00000a2"),
            cdr(AT + 70, uid=UID, seq=2, dst="01632960002", app="Dial", peer="PJSIP/9101-00000a3"),
        ],
    )
    assert riverside.calls("practice_code") == ["Y99901"]


def test_a_key_for_a_call_back_is_a_request(riverside: Home) -> None:
    """EXITWITHKEY with the declared key: a call-back, whatever else happened in the queue."""
    riverside.load("riverside-queue", [ANSWERED[0], event(AT + 80, UID, "EXITWITHKEY", "1", 3, 7, 62)])
    assert riverside.calls("outcome, callback_completed, wait_seconds") == [("callback", False, 62)]


@pytest.mark.parametrize(
    ("leaving", "next_leg", "outcome"),
    [
        (("EXITWITHKEY", "2", 3, 7, 62), None, "no_answer"),
        (("EXITWITHTIMEOUT", 3, 7, 62), None, "no_answer"),
        (("EXITEMPTY", 3, 7, 62), None, "no_answer"),
        (("EXITWITHTIMEOUT", 3, 7, 62), {"app": "VoiceMail"}, "voicemail"),
        (("EXITWITHTIMEOUT", 3, 7, 62), {"app": "Dial", "peer": "PJSIP/2300-00000b1", "dst": "2300"}, "answered"),
        (
            ("EXITWITHKEY", "2", 3, 7, 62),
            {"app": "Dial", "peer": "PJSIP/2300-00000b1", "dst": "2300", "disposition": "NO ANSWER"},
            "no_answer",
        ),
    ],
)
def test_leaving_a_queue_is_followed(
    riverside: Home, leaving: tuple[object, ...], next_leg: dict[str, object] | None, outcome: str
) -> None:
    """Another key, a time-out, an empty queue: what came next decides, and nothing is missed."""
    legs = [cdr(AT, 80, uid=UID, seq=1)]
    if next_leg:
        legs.append(
            cdr(AT + 80, 40, uid=UID, seq=2, **{"billsec": 30, **next_leg} if outcome == "answered" else next_leg)
        )
    riverside.load("riverside-cdr", legs)
    riverside.load("riverside-queue", [ANSWERED[0], event(AT + 80, UID, str(leaving[0]), *leaving[1:])])
    assert riverside.calls("outcome") == [outcome]
    if outcome == "answered":
        # from joining at 18 s to the answer at 90 s
        assert riverside.calls("wait_seconds, talk_seconds") == [(72, 30)]


def test_a_dial_leg_before_the_queue_was_left_is_no_answer(riverside: Home) -> None:
    """A member's telephone took the call, the caller hung up first: the queue says abandoned."""
    riverside.load(
        "riverside-cdr", [cdr(AT + 20, 30, uid=f"{AT + 20}.9", linked=UID, app="Dial", peer="PJSIP/2101-00000a2")]
    )
    riverside.load("riverside-queue", [ANSWERED[0], event(AT + 50, UID, "ABANDON", 1, 7, 32)])
    assert riverside.calls("outcome") == ["abandoned_queue"]


def test_talk_goes_on_across_a_transfer(riverside: Home) -> None:
    """215 seconds with the navigator, 100 with the nurse."""
    riverside.load("riverside-queue", [*ANSWERED[:2], event(AT + 328, UID, "BLINDTRANSFER", "2199", "x", 95, 215, 7)])
    leg = cdr(AT + 328, 110, uid=UID, seq=42, dst="2199", app="Dial", peer="PJSIP/2199-00000b1", billsec=100)
    riverside.load("riverside-cdr", [MENU_ANSWERED, leg])
    assert riverside.calls("wait_seconds, talk_seconds") == [(95, 315)]


def test_busy_before_any_menu_is_engaged_and_not_inbound(riverside: Home) -> None:
    """Engaged calls are counted beside inbound, not in it; a withheld one is no repeat."""
    congested = cdr(AT + 9, uid=f"{AT + 9}.2", app="Busy", disposition="CONGESTION")
    riverside.load("riverside-cdr", [cdr(AT, 2, app="Busy", disposition="BUSY"), congested])
    assert riverside.rows("SELECT inbound, engaged, repeat_calls FROM mart.calls_half_hour") == [(0, 2, 0)]


@pytest.mark.parametrize(
    ("start", "outcome"),
    [
        ("2026-06-01 08:00:00", "abandoned_ivr"),
        ("2026-06-01 07:59:59", "out_of_hours"),
        ("2026-06-01 18:29:59", "abandoned_ivr"),
        ("2026-06-01 18:30:00", "out_of_hours"),
        ("2026-06-06 10:00:00", "out_of_hours"),
        ("2026-08-31 10:00:00", "out_of_hours"),
        ("2026-05-25 10:00:00", "out_of_hours"),
    ],
)
def test_a_call_that_ends_in_the_menu(riverside: Home, start: str, outcome: str) -> None:
    """In core hours the caller gave up or was diverted; outside them, at a weekend or on a bank holiday, closed."""
    riverside.load("riverside-cdr", [cdr(epoch(start), app="BackGround", uid=f"{epoch(start)}.1")])
    assert riverside.calls() == [outcome]
    assert riverside.rows("SELECT ended_in_ivr, missed FROM mart.calls_half_hour") == [(1, 0)]


def test_a_practices_own_hours(home: Settings) -> None:
    """Open on Saturday morning and closed at midday, as icb.toml says."""
    own = {"Y99901": {"monday": "07:00-12:00,14:00-18:30", "saturday": "09:00-12:00"}}
    where = Home(home, RIVERSIDE, practice_hours=own)
    starts = ("2026-06-01 07:30:00", "2026-06-01 13:00:00", "2026-06-02 10:00:00", "2026-06-06 10:00:00")
    where.load("riverside-cdr", [cdr(epoch(s), app="BackGround", uid=f"{epoch(s)}.1", seq=epoch(s)) for s in starts])
    assert where.calls() == ["abandoned_ivr", "out_of_hours", "out_of_hours", "abandoned_ivr"]


@pytest.mark.parametrize(
    "own", [{"Y99901": "08:00-18:00"}, {"Y99901": {"monday": "8 till 6"}}, {"Y99901": {"Mon": "08:00-18:00"}}]
)
def test_wrong_hours_are_said_before_the_file_is_read(home: Settings, own: dict[str, object]) -> None:
    """The file is refused with the entry's name and an example."""
    night = Home(home, RIVERSIDE, practice_hours=own).load("riverside-cdr", [MENU_ANSWERED])
    assert "`practice_hours` of Y99901 in icb.toml is wrong" in night.refused[0][1]


def test_wait_limits_are_inclusive(riverside: Home) -> None:
    """60 seconds is within 60 seconds, 61 is not."""
    lines = []
    for number, wait in enumerate((60, 61, 120, 121, 300, 301)):
        at = AT + number
        lines += [
            event(at, f"{at}.{number}", "ENTERQUEUE", "", CALLER, 1),
            event(at + wait, f"{at}.{number}", "CONNECT", wait, "x", 1),
            event(at + wait + 9, f"{at}.{number}", "COMPLETECALLER", wait, 9, 1),
        ]
    riverside.load("riverside-queue", lines)
    select = (
        "SELECT answered, answered_within_60s, answered_within_120s, answered_within_300s FROM mart.calls_half_hour"
    )
    assert riverside.rows(select) == [(6, 1, 3, 5)]


class TestCallBacks:
    """The first connected outbound call to that person before the local day ends completes one request."""

    def request(self, at: int, caller: str = CALLER) -> list[str]:
        uid = f"{at}.7"
        return [
            event(at + 10, uid, "ENTERQUEUE", "", caller, 2),
            event(at + 40, uid, "EXITWITHKEY", "1", 1, 2, 30),
        ]

    def rung(self, at: int, dst: str = CALLER, **fields: object) -> str:
        defaults: dict[str, object] = {"src": "01632960001", "app": "Dial", "peer": "PJSIP/trunk-00000c1", "seq": at}
        return cdr(at, 100, dst=dst, uid=f"{at}.8", **{**defaults, **fields})

    def made(self, where: Home) -> list[bool]:
        return where.calls("callback_completed")

    def test_it_may_come_a_night_later(self, riverside: Home) -> None:
        """Counted in the half-hour of the request, and never as a new call."""
        riverside.load("riverside-queue", self.request(AT))
        riverside.load("riverside-cdr", [self.rung(AT + 5000)])
        select = "SELECT half_hour, inbound, callback_requested, callback_made FROM mart.calls_half_hour"
        assert riverside.rows(select) == [(16, 1, 1, 1)]

    def test_one_call_completes_one_request(self, riverside: Home) -> None:
        """Two requests and one call: the earlier request is completed; a second call completes the other."""
        riverside.load("riverside-queue", self.request(AT) + self.request(AT + 600))
        riverside.load("riverside-cdr", [self.rung(AT + 5000)])
        assert self.made(riverside) == [True, False]
        riverside.load("riverside-cdr2", [self.rung(AT + 6000)])
        assert self.made(riverside) == [True, True]

    @pytest.mark.parametrize(
        "call",
        [
            {"at": -60},
            {"at": 5000, "disposition": "NO ANSWER"},
            {"at": 5000, "dst": "07700900124"},
            {"at": 5000, "src": "01632960002"},
            {"at": 24 * 3600},
        ],
        ids=["before", "not connected", "somebody else", "another practice", "the next day"],
    )
    def test_what_does_not_complete_it(self, riverside: Home, call: dict[str, object]) -> None:
        """Before the request, not connected, to somebody else, from another practice, on the next day."""
        riverside.load("riverside-queue", self.request(AT))
        fields = dict(call)
        riverside.load("riverside-cdr", [self.rung(AT + int(str(fields.pop("at"))), **fields)])
        assert self.made(riverside) == [False]

    def test_from_an_extension_it_is_for_the_practice_last_asked(self, riverside: Home) -> None:
        """A row that names only the extension still completes the request of the person called."""
        riverside.load("riverside-queue", self.request(AT))
        riverside.load("riverside-cdr", [self.rung(AT + 900, src="2101")])
        assert self.made(riverside) == [True]

    def test_the_same_linkedid_completes_it(self, riverside: Home) -> None:
        """The platform's own link needs no number: a withheld caller is rung back too."""
        riverside.load("riverside-queue", self.request(AT, "anonymous"))
        riverside.load("riverside-cdr", [self.rung(AT + 900, linked=f"{AT}.7")])
        assert self.made(riverside) == [True]

    def test_answered_in_the_end_is_answered(self, riverside: Home) -> None:
        """Asked for a call-back, then was answered on the same call: answered, no request."""
        more = [
            event(AT + 60, f"{AT}.7", "CONNECT", 20, "x", 2),
            event(AT + 90, f"{AT}.7", "COMPLETECALLER", 20, 30, 2),
        ]
        riverside.load("riverside-queue", self.request(AT) + more)
        assert riverside.rows("SELECT answered, callback_requested FROM mart.calls_half_hour") == [(1, 0)]


class TestRepeats:
    """The second and later calls of a caller to a practice in a local day."""

    def rows(self, where: Home, *calls: tuple[str, str, str]) -> list[tuple[object, ...]]:
        lines = [
            cdr(epoch(start), src=src, dst=dst, uid=f"{epoch(start)}.{n}", seq=n, app="BackGround")
            for n, (start, src, dst) in enumerate(calls)
        ]
        where.load("riverside-cdr", lines)
        return where.rows(
            "SELECT half_hour, inbound, repeat_calls FROM mart.calls_half_hour ORDER BY local_date, half_hour"
        )

    def test_second_and_later(self, riverside: Home) -> None:
        """Three calls, two repeats, each in its own half-hour."""
        day = "2026-06-01 "
        found = self.rows(riverside, *[(day + t, CALLER, "01632960001") for t in ("08:00:00", "08:01:00", "09:00:00")])
        assert found == [(16, 2, 1), (18, 1, 1)]

    def test_another_day_practice_or_number_is_no_repeat(self, riverside: Home) -> None:
        """The next day, the other practice, somebody else."""
        found = self.rows(
            riverside,
            ("2026-06-01 08:00:00", CALLER, "01632960001"),
            ("2026-06-01 08:01:00", CALLER, "01632960002"),
            ("2026-06-01 08:02:00", "07700900124", "01632960001"),
            ("2026-06-02 08:00:00", CALLER, "01632960001"),
        )
        assert sum(row[2] for row in found) == 0

    def test_withheld_callers_repeat_nothing(self, riverside: Home) -> None:
        """Ten ways to say withheld are not one person who rang ten times."""
        ways = ("anonymous", "Anonymous", "withheld", "unavailable", "private", "", "0000", "Unknown")
        found = self.rows(riverside, *[("2026-06-01 08:00:00", way, "01632960001") for way in ways])
        assert found == [(16, 8, 0)]
        assert set(riverside.calls("cli_status, caller_pseudonym")) == {("withheld", None)}

    def test_the_day_is_londons(self, riverside: Home) -> None:
        """23:59 and 00:01: in UTC one summer evening, in London two days."""
        found = self.rows(
            riverside, ("2026-06-01 23:59:00", CALLER, "01632960001"), ("2026-06-02 00:01:00", CALLER, "01632960001")
        )
        assert found == [(47, 1, 0), (0, 1, 0)]

    def test_who_was_lost_and_did_not_ring_back(self, riverside: Home) -> None:
        """One missed and rang again, one missed for good, one never missed."""
        lines = []
        for number, (at, caller, lost) in enumerate(
            [
                (AT, CALLER, True),
                (AT + 600, CALLER, False),
                (AT + 60, "07700900124", True),
                (AT + 90, "07700900125", False),
            ]
        ):
            uid = f"{at}.{number}"
            lines.append(event(at, uid, "ENTERQUEUE", "", caller, 1))
            lines += (
                [event(at + 30, uid, "ABANDON", 1, 1, 30)]
                if lost
                else [event(at + 30, uid, "CONNECT", 30, "x", 1), event(at + 60, uid, "COMPLETECALLER", 30, 30, 1)]
            )
        riverside.load("riverside-queue", lines)
        columns = "inbound, callers, lost_callers, lost_not_back, repeat_calls, queued, position_given"
        assert riverside.rows(f"SELECT {columns} FROM mart.calls_day") == [(4, 3, 2, 1, 1, 4, 4)]


def test_a_call_across_midnight_is_of_the_day_it_began(riverside: Home) -> None:
    """Its events on two dates, in two files: one call on the first date."""
    at = epoch("2026-06-01 23:59:30")
    uid = f"{at}.1"
    riverside.load("riverside-1", [event(at + 10, uid, "ENTERQUEUE", "", CALLER, 1)])
    riverside.load(
        "riverside-2", [event(at + 70, uid, "CONNECT", 60, "x", 1), event(at + 90, uid, "COMPLETECALLER", 60, 20, 1)]
    )
    assert riverside.rows("SELECT local_date, half_hour, answered, wait_seconds FROM mart.calls_half_hour")[0][1:] == (
        47,
        1,
        60,
    )
    assert str(riverside.calls("local_date")[0]) == "2026-06-01"
