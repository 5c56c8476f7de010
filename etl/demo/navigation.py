"""Care-navigation outcomes in the forms in which practices can export them, and the training return.

Most practices write the canonical CSV; a few send what their online systems export; one sends SNOMED codes.
The people in the exports are invented, and no reader may keep their names.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from etl.demo.formats import marked, pick, write_csv
from etl.demo.traffic import ANSWERED, days_of, is_working
from etl.demo.world import OWN_PRACTICES, World, add_months
from etl.london import LONDON

MONTHS = 14  # enough before and after the trainings of TRAINED_MEANWHILE
CANONICAL = (*range(13), 16, 18, 20, 21, 22, *range(24, 30), 32, 36, 38, 40, 41, 43, 44, 46)
SYSTMCONNECT, RAPID_HEALTH, SNOMED = (14, 15), (33,), (37,)
UNTRAINED = (5, 9, 14, 21, 22, 26, 32, 36, 40)
TRAINED_MEANWHILE = (1, 4, 7, 8, 11, 16, 18, 20, 24, 27, 28, 43, 44, 46)
FIRST_TRAINED = -10  # the month of the first of those, counted from the window's end; the others in the four after it
HARDLY_RECORDS = 3
CONTACTS_PER_1000 = 36  # a month

# planted, so that an analysis can be checked against it: what training adds to the share redirected, what everybody
# gains in a month without it (which before and after alone would take for training), and what a rush at eight costs
TRAINING_EFFECT, DRIFT, RUSH = 0.07, 0.003, -0.05
_BY_HALF_HOUR = (  # 08:00 to 18:00, requests handled
    14, 11, 8.5, 7.5, 6.5, 6, 5.5, 5, 4, 3.5, 3.2, 3.5, 4, 4.2, 4.2, 4, 3.6, 3, 2.4, 1.6, 0.8,
)  # fmt: skip
RUSH_ENDS = 90  # minutes after eight

TEMPLATE = ("practice_code", "staff_id", "route", "booked_on", "completed_on")
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
_CODED = {
    "1362511000000107": "community_pharmacy", "1362521000000101": "", "1577041000000109": "",
    "871731000000106": "social_prescriber", "871711000000103": "",
}  # fmt: skip
_CAME_BACK = ("1577041000000109",)


def write_navigation(home: Path, world: World, logged: Mapping[int, pd.DataFrame] | None = None) -> dict[str, Any]:
    """Writes the navigation and training files into `<home>/inbox` and the truth of the canonical ones as
    `<home>/demo/navigation_month.csv`; returns the truth of the rest. `logged` gives calls whose ids some contacts
    carry."""
    inbox = home / "inbox"
    training = _training(world)
    trained_on = training[training.completed_on != ""].groupby("practice_code").completed_on.min()
    truths = []
    for month in range(max(0, len(world.months) - MONTHS), len(world.months)):
        contacts = _contacts(world, month, trained_on, (logged or {}).get(month))
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
    write_csv(inbox / marked("training.csv"), training)
    code = world.practices.code
    return {
        "contacts": int(truth.contacts.sum()),
        "systmconnect": _counts(systmconnect.Outcome.map(OUTCOME_TEXTS).fillna("")),
        "rapid_health": _counts(_rapid_destination(rapid)),
        "snomed": _counts(coded[~coded.snomed_code.isin(_CAME_BACK)].drop_duplicates().snomed_code.map(_CODED)),
        "snomed_came_back": int(coded.snomed_code.isin(_CAME_BACK).sum()),
        "unmapped": {
            text.lower(): int((systmconnect.Outcome == text).sum()) for text, to in OUTCOME_TEXTS.items() if not to
        },
        "trained_practices": sorted(trained_on.index),
        "trained_meanwhile": {code[p]: trained_on[code[p]] for p in TRAINED_MEANWHILE},
        "not_yet_trained": [code[p] for p in UNTRAINED if p in CANONICAL],
        "training_adds_to_redirected": TRAINING_EFFECT,
        "redirected_rises_a_month_everywhere": DRIFT,
    }


def _counts(destinations: Any) -> dict[str, int]:
    """How many of each destination, `not_recorded` for none."""
    return {name: int(n) for name, n in sorted(destinations.replace("", "not_recorded").value_counts().items())}


def _contacts(world: World, month: int, trained_on: Any, calls: pd.DataFrame | None) -> pd.DataFrame:
    """The canonical rows of a month. Redirection differs by practice, drifts upward, and is higher once trained."""
    random = world.random(6, month + world.skipped)
    days = [day for day in days_of(world.months[month]) if is_working(day)]
    sizes = random.poisson(world.patients[month][list(CANONICAL)] / 1000 * CONTACTS_PER_1000)
    practice = np.repeat(CANONICAL, sizes)
    count = len(practice)
    channel = random.choice(len(CHANNELS), count, p=_CHANNEL_SHARES)
    at_eight = np.array([_eight(day) for day in days], dtype=np.int64)
    moment = at_eight[random.integers(0, len(days), count)] + 60 * _minutes(random, count)
    call_id = np.full(count, "", dtype=object)
    if calls is not None:
        _link(calls, practice, channel, moment, call_id)
    category = random.choice(len(CATEGORIES), count, p=_CATEGORY_SHARES)
    clinical = category < 3
    redirected = random.random(count) < _skill(world, month, trained_on, practice, moment, at_eight)
    known = random.random(count) > np.where(practice == HARDLY_RECORDS, 0.42, 0.09)
    destinations = np.array([*_WITH_GP, *_ELSEWHERE, "admin_resolved", ""], dtype=object)
    gp = random.choice(len(_WITH_GP), count, p=_WITH_GP_SHARES)
    other = len(_WITH_GP) + random.choice(len(_ELSEWHERE), count, p=_ELSEWHERE_SHARES)
    chosen = np.where(clinical, np.where(redirected, other, gp), len(destinations) - 2)
    chosen = np.where(known, chosen, len(destinations) - 1)
    destination = destinations[chosen]
    return pd.DataFrame(
        {
            "contact_id": [f"C{month + world.skipped:02d}{number:06d}" for number in range(count)],
            "call_id": call_id,
            "practice_code": pick(world.practices.code, practice),
            "recorded_at": [f"{text}Z" for text in np.datetime_as_string(moment.astype("datetime64[s]"))],
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


def _eight(day: date) -> int:
    """Eight o'clock in London, in epoch seconds."""
    return int(datetime(day.year, day.month, day.day, 8, tzinfo=LONDON).timestamp())


def _minutes(random: np.random.Generator, count: int) -> np.ndarray:
    """Minutes after eight at which requests are handled."""
    weights = np.array(_BY_HALF_HOUR) / sum(_BY_HALF_HOUR)
    return 30 * random.choice(len(weights), count, p=weights) + random.integers(0, 30, count)


def _skill(
    world: World, month: int, trained_on: Any, practice: np.ndarray, moment: np.ndarray, at_eight: np.ndarray
) -> np.ndarray:
    """The chance of each contact to be directed elsewhere than to a GP, if it is clinical."""
    own = 0.26 + 0.16 * world.random(7).random(len(world.practices))
    never = np.iinfo(np.int64).max
    trained = np.array([_eight(date.fromisoformat(trained_on[code])) if code in trained_on.index else never
                        for code in world.practices.code])  # fmt: skip
    after_eight = moment - at_eight[np.searchsorted(at_eight, moment, side="right") - 1]
    return np.asarray(
        own[practice]
        + DRIFT * (month + world.skipped)
        + TRAINING_EFFECT * (moment >= trained[practice])
        + RUSH * (after_eight < 60 * RUSH_ENDS)
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
        for d, m in zip(random.integers(0, len(days), len(practice)), _minutes(random, len(practice)), strict=True)
    ]
    return random, practice, moments


def _systmconnect(world: World) -> pd.DataFrame:
    """Sixteen columns, two date forms in one file, and a patient's name."""
    random, practice, moments = _draws(world, 8, SYSTMCONNECT, 1800)
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
    random, practice, moments = _draws(world, 9, RAPID_HEALTH, 1800)
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


def _rapid_destination(rows: Any) -> Any:
    slot = rows["Slot type"].map({"GP routine": "gp_routine", "Pharmacist": "practice_pharmacist", "-": ""})
    return slot.mask(rows["A&E override"] == "Yes", "ae_999")


def _snomed(world: World) -> pd.DataFrame:
    """A coded extract: referrals, refusals, and consultations that came back; a template that codes twice."""
    random, practice, moments = _draws(world, 10, SNOMED, 900)
    code = random.choice(len(_CODED), len(practice), p=(0.45, 0.08, 0.27, 0.14, 0.06))
    frame = pd.DataFrame(
        {
            "practice_code": pick(world.practices.code, practice),
            "recorded_at": [m.isoformat() for m in moments],
            "snomed_code": pick(list(_CODED), code),
            "patient_pseudonym": [f"s{n:06d}" for n in random.integers(0, 5000, len(practice))],
        }
    )
    return pd.concat([frame, frame.iloc[::9]], ignore_index=True)


def _training(world: World) -> pd.DataFrame:
    """A funded place a practice, most of them used, and colleagues to whom it was passed on."""
    random = world.random(11)
    rows: list[tuple[Any, ...]] = []
    for position in range(OWN_PRACTICES):
        code = world.practices.code[position]
        done = date(2023, 8, 7) + timedelta(days=int(random.integers(0, 500)))
        if position in TRAINED_MEANWHILE:
            place = TRAINED_MEANWHILE.index(position)
            month = add_months(world.months[-1], FIRST_TRAINED + 1 + place % 5)
            done = month + timedelta(days=2 + place)
        booked, offered = done - timedelta(days=35), done - timedelta(days=63)
        trained = position not in UNTRAINED
        if position % 13 != 12:  # some never took their place
            payer = "icb" if position % 7 == 3 else "nhs_england"
            rows.append((code, f"S{position:03d}0", "funded", offered, booked, done if trained else None, payer))
        for colleague in range(int(random.integers(0, 4)) if trained else 0):
            told = done + timedelta(days=25 + 30 * colleague)
            rows.append((code, f"S{position:03d}{colleague + 1}", "cascaded", None, told, told, "practice"))
    names = ["practice_code", "staff_id", "route", "offered_on", "booked_on", "completed_on", "paid_by"]
    frame = pd.DataFrame([["" if cell is None else str(cell) for cell in row] for row in rows], columns=names)
    return frame[[*TEMPLATE, *(name for name in names if name not in TEMPLATE)]]
