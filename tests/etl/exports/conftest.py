"""A home with a small published generation of invented figures, people among them."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from etl.published.tables import TABLES
from etl.settings import Settings

ICB = "QZZ"
SUB_ICBS = {"99X": ICB, "99Y": ICB}
PCNS = {"U99901": "99X", "U99902": "99X", "U99903": "99Y"}
PRACTICES = {f"A99{number:03d}": list(PCNS)[number % 3] for number in range(1, 9)}
ONS_CODES = {ICB: "E54999901", "99X": "E38999901", "99Y": "E38999902"}
STRANGER = "B99001"  # of another ICB
MONTHS = [stamp.date() for stamp in pd.date_range("2025-01-01", "2027-01-01", freq="MS")]
OCTOBER = date(2026, 10, 1)
NAVIGATION_TABLE = {
    "practice_code": "VARCHAR",
    "month": "DATE",
    "channel": "VARCHAR",
    "request_category": "VARCHAR",
    "destination": "VARCHAR",
    "contacts": "BIGINT",
    "declined": "BIGINT",
}
# measure: unit, policy
MEASURES = {
    "calls_answered": ("percent", "exact"),
    "calls_inbound_per_1000": ("per_1000_patients", "exact"),
    "logged_calls_lost_not_back": ("percent", "people"),
    "logged_calls_missed": ("percent", "exact"),
    "logged_calls_repeat_same_day": ("percent", "people"),
    "navigation_calls_navigated": ("percent", "people"),
    "navigation_calls_talk_seconds": ("seconds", "people"),
    "navigation_declined": ("percent", "people"),
    "navigation_not_recorded": ("percent", "people"),
    "navigation_redirected": ("percent", "people"),
    "navigation_redirected_external": ("percent", "people"),
    "navigator_cascade_ratio": ("ratio", "people"),
    "navigator_places_used": ("percent", "exact"),
    "navigators_trained_practices": ("percent", "exact"),
    "telephony_live": ("percent", "exact"),
}
CASCADED = (0, 1, 3, 0, 9, 2, 12, 0)  # colleagues trained by each practice
CONVERSATIONS = [(3 * number, 3 * number) for number in range(1, 9)]
CLINICAL = ("clinical_new", "medication")
IN_PRACTICE_GP = ("gp_routine",)
EXTERNAL = ("community_pharmacy", "self_care")


def above(practice: str) -> dict[str, str]:
    """The organisations that a practice belongs to, itself among them."""
    pcn = PRACTICES[practice]
    return {"practice": practice, "pcn": pcn, "sub_icb": PCNS[pcn], "icb": ICB}


def navigation(months: list[date]) -> pd.DataFrame:
    """navigation_month: few requests a cell, so that most are small."""
    chance = np.random.default_rng(5)
    rows = []
    for month in months:
        for number, practice in enumerate(PRACTICES):
            for channel, often in (("telephone", 6.0), ("online", 2.0)):
                for category in (*CLINICAL, "admin_other"):
                    for destination in (*IN_PRACTICE_GP, *EXTERNAL, "nurse", "not_recorded"):
                        contacts = int(chance.poisson(often * (1 + number) / 3 * chance.gamma(0.7, 1)))
                        if contacts:
                            declined = int(chance.binomial(contacts, 0.2))
                            rows.append((practice, month, channel, category, destination, contacts, declined))
    return pd.DataFrame(rows, columns=list(NAVIGATION_TABLE))


def _values(months: list[date], requests: pd.DataFrame, conversations: list[tuple[int, int]]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []

    def add(measure: str, practice: str, month: date, numerator: float, denominator: float) -> None:
        for level, code in above(practice).items():
            rows.append(
                {
                    "measure": measure,
                    "organisation": code,
                    "level": level,
                    "period_kind": "month",
                    "period_start": month,
                    "numerator": float(numerator),
                    "denominator": float(denominator),
                }
            )

    for month in months:
        for number, practice in enumerate(PRACTICES, start=1):
            calls = 900 + 37 * number + month.month
            add("calls_answered", practice, month, calls // 2, calls)
            add("calls_inbound_per_1000", practice, month, calls, 3000 + 100 * number)
            add("telephony_live", practice, month, number % 2, 1)
            used, passed_on = min(number % 3, 1), CASCADED[number - 1]
            add("navigator_places_used", practice, month, used, 1)
            add("navigator_cascade_ratio", practice, month, passed_on, used)
            add("navigators_trained_practices", practice, month, used or passed_on > 0, 1)
            logged, again = 60 + 12 * number, number // 2
            navigated, timed = conversations[number - 1]
            add("logged_calls_missed", practice, month, 30 + number, logged)
            add("logged_calls_repeat_same_day", practice, month, again, logged)
            add("logged_calls_lost_not_back", practice, month, number, logged - again)
            add("navigation_calls_navigated", practice, month, navigated, 40 + 3 * number)
            add("navigation_calls_talk_seconds", practice, month, 181 * timed, timed)
            own = requests[(requests["practice_code"] == practice) & (requests["month"] == month)]
            clinical = own[own["request_category"].isin(CLINICAL)]
            base = clinical[clinical["destination"] != "not_recorded"]
            elsewhere = base[~base["destination"].isin(IN_PRACTICE_GP)]["contacts"].sum()
            external = base[base["destination"].isin(EXTERNAL)]["contacts"].sum()
            whole, known = clinical["contacts"].sum(), base["contacts"].sum()
            add("navigation_redirected", practice, month, elsewhere, known)
            add("navigation_redirected_external", practice, month, external, known)
            add("navigation_declined", practice, month, base["declined"].sum(), known)
            add("navigation_not_recorded", practice, month, whole - known, whole)
    frame = pd.DataFrame(rows)
    keys = ["measure", "organisation", "level", "period_kind", "period_start"]
    frame = frame.groupby(keys, as_index=False)[["numerator", "denominator"]].sum()
    factor = np.where(frame["measure"] == "calls_inbound_per_1000", 1000, 1)
    frame["value"] = factor * frame["numerator"] / frame["denominator"].where(frame["denominator"] > 0)
    small = frame["measure"].eq("navigation_redirected") & frame["denominator"].lt(30)
    frame.loc[small, "value"] = None  # withheld
    stranger = frame[frame["organisation"] == "A99001"].assign(organisation=STRANGER)
    return pd.concat([frame, stranger], ignore_index=True)


def publish(
    folder: Path,
    number: int = 1,
    months: list[date] | None = None,
    missing: tuple[tuple[str, date], ...] = (),
    with_navigation: bool = True,
    name_of_first: str = "Aldermere, Surgery",
    conversations: list[tuple[int, int]] = CONVERSATIONS,
) -> str:
    """Write a generation and name it in CURRENT. missing: (practice, month) without data from any feed. conversations:
    of each practice, navigated and with a known length."""
    months = MONTHS if months is None else months
    folder.mkdir(parents=True, exist_ok=True)
    name = f"switchboard-{number:06d}.duckdb"
    requests = navigation(months)
    organisations = [
        {
            "code": code,
            "kind": kind,
            "name": f"{kind.upper()} {code}",
            "is_own": True,
            "ons_code": ONS_CODES.get(code),
        }
        for kind, codes in (("icb", [ICB]), ("sub_icb", SUB_ICBS), ("pcn", PCNS), ("practice", PRACTICES))
        for code in codes
    ]
    organisations[-8]["name"] = name_of_first
    organisations.append({"code": STRANGER, "kind": "practice", "name": "Elsewhere", "is_own": False})
    links = [
        *((code, "practice", pcn, "pcn") for code, pcn in PRACTICES.items()),
        *((code, "practice", PCNS[pcn], "sub_icb") for code, pcn in PRACTICES.items()),
        *((pcn, "pcn", sub, "sub_icb") for pcn, sub in PCNS.items()),
        *((sub, "sub_icb", icb, "icb") for sub, icb in SUB_ICBS.items()),
    ]
    frames = {
        "generation": pd.DataFrame(
            [
                {
                    "name": name,
                    "built_at": datetime(2026, 11, 3, 3, 0),
                    "icb_codes": ICB,
                    "is_synthetic": True,
                    "code_version": "test",
                }
            ]
        ),
        "organisation": pd.DataFrame(organisations),
        "membership": pd.DataFrame(
            [
                {"child": c, "child_kind": ck, "parent": p, "parent_kind": pk, "from_date": date(2020, 4, 1)}
                for c, ck, p, pk in links
            ]
        ),
        "measure": pd.DataFrame(
            [{"measure": m, "unit": unit, "disclosure": policy} for m, (unit, policy) in MEASURES.items()]
        ),
        "measure_value": _values(months, requests, conversations),
        "load": pd.DataFrame(
            [
                {
                    "load_id": 1,
                    "feed": "published_calls",
                    "file_name": "calls.xlsx",
                    "sha256": "0" * 64,
                    "period_from": date(2025, 1, 1),
                    "period_to": date(2027, 12, 31),
                },
                {
                    "load_id": 2,
                    "feed": "published_calls",
                    "file_name": "old.xlsx",
                    "sha256": "1" * 64,
                    "period_from": date(2020, 1, 1),
                    "period_to": date(2020, 12, 31),
                },
            ]
        ),
        "coverage": pd.DataFrame(
            [
                {
                    "practice": practice,
                    "period_start": month,
                    "feed": feed,
                    "has_data": (practice, month) not in missing,
                }
                for practice in PRACTICES
                for month in months
                for feed in ("published_calls", "appointments", "online_requests", "navigation")
            ]
        ),
        "navigation_month": requests,
    }
    tables = {table: columns for table, columns in TABLES.items() if table != "navigation_month"}
    if with_navigation:
        tables["navigation_month"] = NAVIGATION_TABLE
    path = folder / name
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        for table, columns in tables.items():
            connection.execute(f"CREATE TABLE {table} ({', '.join(f'{c} {t}' for c, t in columns.items())})")
            if table in frames and len(frames[table]):
                frame = frames[table].reindex(columns=list(columns))
                connection.register("incoming", frame)
                connection.execute(f"INSERT INTO {table} SELECT * FROM incoming")
                connection.unregister("incoming")
    (folder / "CURRENT").write_text(name + "\n", encoding="utf-8")
    return name


@pytest.fixture(scope="session")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a generation, for tests that only read it."""
    folder = tmp_path_factory.mktemp("published")
    publish(folder, months=[date(2026, 9, 1), OCTOBER])
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """A home without a generation."""
    return Settings(home=tmp_path / "home", code=(ICB,))


@pytest.fixture
def home_of(tmp_path: Path) -> Callable[..., Settings]:
    """A home with its `[exports]` settings and a generation."""

    def make(exports: dict[str, Any] | None = None, **generation: Any) -> Settings:
        settings = Settings(home=tmp_path / "home", code=(ICB,), exports=exports or {})
        publish(settings.published, **{"months": [date(2026, 9, 1), OCTOBER], **generation})
        return settings

    return make
