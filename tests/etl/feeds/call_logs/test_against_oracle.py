"""Random nights of Asterisk, loaded in any order and in pieces, against plain Python."""

import random

import pytest

from etl.settings import Settings
from tests.etl.feeds.call_logs import oracle
from tests.etl.feeds.call_logs.files import RIVERSIDE, Home, cdr, epoch, event

SOURCE = {**RIVERSIDE, "numbers": oracle.NUMBERS}
KINDS = ("talk", "transfer", "abandon", "voicemail", "key", "callback", "overflow", "busy", "menu", "empty", "requeue")


def _call(draw: random.Random, number: int, at: int) -> tuple[list[str], list[str]]:
    """One call's lines: call detail records and queue events."""
    uid = f"{at}.{number}"
    line, queue = draw.choice([("01632960001", "nav"), ("01632960002", "desk")])
    caller = draw.choice(["anonymous", *(f"07700900{n:03d}" for n in range(100, 106))])
    kind = draw.choice(KINDS)
    menu, wait, talk, place = (draw.randint(*span) for span in ((2, 40), (0, 400), (1, 600), (1, 20)))
    joined, over = at + menu, at + menu + wait

    def leg(start: int, seconds: int, sequence: int, **fields: object) -> str:
        defaults = {"src": caller, "dst": line, "uid": uid, "seq": number * 10 + sequence, "data": f"{queue},t,,"}
        return cdr(start, seconds, **{**defaults, **fields})

    if kind == "busy":
        return [leg(at, 2, 0, app="Busy", disposition="BUSY")], []
    if kind == "menu":
        return [leg(at, menu, 0, app="BackGround")], []
    ring = [leg(joined, wait, 1, peer="PJSIP/2102-000000b1", disposition="NO ANSWER")] if wait else []
    log = [event(joined, uid, "ENTERQUEUE", "", caller, place, queue=queue)]
    if wait > 1:
        log.append(event(joined + 1, uid, "RINGNOANSWER", 15000, queue=queue, agent="PJSIP/2102"))
    if kind in ("talk", "transfer"):
        log.append(event(over, uid, "CONNECT", wait, f"{over}.9", 3, queue=queue, agent="PJSIP/2101"))
        peer = {"peer": "PJSIP/2101-000000b2"}
        if kind == "talk":
            done = draw.choice(["COMPLETEAGENT", "COMPLETECALLER"])
            log.append(event(over + talk, uid, done, wait, talk, place, queue=queue, agent="PJSIP/2101"))
            return [leg(at, menu + wait + talk, 0, **peer), *ring], log
        log.append(event(over + talk, uid, "BLINDTRANSFER", "2199", "internal", wait, talk, place, queue=queue))
        moved = leg(over + talk, 50, 2, dst="2199", app="Dial", peer="PJSIP/2199-000000b3", billsec=44)
        return [leg(at, menu + wait + talk, 0, **peer), moved, *ring], log
    whole = leg(at, menu + wait, 0)
    if kind == "abandon":
        log.append(event(over, uid, "ABANDON", 1, place, wait, queue=queue))
    elif kind == "callback":
        log.append(event(over, uid, "EXITWITHKEY", "1", 1, place, wait, queue=queue))
        if draw.random() < 0.8 and caller != "anonymous":
            back = over + draw.randint(0, 4000)
            fields = {
                "src": line,
                "dst": caller,
                "uid": f"{back}.{number + 5000}",
                "seq": number * 10 + 5,
                "app": "Dial",
            }
            answered = draw.random() < 0.8
            outcome = {"disposition": "ANSWERED", "billsec": 90} if answered else {"disposition": "NO ANSWER"}
            rung = cdr(back, 95, peer="PJSIP/trunk-000000b5", context="from-internal", **fields, **outcome)
            return [whole, rung, *ring], log
    elif kind == "requeue":
        log.append(event(over, uid, "EXITWITHTIMEOUT", 1, place, wait, queue=queue))
        log.append(event(over, uid, "ENTERQUEUE", "", caller, 1, queue=queue))
        log.append(event(over + 9, uid, "CONNECT", 9, f"{over}.9", 3, queue=queue, agent="PJSIP/2101"))
        log.append(event(over + 9 + talk, uid, "COMPLETEAGENT", 9, talk, 1, queue=queue, agent="PJSIP/2101"))
        return [leg(at, menu + wait + 9 + talk, 0, peer="PJSIP/2101-000000b2"), *ring], log
    else:
        name = {"key": "EXITWITHKEY", "empty": "EXITEMPTY"}.get(kind, "EXITWITHTIMEOUT")
        data = ("2", 1, place, wait) if kind == "key" else (1, place, wait)
        log.append(event(over, uid, name, *data, queue=queue))
        if kind == "voicemail":
            return [whole, leg(over, 20, 3, app="VoiceMail"), *ring], log
        if kind == "overflow":
            return [whole, leg(over, 70, 4, app="Dial", dst="2300", peer="PJSIP/2300-000000b6", billsec=61), *ring], log
    return [whole, *ring], log


def _night(seed: int) -> tuple[list[str], list[str]]:
    draw = random.Random(seed)
    starts = ["2026-06-01 08:00:00", "2026-06-01 12:00:00", "2026-06-01 23:58:00", "2026-06-02 08:20:00"]
    records: list[str] = []
    log: list[str] = []
    moments = sorted({epoch(draw.choice(starts)) + draw.randint(0, 1500) for _ in range(150)})
    for number, at in enumerate(moments, start=1):
        some, more = _call(draw, number, at)
        records += some
        log += more
    return records, log


def _compare(home: Home, records: list[str], log: list[str]) -> None:
    expected = oracle.calls(records, log)
    found = {
        row[0]: row[1:]
        for row in home.rows(
            "SELECT native_call_id, practice_code, CAST(epoch(started_at) AS BIGINT), outcome, wait_seconds, "
            "talk_seconds, queue_position, callback_completed FROM fact.call"
        )
    }
    fields = ("practice", "started", "outcome", "wait", "talk", "position", "made")
    assert {key: tuple(call[f] for f in fields) for key, call in expected.items()} == found
    names = [row[0] for row in home.rows("DESCRIBE mart.calls_half_hour") if row[0] != "shared_with"]
    table = {row[:3]: row[3:] for row in home.rows(f"SELECT {', '.join(names)} FROM mart.calls_half_hour")}
    wanted = oracle.half_hours(expected)
    assert {key: tuple(row[n] for n in names[3:]) for key, row in wanted.items()} == table
    by_day = home.rows("SELECT sum(inbound), sum(repeat_calls), sum(wait_seconds) FROM mart.calls_day")[0]
    assert by_day == tuple(sum(row[n] for row in wanted.values()) for n in ("inbound", "repeat_calls", "wait_seconds"))


@pytest.mark.parametrize("seed", range(4))
def test_calls_and_half_hours(home: Settings, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in any order, in pieces that overlap, on several nights: the same calls as from all lines at once.

    Of every other seed the calls of each day are built by themselves, also those that end after midnight.
    """
    if seed % 2 == 0:
        monkeypatch.setattr("etl.feeds.call_logs.calls.LEGS_AT_ONCE", 1)
    records, log = _night(seed)
    draw = random.Random(seed + 100)
    where = Home(home, SOURCE)
    if seed == 0:
        pieces = [("riverside-cdr.csv", records), ("riverside-queue", log)]
    else:
        cut, cut_log = draw.randint(1, len(records) - 1), draw.randint(1, len(log) - 1)
        again = draw.sample(records, 20)
        pieces = [
            ("riverside-a.csv", records[:cut]),
            ("riverside-b.csv", records[cut:] + again),
            ("riverside-c", log[:cut_log]),
            ("riverside-d", log[max(0, cut_log - 30) :]),
        ]
        draw.shuffle(pieces)
    for name, lines in pieces:
        night = where.load(name, lines)
        assert not night.refused, night.refused
        assert not where.reasons()
    _compare(where, records, log)


def test_the_oracle_sees_every_kind() -> None:
    """The generated nights hold every outcome that Asterisk can tell."""
    outcomes = set()
    for seed in range(6):
        outcomes |= {call["outcome"] for call in oracle.calls(*_night(seed)).values()}
    assert outcomes >= {
        "answered",
        "callback",
        "voicemail",
        "abandoned_queue",
        "no_answer",
        "out_of_hours",
        "abandoned_ivr",
        "engaged",
    }
