"""The files: bytes, metadata, manifest, sums, versions."""

import csv
import hashlib
import io
import json
import os
import resource
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from csvw import CSVW
from hypothesis import given
from hypothesis import strategies as st

from etl.exports.content import content
from etl.exports.definitions import Column, definitions
from etl.exports.schedule import write
from etl.exports.writing import Version, csv_bytes, guarded, put, read_manifest, versions
from etl.published.reading import Reader
from etl.settings import Settings
from tests.etl.exports.conftest import OCTOBER

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 12, 3, 7, 0, tzinfo=UTC)
TEXT = Column(name="text", meaning="some text")
NUMBER = Column(name="value", meaning="a number", type="number")


def make(
    folder: Path, generation: Path, name: str = "measures_long", at: datetime = NOW, reason: str | None = None
) -> Version:
    definition = definitions()[name]
    return write(folder / name, definition, content(Reader(generation), definition, OCTOBER), OCTOBER, at, reason)


@pytest.mark.parametrize("name", list(definitions()))
def test_the_whole_file(generation: Path, tmp_path: Path, name: str) -> None:
    """Golden files: set WRITE_GOLDEN to accept a change, and read the difference."""
    made = make(tmp_path, generation, name).path.read_bytes()
    golden = GOLDEN / f"{name}.csv"
    if os.environ.get("WRITE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes(made)
    assert made == golden.read_bytes()


def test_bytes(generation: Path, tmp_path: Path) -> None:
    made = make(tmp_path, generation).path.read_bytes()
    assert not made.startswith(b"\xef\xbb\xbf")
    assert made.endswith(b"\r\n")
    assert made.count(b"\n") == made.count(b"\r\n")
    rows = list(csv.DictReader(io.StringIO(made.decode("utf-8"), newline="")))
    keys = [tuple(row[key] for key in definitions()["measures_long"].keys) for row in rows]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert {row["period_start"] for row in rows} == {"2026-10-01"}
    assert all(len(row["value"].split(".")[1]) >= 6 for row in rows if row["value"])
    assert "Aldermere, Surgery" in {row["organisation_name"] for row in rows}


def test_two_writings_are_equal(generation: Path, tmp_path: Path) -> None:
    make(tmp_path / "one", generation)
    make(tmp_path / "two", generation, at=datetime(2027, 1, 1, tzinfo=UTC))
    names = sorted(path.name for path in (tmp_path / "one" / "measures_long").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "two" / "measures_long").iterdir())
    for name in names:
        same = [(tmp_path / place / "measures_long" / name).read_bytes() for place in ("one", "two")]
        assert (same[0] == same[1]) == (name != "manifest.json")


def test_names_manifest_and_sums(generation: Path, tmp_path: Path) -> None:
    first = make(tmp_path, generation)
    second = make(tmp_path, generation, reason="list sizes corrected")
    assert first.file == "measures_long_qzz_2026-10_month_v1.csv"
    assert second.file == "measures_long_qzz_2026-10_month_v2.csv"
    manifest = read_manifest(first.folder)
    assert {path.name for path in first.folder.iterdir()} - {"manifest.json", "SHA256SUMS"} == {
        entry["name"] for entry in manifest["files"]
    }
    for entry in manifest["files"]:
        assert hashlib.sha256((first.folder / entry["name"]).read_bytes()).hexdigest() == entry["sha256"]
    entry = versions(first.folder, "2026-10")[1]
    assert (entry["version"], entry["supersedes"], entry["reason"]) == (2, first.file, "list sizes corrected")
    assert (entry["policy"], entry["generation"], entry["made_at"]) == (
        "people",
        "switchboard-000001.duckdb",
        "2026-12-03T07:00:00Z",
    )
    assert [load["load_id"] for load in entry["loads"]] == [1]
    assert entry["code_version"] == "test"
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=first.folder, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "manifest.json" not in (first.folder / "SHA256SUMS").read_text()


@pytest.mark.parametrize("name", list(definitions()))
def test_metadata_describes_the_file(generation: Path, tmp_path: Path, name: str) -> None:
    path = make(tmp_path, generation, name).path
    described = CSVW(f"{path}-metadata.json", validate=True)
    assert described.is_valid
    table = described.tables[0]
    rows_read = list(table.iterdicts(strict=True))
    assert len(rows_read) == path.read_bytes().count(b"\r\n") - 1
    assert table.tableSchema.primaryKey == definitions()[name].keys
    table.check_primary_key()
    if rows_read:
        assert rows_read[0]["period_start"].date() == OCTOBER


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\x00=1",
        "  =1",
        "\u00a0=1",
        "\u3000=1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        "\ufeff=1",
    ],
)
def test_formulas_are_text(text: str) -> None:
    assert guarded(text) == "'" + text


def test_numbers_and_plain_text_are_left_alone() -> None:
    rows = pd.DataFrame({"text": ["A-B", "plain", "1=1"], "value": [-1.5, -0.1, 1e-9]})
    made = csv_bytes(rows, [TEXT, NUMBER]).decode()
    assert made == "text,value\r\nA-B,-1.500000\r\nplain,-0.100000\r\n1=1,0.000000001\r\n"


@given(st.lists(st.tuples(st.text(), st.floats(-1e12, 1e12)), max_size=5))
def test_every_text_and_number_reads_back(pairs: list[tuple[str, float]]) -> None:
    rows = pd.DataFrame(pairs, columns=["text", "value"], dtype="object")
    made = csv_bytes(rows, [TEXT, NUMBER]).decode("utf-8", "surrogatepass") if pairs else "text,value\r\n"
    read = list(csv.reader(io.StringIO(made, newline="")))[1:]
    assert [(text, float(value)) for text, value in read] == [(guarded(text), value) for text, value in pairs]


def test_what_a_crash_left_is_made_anew(generation: Path, tmp_path: Path) -> None:
    folder = tmp_path / "measures_long"
    folder.mkdir()
    (folder / "measures_long_qzz_2026-10_month_v1.csv").write_text("half")
    (folder / ".measures_long_qzz_2026-10_month_v1.csv.part").write_text("hal")
    made = make(tmp_path, generation)
    assert made.file.endswith("_v1.csv")
    assert hashlib.sha256(made.path.read_bytes()).hexdigest() == made.entry["sha256"]
    assert not list(folder.glob(".*"))


def test_a_full_disk_leaves_no_version(generation: Path, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OSError, match=r"too large.*measures_long_qzz_2026-10_month_v1\.csv"):
            make(tmp_path, generation)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert versions(tmp_path / "measures_long") == []
    assert not list((tmp_path / "measures_long").glob("*.csv"))
    assert make(tmp_path, generation).file.endswith("_v1.csv")


def test_a_file_is_never_overwritten(tmp_path: Path) -> None:
    put(tmp_path / "a", b"one")
    put(tmp_path / "a", b"one")
    with pytest.raises(FileExistsError):
        put(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"one"


def test_incomplete_by_hand_is_marked(home_of: Callable[..., Settings], tmp_path: Path) -> None:
    settings = home_of(missing=(("A99002", OCTOBER),))
    made = make(tmp_path / "out", settings.published)
    rows = list(csv.DictReader(io.StringIO(made.path.read_bytes().decode(), newline="")))
    assert {row["obs_status"] for row in rows} == {"p", "c", "x"}
    assert made.entry["status"] == "provisional"
    assert "published_calls: A99002 PRACTICE A99002" in made.entry["missing"]


def test_manifest_is_json_with_the_period(generation: Path, tmp_path: Path) -> None:
    made = make(tmp_path, generation, "telephony_adoption")
    manifest = json.loads((made.folder / "manifest.json").read_text())
    assert manifest["export"] == "telephony_adoption"
    assert date.fromisoformat(manifest["files"][0]["period"] + "-01") == OCTOBER
