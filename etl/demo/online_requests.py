"""The online-consultation workbook of each month."""

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from etl.demo.formats import marked, write_workbook
from etl.demo.traffic import days_of, is_working
from etl.demo.world import World

TYPES = ("clinical", "administrative", "other")
NOT_TAKING_PART = (17, 44)  # these never report
_HEADER = (
    "Month [1]", "GP Code", "GP Name", "PCN Code [2, 3]", "PCN Name [3]", "Sub ICB Code", "Sub ICB Name",
    "ICB Code", "ICB Name", "Region Code", "Region Name", "Supplier [4, 5, 6]", "Submissions [7]",
    "Clinical Submissions [7]", "Administrative Submissions [7]", "Other/Unknown Type Submissions [7]",
    "Registered Patient Count [8]", "Rate per 1,000 Registered Patients [9, 10]", "Participation [11]",
)  # fmt: skip


def requests_of_month(world: World, month: int) -> np.ndarray:
    """Submissions, practices × TYPES; 0 where a practice does not take part or is closed."""
    random = world.random(2, month + world.skipped)
    working = sum(is_working(day) for day in days_of(world.months[month]))
    practices = world.practices
    rate = practices.online_rate.to_numpy() * (1 + 0.22 * (month + world.skipped) / 12) * working / 21
    total = random.poisson(world.patients[month] / 1000 * rate * np.exp(random.normal(0, 0.06, len(practices))))
    total[list(NOT_TAKING_PART)] = 0
    clinical = practices.online_clinical.to_numpy()
    shares = np.stack([clinical, (1 - clinical) * 0.72, (1 - clinical) * 0.28], axis=1)
    return random.multinomial(total, shares)


def write_online_requests(inbox: Path, world: World) -> list[np.ndarray]:
    """Writes a workbook a month; returns what is in them, month by month, as requests_of_month."""
    counts: list[np.ndarray] = []
    for month in range(len(world.months)):
        counts.append(requests_of_month(world, month))
        name = f"Submissions via OC Systems in General Practice {world.months[month]:%B %Y}.xlsx"
        write_workbook(inbox / marked(name), _sheets(world, month, counts))
    return counts


def _sheets(world: World, month: int, counts: list[np.ndarray]) -> dict[str, list[list[Any]]]:
    first = world.months[month]
    return {
        "Title sheet": [
            *([[]] * 7),
            ["Submissions via Online Consultation Systems in General Practice"],
            ["SYNTHETIC DATA: not a publication of anybody"],
            ["_"],
            [f"{world.months[0]:%B %Y} to {first:%B %Y}"],
        ],
        "Table 1": _table_1(world, month, counts),
        "Table 2": _table_2(world, month, counts[month]),
    }


def _table_1(world: World, month: int, counts: list[np.ndarray]) -> list[list[Any]]:
    """The national series, newest first; the newest month's heading carries a footnote as text."""
    back = range(month, -1, -1)
    headings: list[Any] = [f"{world.months[m]:%b-%y}" + (" [10,11]" if m == month else "") for m in back]
    taking_part = np.ones(len(world.practices), bool)
    taking_part[list(NOT_TAKING_PART)] = False

    def series(label: str, values: list[Any], group: str | None = None) -> list[Any]:
        return [group, label, *values]

    patients = [world.patients[m] for m in back]
    received = [counts[m].sum(axis=1) > 0 for m in back]
    rows = [[]] * 7 + [
        ["Return to Contents"],
        ["_"],
        ["Table 1: Summary of availability and usage of Online Consultation Systems, England"],
        [None, None, *headings],
        series("Open active practices", [int((p > 0).sum()) for p in patients], "Coverage"),
        series(
            "Count of practices participating in the collection [1] ",
            [int(((p > 0) & taking_part).sum()) for p in patients],
        ),
        series(
            "Count of practices receiving submissions via Online Consultation Systems [1, 2]",
            [int(r.sum()) for r in received],
        ),
        [None, ""],
        series("Registered patients at open active practices", [int(p.sum()) for p in patients]),
        series(
            "Registered patients at practices that received submissions via an Online Consultation System",
            [int(p[r].sum()) for p, r in zip(patients, received, strict=True)],
        ),
        [None, ""],
        series(
            "Total submissions received by practices [3], of which:",
            [int(counts[m].sum()) for m in back],
            "Submissions",
        ),
        series("Clinical submissions", [int(counts[m][:, 0].sum()) for m in back], "Submission type"),
        series("Administrative submissions", [int(counts[m][:, 1].sum()) for m in back]),
        series("Other/unknown type submissions [4]", [int(counts[m][:, 2].sum()) for m in back]),
        [],
        ["Source: synthetic data"],
    ]
    return rows


def _table_2(world: World, month: int, counts: np.ndarray) -> list[list[Any]]:
    areas, patients = world.areas(world.months[month]), world.patients[month]
    first = datetime.combine(world.months[month], datetime.min.time())
    rows: list[list[Any]] = [
        *([[]] * 7),
        ["Return to Contents"],
        ["_"],
        [f"Table 2: Submissions received by practices via Online Consultation Systems, {first:%B %Y}"],
        [],
        list(_HEADER),
    ]
    suppliers = world.practices.online_supplier.str.cat(
        pd.Series(["", ", MAILFORM LIMITED"])[(world.practices.index % 19 == 18).astype(int)].to_numpy()
    )
    for position, area in enumerate(areas.itertuples(index=False)):
        if patients[position] == 0:
            continue
        own = [int(n) for n in counts[position]]
        absent = position in NOT_TAKING_PART
        supplier = "No data" if absent else suppliers[position]
        rate = sum(own) * 1000 / patients[position]
        rows.append([first, *area, supplier, sum(own), *own, int(patients[position]), rate, 0 if absent else 1])
    return [*rows, [], ["Source: synthetic data"], ["Notes:", "  1   Every figure here is invented"]]
