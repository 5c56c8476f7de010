"""Where the real published files are, and the mark for tests that need them."""

from pathlib import Path

import pytest

REFERENCE = Path(__file__).resolve().parents[2] / "shared" / "reference"

needs_reference = pytest.mark.skipif(
    not REFERENCE.is_dir(),
    reason=f"NOT TESTED ON REAL FILES: no folder of published NHS files at {REFERENCE}",
)
