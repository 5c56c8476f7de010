"""`make bench`: speeds as ratios within one run. Never a test: machines differ, ratios less so.

python -m tests.bench [NAME …] [--rows N]
"""

import argparse
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from etl import nightly
from etl.demo.files import write_demo
from etl.settings import Settings, load_settings
from tests import bench_national as national
from tests.bench_call_logs import bench_call_logs, bench_normal_night
from tests.bench_charts import bench_charts

RUNS = 3


def seconds(work: Callable[[], object], before: Callable[[], object]) -> float:
    """Wall time of `work`, after `before`."""
    before()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def write_crosstab(path: Path, rows: int) -> None:
    """A practice crosstab of the documented columns: 6,300 practices, six months, every combination at random."""
    with duckdb.connect() as con:
        con.execute(
            f"""
            COPY (
                SELECT
                    strftime(DATE '2026-01-01' + INTERVAL (n % 6) MONTH, '%d%b%Y').upper()
                        AS APPOINTMENT_MONTH_START_DATE,
                    'Z' || lpad(CAST(n // 6 % 6300 AS VARCHAR), 5, '0') AS GP_CODE,
                    'PRACTICE ' || n // 6 % 6300 AS GP_NAME,
                    'EMIS' AS SUPPLIER,
                    'U9' || lpad(CAST(n // 6 % 6300 // 5 AS VARCHAR), 4, '0') AS PCN_CODE,
                    'PCN ' || n // 6 % 6300 // 5 AS PCN_NAME,
                    'Z' || lpad(CAST(n // 6 % 6300 // 60 AS VARCHAR), 2, '0') AS SUB_ICB_LOCATION_CODE,
                    'NHS SOMEWHERE ICB' AS SUB_ICB_LOCATION_NAME,
                    ['GP', 'Other Practice staff', 'Unknown'][1 + n // 37800 % 3] AS HCP_TYPE,
                    ['Face-to-Face', 'Telephone', 'Home Visit', 'Video/Online', 'Unknown'][1 + n // 113400 % 5]
                        AS APPT_MODE,
                    ['General Consultation Acute', 'Planned Clinics', 'Clinical Triage', 'Walk-in', 'Unmapped']
                        [1 + n // 567000 % 5] AS NATIONAL_CATEGORY,
                    ['Same Day', '1 Day', '2 to 7 Days', '8  to 14 Days', '15  to 21 Days', '22  to 28 Days',
                        'More than 28 Days', 'Unknown / Data Quality'][1 + n // 2835000 % 8]
                        AS TIME_BETWEEN_BOOK_AND_APPT,
                    1 + n % 97 AS COUNT_OF_APPOINTMENTS,
                    ['Attended', 'DNA', 'Unknown'][1 + n // 7 % 3] AS APPT_STATUS
                FROM range({rows}) AS t(n)
            ) TO '{path}' (HEADER, DELIMITER ',')
            """
        )


def bench_crosstab(folder: Path, rows: int) -> None:
    """A practice crosstab from file to ledger, against a bare CREATE TABLE AS SELECT of it."""
    path = folder / "Practice_Level_Crosstab_Jun_26.csv"
    write_crosstab(path, rows)
    bare_path, home = folder / "bare.duckdb", folder / "home"

    def bare() -> None:
        with duckdb.connect(str(bare_path)) as con:
            con.execute("SET memory_limit = '2GB'")
            con.execute("SET enable_progress_bar = false")
            con.execute(f"CREATE TABLE crosstab AS SELECT * FROM read_csv('{path}')")

    def ours() -> None:
        night = nightly.load_files(Settings(home=home, code=("QZZ",)), [path])
        assert night.loads[0].rows_kept == rows, night

    pairs = [
        (
            seconds(bare, before=lambda: bare_path.unlink(missing_ok=True)),
            seconds(ours, before=lambda: shutil.rmtree(home, ignore_errors=True)),
        )
        for _ in range(RUNS)
    ]
    base, full = (statistics.median(each) for each in zip(*pairs, strict=True))
    ratio = statistics.median(full / base for base, full in pairs)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    size = path.stat().st_size / 2**20
    print(
        f"crosstab: {rows:,} rows, {size:,.0f} MB: load / bare = {ratio:.2f} ({full:.1f} s / {base:.1f} s), "
        f"peak memory {peak:.2f} GB (limits: 2.00, 2 GB)"
    )


def bench_england(folder: Path, _rows: int) -> None:
    """England: the night's build, then the dashboard's charts and queries over what it published."""
    bench_charts(national.bench_national(folder), folder, "England")


def bench_spc(_folder: Path, _rows: int) -> None:
    """SPC alone, over 100,000 series."""
    national.bench_spc()


def bench_demo(folder: Path, _rows: int) -> None:
    """The synthetic ICB: written, its night, and its charts."""
    settings = Settings(home=folder / "home", inbox_settle_seconds=0)
    start = time.perf_counter()
    write_demo(settings.home, calls="recent")
    written = time.perf_counter()
    # its code and telephone sources are in the icb.toml that was written
    nightly.nightly(load_settings(home=settings.home, inbox_settle_seconds=0))
    print(
        f"demo: written in {written - start:.0f} s, its night {time.perf_counter() - written:.0f} s "
        "(limit: 90 s from cold to served, set-up included)",
        flush=True,
    )
    bench_charts(settings.published, folder, "synthetic ICB")


BENCHES: dict[str, Callable[[Path, int], None]] = {
    "crosstab": bench_crosstab,
    "spc": bench_spc,
    "demo": bench_demo,
    "national": bench_england,
    "call_logs": bench_call_logs,
    "normal_night": bench_normal_night,
}


def main() -> int:
    """Run the named benches, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--rows", type=int, default=5_000_000)
    chosen = parser.parse_args()
    for name in chosen.names or BENCHES:
        with tempfile.TemporaryDirectory(prefix="switchboard-bench-") as folder:
            BENCHES[name](Path(folder), chosen.rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
