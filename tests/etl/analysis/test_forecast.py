"""Rollout forecasts: the interval holds what it says it holds, and refusals are plain."""

from datetime import date, timedelta

import numpy as np
import pytest

from etl.analysis.forecast import finish

TODAY = date(2024, 3, 31)


def every(days: int, count: int) -> list[date]:
    """`count` dates, the newest today, that many days apart."""
    return [TODAY - timedelta(days=days * back) for back in range(count)]


def test_a_steady_pace_is_carried_on() -> None:
    found = finish(every(7, 26), 36, TODAY)
    assert found.remaining == 10
    assert found.earliest == found.likely == found.latest == TODAY + timedelta(weeks=10)
    assert found.sentence == (
        "At the pace of the last 26 weeks (26 done), the remaining 10 would be done about 9 June 2024; "
        "9 runs in 10 end between 9 June 2024 and 9 June 2024."
    )


def test_a_stall_is_seen() -> None:
    brisk = finish(every(7, 26), 46, TODAY)
    stalled = finish([day - timedelta(weeks=16) for day in every(7, 26)], 46, TODAY)
    assert stalled.likely > brisk.likely + timedelta(weeks=20)
    assert stalled.latest - stalled.earliest > timedelta(weeks=20)


def test_the_pace_itself_is_uncertain() -> None:
    # Two a fortnight, 100 to go: luck alone would spread the end over 33 weeks, a pace known from 26 weeks over 70.
    found = finish(every(14, 13) + every(14, 13), 126, TODAY)
    assert timedelta(weeks=55) < found.latest - found.earliest < timedelta(weeks=90)


def test_the_same_question_has_the_same_answer_whatever_the_order() -> None:
    uneven = every(5, 9) + every(17, 6)
    assert finish(uneven, 40, TODAY) == finish(reversed(uneven), 40, TODAY)


def test_dates_still_to_come_are_not_done() -> None:
    ahead = [TODAY + timedelta(days=1)]
    assert finish([*every(7, 20), *ahead], 30, TODAY) == finish(every(7, 20), 30, TODAY)


def test_nine_rollouts_in_ten_end_in_the_interval() -> None:
    random = np.random.default_rng(2)
    inside = early = late = 0
    for _ in range(150):
        days = np.cumsum(random.exponential(4.0, 90))
        start = TODAY - timedelta(days=200)
        dates = [start + timedelta(days=int(day)) for day in days]
        done = [day for day in dates if day <= TODAY]
        found = finish(done, 80, TODAY)
        if found.refusal is None:
            end = dates[79]
            early += end < found.earliest - timedelta(days=6)
            late += end > found.latest
            inside += found.earliest - timedelta(days=6) <= end <= found.latest
    assert inside + early + late >= 140
    assert 0.84 <= inside / (inside + early + late) <= 0.97
    assert early >= 1
    assert late >= 1


def test_a_pace_that_may_never_get_there_says_so() -> None:
    found = finish(every(30, 6), 400, TODAY)
    assert found.latest is None
    assert "more than ten years from now" in found.sentence


@pytest.mark.parametrize(
    ("dates", "total", "words"),
    [
        (every(7, 20), 20, "all are done"),
        ([], 0, "all are done"),
        ([], 20, "only 0 weeks to go by; 8 are needed"),
        (every(1, 30), 60, "only 5 weeks to go by"),
        (every(50, 20), 60, "only 4 were done in the last 26 weeks; 5 are needed"),
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
