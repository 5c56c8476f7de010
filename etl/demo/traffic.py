"""Every telephone call of a month, drawn call by call.

The published statistics and the call logs are both counted from these, so that they agree. Levels and
spreads follow NHS England's Cloud Based Telephony publication of February 2026 (calls per weekday and time
band, shares of each outcome, wait and talk bands).
"""

from datetime import date, datetime, timedelta
from functools import lru_cache

import holidays
import numpy as np
import pandas as pd

from etl.demo.world import (
    GO_LIVE_MISSED_FACTOR,
    GO_LIVE_WAIT_FACTOR,
    IMPROVING,
    LATEST,
    OUTAGE,
    SWITCHERS,
    WORSENING,
    World,
    add_months,
)
from etl.london import LONDON

ANSWERED, ENDED_IN_IVR, CALLBACK, MISSED = range(4)
OUTCOMES = ("answered", "ended_in_ivr", "callback_requested", "missed")

# calls per 10,000 patients, Monday to Sunday, and what a month does to them
WEEKDAY = np.array([351, 268, 250, 240, 239, 18, 4.6])
SEASON = np.array([1.02, 1.0, 1.02, 0.98, 0.99, 0.97, 0.95, 0.88, 1.03, 1.06, 1.03, 0.96])
WINTER = np.array([1.15, 1.08, 1.02, 0.97, 0.94, 0.92, 0.9, 0.9, 1.0, 1.05, 1.06, 1.12])
BANK_HOLIDAY, DAY_AFTER = 0.065, 1.25
# share of a day's calls in each published band, and how each band's calls fall into its half-hours
BANDS = (
    "00:00-05:59",
    "06:00-07:59",
    "08:00-09:59",
    "10:00-11:59",
    "12:00-13:59",
    "14:00-15:59",
    "16:00-17:59",
    "18:00-18:29",
    "18:30-23:59",
)
BAND_OF_HALF_HOUR = np.repeat(np.arange(9), [12, 4, 4, 4, 4, 4, 4, 1, 11])
_MONDAY = (0.0007, 0.060, 0.319, 0.205, 0.150, 0.155, 0.097, 0.0066, 0.0067)
_WEEKDAY = (0.0008, 0.049, 0.272, 0.209, 0.166, 0.178, 0.111, 0.007, 0.0072)
_WEEKEND = (0.012, 0.026, 0.310, 0.280, 0.165, 0.103, 0.056, 0.008, 0.040)
_WITHIN = (
    [1] * 12,
    [3, 7, 20, 70],
    [40, 25, 19, 16],
    [27, 26, 24, 23],
    [27, 25, 24, 24],
    [26, 25, 25, 24],
    [30, 27, 24, 19],
    [1],
    [20, 17, 14, 12, 10, 8, 6, 5, 4, 2, 2],
)


@lru_cache(maxsize=8)
def bank_holidays(year: int) -> frozenset[date]:
    """England's bank holidays of a year."""
    return frozenset(holidays.country_holidays("GB", subdiv="ENG", years=year))


def days_of(month: date) -> list[date]:
    """Every day of a month."""
    return [month + timedelta(days=n) for n in range((add_months(month, 1) - month).days)]


def is_working(day: date) -> bool:
    """Monday to Friday and not a bank holiday."""
    return day.weekday() < 5 and day not in bank_holidays(day.year)


def went_live(world: World, month: int) -> np.ndarray:
    """Days × practices: whether a practice that goes live inside the window has done so by that day."""
    days = pd.to_datetime(days_of(world.months[month])).to_numpy()
    live = days[:, None] >= world.practices.live_on.to_numpy()[None, :]
    return live & np.isin(np.arange(len(world.practices)), SWITCHERS + LATEST)


def calls_of_month(world: World, month: int) -> pd.DataFrame:
    """Every inbound call of the window's month `month`, by practice, then by time.

    Columns: practice (position in world.practices), day (0 = the first), half_hour (0–47, London), started
    (epoch seconds), folded (in the autumn hour that comes twice: its second time), outcome (an OUTCOMES
    position), ivr, wait, talk (seconds; wait and talk are 0 where there was none), place (position in the
    queue), callback_after (seconds from the call's end to the call-back; -1 none), caller (number of the
    caller within practice and day; -1 withheld).
    """
    random = world.random(1, month + world.skipped)
    days = days_of(world.months[month])
    expected = _expected(world, month, days, random)
    cells = random.poisson(expected)
    practice, day, half_hour = (np.repeat(axis.ravel(), cells.ravel()) for axis in np.indices(cells.shape))
    within = random.random(len(practice))
    rush = (half_hour == 16) & (np.array([d.weekday() < 5 for d in days])[day])
    within[rush] **= 1.6  # the lines open and everybody is already holding the telephone
    second = half_hour * 1800 + (within * 1800).astype(int)
    started, folded = _to_utc(days, day, second, random)
    order = np.lexsort((started, practice))
    practice, day, half_hour = practice[order], day[order], half_hour[order]
    calls = pd.DataFrame(
        {
            "practice": practice.astype(np.int16),
            "day": day.astype(np.int16),
            "half_hour": half_hour.astype(np.int16),
            "started": started[order],
            "folded": folded[order],
        }
    )
    calls["outcome"] = _outcomes(world, month, days, calls, random)
    _durations(world, month, calls, random)
    calls["caller"] = _callers(calls, random)
    return calls


def _expected(world: World, month: int, days: list[date], random: np.random.Generator) -> np.ndarray:
    """Expected calls, practices × days × half-hours."""
    practices = world.practices
    shapes = {name: _profile(practices.peak.to_numpy(), bands) for name, bands in
              (("monday", _MONDAY), ("weekday", _WEEKDAY), ("weekend", _WEEKEND))}  # fmt: skip
    per_practice = world.patients[month] / 10_000 * practices.call_rate.to_numpy()
    expected = np.zeros((len(practices), len(days), 48))
    for index, day in enumerate(days):
        level = WEEKDAY[day.weekday()] * SEASON[day.month - 1] * (1 + 0.02 * (month + world.skipped) / 12)
        shape = "monday" if day.weekday() == 0 else "weekday" if day.weekday() < 5 else "weekend"
        if day.weekday() < 5 and not is_working(day):
            level, shape = level * BANK_HOLIDAY, "weekend"
        elif is_working(day) and not is_working(day - timedelta(days=1)) and day.weekday() > 0:
            level, shape = level * DAY_AFTER, "monday"
        level *= np.exp(random.normal(0, 0.03))
        noise = np.exp(random.normal(0, 0.08, len(practices)))
        expected[:, index] = (per_practice * noise * level)[:, None] * shapes[shape]
        before, after = _offset(day, 0), _offset(day, 23)
        if before != after:  # a few calls each side of a clock change, which real nights seldom bring
            expected[:, index, :6] = 0.4 * (world.patients[month] > 0)[:, None]
            if after > before:
                expected[:, index, 2:4] = 0
    return expected


def _profile(peak: np.ndarray, bands: tuple[float, ...]) -> np.ndarray:
    """Share of a day's calls in each half-hour, practices × 48; a peaky practice has more before ten."""
    shape = np.concatenate([share * np.array(w) / sum(w) for share, w in zip(bands, _WITHIN, strict=True)])
    tilted = np.where((np.arange(48) >= 12) & (np.arange(48) < 20), peak[:, None], 1.0) * shape
    return tilted / tilted.sum(axis=1, keepdims=True)


def _offset(day: date, hour: int) -> int:
    """Seconds that London is ahead of UTC."""
    offset = datetime(day.year, day.month, day.day, hour, tzinfo=LONDON).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


def _to_utc(
    days: list[date], day: np.ndarray, second: np.ndarray, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Epoch seconds of London times, and whether each is the second passing of a repeated hour."""
    midnight = np.array([(d - date(1970, 1, 1)).days * 86400 for d in days])
    morning, evening = (np.array([_offset(d, hour) for d in days]) for hour in (0, 23))
    changed = (morning != evening)[day]
    repeated = changed & (second >= 3600) & (second < 7200)
    folded = repeated & (random.random(len(second)) < 0.5)
    early = changed & (second < 7200) & ~folded
    offset = np.where(early, morning[day], evening[day])
    return midnight[day] + second - offset, folded


def _outcomes(
    world: World, month: int, days: list[date], calls: pd.DataFrame, random: np.random.Generator
) -> np.ndarray:
    """What became of each call."""
    practices = world.practices
    practice, day = calls.practice.to_numpy(), calls.day.to_numpy()
    hour = calls.half_hour.to_numpy() // 2
    working = np.array([is_working(d) for d in days])[day]
    open_now = working & (calls.half_hour.to_numpy() >= 16) & (calls.half_hour.to_numpy() < 37)
    monday = np.array([d.weekday() == 0 for d in days])[day]
    busy = np.where(hour == 8, 1.8, np.where(hour == 9, 1.2, 0.78)) * np.where(monday, 1.2, 0.95)
    level = practices.missed.to_numpy() * _missed_factor(month + world.skipped) * WINTER[world.months[month].month - 1]
    missed = level[practice] * busy
    missed = missed * np.where(went_live(world, month)[day, practice], GO_LIVE_MISSED_FACTOR, 1.0)
    callback = practices.callback.to_numpy()[practice] * np.where(hour < 10, 1.35, 0.8)
    ivr = practices.ivr.to_numpy()[practice]
    missed, callback = np.minimum(missed, 0.6), np.where(open_now, callback, 0)
    missed, ivr = np.where(open_now, missed, 0.06), np.where(open_now, ivr, 0.94)
    draw = random.random(len(calls))
    return np.select(
        [draw < missed, draw < missed + callback, draw < missed + callback + ivr],
        [MISSED, CALLBACK, ENDED_IN_IVR],
        ANSWERED,
    ).astype(np.int8)


def _missed_factor(month: int) -> np.ndarray:
    """The months in which a practice's story shows."""
    factor = np.ones(60)
    factor[WORSENING] = 1.7 if month >= 18 else 1
    factor[OUTAGE] = 2.5 if month == 20 else 1
    factor[IMPROVING] = 0.55 if month >= 14 else 1
    return factor


def _durations(world: World, month: int, calls: pd.DataFrame, random: np.random.Generator) -> None:
    """Adds ivr, wait, talk, place and callback_after, in seconds."""
    count = len(calls)
    outcome, practice = calls.outcome.to_numpy(), calls.practice.to_numpy()
    day, hour = calls.day.to_numpy(), calls.half_hour.to_numpy() // 2
    strain = world.practices.wait.to_numpy() * np.sqrt(_missed_factor(month + world.skipped))
    scale = strain[practice] * np.where(hour == 8, 1.7, np.where(hour == 9, 1.25, 0.85))
    scale = scale * np.where(went_live(world, month)[day, practice], GO_LIVE_WAIT_FACTOR, 1.0)
    patience = random.standard_normal(count, dtype=np.float32)
    wait = np.exp(4.45 + 1.58 * patience) * scale
    lost = np.exp(4.01 + 1.65 * patience) * np.sqrt(scale)
    wait = np.where(outcome == MISSED, lost, np.where(outcome == CALLBACK, wait * 0.5 + 5, wait))
    calls["wait"] = np.where(outcome == ENDED_IN_IVR, 0, np.clip(wait, 0, 3600)).astype(np.int32)
    talk = np.clip(np.exp(4.63 + 0.76 * random.standard_normal(count, dtype=np.float32)), 3, 3600)
    calls["talk"] = np.where(outcome == ANSWERED, talk, 0).astype(np.int32)
    menu = random.integers(8, 45, count)
    message = 5 + random.exponential(40, count)
    calls["ivr"] = np.where(outcome == ENDED_IN_IVR, np.minimum(message, 600), menu).astype(np.int32)
    ahead = calls["wait"].to_numpy() / 75 * random.uniform(0.6, 1.4, count)
    calls["place"] = 1 + np.minimum(ahead, 25).astype(np.int16)
    later = 60 + random.exponential(1500, count)
    later = np.where(random.random(count) < 0.02, later + 86_400, later)
    made = (outcome == CALLBACK) & (random.random(count) < 0.996)
    calls["callback_after"] = np.where(made, later, -1).astype(np.int32)


def _callers(calls: pd.DataFrame, random: np.random.Generator) -> np.ndarray:
    """Who rang: within a practice and day callers are numbered; one whose call was missed often rings again.

    A call becomes somebody's second by pointing back at a missed call of the same practice and day.
    """
    count = len(calls)
    group = calls.practice.to_numpy().astype(np.int64) * 32 + calls.day.to_numpy()
    again = (calls.outcome.to_numpy() == MISSED) & (random.random(count) < 0.55)
    again |= (calls.outcome.to_numpy() == ENDED_IN_IVR) & (random.random(count) < 0.12)
    first = np.flatnonzero(again)
    second = first + random.integers(1, 30, len(first))
    kept = (second < count) & (group[first] == group[np.minimum(second, count - 1)])
    root = np.arange(count)
    root[second[kept]] = first[kept]
    while (further := root[root] != root).any():
        root[further] = root[root][further]
    new = np.concatenate([[True], group[1:] != group[:-1]]) if count else np.zeros(0, bool)
    start = np.maximum.accumulate(np.where(new, np.arange(count), 0))
    caller = root - start
    withheld = random.random(count) < 0.04
    return np.where(withheld[root], -1, caller).astype(np.int16)
