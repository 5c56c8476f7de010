"""Navigation and training files for tests, and the marts that come of them, asked through a published generation."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from etl.nightly import Night, load_files
from etl.published.reading import Reader
from etl.published.writing import publish
from etl.settings import Settings
from etl.warehouse.connection import Warehouse
from tests.etl import small_home

TEMPLATES = Path(__file__).parents[2] / "data" / "templates"
CONTACT = (
    "contact_id", "call_id", "practice_code", "recorded_at", "channel", "navigator_id", "request_category", "urgency",
    "destination", "declined", "snomed_code", "patient_pseudonym",
)  # fmt: skip
TRAINING = ("practice_code", "staff_id", "route", "booked_on", "completed_on")


def contact(contact_id: str, **cells: str) -> dict[str, str]:
    """A row of the canonical file: a new clinical problem, by telephone, to a nurse."""
    usual = {
        "practice_code": "Z91001", "recorded_at": "2025-07-07T08:05:00Z", "channel": "telephone",
        "navigator_id": "N0001", "request_category": "clinical_new", "urgency": "routine", "destination": "nurse",
        "declined": "false",
    }  # fmt: skip
    return {**dict.fromkeys(CONTACT, ""), **usual, "contact_id": contact_id, **cells}


def write(path: Path, header: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> Path:
    """Rows as a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(header))
        writer.writeheader()
        writer.writerows(rows)
    return path


def with_organisations(home: Settings, folder: Path) -> None:
    """Load the small home's practices (Z91… in QZZ, Z92… in QYY), PCNs and list sizes."""
    files = [path for path in small_home.write(folder) if path.name.startswith(("ep", "lists", "online"))]
    assert not load_files(home, files).refused


def take(home: Settings, path: Path) -> Night:
    """Load one file."""
    return load_files(home, [path])


def publish_july(home: Settings, folder: Path) -> None:
    """Three practices' records of July 2025 (one of them too small for a rate) and a training return, published."""
    with_organisations(home, folder)
    where = ("gp_same_day", "gp_routine", "named_gp", "nurse", "community_pharmacy", "self_care", "ae_999", "", "??")
    rows = []
    for practice, size in (("Z91001", 120), ("Z91002", 90), ("Z91004", 12)):
        for n in range(size):
            category = ("clinical_new", "medication", "admin_other")[n % 3]
            when = f"2025-07-{1 + n % 28:02d}T{8 + n % 9:02d}:{n % 60:02d}:00"
            rows.append(
                contact(f"{practice}-{n}", practice_code=practice, request_category=category, recorded_at=when,
                        destination=where[n % len(where)])
            )  # fmt: skip
    trained = [dict(zip(TRAINING, ("Z91001", "S1", "funded", "2025-05-01", "2025-06-01"), strict=True))]
    trained += [dict(zip(TRAINING, ("Z91002", "S1", "funded", "2025-05-01", ""), strict=True))]
    for path in (write(folder / "nav.csv", CONTACT, rows), write(folder / "training.csv", TRAINING, trained)):
        assert not take(home, path).refused
    published(home)


def published(home: Settings) -> Reader:
    """Build and publish what is loaded."""
    with Warehouse(home) as warehouse:
        publish(warehouse, lambda *_: None)
    return Reader(home.published)
