"""Rollout forecasts: the interval holds what it says it holds, and refusals are plain."""

from datetime import date, timedelta

import numpy as np
import pytest

from etl.analysis.forecast import finish

TODAY = date(2024, 3, 31)


def every(days: int, count: int) -> list[date]:
    """`count` dates, the newest today, that many days apart."""
    return [TODAY - timedelta(days=days * back) for back in range(count)]


def test_a_steady_pace_is_carried_on_or_slows() -> None:
    found = finish(every(7, 26), 36, TODAY)
    assert found.remaining == 10
    assert found.earliest == TODAY + timedelta(weeks=10)
    assert found.earliest <= found.likely < found.latest
    assert found.sentence.startswith("Going by the last 26 weeks (26 went live), the remaining 10 would be live about ")
    assert "; 9 runs in 10 end between June 2024 and " in found.sentence


def test_a_stall_is_seen() -> None:
    brisk = finish(every(7, 26), 36, TODAY)
    stalled = finish([day - timedelta(weeks=16) for day in every(7, 26)], 36, TODAY)
    assert brisk.likely is not None
    assert stalled.likely is None or stalled.likely > brisk.likely + timedelta(weeks=20)


def test_a_pace_that_has_slowed_is_taken_to_slow_on() -> None:
    # seventy were left half a year ago, and each month a third fewer were done
    slowing = [
        day
        for month, count in enumerate((20, 14, 9, 6, 4, 3))
        for day in [TODAY - timedelta(days=150 - 30 * month)] * count
    ]
    holding = [day for month in range(6) for day in [TODAY - timedelta(days=150 - 30 * month)] * 9]
    slow, hold = finish(slowing, 70, TODAY), finish(holding, 68, TODAY)
    assert (slow.remaining, hold.remaining) == (14, 14)
    assert hold.likely < TODAY + timedelta(weeks=20)
    assert slow.likely is None or slow.likely > hold.likely + timedelta(weeks=20)


def test_the_same_question_has_the_same_answer_whatever_the_order() -> None:
    uneven = every(5, 9) + every(17, 6)
    assert finish(uneven, 40, TODAY) == finish(reversed(uneven), 40, TODAY)


def test_dates_still_to_come_are_not_done() -> None:
    ahead = [TODAY + timedelta(days=1)]
    assert finish([*every(7, 20), *ahead], 30, TODAY) == finish(every(7, 20), 30, TODAY)


SHAPES = {
    "the pace holds": lambda random: np.cumsum(random.exponential(6, 80)),
    "each has the same chance every week": lambda random: random.exponential(250, 80),
    "planned round a date, some of them late": lambda random: random.normal(300, 110, 80) + random.exponential(40, 80),
    "slow, fast, slow": lambda random: random.logistic(300, 70, 80),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_rollouts_end_in_the_interval(shape: str) -> None:
    """Forty rollouts of each shape, asked when half, 70 in 100 or 90 in 100 were done: did they end inside?"""
    random = np.random.default_rng(3)
    inside = 0
    for world in range(40):
        days = np.sort(SHAPES[shape](random))
        now = days[int(80 * (0.5, 0.7, 0.9)[world % 3])]
        dates = [TODAY + timedelta(days=int(np.ceil(day - now))) for day in days]
        found = finish(dates, 80, TODAY)
        assert found.refusal is None
        earliest = (found.earliest or date.max) - timedelta(days=6)  # a week is as fine as it counts
        inside += earliest <= max(dates) <= (found.latest or date.max)
    assert 0.75 <= inside / 40 <= 0.99


def test_a_pace_that_may_never_get_there_says_so() -> None:
    found = finish(every(30, 6), 400, TODAY)
    assert found.latest is None
    assert "more than ten years on" in found.sentence


@pytest.mark.parametrize(
    ("dates", "total", "words"),
    [
        (every(7, 20), 20, "all are live"),
        ([], 0, "all are live"),
        ([], 20, "none is live yet"),
        (every(1, 30), 60, "the first went live less than 8 weeks ago"),
        (every(50, 20), 60, "only 4 went live in the last 26 weeks; 5 are needed"),
        ([date(2023, 1, 1)] * 20, 60, "none went live in the last 26 weeks"),
    ],
)
def test_refusals(dates: list[date], total: int, words: str) -> None:
    found = finish(dates, total, TODAY)
    assert words in found.refusal
    assert found.sentence == f"No forecast: {found.refusal}"
    assert (found.likely, found.earliest, found.latest) == (None, None, None)
    assert found.remaining == total - len(dates)


def test_more_done_than_there_are_is_an_error() -> None:
    with pytest.raises(ValueError, match="20 are done out of 19"):
        finish(every(7, 20), 19, TODAY)
