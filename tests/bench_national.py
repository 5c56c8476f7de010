"""Benches at the size of England: 6,300 practices, 36 months. Run by `tests.bench`."""

import time
from pathlib import Path

import numpy as np

from etl.analysis import spc
from etl.published.reading import Reader
from etl.published.writing import publish
from etl.settings import Settings
from etl.warehouse.connection import Warehouse

PRACTICES = 6300
MONTHS = 36
FIRST_MONTH = "2023-11-01"
CROSSTAB_ROWS = 100  # of a practice and month; the synthetic ICB has 330, as a real practice may
DAILY_MONTHS = 12  # of day-and-time files
OWN = "Q00"  # an ICB of 175 practices

# sql: where practice number n of PRACTICES lies, and what it is called
PLACED = f"""
    SELECT n, 'A' || lpad(CAST(80000 + n AS VARCHAR), 5, '0') AS practice,
        'U' || lpad(CAST(n // 5 AS VARCHAR), 5, '0') AS pcn, lpad(CAST(n // 60 AS VARCHAR), 2, '0') || 'L' AS sub_icb,
        'Q' || lpad(CAST(n // 180 AS VARCHAR), 2, '0') AS icb, 'Y' || lpad(CAST(n // 900 AS VARCHAR), 2, '0') AS region
    FROM range({PRACTICES}) AS t(n)
"""
EACH_MONTH = f"""
    SELECT *, CAST(DATE '{FIRST_MONTH}' + INTERVAL (m) MONTH AS DATE) AS month
    FROM placed CROSS JOIN range({MONTHS}) AS t(m)
"""
AREAS = "practice, pcn, sub_icb, icb, region"
OUTCOMES = ("inbound", "answered", "ended_in_ivr", "callback_requested", "missed", "callback_made")
BANDS = ("0_60", "61_120", "121_300", ">300")
TIMES = (
    *("00:00-05:59", "06:00-07:59", "08:00-09:59", "10:00-11:59", "12:00-13:59"),
    *("14:00-15:59", "16:00-17:59", "18:00-18:29", "18:30-23:59"),
)


def fill_warehouse(warehouse: Warehouse) -> int:
    """Put the facts of England there, as if its files had been loaded. Returns how many rows that is."""
    con = warehouse.con
    con.execute(f"CREATE TEMP TABLE placed AS {PLACED}")
    con.execute(f"CREATE TEMP TABLE each_month AS {EACH_MONTH}")
    _fill_organisations(warehouse)
    con.execute(
        "INSERT INTO fact.registered_patients BY NAME SELECT month AS period_start, practice AS organisation, "
        "'practice' AS organisation_kind, 'all' AS sex, 'all' AS age_band, 4000 + n AS patients, 1 AS load_id "
        "FROM each_month"
    )
    outcome = [("table_3", name, "total", "total") for name in OUTCOMES]
    wait = [("table_4", "answered", "wait", band) for band in BANDS]
    talk = [("table_4", "answered", "duration", band) for band in BANDS]
    lost = [("table_5", "missed", "wait", band) for band in BANDS]
    for number, (dataset, indicator, dimension, band) in enumerate(outcome + wait + talk + lost):
        # inbound is the sum of what became of it
        calls = 6000 if indicator == "inbound" else 1500 if dimension == "total" else 375
        con.execute(
            f"INSERT INTO fact.published_calls SELECT '{dataset}', 'month', month, {AREAS}, '{indicator}', "
            f"'{dimension}', '{band}', {calls} + hash(n, m, {number}) % {calls // 10}, 1 FROM each_month"
        )
    con.execute(
        f"INSERT INTO fact.published_calls SELECT 'day_and_time', 'day', CAST(month + INTERVAL (d) DAY AS DATE), "
        f"{AREAS}, 'inbound', 'time_band', band, 5 + hash(n, m, d, band) % 40, 1 "
        f"FROM each_month, range(31) AS t(d), (SELECT unnest({list(TIMES)}) AS band) "
        f"WHERE m >= {MONTHS - DAILY_MONTHS} AND d < extract(day FROM last_day(month))"
    )
    con.execute(
        f"INSERT INTO fact.appointments SELECT 'crosstab', 'month', month, practice, pcn, sub_icb, NULL, NULL, "
        f"['attended', 'attended', 'dna', 'unknown'][1 + x % 4], ['gp', 'other', 'unknown'][1 + x % 3], "
        f"['face_to_face', 'telephone', 'home_visit', 'video_online', 'unknown'][1 + x % 5], "
        f"['General Consultation Acute', 'Planned Clinics', 'Clinical Triage', 'Walk-in'][1 + x // 7 % 4], "
        f"['same_day', '1_day', '2_to_7', '8_to_14', '15_to_21', '22_to_28', 'over_28', 'unknown'][1 + x // 3 % 8], "
        f"NULL, 1 + hash(n, m, x) % 60, 1 FROM each_month, range({CROSSTAB_ROWS}) AS t(x)"
    )
    for number, kind in enumerate(("total", "clinical", "administrative", "other")):
        con.execute(
            f"INSERT INTO fact.online_requests SELECT month, {AREAS}, 'Synthetic', '{kind}', "
            f"{900 if kind == 'total' else 300} + hash(n, m, {number}) % 30, TRUE, 1 FROM each_month"
        )
    counts = "published_calls", "appointments", "online_requests", "registered_patients"
    return sum(int(warehouse.fetch(f"SELECT count(*) FROM fact.{name}")[0][0]) for name in counts)


def _fill_organisations(warehouse: Warehouse) -> None:
    said = f"'epraccur' AS source, DATE '{FIRST_MONTH}' AS as_of, 1 AS load_id"
    for kind in AREAS.split(", "):
        opened = (
            "DATE '1990-01-01' AS opened, 'A' AS status, '4' AS prescribing_setting, " if kind == "practice" else ""
        )
        warehouse.con.execute(
            f"INSERT INTO fact.organisation BY NAME SELECT DISTINCT {kind} AS code, '{kind}' AS kind, "
            f"'Synthetic {kind} ' || {kind} AS name, {opened} {said} FROM placed"
        )
    pairs = (("practice", "pcn"), ("practice", "sub_icb"), ("pcn", "sub_icb"), ("sub_icb", "icb"), ("icb", "region"))
    for child, parent in pairs:
        warehouse.con.execute(
            f"INSERT INTO fact.membership BY NAME SELECT {child} AS child, '{child}' AS child_kind, "
            f"any_value({parent}) AS parent, '{parent}' AS parent_kind, {said} FROM placed GROUP BY {child}"
        )


def bench_national(folder: Path) -> Path:
    """Marts, measures and SPC of England from facts to a published generation. Returns the folder of generations."""
    settings = Settings(home=folder / "national", code=(OWN,))
    with Warehouse(settings) as warehouse:
        facts = fill_warehouse(warehouse)
    wall, cpu = time.perf_counter(), time.process_time()
    with Warehouse(settings) as warehouse:
        publish(warehouse, lambda *_: None)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    values = Reader(settings.published).records("SELECT count(*) AS n FROM measure_value")[0]["n"]
    print(
        f"national: {PRACTICES:,} practices, {MONTHS} months, {facts:,} facts to {values:,} measure values with SPC, "
        f"published in {wall:.0f} s, {cpu:.0f} s of CPU (limit: 60 s)",
        flush=True,
    )
    return settings.published


def bench_spc(series: int = 100_000, points: int = 36) -> None:
    """`xmr_many` over series of random walks, a tenth of their points missing."""
    random = np.random.default_rng(1)
    values = 100 + random.normal(0, 1, (series, points)).cumsum(axis=1)
    values[random.random(values.shape) < 0.1] = np.nan
    start = time.perf_counter()
    spc.xmr_many(np.repeat(np.arange(series), points), values.ravel(), 1, 100.0)
    print(
        f"spc: {series:,} series of {points} points in {time.perf_counter() - start:.1f} s (limit: seconds)", flush=True
    )
