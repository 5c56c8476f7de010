"""A small published generation with invented figures, for the tests of the dashboard.

One ICB (QZZ) of two sub-ICB locations, four PCNs and 24 practices over 30 months to October 2026. Planted: missed calls
fall by a third over the last eight months everywhere; the first practice answers far fewer calls than the others;
the second has no calls in June 2026 and none at all from online requests; the third is closed.
"""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from etl.analysis.spc import DIRECTION, xmr_many
from etl.published.tables import TABLES

NAME = "switchboard-000001.duckdb"
ICB, ENGLAND = "QZZ", "ENG"
SUB_ICBS = ("99X", "99Y")
PCNS = ("U99901", "U99902", "U99903", "U99904")
PRACTICES = tuple(f"A99{number:03d}" for number in range(1, 25))
CLOSED = PRACTICES[2]
MONTHS = [stamp.date() for stamp in pd.date_range("2024-05-01", "2026-10-01", freq="MS")]
GAP = date(2026, 6, 1)
TOWNS = ("Aldermere", "Brockwell", "Cresswater", "Dunholme", "Eastmarsh", "Farleigh", "Glenrow", "Hartsea")
KINDS = ("Surgery", "Medical Centre", "Practice")
BANDS = (
    "00:00-05:59", "06:00-07:59", "08:00-09:59", "10:00-11:59", "12:00-13:59", "14:00-15:59", "16:00-17:59",
    "18:00-18:29", "18:30-23:59",
)  # fmt: skip
BAND_SHARES = (0.005, 0.03, 0.28, 0.21, 0.14, 0.16, 0.13, 0.02, 0.025)

# measure, title, better, numerator label, denominator label
MEASURE_ROWS = """
calls_inbound_per_1000 | Calls per 1,000 patients | neither | inbound calls | registered patients
calls_answered | Calls answered | higher | calls answered | inbound calls
calls_missed | Calls missed | lower | calls missed | inbound calls
calls_ended_in_ivr | Calls ended in the menu (IVR) | neither | calls ended in the menu | inbound calls
calls_callback_requested | Call-backs requested | neither | call-backs requested | inbound calls
calls_answered_within_120s | Calls answered within 2 minutes | higher | answered within 2 minutes | calls answered
calls_monday_8_to_10 | Calls on Mondays, 08:00–09:59 | neither | calls on Mondays 08:00–09:59 | inbound calls
appointments_per_1000 | Appointments per 1,000 patients | neither | appointments | registered patients
appointments_same_day | Appointments on the day of booking | neither | booked the same day | appointments
appointments_within_14_days | Appointments within 14 days | higher | within 14 days of booking | appointments
appointments_dna | Appointments not attended | lower | not attended | appointments
appointments_gp | Appointments with a GP | neither | with a GP | appointments
appointments_face_to_face | Appointments face to face | neither | face to face | appointments
online_requests_per_1000 | Online requests per 1,000 patients | neither | online requests | registered patients
online_requests_clinical | Online requests that are clinical | neither | clinical requests | online requests
"""
SOURCES = {"calls": "published_calls", "appointments": "appointments", "online": "online_requests"}


def _measure_parts(line: str) -> tuple[str, tuple[str, str, str, str, str, str]]:
    name, title, better, top, bottom = (cell.strip() for cell in line.split("|"))
    unit = "per_1000_patients" if name.endswith("per_1000") else "percent"
    return name, (title, unit, better, SOURCES[name.split("_")[0]], top, bottom)


# measure: title, unit, better, source, numerator label, denominator label
MEASURES = dict(_measure_parts(line) for line in MEASURE_ROWS.strip().splitlines())
SPLITS: dict[str, dict[str, float]] = {
    "calls_wait_answered": {"0_60": 0.45, "61_120": 0.15, "121_300": 0.19, ">300": 0.21},
    "calls_wait_missed": {"0_60": 0.52, "61_120": 0.16, "121_300": 0.16, ">300": 0.16},
    "appointments_staff_group": {"gp": 0.45, "other": 0.51, "unknown": 0.04},
    "appointments_mode": {
        "face_to_face": 0.66, "telephone": 0.25, "video_online": 0.06, "home_visit": 0.01, "unknown": 0.02,
    },
    "appointments_status": {"attended": 0.91, "dna": 0.04, "unknown": 0.05},
    "appointments_booking_wait": {
        "same_day": 0.44, "1_day": 0.09, "2_to_7": 0.19, "8_to_14": 0.13, "15_to_21": 0.07, "22_to_28": 0.04,
        "over_28": 0.03, "unknown": 0.01,
    },
    "online_type": {"clinical": 0.66, "administrative": 0.30, "other": 0.04},
}  # fmt: skip


def publish(folder: Path, name: str = NAME, synthetic: bool = True, empty: bool = False) -> Path:
    """Write a generation into `folder` and name it in CURRENT. `empty`: its tables have no rows but `generation`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.unlink(missing_ok=True)
    frames = {} if empty else _frames()
    frames["generation"] = pd.DataFrame(
        [{"name": name, "built_at": datetime(2026, 11, 20, 3, 4), "icb_codes": ICB, "is_synthetic": synthetic,
          "code_version": "test"}]
    )  # fmt: skip
    with duckdb.connect(str(path)) as connection:
        for table, columns in TABLES.items():
            if table == "own_value":  # a view here, so that what a test does to a value is done to it once
                connection.execute(
                    "CREATE VIEW own_value AS SELECT v.* FROM measure_value v JOIN organisation o "
                    "ON o.code = v.organisation AND o.kind = v.level "
                    "WHERE v.period_kind = 'month' AND (o.is_own OR o.kind = 'england')"
                )
                continue
            connection.execute(f"CREATE TABLE {table} ({', '.join(f'{c} {t}' for c, t in columns.items())})")
            if table in frames:
                frame = frames[table].reindex(columns=list(columns))
                connection.register("incoming", frame)
                connection.execute(f"INSERT INTO {table} SELECT * FROM incoming")
                connection.unregister("incoming")
    (folder / "CURRENT").write_text(name + "\n", encoding="utf-8")
    return path


def parents_of(code: str) -> dict[str, str]:
    """The areas that a practice belongs to, by kind."""
    place = PRACTICES.index(code)
    return {"pcn": PCNS[place % 4], "sub_icb": SUB_ICBS[place % 2], "icb": ICB, "england": ENGLAND}


def patients_of(code: str) -> int:
    """List size of a practice: 3,000 to 19,100."""
    return 3000 + 700 * PRACTICES.index(code)


def _frames() -> dict[str, pd.DataFrame]:
    counts = _counts()
    return {
        "organisation": pd.DataFrame(_organisations()),
        "membership": pd.DataFrame(_memberships()),
        "measure": pd.DataFrame(_measures()),
        "measure_value": _values(counts),
        "breakdown": _breakdowns(counts),
        "coverage": pd.DataFrame(_coverage()),
        **_ledger(),
    }


def _organisations() -> list[dict[str, Any]]:
    def row(code: str, kind: str, name: str, patients: int | None, **more: Any) -> dict[str, Any]:
        return {"code": code, "kind": kind, "name": name, "patients": patients, "is_own": kind != "england",
                "patients_on": date(2026, 10, 1), "source": "epraccur", **more}  # fmt: skip

    total = sum(patients_of(code) for code in PRACTICES if code != CLOSED)
    rows = [row(ENGLAND, "england", "England", 63_000_000), row(ICB, "icb", "Northmoor ICB", total)]
    for place, code in enumerate(SUB_ICBS):
        rows.append(row(code, "sub_icb", f"Northmoor {'East' if place else 'West'}", total // 2))
    for place, code in enumerate(PCNS):
        rows.append(row(code, "pcn", f"{('Riverside', 'Tarn Valley', 'Castle', 'Moorland')[place]} PCN", total // 4))
    for place, code in enumerate(PRACTICES):
        name = f"{TOWNS[place % 8]} {KINDS[place // 8]}"
        closed = {"closed": date(2025, 3, 31)} if code == CLOSED else {}
        rows.append(row(code, "practice", name, patients_of(code), postcode=f"ZZ{place + 1} 1ZZ", **closed))
    return rows


def _memberships() -> list[dict[str, Any]]:
    rows = []
    for code in PRACTICES:
        for kind in ("pcn", "sub_icb"):
            rows.append(
                {"child": code, "parent": parents_of(code)[kind], "child_kind": "practice", "parent_kind": kind}
            )
    for place, code in enumerate(PCNS):
        rows.append({"child": code, "parent": SUB_ICBS[place % 2], "child_kind": "pcn", "parent_kind": "sub_icb"})
    for code in SUB_ICBS:
        rows.append({"child": code, "parent": ICB, "child_kind": "sub_icb", "parent_kind": "icb"})
    return [{**row, "from_date": date(2020, 4, 1), "to_date": None} for row in rows]


def _measures() -> list[dict[str, Any]]:
    return [
        {
            "measure": name, "title": title, "question": f"What do we know of {title.lower()}?", "unit": unit,
            "better": better, "aim": 0.9 if name == "appointments_within_14_days" else None,
            "status": "national_components", "source": source, "numerator_label": top, "denominator_label": bottom,
            "definition": f"{top.capitalize()} over {bottom}, as NHS England counts them.",
            "caveats": "Not every practice takes part.\nA publication can be reissued.", "disclosure": "exact",
        }
        for name, (title, unit, better, source, top, bottom) in MEASURES.items()
    ]  # fmt: skip


def _counts() -> pd.DataFrame:
    """practice × month: the raw counts that everything else is made from."""
    random = np.random.default_rng(8)
    rows = []
    for code in PRACTICES:
        lean = random.normal(0, 0.025)
        for place, month in enumerate(MONTHS):
            if code == CLOSED and month > date(2025, 3, 1):
                continue
            patients = patients_of(code)
            season = 1 - 0.12 * (month.month == 8)
            inbound = int(patients * 0.55 * season * random.normal(1, 0.02))
            missed = 0.12 * (2 / 3 if place >= len(MONTHS) - 8 else 1) + lean / 2 + random.normal(0, 0.004)
            answered = (0.35 if code == PRACTICES[0] else 0.58) + lean + random.normal(0, 0.008)
            appointments = int(patients * 0.45 * season * random.normal(1, 0.02))
            online = int(patients * (0.05 + 0.003 * place) * random.normal(1, 0.03))
            calls = code != PRACTICES[1] or month != GAP
            row = {
                "practice": code, "period_start": month, "patients": patients,
                "inbound": inbound, "answered": int(inbound * answered), "missed": int(inbound * missed),
                "callback": int(inbound * 0.07), "monday": int(inbound * 0.08),
                "within": int(inbound * answered * (0.60 + random.normal(0, 0.02))),
                "appointments": appointments, "online": online,
                "clinical": int(online * 0.66), "with_online": code != PRACTICES[1], "with_calls": calls,
            }  # fmt: skip
            row["ivr"] = row["inbound"] - row["answered"] - row["missed"] - row["callback"]
            for subject, column in (("appointments_booking_wait", "wait"), ("appointments_staff_group", "staff")):
                row[column] = SPLITS[subject]
            rows.append(row)
    return pd.DataFrame(rows)


PARTS = {
    "calls_inbound_per_1000": ("inbound", "patients"),
    "calls_answered": ("answered", "inbound"),
    "calls_missed": ("missed", "inbound"),
    "calls_ended_in_ivr": ("ivr", "inbound"),
    "calls_callback_requested": ("callback", "inbound"),
    "calls_answered_within_120s": ("within", "answered"),
    "calls_monday_8_to_10": ("monday", "inbound"),
    "appointments_per_1000": ("appointments", "patients"),
    "online_requests_per_1000": ("online", "patients"),
    "online_requests_clinical": ("clinical", "online"),
}
APPOINTMENT_SHARES = {
    "appointments_same_day": 0.44, "appointments_within_14_days": 0.85, "appointments_dna": 0.041,
    "appointments_gp": 0.45, "appointments_face_to_face": 0.66,
}  # fmt: skip


def _levels(counts: pd.DataFrame) -> pd.DataFrame:
    """The counts of every organisation: practices as they are, everyone above as their sum."""
    parts = [counts.assign(organisation=counts["practice"], level="practice", practices=1)]
    for kind in ("pcn", "sub_icb", "icb", "england"):
        above = counts.assign(organisation=[parents_of(code)[kind] for code in counts["practice"]], practices=1)
        numbers = [
            name for name in above if above[name].dtype.kind in "if" and name not in ("with_online", "with_calls")
        ]
        summed = above.groupby(["organisation", "period_start"], as_index=False)[numbers].sum()
        if kind == "england":
            summed[numbers] = (summed[numbers] * 250).round()
        parts.append(summed.assign(level=kind, with_online=True, with_calls=True))
    return pd.concat(parts, ignore_index=True)


def _values(counts: pd.DataFrame) -> pd.DataFrame:
    random = np.random.default_rng(9)
    levels = _levels(counts)
    rows = []
    for measure, (_, unit, better, source, _, _) in MEASURES.items():
        for (level, code), own in levels.groupby(["level", "organisation"]):
            own = own.sort_values("period_start").set_index("period_start").reindex(MONTHS)
            if source == "published_calls":
                own = own[own["with_calls"].eq(True)]
            if source == "online_requests":
                own = own[own["with_online"].eq(True)]
            own = own[own["patients"].notna()]
            if own.empty:
                continue
            if measure in PARTS:
                top, bottom = (own[name].astype(float) for name in PARTS[measure])
            else:
                bottom = own["appointments"].astype(float)
                drift = APPOINTMENT_SHARES[measure] + random.normal(0, 0.006, len(own))
                top = (bottom * drift).round()
            value = top / bottom * (1000 if unit == "per_1000_patients" else 1)
            every = [month for month in MONTHS if value.index[0] <= month <= value.index[-1]]
            rows.append(
                pd.DataFrame(
                    {
                        "measure": measure, "organisation": code, "level": level, "period_kind": "month",
                        "period_start": every, "numerator": top.reindex(every).to_numpy(),
                        "denominator": bottom.reindex(every).to_numpy(), "value": value.reindex(every).to_numpy(),
                        "practices_counted": own["practices"].reindex(every).to_numpy(),
                        "practices_expected": own["practices"].reindex(every).to_numpy() + (level != "practice"),
                        "better": DIRECTION[better],
                        "aim": 0.9 if measure == "appointments_within_14_days" else np.nan,
                    }
                )
            )  # fmt: skip
    values = pd.concat(rows, ignore_index=True)
    series = values.groupby(["measure", "level", "organisation"], sort=False).ngroup()
    charted = xmr_many(series, values["value"], values["better"], values["aim"])
    # a month without data has no row in a generation
    return values.join(charted)[values["value"].notna()].reset_index(drop=True)


def _breakdowns(counts: pd.DataFrame) -> pd.DataFrame:
    levels = _levels(counts)
    rows = []
    for own in levels.to_dict("records"):
        key = {"organisation": own["organisation"], "level": own["level"], "period_start": own["period_start"]}
        tilt = 1.08 if own["level"] == "england" else 1.0
        if own["with_calls"]:
            for category in ("answered", "missed"):
                rows.append({**key, "subject": "calls_outcome", "category": category, "amount": own[category]})
            rows.append({**key, "subject": "calls_outcome", "category": "ended_in_ivr", "amount": own["ivr"]})
            rows.append(
                {**key, "subject": "calls_outcome", "category": "callback_requested", "amount": own["callback"]}
            )
            for band, share in zip(BANDS, BAND_SHARES, strict=True):
                amount = own["inbound"] * (share * tilt if band.startswith("08") else share)
                rows.append({**key, "subject": "calls_time_band", "category": band, "amount": amount})
        wholes = {"calls_wait_answered": "answered", "calls_wait_missed": "missed", "online_type": "online"}
        for subject, split in SPLITS.items():
            whole = own[wholes.get(subject, "appointments")]
            source = "with_calls" if subject.startswith("calls") else "with_online" if subject == "online_type" else ""
            if source and not own[source]:
                continue
            for place, (category, share) in enumerate(split.items()):
                rows.append({**key, "subject": subject, "category": category,
                             "amount": whole * (share * tilt if place == 0 else share)})  # fmt: skip
    frame = pd.DataFrame(rows)
    return frame.assign(amount=frame["amount"].astype(int))


def _coverage() -> list[dict[str, Any]]:
    rows = []
    for code in PRACTICES:
        for month in MONTHS:
            if code == CLOSED and month > date(2025, 3, 1):
                continue
            for feed in ("published_calls", "appointments", "online_requests"):
                gone = code == PRACTICES[1] and (
                    feed == "online_requests" or (feed == "published_calls" and month == GAP)
                )
                rows.append({"practice": code, "period_start": month, "feed": feed, "has_data": not gone})
    return rows


def _ledger() -> dict[str, pd.DataFrame]:
    loads = [
        {
            "load_id": number, "feed": feed, "file_name": name, "sha256": f"{number:064x}", "rows_read": read,
            "rows_kept": read - refused - 3, "rows_refused": refused, "rows_filtered": 3,
            "period_from": MONTHS[0], "period_to": MONTHS[-1], "loaded_at": datetime(2026, 11, 20, 3, number),
            "supersedes": "1" if number == 4 else None,
        }
        for number, (feed, name, read, refused) in enumerate(
            [
                ("organisations", "epraccur.csv", 240, 0),
                ("published_calls", "call summary October 2026.xlsx", 52_000, 12),
                ("appointments", "practice level crosstab.zip", 640_000, 2),
                ("online_requests", "online submissions v2.xlsx", 9_000, 0),
            ],
            start=1,
        )
    ]  # fmt: skip
    rejected = [
        {"load_id": 2, "feed": "published_calls", "line_number": 100 + place, "column_name": "calls",
         "reason": "negative count: -4"}
        for place in range(12)
    ]  # fmt: skip
    return {
        "load": pd.DataFrame(loads),
        "rejected_row": pd.DataFrame(rejected),
        "refused_file": pd.DataFrame(
            [{"file_name": "=report.csv", "refused_at": datetime(2026, 11, 20, 3, 1),
              "reason": "This is a web page, not a table: the server answered with an error page."}]
        ),
        "reconciliation": pd.DataFrame(
            [
                {"source": "published_calls", "organisation": ENGLAND, "period_start": month, "item": "inbound",
                 "ours": 27_160_000.0, "printed": 27_160_000.0 + extra, "difference": -float(extra),
                 "note": "44 practices unassigned" if extra else None}
                for month, extra in zip(MONTHS[-4:], (0, 0, 90_800, 0), strict=True)
            ]
        ),
        "area_disagreement": pd.DataFrame(
            [{"feed": "appointments", "practice": PRACTICES[5], "period_start": MONTHS[-1], "level": "pcn",
              "in_publication": PCNS[0], "by_membership": PCNS[1]}]
        ),
    }  # fmt: skip
