"""Call logs at the size of an ICB: how fast files become half-hours, and whether a night grows with its history."""

import resource
import shutil
import statistics
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from etl import nightly
from etl.demo.files import write_demo
from etl.feeds.call_logs import half_hours
from etl.settings import Settings
from etl.warehouse.connection import Warehouse

CALLS_A_NIGHT = 25_000
SEED_DAYS = 28  # a history is these days again and again, four weeks earlier each time
NIGHTS = 3  # runs of each bench; a median of each
LAST_DAY = date(2026, 10, 11)
HISTORIES = {"three months": 84, "three years": 1092}
CANONICAL = {
    "id": "bench",
    "platform": "mapped_csv",
    "files": "bench-*",
    "timezone": "Europe/London",
    "profile": "canonical",
}
# of a hundred calls, how many begin before each hour from 8 to 18 is over
HOURS = (18, 32, 43, 53, 61, 68, 76, 85, 93, 98, 100)


def write_calls(path: Path, practices: list[str], first: date, days: int, calls_a_day: int) -> None:
    """A canonical call log: every practice on every day, from eight to seven, callers by Ofcom's drama numbers."""
    hour = " ".join(f"WHEN n * 7919 % 100 < {share} THEN {8 + place}" for place, share in enumerate(HOURS))
    with duckdb.connect() as con:
        con.register("practice", pa.table({"place": list(range(len(practices))), "code": practices}))
        con.execute(
            f"""
            COPY (
                WITH called AS (
                    SELECT n, d, TIMESTAMP '{first}' + to_days(CAST(d AS INTEGER))
                        + to_seconds(CAST((CASE {hour} END - 1) * 3600 + n * 104729 % 3600 AS INTEGER)) AS began,
                        10 + n * 31 % 30 AS menu, hash(n, d) % 400 AS wait, 20 + hash(d, n) % 300 AS talk,
                        ['answered', 'answered', 'answered', 'answered', 'answered', 'answered', 'abandoned_queue',
                            'abandoned_ivr', 'callback', 'no_answer'][1 + n // 11 % 10] AS outcome
                    FROM range({calls_a_day}) AS t(n), range({days}) AS u(d)
                )
                SELECT strftime(began, '%Y%m%d') || '-' || n AS call_id, code AS practice_ods,
                    strftime(began, '%Y-%m-%dT%H:%M:%SZ') AS started_at,
                    CASE WHEN outcome <> 'abandoned_ivr'
                        THEN strftime(began + to_seconds(menu), '%Y-%m-%dT%H:%M:%SZ') END AS queue_entered_at,
                    CASE WHEN outcome = 'answered'
                        THEN strftime(began + to_seconds(CAST(menu + wait AS INTEGER)), '%Y-%m-%dT%H:%M:%SZ') END
                        AS answered_at,
                    strftime(began + to_seconds(CAST(menu + wait + talk AS INTEGER)), '%Y-%m-%dT%H:%M:%SZ') AS ended_at,
                    outcome, 1 + n % 20 AS queue_position_announced, outcome = 'callback' AS callback_requested,
                    outcome = 'callback' AND n % 3 > 0 AS callback_completed,
                    '07700900' || lpad(CAST(hash(n, d) % 1000 AS VARCHAR), 3, '0') AS caller_number
                FROM called INNER JOIN practice ON place = n % {len(practices)}
                ORDER BY began
            ) TO '{path}' (HEADER)
            """
        )


def with_history(home: Path, days: int) -> Settings:
    """A home with the publications of the demo and a call log of so many days, published once.

    Four weeks are loaded from a file; what is before them is their rows again, so many weeks earlier.
    """
    settings = Settings(home=home, code=("QZZ",), inbox_settle_seconds=0, telephony_source=[CANONICAL])
    write_demo(home, LAST_DAY, calls="none")
    path = settings.inbox / "bench-history.csv"
    write_calls(path, practices_of(settings), LAST_DAY - timedelta(SEED_DAYS - 1), SEED_DAYS, CALLS_A_NIGHT)
    night = nightly.nightly(settings)
    assert night.generation, night
    with Warehouse(settings) as warehouse, warehouse.transaction():
        for back in range(SEED_DAYS, days, SEED_DAYS):
            _again(warehouse, back)
    nightly.nightly(settings)
    return settings


def practices_of(settings: Settings) -> list[str]:
    """The practices of the demo that are open, by their lists."""
    paths = sorted(settings.inbox.glob("*reg-pat-prac-all*")) + sorted(settings.archive.rglob("*reg-pat-prac-all*"))
    return sorted(
        row[0]
        for row in duckdb.execute(
            "SELECT DISTINCT CODE FROM read_csv(?) WHERE TYPE = 'GP'", [[str(paths[-1])]]
        ).fetchall()
    )


def _again(warehouse: Warehouse, back: int) -> None:
    """The rows of the four weeks once more, some days earlier, as if they had been loaded then."""
    within = f"local_date > DATE '{LAST_DAY - timedelta(SEED_DAYS)}' AND local_date <= DATE '{LAST_DAY}'"
    moments = ("started_at", "arrived_at", "entered_at", "answered_at", "ended_at", "callback_requested_at")
    for table in ("fact.call_leg", "fact.call", *(f"mart.{mart}" for mart in half_hours.MARTS)):
        names = [row[0] for row in warehouse.con.execute(f"DESCRIBE {table}").fetchall()]
        changed = [f"local_date - {back} AS local_date"]
        changed += [f"{name} - INTERVAL {back} DAY AS {name}" for name in moments if name in names]
        changed += [f"{name} || '-{back}' AS {name}" for name in ("correlation_id", "native_call_id") if name in names]
        changed += [f"md5(call_id || '{back}') AS call_id"] if "call_id" in names else []
        changed += [f"md5(caller_pseudonym || '{back}') AS caller_pseudonym"] if "caller_pseudonym" in names else []
        warehouse.con.execute(
            f"INSERT INTO {table} SELECT * REPLACE ({', '.join(changed)}) FROM {table} WHERE {within}"
        )


def one_night(settings: Settings, number: int) -> float:
    """Seconds of a night with one day's calls: load, marts, measures, publication."""
    write_calls(
        settings.inbox / f"bench-night-{number}.csv",
        practices_of(settings), LAST_DAY + timedelta(number), 1, CALLS_A_NIGHT,
    )  # fmt: skip
    begun = time.perf_counter()
    night = nightly.nightly(settings)
    assert [load.rows_kept for load in night.loads] == [CALLS_A_NIGHT], night
    return time.perf_counter() - begun


def bench_normal_night(folder: Path, rows: int) -> None:
    """A night of 25,000 calls on three years of them, against the same night on three months."""
    homes = {name: with_history(folder / name.replace(" ", "-"), days) for name, days in HISTORIES.items()}
    spent: dict[str, list[float]] = {name: [] for name in HISTORIES}
    for number in range(1, NIGHTS + 1):
        for name, settings in homes.items():
            spent[name].append(one_night(settings, number))
    short, long = (statistics.median(spent[name]) for name in HISTORIES)
    print(
        f"normal night: {CALLS_A_NIGHT:,} calls after three years / three months = {long / short:.2f} "
        f"({long:.1f} s / {short:.1f} s; limit 1.50)"
    )


def write_asterisk(cdr: Path, log: Path, calls: int) -> None:
    """Call detail records of 21 fields, one a call, and the queue's events: six months of twenty lines.

    Nearly all calls join a queue; three in four are answered, the others given up, or ask for a call-back.
    """
    first = int(datetime(2026, 1, 5, 8, tzinfo=UTC).timestamp())
    spread = 180 * 86400 / calls
    call = f"""
        SELECT n, CAST({first} + floor(n * {spread}) AS BIGINT) AS began, n % 20 AS line, hash(n) % 1000 AS caller,
            5 + n % 30 AS menu, hash(n, 1) % 300 AS wait, 20 + hash(n, 2) % 400 AS talk, hash(n, 3) % 20 AS fate
        FROM range({calls}) AS t(n)
    """
    local = "strftime(make_timestamp(CAST({} AS BIGINT) * 1000000) AT TIME ZONE 'UTC' AT TIME ZONE 'Europe/London', "
    local += "'%Y-%m-%d %H:%M:%S')"
    whole = "menu + wait + CASE WHEN fate < 15 THEN talk ELSE 0 END"
    number = "'07700900' || lpad(CAST(caller AS VARCHAR), 3, '0')"
    # Ofcom's numbers for drama: the lines in 01632, the callers in 07700
    record = f"""
        SELECT '"","' || {number} || '","016329600' || lpad(CAST(line AS VARCHAR), 2, '0')
            || '","ext-queues",\"\"\"Caller\"\" <' || {number} || '>","PJSIP/trunk-' || lpad(to_hex(n), 8, '0') || '","'
            || CASE WHEN fate < 15 THEN 'PJSIP/21' || lpad(CAST(n % 40 AS VARCHAR), 2, '0') || '-00000001' ELSE '' END
            || '","Queue","q' || line || ',t,,","' || {local.format("began")} || '","' || {local.format("began + 1")}
            || '","' || {local.format(f"began + {whole}")} || '",' || ({whole}) || ',' || ({whole} - 1)
            || ',"ANSWERED","DOCUMENTATION","' || began || '.' || n || '","","","' || began || '.' || n || '",' || n
        FROM ({call}) ORDER BY n
    """
    prefix = "began || '.' || n || '|q' || line"
    ended = "CASE WHEN fate < 15 THEN '|COMPLETECALLER|' || wait || '|' || talk || '|3' WHEN fate < 18 "
    ended += "THEN '|ABANDON|1|3|' || wait ELSE '|EXITWITHKEY|1|1|3|' || wait END"
    event = f"""
        SELECT line FROM (
            SELECT n, 0 AS place,
                (began + menu) || '|' || {prefix} || '|NONE|ENTERQUEUE||' || {number} || '|3' AS line FROM ({call})
            UNION ALL
            SELECT n, 1, (began + menu + wait) || '|' || {prefix} || '|PJSIP/2101|CONNECT|' || wait || '|'
                || began || '.9|3' FROM ({call}) WHERE fate < 15
            UNION ALL
            SELECT n, 2, (began + {whole}) || '|' || {prefix} || '|PJSIP/2101' || {ended} FROM ({call})
        ) ORDER BY n, place
    """
    with duckdb.connect() as con:
        for path, select in ((cdr, record), (log, event)):
            con.execute(
                f"COPY ({select}) TO '{path}' (FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x1f')"
            )


def bench_call_logs(folder: Path, rows: int) -> None:
    """Asterisk's records and queue events from file to half-hours, against a bare read of the same two files."""
    cdr, log = folder / "bench-cdr.csv", folder / "bench-queue-log"
    write_asterisk(cdr, log, rows)
    home = folder / "home"
    numbers = {f"016329600{line:02d}": f"Z900{line:02d}" for line in range(20)}
    source = {"id": "bench", "platform": "asterisk", "files": "bench-*", "timezone": "Europe/London",
              "callback_keys": ["1"], "numbers": numbers}  # fmt: skip
    spent: dict[str, list[float]] = {"bare": [], "ours": []}
    peak = 0.0
    for _ in range(NIGHTS):
        bare = folder / "bare.duckdb"
        begun = time.perf_counter()
        with duckdb.connect(str(bare)) as con:
            con.execute("SET memory_limit = '2GB'")
            con.execute(f"CREATE TABLE cdr AS SELECT * FROM read_csv('{cdr}', header = false)")
            con.execute(
                f"CREATE TABLE queue_log AS SELECT * FROM read_csv('{log}', header = false, delim = '|', "
                "null_padding = true)"
            )
        spent["bare"].append(time.perf_counter() - begun)
        bare.unlink()
        begun = time.perf_counter()
        night = nightly.load_files(Settings(home=home, code=("QZZ",), telephony_source=[source]), [cdr, log])
        spent["ours"].append(time.perf_counter() - begun)
        assert not night.something_was_refused, night
        with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:
            counted = con.execute("SELECT sum(inbound) FROM mart.calls_half_hour").fetchone()
        assert counted == (rows,), counted
        shutil.rmtree(home)
        peak = max(peak, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
    base, full = (statistics.median(spent[name]) for name in ("bare", "ours"))
    ratio = statistics.median(ours / bare for bare, ours in zip(spent["bare"], spent["ours"], strict=True))
    size = (cdr.stat().st_size + log.stat().st_size) / 2**20
    print(
        f"call logs: {rows:,} calls, {size:,.0f} MB: load / bare = {ratio:.2f} "
        f"({full:.1f} s / {base:.1f} s), peak memory {peak:.2f} GB (limits: 4.00, 4 GB)"
    )
