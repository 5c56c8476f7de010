"""A synthetic Integrated Care Board: who exists, how large, how it behaves, and what happens to whom.

Names are invented and codes are ODS-shaped but unused. "England" is this ICB and a smaller neighbour, so
that the two differ. Everything follows from one seed and one day.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from etl import london

SEED = 20240331
MONTHS = 24

REGIONS = {"Y97": "Fennmark and the Tarns", "Y98": "Skelmark"}
ICBS = {
    "QZZ": ("NHS Marrowdale and Tarnmouth Integrated Care Board", "Y97", "E54999001"),
    "QZY": ("NHS Skelmark Integrated Care Board", "Y98", "E54999002"),
}
SUB_ICBS = {
    "9ZA": ("NHS Marrowdale and Tarnmouth ICB - 9ZA", "QZZ", "E38999001"),
    "9ZB": ("NHS Marrowdale and Tarnmouth ICB - 9ZB", "QZZ", "E38999002"),
    "9ZY": ("NHS Skelmark ICB - 9ZY", "QZY", "E38999003"),
}
REGION_ONS = {"Y97": "E40999001", "Y98": "E40999002"}
OWN_ICB = "QZZ"

PCN_NAMES = [
    "Marrowcombe",
    "Tarnholt",
    "Kestfold",
    "Underbarrow",
    "Ravelthwaite",
    "Otterholt",
    "Whinrigg",
    "Velfold",
    "Nettlemere",
    "Isterbarrow",
    "Gorsgarth",
    "Yarrbeck",
    "Skelfold",
    "Corvbeck",
    "Emberlyn",
]
PLACES = [
    "Alderstow",
    "Brackrigg",
    "Coldhythe",
    "Dunwell",
    "Elmrigg",
    "Fernfold",
    "Gorsrigg",
    "Hazelcote",
    "Ivelwell",
    "Jackness",
    "Kestwell",
    "Larkthwaite",
    "Marrowgarth",
    "Nettlethwaite",
    "Ottermere",
    "Penddale",
    "Quarrhythe",
    "Rookrigg",
    "Sedgelyn",
    "Thistgarth",
    "Undercote",
    "Velhythe",
    "Whinholt",
    "Yarrcote",
    "Ashbarrow",
    "Brammouth",
    "Corvmere",
    "Drakestow",
    "Embergarth",
    "Falrigg",
    "Ganthythe",
    "Hernlyn",
    "Isterrigg",
    "Kirrwick",
    "Limthwaite",
    "Moorbarrow",
    "Norhythe",
    "Osterholt",
    "Pellwell",
    "Ravelcombe",
    "Skelness",
    "Tarnrigg",
    "Ulvbarrow",
    "Wethergarth",
    "Aldercombe",
    "Brackshaw",
    "Coldmere",
    "Dundale",
    "Elmgarth",
    "Ferngarth",
    "Gorsshaw",
    "Hazelwell",
    "Ivelcote",
    "Jackcote",
    "Kestrigg",
    "Larkcombe",
    "Marrowshaw",
    "Nettlecote",
    "Quarrmere",
    "Sedgemouth",
]
KINDS = ("SURGERY", "MEDICAL CENTRE", "HEALTH CENTRE", "MEDICAL PRACTICE", "FAMILY PRACTICE", "GROUP PRACTICE")
CLINICAL_SYSTEMS = ("EMIS", "TPP")
ONLINE_SUPPLIERS = ("TARNTRIAGE LIMITED", "ASKMYSURGERY LIMITED", "FERNFORMS LIMITED")
TELEPHONY_SUPPLIERS = ("Larkline", "Beckvoice", "Holtcall")

OWN_PRACTICES = 48
OTHER_PRACTICES = 12
# the story of each practice that has one, by its position in the list
CLOSED, MERGED, MERGED_INTO, MOVED_PCN, WITHOUT_PCN = 13, 30, 29, 22, 59
SHARED_ACCOUNT = (34, 35)  # one telephone account, same PCN: published as Unassigned in that PCN
UNMAPPED_ACCOUNT = (57, 58)  # one account across boundaries: published as Unmapped
SWITCHERS = (2, 7, 11, 16, 19, 25, 28, 38, 43, 46)  # go live while their calls are counted, months before and after
LATEST = (6, 15, 20, 37, 41, 47)  # so do these, in the last months: for the others they are still waiting
STUCK = (32, 40)  # signed up, then nothing
STILL_TO_COME = (10, 21, 36, 39, 44)  # a plan, not yet live
COUNTED_BEFORE = SWITCHERS + LATEST + STILL_TO_COME  # had an exchange of their own, which counted their calls
EARLY = (0, 1, 8, 12)
WORSENING, OUTAGE, IMPROVING = 4, 9, 26  # a shift, one bad month, a shift for the better

# what going live does, planted so that an analysis can be checked against it
GO_LIVE_MISSED_FACTOR = 0.6  # share of calls missed, the difference being answered instead
GO_LIVE_WAIT_FACTOR = 0.7  # every wait


@dataclass(frozen=True)
class World:
    """The synthetic organisations.

    practices: one row each, positions 0..59, the first 48 in the ICB. Columns: code, name, postcode, pcn,
    pcn_before, pcn_from, sub_icb, icb, region, opened, closed (NaT when open), patients (at the window's
    start), growth (a year), imd_2019, imd_2025, the behaviour traits, and live_on (NaT when not live).
    months: first days, oldest first.
    """

    seed: int
    today: date
    months: tuple[date, ...]
    practices: Any  # data frames of mixed columns, whose types pandas' stubs cannot tell
    pcns: Any
    patients: np.ndarray  # months × practices; 0 when not open

    @property
    def skipped(self) -> int:
        """Months before the window: a shorter window is the tail of the whole one, the same in every number."""
        return MONTHS - len(self.months)

    def random(self, *purpose: int) -> np.random.Generator:
        """A generator of its own for each purpose, so that one file's numbers never move another's."""
        return np.random.default_rng([self.seed, *purpose])

    def areas(self, month: date) -> Any:
        """Practices as a publication of `month` describes them: PCN of the time, upper-case names."""
        frame = self.practices
        moved = (frame.pcn_from > pd.Timestamp(month)).fillna(False)
        pcn = frame.pcn.where(~moved, frame.pcn_before)
        names = self.pcns.set_index("code").name.to_dict() | {"U": "Unallocated"}
        sub_icb = {code: name.upper() for code, (name, _, _) in SUB_ICBS.items()}
        icb = {code: name.upper() for code, (name, _, _) in ICBS.items()}
        region = {code: name.upper() for code, name in REGIONS.items()}
        return pd.DataFrame(
            {
                "code": frame.code,
                "name": frame.name,
                "pcn": pcn,
                "pcn_name": pcn.map(names),
                "sub_icb": frame.sub_icb,
                "sub_icb_name": frame.sub_icb.map(sub_icb),
                "icb": frame.icb,
                "icb_name": frame.icb.map(icb),
                "region": frame.region,
                "region_name": frame.region.map(region),
            }
        )


def add_months(month: date, count: int) -> date:
    """The first day of the month `count` months after `month`."""
    total = month.year * 12 + month.month - 1 + count
    return date(total // 12, total % 12 + 1, 1)


def make_world(today: date | None = None, seed: int = SEED, months: int = MONTHS) -> World:
    """The synthetic ICB as it stands on `today` (default: now), `months` to the last complete one (at most 24)."""
    today = today or london.today()
    whole = tuple(add_months(today.replace(day=1), offset) for offset in range(-MONTHS, 0))
    random = np.random.default_rng([seed, 0])
    practices = _organisations(random)
    practices = pd.concat([practices, _traits(random, practices)], axis=1)
    _stories(practices, whole, random)
    patients = _patients(practices, whole)[-months:]
    return World(seed, today, whole[-months:], practices, _pcns(), patients)


def _pcns() -> pd.DataFrame:
    sub_icb = ["9ZA"] * 7 + ["9ZB"] * 5 + ["9ZY"] * 3
    return pd.DataFrame(
        {
            "code": [f"U9{number:04d}" for number in range(1, 16)],
            "name": [f"{name.upper()} PCN" for name in PCN_NAMES],
            "sub_icb": sub_icb,
        }
    )


def _organisations(random: np.random.Generator) -> pd.DataFrame:
    count = OWN_PRACTICES + OTHER_PRACTICES
    pcns = _pcns()
    position = np.arange(count) // 4
    kinds = random.choice(KINDS, count)
    patients = np.clip(np.exp(random.normal(np.log(9000), 0.5, count)), 2500, 24000)
    for _ in range(4):  # towards the ICB's total, inside the limits
        patients = np.clip(patients * 480_000 / patients[:OWN_PRACTICES].sum(), 2500, 24000)
    sub_icb = pcns.sub_icb.to_numpy()[position]
    icb = [SUB_ICBS[code][1] for code in sub_icb]
    return pd.DataFrame(
        {
            "code": [f"Z9{number:04d}" for number in range(1, count + 1)],
            "name": [f"{place.upper()} {kind}" for place, kind in zip(PLACES, kinds, strict=True)],
            "postcode": [f"ZZ{1 + i // 4} {1 + i % 9}ZZ" for i in range(count)],
            "pcn": pcns.code.to_numpy()[position],
            "pcn_before": pcns.code.to_numpy()[position],
            "pcn_from": pd.Series([pd.NaT] * count, dtype="datetime64[us]"),
            "sub_icb": sub_icb,
            "icb": icb,
            "region": [ICBS[code][1] for code in icb],
            "opened": pd.Timestamp(1974, 4, 1),
            "closed": pd.Series([pd.NaT] * count, dtype="datetime64[us]"),
            "patients": patients.astype(int),
            "growth": random.normal(0.008, 0.01, count),
        }
    )


def _traits(random: np.random.Generator, practices: pd.DataFrame) -> pd.DataFrame:
    """How each practice behaves. Spreads follow the published distributions (Feb 2026): see traffic.py."""
    count = len(practices)
    imd = np.clip(np.exp(random.normal(np.log(21), 0.42, count)), 5, 60)
    strain = (np.log(imd) - np.log(21)) / 0.42 * 0.5 + random.normal(0, 0.87, count)
    return pd.DataFrame(
        {
            "imd_2019": np.round(imd, 3),
            "imd_2025": np.round(imd * random.normal(1.02, 0.04, count), 3),
            "call_rate": 0.97 * np.exp(0.30 * (0.5 * strain + random.normal(0, 0.87, count))),
            "peak": np.exp(random.normal(0, 0.18, count)),
            "ivr": np.clip(0.195 * np.exp(random.normal(0, 0.30, count)), 0.06, 0.45),
            "callback": np.clip(0.05 * np.exp(random.normal(0, 1.0, count)), 0.002, 0.20),
            "missed": np.clip(0.080 * np.exp(0.55 * strain), 0.015, 0.30),
            "wait": np.exp(0.35 * strain + random.normal(0, 0.45, count)),
            "online_rate": np.exp(random.normal(np.log(105), 0.6, count)),
            "online_clinical": random.uniform(0.5, 0.85, count),
            "appointments": np.exp(random.normal(0, 0.14, count)),
            "dna": np.clip(0.042 * np.exp(0.25 * strain), 0.015, 0.10),
            "gp_share": np.clip(random.normal(0.46, 0.07, count), 0.25, 0.65),
            "face_to_face": np.clip(random.normal(0.65, 0.08, count), 0.35, 0.85),
            "same_day": np.clip(random.normal(0.44, 0.07, count), 0.2, 0.65),
            "clinical_system": random.choice(CLINICAL_SYSTEMS, count),
            "online_supplier": random.choice(ONLINE_SUPPLIERS, count),
            "telephony_supplier": random.choice(TELEPHONY_SUPPLIERS, count),
        }
    )


def _stories(practices: Any, months: tuple[date, ...], random: np.random.Generator) -> None:
    """Fills in what happens to whom, and when each practice's telephone lines went digital."""

    def day(month: int, of_month: int = 1) -> pd.Timestamp:
        return pd.Timestamp(months[month]) + timedelta(days=of_month - 1)

    column = practices.columns.get_loc
    practices.iloc[CLOSED, column("closed")] = day(15) - timedelta(days=1)
    practices.iloc[MERGED, column("closed")] = day(10) - timedelta(days=1)
    practices.iloc[MOVED_PCN, column("pcn")] = practices.pcn[MOVED_PCN + 4]
    practices.iloc[MOVED_PCN, column("pcn_from")] = day(12)
    practices.iloc[WITHOUT_PCN, [column("pcn"), column("pcn_before")]] = "U"
    practices["story"] = "steady"
    for story, positions in {
        "closed": (CLOSED,),
        "merged": (MERGED,),
        "moved PCN": (MOVED_PCN,),
        "shared account": SHARED_ACCOUNT,
        "went live in the window": SWITCHERS + LATEST,
        "stuck": STUCK,
        "still to come": STILL_TO_COME,
        "early": EARLY,
        "worsening": (WORSENING,),
        "outage": (OUTAGE,),
        "improving": (IMPROVING,),
    }.items():
        practices.loc[list(positions), "story"] = story
    live: Any = pd.Series(pd.Timestamp(2023, 1, 9) + pd.to_timedelta(random.integers(0, 420, len(practices)), "D"))
    live[list(EARLY)] = [pd.Timestamp(2022, 3, 7) + timedelta(days=28 * i) for i in range(len(EARLY))]
    for place, position in enumerate(SWITCHERS):  # staggered, before and after both seen
        live[position] = day(14 + place % 6, 4 + 2 * place)
    for place, position in enumerate(LATEST):
        live[position] = day(19 + place // 2, 8 + 3 * place)
    live[list(STUCK + STILL_TO_COME)] = pd.NaT
    # enough missed calls before go-live for a change to be seen, and hardly any call-backs to blur it
    missed = practices.loc[list(COUNTED_BEFORE), "missed"]
    practices.loc[list(COUNTED_BEFORE), "missed"] = missed.clip(lower=0.10)
    practices.loc[list(COUNTED_BEFORE), "callback"] = 0.01
    practices["live_on"] = live.astype("datetime64[us]")
    # month of the window from which the national collection has its calls; 24: never
    joined = np.where(random.random(len(practices)) < 0.6, 0, random.integers(1, 13, len(practices)))
    # who is still to come is counted too: those that go live are compared with those that have not
    joined[[*COUNTED_BEFORE, *SHARED_ACCOUNT, *UNMAPPED_ACCOUNT, WORSENING, OUTAGE, IMPROVING]] = 0
    joined[[*STUCK]] = MONTHS
    practices["collected_from"] = joined


def _patients(practices: Any, months: tuple[date, ...]) -> np.ndarray:
    """Registered patients, months × practices. Who closes or merges hands its patients on."""
    count = len(practices)
    ages = np.arange(len(months))[:, None] / 12
    patients = practices.patients.to_numpy() * (1 + practices.growth.to_numpy() * ages)
    for position, heirs in (
        (CLOSED, [p for p in range(CLOSED // 4 * 4, CLOSED // 4 * 4 + 4) if p != CLOSED]),
        (MERGED, [MERGED_INTO]),
    ):
        gone = np.array([pd.Timestamp(month) > practices.closed[position] for month in months])
        patients[np.ix_(gone, np.array(heirs))] += patients[gone, position][:, None] / len(heirs)
        patients[gone, position] = 0
    return np.rint(patients).astype(int).reshape(len(months), count)
