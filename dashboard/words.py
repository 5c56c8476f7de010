"""Figures and dates as people write them. Pure: numbers in, words out; a missing number is never a zero."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

MISSING = "no data"
LEVELS = {
    "practice": "practice",
    "pcn": "PCN",
    "sub_icb": "sub-ICB location",
    "icb": "ICB",
    "region": "region",
    "england": "England",
}
FEEDS = {
    "published_calls": "Published telephony",
    "appointments": "Appointments",
    "online_requests": "Online requests",
    "registered_patients": "Registered patients",
    "organisations": "Organisations",
    "deprivation": "Deprivation",
    "call_logs": "Call logs",
    "navigation": "Care navigation",
    "training": "Navigator training",
    "rollout_milestone": "Digital telephony tracker",
    "rollout_capability": "Telephony capabilities",
    "rollout_funding": "Telephony funding",
}
# categories of `breakdown`, as the warehouse writes them
CATEGORIES = {
    "answered": "Answered",
    "ended_in_ivr": "Ended in the menu (IVR)",
    "callback_requested": "Call-back requested",
    "missed": "Missed",
    "0_60": "Up to 1 minute",
    "61_120": "1 to 2 minutes",
    "121_300": "2 to 5 minutes",
    ">300": "More than 5 minutes",
    "gp": "GP",
    "other": "Other practice staff",
    "face_to_face": "Face to face",
    "telephone": "Telephone",
    "home_visit": "Home visit",
    "video_online": "Video or online",
    "attended": "Attended",
    "dna": "Did not attend",
    "same_day": "Same day",
    "1_day": "1 day",
    "2_to_7": "2 to 7 days",
    "8_to_14": "8 to 14 days",
    "15_to_21": "15 to 21 days",
    "22_to_28": "22 to 28 days",
    "over_28": "More than 28 days",
    "clinical": "Clinical",
    "administrative": "Administrative",
    "online_type.other": "Other",
    "unknown": "Not recorded",
}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def is_missing(value: Any) -> bool:
    """Whether a cell holds no value: None, NaN or NaT."""
    return value is None or bool(value != value)  # only NaN and NaT differ from themselves


def category(name: str, subject: str = "") -> str:
    """A breakdown's category in words; one that has none is shown as published. `08:00-09:59` → `08–10`."""
    if band := re.fullmatch(r"(\d\d):(\d\d)\s*-\s*(\d\d):(\d\d)", name):
        hour, minute, to_hour, to_minute = (int(part) for part in band.groups())
        hours, minutes = divmod(to_hour * 60 + to_minute + 1, 60)
        return (
            f"{hour:02}" + (f":{minute:02}" if minute else "") + f"–{hours:02}" + (f":{minutes:02}" if minutes else "")
        )
    return CATEGORIES.get(f"{subject}.{name}") or CATEGORIES.get(name, name.replace("_", " "))


def count(value: float | None) -> str:
    """1234 → `1,234`."""
    return MISSING if value is None or is_missing(value) else f"{_rounded(value, 0):,.0f}"


def _rounded(value: float, decimals: int) -> float:
    """Rounded, and without the sign of a rounded nought."""
    return round(value, decimals) + 0.0


def large(value: float | None) -> str:
    """A rounded count for reading: 1834000 → `1.83 million`, 9842 → `9,842`."""
    if is_missing(value):
        return MISSING
    assert value is not None
    return f"{value / 1e6:.2f} million" if value >= 1e6 else f"{value:,.0f}"


def spelt(number: int) -> str:
    """Whole numbers up to ten as words, for sentences."""
    return NUMBERS[number] if 0 <= number < len(NUMBERS) else f"{number:,}"


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """`one practice`, `seven practices`, `48 practices`."""
    return f"{spelt(number)} {noun if number == 1 else nouns or noun + 's'}"


def value(number: float | None, unit: str) -> str:
    """A measure's value in its unit: 0.577 percent → `57.7%`; 546.2 per 1,000 → `546`; seconds → `2 min 5 s`."""
    if is_missing(number):
        return MISSING
    assert number is not None
    if unit == "percent":
        return f"{_rounded(100 * number, 1):.1f}%"
    if unit == "seconds":
        minutes, seconds = divmod(round(number), 60)
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    if unit in ("per_1000_patients", "ratio"):
        return f"{number:,.0f}" if abs(number) >= 100 else f"{number:,.1f}"
    return f"{number:,.0f}"


def unit(name: str) -> str:
    """What a value counts, for a subtitle: `per 1,000 registered patients`."""
    return {"percent": "%", "per_1000_patients": "per 1,000 registered patients", "seconds": "seconds"}.get(name, name)


def month(day: date | None, short: bool = False) -> str:
    """`October 2026`, or `Oct 2026`."""
    return MISSING if is_missing(day) else f"{day:{'%b' if short else '%B'} %Y}"


def months(first: date | None, last: date | None) -> str:
    """`Nov 2024 to Oct 2026`."""
    if is_missing(first) or is_missing(last):
        return MISSING
    return month(last, True) if first == last else f"{month(first, True)} to {month(last, True)}"


def ranges(days: Sequence[date]) -> str:
    """Months as ranges: `Jun 2025, Nov 2025 to Jan 2026`. days: first days, in order."""
    runs: list[list[date]] = []
    for each in days:
        if runs and (each.year * 12 + each.month) - (runs[-1][-1].year * 12 + runs[-1][-1].month) == 1:
            runs[-1].append(each)
        else:
            runs.append([each])
    return ", ".join(months(run[0], run[-1]) for run in runs)


def day(when: date | datetime | None) -> str:
    """`20 Nov 2026`."""
    return MISSING if is_missing(when) else f"{when.day} {when:%b %Y}"  # type: ignore[union-attr]


def when(moment: datetime | None) -> str:
    """`20 Nov 2026, 03:04`."""
    return MISSING if is_missing(moment) else f"{day(moment)}, {moment:%H:%M}"


def variation(name: str | None) -> str:
    """A variation class in words, for icons, legends and tables."""
    return {
        "common_cause": "usual range",
        "improvement_high": "a real change for the better (higher)",
        "improvement_low": "a real change for the better (lower)",
        "concern_high": "a real change for the worse (higher)",
        "concern_low": "a real change for the worse (lower)",
        "neutral_high": "a real change (higher)",
        "neutral_low": "a real change (lower)",
    }.get(name or "", "too little data to tell")


def assurance(name: str | None) -> str:
    """An assurance class in words."""
    return {
        "consistent_pass": "consistently reaches the aim",
        "consistent_fail": "consistently misses the aim",
        "inconsistent": "reaches the aim in some months and not in others",
    }.get(name or "", "no aim")


def rule(special_cause: str | None) -> str:
    """The SPC rule that marked a point, named as a reader can check it on the chart."""
    return {
        "Above UCL": "above its upper limit",
        "Below LCL": "below its lower limit",
        "7 Point Trend (Increasing)": "seven points in a row rising",
        "7 Point Trend (Decreasing)": "seven points in a row falling",
        "2 in 3 Above CL": "two of three points close to the upper limit",
        "2 in 3 Below CL": "two of three points close to the lower limit",
        "7 Points Above CL": "seven points in a row above the average",
        "7 Points Below CL": "seven points in a row below the average",
    }.get(special_cause or "", "")
