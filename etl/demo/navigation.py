"""Care-navigation outcomes in the forms in which practices can export them, and the training return.

Most practices write the canonical CSV; a few send what their online systems export; one sends SNOMED codes.
The people in the exports are invented, and no reader may keep their names.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from etl.demo.formats import marked, pick, write_csv
from etl.demo.traffic import ANSWERED, days_of, is_working
from etl.demo.world import OWN_PRACTICES, World

MONTHS = 6
CANONICAL = (*range(0, 12), *range(24, 29), 38, 43, 46)
SYSTMCONNECT, RAPID_HEALTH, SNOMED = (14, 15), (33,), (37,)
UNTRAINED = (5, 14, 21, 26, 32, 36, 40)
CONTACTS_PER_1000 = 45  # a month

CHANNELS = ("telephone", "online", "walk_in", "nhs_app")
_CHANNEL_SHARES = (0.68, 0.2, 0.07, 0.05)
CATEGORIES = ("clinical_new", "clinical_ongoing", "medication", "test_result", "admin_fit_note", "admin_other")
_CATEGORY_SHARES = (0.42, 0.22, 0.14, 0.08, 0.05, 0.09)
_WITH_GP = ("gp_same_day", "gp_routine", "named_gp", "duty_doctor")
_WITH_GP_SHARES = (0.4, 0.42, 0.1, 0.08)
_ELSEWHERE = (
    "nurse", "practice_pharmacist", "first_contact_physio", "paramedic", "mental_health_practitioner",
    "social_prescriber", "community_pharmacy", "nhs_111", "ae_999", "urgent_treatment_centre", "optician",
    "self_referral", "self_care",
)  # fmt: skip
_ELSEWHERE_SHARES = (0.2, 0.12, 0.11, 0.06, 0.05, 0.05, 0.22, 0.02, 0.01, 0.03, 0.03, 0.04, 0.06)
_CODE = {"community_pharmacy": "1362511000000107", "social_prescriber": "871731000000106"}
# what practices type, and the destination that a mapping table should give it
OUTCOME_TEXTS = {
    "Booked with GP today": "gp_same_day",
    "Routine GP appt": "gp_routine",
    "Sent to Pharmacy First": "community_pharmacy",
    "FCP physio": "first_contact_physio",
    "Nurse booked": "nurse",
    "Self care advice, leaflet sent": "self_care",
    "Completed by admin": "admin_resolved",
    "=see notes": "",  # a formula-looking cell that no table knows
}
_OUTCOME_SHARES = (0.28, 0.2, 0.14, 0.08, 0.12, 0.06, 0.1, 0.02)
_SNOMED_CODES = ("1362511000000107", "1362521000000101", "1577041000000109", "871731000000106", "871711000000103")


def write_navigation(home: Path, world: World, logged: Mapping[int, pd.DataFrame] | None = None) -> dict[str, Any]:
    """Writes the navigation and training files into `<home>/inbox` and the truth of the canonical ones as
    `<home>/demo/navigation_month.csv`. `logged` gives calls whose ids some contacts carry."""
    inbox = home / "inbox"
    truths = []
    for month in range(max(0, len(world.months) - MONTHS), len(world.months)):
        contacts = _contacts(world, month, (logged or {}).get(month))
        truths.append(_month_truth(world, month, contacts))
        if month == len(world.months) - 1:  # some are sent twice
            contacts = pd.concat([contacts, contacts.iloc[:25]], ignore_index=True)
        write_csv(inbox / marked(f"navigation-{world.months[month]:%Y-%m}.csv"), contacts)
    truth = pd.concat(truths, ignore_index=True)
    write_csv(home / "demo" / "navigation_month.csv", truth)
    systmconnect, rapid, coded = _systmconnect(world), _rapid_health(world), _snomed(world)
    write_csv(inbox / marked("navigation-systmconnect.csv"), systmconnect)
    write_csv(inbox / marked("navigation-rapid-health.csv"), rapid)
    write_csv(inbox / marked("navigation-snomed.csv"), coded)
    training = _training(world)
    write_csv(inbox / marked("training.csv"), training)
    return {
        "contacts": int(truth.contacts.sum()),
        "systmconnect_rows": len(systmconnect),
        "rapid_health_rows": len(rapid),
        "snomed_rows": len(coded),
        "outcome_texts": OUTCOME_TEXTS,
        "trained_practices": sorted(set(training[training.completed_on != ""].practice_code)),
    }


def _contacts(world: World, month: int, calls: pd.DataFrame | None) -> pd.DataFrame:
    """The canonical rows of a month; redirection differs by practice, and rises a little once trained."""
    random = world.random(6, month + world.skipped)
    days = [day for day in days_of(world.months[month]) if is_working(day)]
    sizes = random.poisson(world.patients[month][list(CANONICAL)] / 1000 * CONTACTS_PER_1000)
    practice = np.repeat(CANONICAL, sizes)
    count = len(practice)
    category = random.choice(len(CATEGORIES), count, p=_CATEGORY_SHARES)
    clinical = category < 3
    skill = 0.26 + 0.18 * world.random(7).random(len(world.practices)) + 0.05 * ~np.isin(range(60), UNTRAINED)
    redirected = random.random(count) < skill[practice]
    known = random.random(count) > np.where(practice == CANONICAL[3], 0.42, 0.09)  # one practice hardly records
    destinations = np.array([*_WITH_GP, *_ELSEWHERE, "admin_resolved", ""], dtype=object)
    gp = random.choice(len(_WITH_GP), count, p=_WITH_GP_SHARES)
    other = len(_WITH_GP) + random.choice(len(_ELSEWHERE), count, p=_ELSEWHERE_SHARES)
    chosen = np.where(clinical, np.where(redirected, other, gp), len(destinations) - 2)
    chosen = np.where(known, chosen, len(destinations) - 1)
    channel = random.choice(len(CHANNELS), count, p=_CHANNEL_SHARES)
    seconds = random.integers(0, 10 * 3600, count)
    morning = np.array([int(datetime(d.year, d.month, d.day, 8, tzinfo=UTC).timestamp()) for d in days], dtype=np.int64)
    moment = morning[random.integers(0, len(days), count)] + seconds
    call_id = np.full(count, "", dtype=object)
    if calls is not None:
        _link(calls, practice, channel, moment, call_id)
    stamp = pd.Series(pd.to_datetime(moment, unit="s")).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    destination = destinations[chosen]
    return pd.DataFrame(
        {
            "contact_id": [f"C{month + world.skipped:02d}{number:06d}" for number in range(count)],
            "call_id": call_id,
            "practice_code": pick(world.practices.code, practice),
            "recorded_at": stamp,
            "channel": pick(CHANNELS, channel),
            "navigator_id": pick([f"N{n:04d}" for n in range(400)], practice * 4 + random.integers(0, 4, count)),
            "request_category": pick(CATEGORIES, category),
            "urgency": pick(("same_day", "routine", "none", "unknown"), random.integers(0, 4, count)),
            "destination": destination,
            "declined": np.where(random.random(count) < 0.03, "true", "false"),
            "snomed_code": [_CODE.get(d, "") for d in destination],
            "patient_pseudonym": [f"p{n:07d}" for n in practice * 100_000 + random.integers(0, 9_000, count)],
        }
    )


def _link(
    calls: pd.DataFrame, practice: np.ndarray, channel: np.ndarray, moment: np.ndarray, call_id: np.ndarray
) -> None:
    """Gives telephone contacts the id and time of an answered call, where the practice's log has ids."""
    answered = calls[(calls.source == "holtcall") & (calls.outcome == ANSWERED) & (calls.unit % 4 == 0)]
    for position, own in answered.groupby("practice"):
        rows = np.flatnonzero((practice == position) & (channel == 0))[: len(own)]
        own = own.iloc[: len(rows)]
        call_id[rows] = [f"H{unit}" for unit in own.unit]
        moment[rows] = (own.started + own.ivr + own["wait"] + 30).to_numpy()


def _month_truth(world: World, month: int, contacts: pd.DataFrame) -> pd.DataFrame:
    """What `navigation_month` must hold for the canonical rows."""
    frame = contacts.assign(
        month=world.months[month].isoformat(),
        destination=contacts.destination.replace("", "not_recorded"),
        contacts=1,
        declined=(contacts.declined == "true").astype(int),
    ).astype({"practice_code": str, "channel": str, "request_category": str})
    keys = ["practice_code", "month", "channel", "request_category", "destination"]
    return frame.groupby(keys, as_index=False)[["contacts", "declined"]].sum()


def _draws(world: World, purpose: int, practices: tuple[int, ...], each: int) -> tuple[Any, np.ndarray, list[datetime]]:
    """A generator, practices and moments (London, working hours of the last months) of an export."""
    random = world.random(purpose)
    days = [d for month in world.months[-MONTHS:] for d in days_of(month) if is_working(d)]
    practice = np.repeat(practices, each)
    moments = [
        datetime(days[d].year, days[d].month, days[d].day, 8) + timedelta(minutes=int(m))
        for d, m in zip(
            random.integers(0, len(days), len(practice)), random.integers(0, 600, len(practice)), strict=True
        )
    ]
    return random, practice, moments


def _systmconnect(world: World) -> pd.DataFrame:
    """Sixteen columns, two date forms in one file, and a patient's name."""
    random, practice, moments = _draws(world, 8, SYSTMCONNECT, 900)
    count = len(practice)
    written = [f"{m:%d/%m/%Y %H:%M}" if n % 3 else f"{m:%d %b %Y %H:%M}" for n, m in enumerate(moments)]
    clinical = random.random(count) < 0.75
    outcome = np.array(list(OUTCOME_TEXTS))[random.choice(len(OUTCOME_TEXTS), count, p=_OUTCOME_SHARES)]
    return pd.DataFrame(
        {
            "ID": [f"{500000 + n}" for n in range(count)],
            "ODS Code": pick(world.practices.code, practice),
            "Submitted": written,
            "Access method": np.where(random.random(count) < 0.7, "NHS App", "Website"),
            "Submission source": "Patient",
            "Patient name": [f"THWACKERAY, Ottoline {'ABCDEFGH'[n % 8]}" for n in range(count)],
            "Age": random.integers(1, 95, count),
            "Sex": np.where(random.random(count) < 0.55, "Female", "Male"),
            "Submission started": written,
            "Submission completed": written,
            "Type": np.where(clinical, "Clinical", "Admin"),
            "Clinical problem type": np.where(clinical, "New problem", ""),
            "Admin activity type": np.where(clinical, "", "Fit note"),
            "Response preference": "Text message",
            "Outcome": np.where(random.random(count) < 0.12, "", outcome),
            "Outcome recorded": written,
        }
    )


def _rapid_health(world: World) -> pd.DataFrame:
    """`-` for nothing, a trailing blank after the day, durations as text."""
    random, practice, moments = _draws(world, 9, RAPID_HEALTH, 900)
    count = len(practice)
    booked = random.random(count) < 0.7
    later = [m + timedelta(days=1 + n % 9) for n, m in enumerate(moments)]
    clinical = random.random(count) < 0.8
    return pd.DataFrame(
        {
            "Tenant": pick(world.practices.code, practice),
            "Request date": [f"{m:%d/%m/%Y}" for m in moments],
            "Request time": [f"{m:%H:%M}" for m in moments],
            "Request type": np.where(clinical, "Clinical", "Admin"),
            "Admin type": np.where(clinical, "-", "Fit note"),
            "Pathway": np.where(clinical, "Adult illness", "-"),
            "Urgency": np.where(random.random(count) < 0.3, "Same day", "Routine"),
            "Automated": np.where(booked, "Yes", "No"),
            "Guideline used": "-",
            "Slot type": np.where(booked, np.where(random.random(count) < 0.5, "GP routine", "Pharmacist"), "-"),
            "Appointment date": [f"{m:%d/%m/%Y}" if b else "-" for m, b in zip(later, booked, strict=True)],
            "Appointment day": [f"{m:%A} " if b else "-" for m, b in zip(later, booked, strict=True)],
            "Appointment status": np.where(booked, "Booked", "-"),
            "Patient age": random.integers(1, 95, count),
            "A&E override": np.where(random.random(count) < 0.01, "Yes", "No"),
            "Age between created - invited": [f"{n % 5} hour(s) {n % 60} minute(s)" for n in range(count)],
        }
    )


def _snomed(world: World) -> pd.DataFrame:
    """A coded extract: referrals, refusals, and consultations that came back; a template that codes twice."""
    random, practice, moments = _draws(world, 10, SNOMED, 400)
    code = random.choice(len(_SNOMED_CODES), len(practice), p=(0.45, 0.08, 0.27, 0.14, 0.06))
    frame = pd.DataFrame(
        {
            "practice_code": pick(world.practices.code, practice),
            "recorded_at": [m.isoformat() for m in moments],
            "snomed_code": pick(_SNOMED_CODES, code),
            "patient_pseudonym": [f"s{n:06d}" for n in random.integers(0, 5000, len(practice))],
        }
    )
    return pd.concat([frame, frame.iloc[::9]], ignore_index=True)


def _training(world: World) -> pd.DataFrame:
    """A funded place a practice, most of them used, and colleagues to whom it was passed on."""
    random = world.random(11)
    rows = []
    for position in range(OWN_PRACTICES):
        code = world.practices.code[position]
        booked = date(2023, 7, 3) + timedelta(days=int(random.integers(0, 500)))
        done = "" if position in UNTRAINED else (booked + timedelta(days=35)).isoformat()
        if position % 13 != 12:  # some never took their place
            rows.append((code, f"S{position:03d}0", "funded", booked.isoformat(), done))
        for colleague in range(int(random.integers(0, 4)) if done else 0):
            told = booked + timedelta(days=60 + 30 * colleague)
            rows.append((code, f"S{position:03d}{colleague + 1}", "cascaded", told.isoformat(), told.isoformat()))
    return pd.DataFrame(rows, columns=["practice_code", "staff_id", "route", "booked_on", "completed_on"])
