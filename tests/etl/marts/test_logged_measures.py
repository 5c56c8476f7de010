"""Every measure of call logs, for practices and their ICB, weeks and months, by a loop over the calls."""

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from etl.measures.registry import measures
from etl.nightly import nightly
from etl.published.reading import Reader
from etl.settings import Settings
from tests.etl.feeds.call_logs.files import CANONICAL, CANONICAL_HEADING
from tests.etl.small_home import AUG, OCT, is_working_day, patients

LONDON = ZoneInfo("Europe/London")
PRACTICES = ("Z91001", "Z91002")
# whole weeks of August and of October, with the bank holiday Monday of 25 August
DAYS = [date(2025, 8, 4) + timedelta(n) for n in range(28)][:27] + [date(2025, 10, 6) + timedelta(n) for n in range(14)]
MISSED = ("no_answer", "abandoned_queue", "voicemail")
IN_MENU = ("abandoned_ivr", "ivr_diverted", "out_of_hours")
OUTCOMES = ("answered", "answered", "answered", "callback", "engaged", "unknown", *MISSED, *IN_MENU)
Call = dict[str, Any]


def calls() -> list[Call]:
    """Six hundred and more calls, with callers who ring again and some who withhold their number."""
    draw = random.Random(7)
    found = []
    for n in range(900):
        day, hour = draw.choice(DAYS), draw.choice((7, 8, 8, 8, 9, 11, 15, 18, 19))
        at = datetime(day.year, day.month, day.day, hour, draw.randint(0, 59), draw.randint(0, 59), tzinfo=LONDON)
        outcome = draw.choice(OUTCOMES)
        queued = outcome in ("answered", "callback", *MISSED)
        found.append(
            {
                "id": n, "practice": draw.choice(PRACTICES), "at": at, "outcome": outcome, "queued": queued,
                "wait": draw.randint(0, 500) if queued else 0, "talk": draw.randint(1, 400),
                "position": draw.choice((None, 3)) if queued else None,
                "made": outcome == "callback" and draw.random() < 0.7,
                "caller": draw.choice(("", *range(12))) if outcome != "engaged" else "",
            }
        )  # fmt: skip
    return found


def row(call: Call) -> str:
    """A canonical row."""

    def text(moment: datetime) -> str:
        return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

    joined = call["at"] + timedelta(seconds=20)
    over = joined + timedelta(seconds=call["wait"])
    answered = call["outcome"] == "answered"
    end = over + timedelta(seconds=call["talk"] if answered else 0)
    asked = call["outcome"] == "callback"
    number = f"07700900{call['caller']:03d}" if call["caller"] != "" else "withheld"
    return ",".join(
        (
            str(call["id"]), call["practice"], text(call["at"]), text(joined) if call["queued"] else "",
            text(over) if answered else "", text(end), call["outcome"], str(call["position"] or ""),
            str(asked).lower(), str(call["made"]).lower() if asked else "", number,
        )
    )  # fmt: skip


def is_open(at: datetime) -> bool:
    """Core hours."""
    return is_working_day(at.date()) and (8, 0) <= (at.hour, at.minute) < (18, 30)


def parts(some: list[Call]) -> dict[str, tuple[float, float]]:
    """Numerator and denominator of each measure over calls of one or more practices, in one week or month."""
    inbound = [c for c in some if c["outcome"] != "engaged"]
    answered = [c for c in inbound if c["outcome"] == "answered"]
    waits = [c["wait"] for c in answered]
    asked = [c for c in inbound if c["outcome"] == "callback"]
    menu = [c for c in inbound if c["outcome"] in IN_MENU]
    queued = [c for c in inbound if c["queued"]]
    of_caller: dict[Any, list[Call]] = defaultdict(list)
    for call in sorted(inbound, key=lambda c: c["at"]):
        if call["caller"] != "":
            of_caller[call["practice"], call["at"].date(), call["caller"]].append(call)
    mondays = {
        (c["practice"], c["at"].date()) for c in some if c["at"].weekday() == 0 and is_working_day(c["at"].date())
    }
    rush = [c for c in inbound if c["at"].hour == 8 and (c["practice"], c["at"].date()) in mondays]
    listed = {c["practice"]: patients(c["at"].date().replace(day=1), c["practice"]) or 0 for c in some}
    total = len(inbound)
    found = {
        "inbound_per_1000": (total, sum(listed.values())),
        "answered": (len(answered), total),
        "missed": (sum(c["outcome"] in MISSED for c in inbound), total),
        "ended_in_ivr": (len(menu), total),
        "callback_requested": (len(asked), total),
        "callback_made": (sum(c["made"] for c in asked), len(asked)),
        "dealt_with": (len(answered) + len(menu) + len(asked), total),
        "mean_wait": (sum(waits), len(waits)),
        "mean_talk": (sum(c["talk"] for c in answered), len(answered)),
        "repeat_same_day": (sum(len(many) - 1 for many in of_caller.values()), total),
        "lost_not_back": (sum(many[-1]["outcome"] in MISSED for many in of_caller.values()), len(of_caller)),
        "position_given": (sum(c["position"] is not None for c in queued), len(queued)),
        "out_of_hours": (sum(not is_open(c["at"]) for c in inbound), total),
        **{f"answered_within_{n}s": (sum(w <= n for w in waits), len(waits)) for n in (60, 120, 300)},
    }
    if waits:
        found["p95_wait"] = (float(np.percentile(waits, 95)), 1)
    if mondays:
        found["monday_first_hour"] = (len(rush), sum(listed[practice] for practice, _ in mondays))
    return found


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, small_files: Path) -> Reader:
    """A home with the small home's practices, lists and areas, and these calls."""
    home = Settings(home=tmp_path_factory.mktemp("logged"), code=("QZZ",), inbox_settle_seconds=0,
                    telephony_source=[CANONICAL])  # fmt: skip
    home.inbox.mkdir()
    for path in [*small_files.glob("ep*"), *small_files.glob("lists-*"), small_files / "online.csv"]:
        (home.inbox / path.name).write_bytes(path.read_bytes())
    lines = [CANONICAL_HEADING, *map(row, calls())]
    (home.inbox / "holt-1.csv").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    night = nightly(home)
    assert not night.something_was_refused
    return Reader(home.published)


@pytest.mark.parametrize("kind", ["week", "month"])
@pytest.mark.parametrize(("level", "organisation"), [("practice", "Z91001"), ("practice", "Z91002"), ("icb", "QZZ")])
def test_every_measure(published: Reader, kind: str, level: str, organisation: str) -> None:
    periods: dict[date, list[Call]] = defaultdict(list)
    for call in calls():
        day = call["at"].date()
        start = day.replace(day=1) if kind == "month" else day - timedelta(day.weekday())
        if organisation in (call["practice"], "QZZ"):
            periods[start].append(call)
    assert {AUG, OCT} == set(periods) or len(periods) == 6
    expected = {
        (f"logged_calls_{name}", start): pair for start, some in periods.items() for name, pair in parts(some).items()
    }
    rows = published.records(
        "SELECT measure, period_start, numerator, denominator, value FROM measure_value WHERE measure LIKE "
        f"'logged_calls%' AND level = '{level}' AND organisation = '{organisation}' AND period_kind = '{kind}'"
    )
    found = {(r["measure"], r["period_start"]): (r["numerator"], r["denominator"]) for r in rows}
    assert {key: pair for key, pair in found.items() if pair[1]} == {
        key: pytest.approx(pair) for key, pair in expected.items() if pair[1]
    }
    for r in rows:
        if r["denominator"]:
            factor = measures()[r["measure"]].factor
            assert r["value"] == pytest.approx(factor * r["numerator"] / r["denominator"])
    assert len({measure for measure, _ in found}) == 18
