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


def published(home: Settings) -> Reader:
    """Build and publish what is loaded."""
    with Warehouse(home) as warehouse:
        publish(warehouse, lambda *_: None)
    return Reader(home.published)
