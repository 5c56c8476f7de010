"""The appointment publications: practice crosstab by the quarter, daily counts by sub-ICB by the month."""

from pathlib import Path

import numpy as np
import pandas as pd

from etl.demo.formats import csv_bytes, marked, pick, write_csv, write_zip
from etl.demo.organisations import mapping, month_label, ons_codes
from etl.demo.traffic import days_of, is_working
from etl.demo.world import SUB_ICBS, World

WAITS = (
    "Same Day", "1 Day", "2 to 7 Days", "8  to 14 Days", "15  to 21 Days", "22  to 28 Days",
    "More than 28 Days", "Unknown / Data Quality",
)  # fmt: skip
STATUSES = ("Attended", "DNA", "Unknown")
_SOON = (0.80, 0.07, 0.08, 0.025, 0.01, 0.006, 0.004, 0.005)
_LATER = (0.16, 0.10, 0.27, 0.20, 0.12, 0.08, 0.068, 0.002)
# staff group, mode, national category, share of all appointments, how they are booked
_KINDS = (
    ("GP", "Face-to-Face", "General Consultation Acute", 0.115, _SOON),
    ("GP", "Face-to-Face", "General Consultation Routine", 0.140, _LATER),
    ("GP", "Telephone", "General Consultation Acute", 0.075, _SOON),
    ("GP", "Telephone", "General Consultation Routine", 0.045, _LATER),
    ("GP", "Telephone", "Clinical Triage", 0.035, _SOON),
    ("GP", "Video/Online", "Clinical Triage", 0.012, _SOON),
    ("GP", "Home Visit", "Home Visit", 0.006, _SOON),
    ("GP", "Home Visit", "Care Home Visit", 0.003, _SOON),
    ("GP", "Face-to-Face", "Planned Clinics", 0.010, _LATER),
    ("GP", "Unknown", "Unmapped", 0.010, _SOON),
    ("Other Practice staff", "Face-to-Face", "General Consultation Acute", 0.075, _SOON),
    ("Other Practice staff", "Face-to-Face", "General Consultation Routine", 0.105, _LATER),
    ("Other Practice staff", "Face-to-Face", "Planned Clinics", 0.110, _LATER),
    ("Other Practice staff", "Face-to-Face", "Planned Clinical Procedure", 0.120, _LATER),
    ("Other Practice staff", "Telephone", "General Consultation Routine", 0.040, _LATER),
    ("Other Practice staff", "Telephone", "Structured Medication Review", 0.018, _LATER),
    ("Other Practice staff", "Telephone", "Clinical Triage", 0.020, _SOON),
    ("Other Practice staff", "Telephone", "Social Prescribing Service", 0.010, _LATER),
    ("Other Practice staff", "Video/Online", "General Consultation Routine", 0.008, _LATER),
    ("Other Practice staff", "Face-to-Face", "Inconsistent Mapping", 0.018, _LATER),
    ("Unknown", "Face-to-Face", "Unmapped", 0.015, _LATER),
    ("Unknown", "Unknown", "Unmapped", 0.010, _SOON),
)
_STAFF, _MODES, _CATEGORIES = (np.array([kind[place] for kind in _KINDS]) for place in range(3))
PER_1000_A_WORKING_DAY = 23.0


def appointments_of_month(world: World, month: int) -> np.ndarray:
    """Appointments, practices × kinds × booking waits × statuses."""
    random = world.random(3, month + world.skipped)
    practices = world.practices
    working = sum(is_working(day) for day in days_of(world.months[month]))
    noise = np.exp(random.normal(0, 0.04, len(practices)))
    level = PER_1000_A_WORKING_DAY * working * practices.appointments.to_numpy() * noise
    total = random.poisson(world.patients[month] / 1000 * level)
    return random.multinomial(total, _shares(world).reshape(len(practices), -1)).reshape(
        len(practices), len(_KINDS), len(WAITS), len(STATUSES)
    )


def _shares(world: World) -> np.ndarray:
    """Share of a practice's appointments in each cell, practices × kinds × waits × statuses."""
    practices = world.practices
    kinds = np.array([kind[3] for kind in _KINDS])
    gp, in_person = _STAFF == "GP", _MODES == "Face-to-Face"
    tilt = np.where(gp, (practices.gp_share.to_numpy() / kinds[gp].sum())[:, None], 1.0)
    tilt = tilt * np.where(in_person, (practices.face_to_face.to_numpy() / kinds[in_person].sum())[:, None], 1.0)
    weights = kinds * tilt
    weights /= weights.sum(axis=1, keepdims=True)
    waits = np.array([kind[4] for kind in _KINDS])
    soon = np.array(practices.same_day)[:, None, None] / 0.43
    waits = np.where(np.arange(len(WAITS)) == 0, waits * np.minimum(soon, 1.2), waits)
    waits = waits / waits.sum(axis=2, keepdims=True)
    dna = practices.dna.to_numpy()[:, None, None] * np.where(in_person, 1.3, 0.6)[None, :, None]
    dna = dna * np.array([0.35, 0.8, 1.3, 1.5, 1.6, 1.7, 1.8, 1.0])
    statuses = np.stack([0.955 - dna, dna, np.full_like(dna, 0.045)], axis=-1)
    return weights[:, :, None, None] * waits[..., None] * statuses


def write_appointments(inbox: Path, world: World) -> list[np.ndarray]:
    """Writes a crosstab archive a quarter and a daily file a month; returns the counts month by month."""
    counts = [appointments_of_month(world, month) for month in range(len(world.months))]
    for last in range((len(world.months) - 1) % 3, len(world.months), 3):
        members = {}
        for month in range(max(0, last - 2), last + 1):
            name = marked(f"Practice_Level_Crosstab_{world.months[month]:%b_%y}.csv")
            members[name] = csv_bytes(_crosstab(world, month, counts[month]), inbox)
        members[marked("Mapping.csv")] = csv_bytes(mapping(world, last), inbox)
        write_zip(inbox / marked(f"Practice_Level_Crosstab_{world.months[last]:%b_%y}.zip"), members)
    for month, first in enumerate(world.months):
        daily = _daily(world, month, counts[month])
        write_csv(inbox / marked(f"SUB_ICB_LOCATION_CSV_{first:%b_%y}.csv"), daily)
    return counts


def _crosstab(world: World, month: int, counts: np.ndarray) -> pd.DataFrame:
    areas = world.areas(world.months[month])
    practice, kind, wait, status = np.nonzero(counts)
    return pd.DataFrame(
        {
            "APPOINTMENT_MONTH_START_DATE": month_label(world.months[month]),
            "GP_CODE": pick(areas.code, practice),
            "GP_NAME": pick(areas.name, practice),
            "SUPPLIER": pick(world.practices.clinical_system, practice),
            "PCN_CODE": pick(areas.pcn, practice),
            "PCN_NAME": pick(areas.pcn_name, practice),
            "SUB_ICB_LOCATION_CODE": pick(areas.sub_icb, practice),
            "SUB_ICB_LOCATION_NAME": pick([SUB_ICBS[code][0] for code in areas.sub_icb], practice),
            "HCP_TYPE": pick(_STAFF, kind),
            "APPT_MODE": pick(_MODES, kind),
            "NATIONAL_CATEGORY": pick(_CATEGORIES, kind),
            "TIME_BETWEEN_BOOK_AND_APPT": pick(WAITS, wait),
            "COUNT_OF_APPOINTMENTS": counts[practice, kind, wait, status],
            "APPT_STATUS": pick(STATUSES, status),
        }
    )


def _daily(world: World, month: int, counts: np.ndarray) -> pd.DataFrame:
    """The same appointments by sub-ICB and day, without category: every month's total is the crosstab's."""
    random = world.random(4, month + world.skipped)
    days = days_of(world.months[month])
    weight = np.array([1.0 if is_working(day) else 0.03 if day.weekday() == 5 else 0.004 for day in days])
    sub_icbs = sorted(SUB_ICBS)
    place = world.practices.sub_icb.map(sub_icbs.index).to_numpy()
    pairs = sorted(set(zip(_STAFF, _MODES, strict=True)))
    pair = np.array([pairs.index(p) for p in zip(_STAFF, _MODES, strict=True)])
    merged = np.zeros((len(sub_icbs), len(pairs), len(WAITS), len(STATUSES)), np.int64)
    np.add.at(merged, (place[:, None], pair[None, :]), counts)
    daily = random.multinomial(merged, weight / weight.sum())
    daily = np.moveaxis(daily, -1, 1)
    area, day, pair_of, wait, status = np.nonzero(daily)
    ons = ons_codes()
    icbs = [SUB_ICBS[code][1] for code in sub_icbs]
    regions = {"QZZ": "Y97", "QZY": "Y98"}
    frame = pd.DataFrame(
        {
            "SUB_ICB_LOCATION_CODE": pick(sub_icbs, area),
            "SUB_ICB_LOCATION_ONS_CODE": pick([ons[code] for code in sub_icbs], area),
            "SUB_ICB_LOCATION_NAME": pick([SUB_ICBS[code][0] for code in sub_icbs], area),
            "ICB_ONS_CODE": pick([ons[icb] for icb in icbs], area),
            "REGION_ONS_CODE": pick([ons[regions[icb]] for icb in icbs], area),
            "Appointment_Date": pick([month_label(d) for d in days], day),
            "APPT_STATUS": pick(STATUSES, status),
            "HCP_TYPE": pick([p[0] for p in pairs], pair_of),
            "APPT_MODE": pick([p[1] for p in pairs], pair_of),
            "TIME_BETWEEN_BOOK_AND_APPT": pick(WAITS, wait),
            "COUNT_OF_APPOINTMENTS": daily[area, day, pair_of, wait, status],
        }
    )
    return frame


def summary(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Totals by practice that a manifest records."""
    return {
        "appointments": counts.sum(axis=(1, 2, 3)),
        "appointments_dna": counts[..., STATUSES.index("DNA")].sum(axis=(1, 2)),
        "appointments_same_day": counts[:, :, 0].sum(axis=(1, 2)),
        "appointments_within_14_days": counts[:, :, :4].sum(axis=(1, 2, 3)),
        "appointments_gp": counts[:, _STAFF == "GP"].sum(axis=(1, 2, 3)),
        "appointments_face_to_face": counts[:, _MODES == "Face-to-Face"].sum(axis=(1, 2, 3)),
    }
