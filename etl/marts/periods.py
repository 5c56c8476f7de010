"""Which weeks and months of call logs have to be counted again, told once for all who count them.

Marts over millions of calls are kept from night to night, and so are their rows in the published generation. Only
stale periods are replaced: those for which a mart has rows that rest on something else than is there now. What a
period rests on is one stamp, made of its days' calls, of who belonged to whom, of a month's navigation records and
those beside it, and of the code that counts.
"""

from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

from etl import london
from etl.warehouse.connection import Warehouse

Period = tuple[str, date]  # week or month, and its first day

FOLDER = Path(__file__).parent
# SQL for the kind and the start of the period that a row `m` of each mart is of
MARTS = {
    "wait_p95": ("m.period_kind", "m.period_start"),
    "calls_week": ("'month'", "m.month"),
    "calls_monday": ("'month'", "m.month"),
    "navigation_call_practice": ("'month'", "m.month"),
}


def stamp(warehouse: Warehouse) -> list[Period]:
    """Bring `mart.call_period` up to date, inside a transaction, after `mart.calls_area`.

    `mart.call_period(period_kind, period_start, stamp)`: every week and month with call logs. Returns the stale
    periods, those that are new, changed or gone, in order of time.
    """
    code = _code()
    _forget_other_code(warehouse, code)
    warehouse.execute(
        f"""
        CREATE TEMP TABLE new_period AS
        WITH members AS (
            SELECT month, md5(string_agg(account || ' ' || level || ' ' || organisation, ','
                ORDER BY account, level, organisation)) AS members
            FROM mart.calls_area GROUP BY month
        ),
        outcomes AS (
            SELECT md5(string_agg(outcome_key || ' ' || destination, ',' ORDER BY outcome_key, destination)) AS known
            FROM fact.navigation_destination
        ),
        recorded AS (  -- which loads the records of a day came with
            SELECT local_date, string_agg(load_id || ' ' || records, ',' ORDER BY load_id) AS records
            FROM (SELECT local_date, load_id, count(*) AS records FROM fact.navigation GROUP BY local_date, load_id)
                AS counted
            GROUP BY local_date
        ),
        navigated AS (
            SELECT m.month, md5(string_agg(r.local_date || ' ' || r.records, ',' ORDER BY r.local_date)) AS records
            FROM (SELECT month, min(day) AS first, max(day) AS last FROM fact.calendar GROUP BY month) AS m
            INNER JOIN recorded AS r ON r.local_date BETWEEN m.first - 7 AND m.last + 7
            GROUP BY m.month
        ),
        logged AS (
            SELECT k.day, k.week, k.month, CAST(k.day AS VARCHAR) || c.version || coalesce(m.members, '') AS rests_on
            FROM mart.calls_changed AS c
            INNER JOIN fact.calendar AS k ON k.day = c.local_date
            LEFT JOIN members AS m ON m.month = k.month
        )
        SELECT 'month' AS period_kind, l.month AS period_start,
            '{code}-' || md5(string_agg(rests_on, ',' ORDER BY day) || coalesce(max(o.known || n.records), '')) AS stamp
        FROM logged AS l
        LEFT JOIN navigated AS n ON n.month = l.month
        CROSS JOIN outcomes AS o
        GROUP BY l.month
        UNION ALL
        SELECT 'week', week, '{code}-' || md5(string_agg(rests_on, ',' ORDER BY day)) FROM logged GROUP BY week
        """
    )
    stale = warehouse.fetch(f"{differing('new_period', 'mart.call_period')} ORDER BY period_start, period_kind")
    warehouse.execute("DELETE FROM mart.call_period")
    warehouse.execute("INSERT INTO mart.call_period SELECT period_kind, period_start, stamp FROM new_period")
    warehouse.execute("DROP TABLE new_period")
    return [(kind, start) for kind, start in stale]


def _forget_other_code(warehouse: Warehouse, code: str) -> None:
    """Begin anew where other code, which the stamps name first, has counted."""
    warehouse.execute(
        "CREATE TABLE IF NOT EXISTS mart.call_period (period_kind VARCHAR, period_start DATE, stamp VARCHAR)"
    )
    known = warehouse.fetch("SELECT count(*), count(*) FILTER (WHERE stamp LIKE :code) FROM mart.call_period",
                            {"code": f"{code}-%"})  # fmt: skip
    if known[0][0] == 0 or known[0][0] > known[0][1]:
        warehouse.execute("DELETE FROM mart.call_period")
        for mart in MARTS:
            warehouse.execute(f"DROP TABLE IF EXISTS mart.{mart}")


def differing(one: str, other: str) -> str:
    """SELECT the periods that are only in one of two tables of stamps, or have another stamp there."""
    return f"""
        SELECT DISTINCT period_kind, period_start FROM (
            (SELECT period_kind, period_start, stamp FROM {one}
            EXCEPT SELECT period_kind, period_start, stamp FROM {other})
            UNION ALL
            (SELECT period_kind, period_start, stamp FROM {other}
            EXCEPT SELECT period_kind, period_start, stamp FROM {one})
        ) AS differing
    """


def replace(warehouse: Warehouse, mart: str, select: str, stale: list[Period]) -> None:
    """Replace the stale periods of a mart, those of a year at a time, so that memory is that of a year.

    select: counts the periods in the temporary table `stale_period(period_kind, period_start)`, and no others; the
    first and last day on which their calls can be are written `:first_day` and `:last_day`.
    """
    warehouse.execute("CREATE TEMP TABLE stale_period (period_kind VARCHAR, period_start DATE)")
    of_kind, of_start = MARTS[mart]
    for year in sorted({start.year for _, start in stale}) or [london.today().year]:
        some = [(kind, start) for kind, start in stale if start.year == year]
        first = min((start for _, start in some), default=date(year, 1, 1))
        last = max((start for _, start in some), default=first) + timedelta(days=31)
        counted = select.replace(":first_day", f"DATE '{first}'").replace(":last_day", f"DATE '{last}'")
        warehouse.execute(f"CREATE TABLE IF NOT EXISTS mart.{mart} AS SELECT * FROM ({counted}) AS counted LIMIT 0")
        if not some:
            continue
        rows = ", ".join(f"('{kind}', DATE '{start}')" for kind, start in some)
        warehouse.execute("DELETE FROM stale_period")
        warehouse.execute(f"INSERT INTO stale_period VALUES {rows}")
        warehouse.execute(
            f"DELETE FROM mart.{mart} AS m WHERE EXISTS (SELECT 1 FROM stale_period AS s "
            f"WHERE s.period_kind = {of_kind} AND s.period_start = {of_start})"
        )
        warehouse.execute(f"INSERT INTO mart.{mart} {counted}")
    warehouse.execute("DROP TABLE stale_period")


def _code() -> str:
    """A digest of what counts: rows counted otherwise are stale."""
    files = [Path(__file__), *(FOLDER / f"{mart}.sql" for mart in (*MARTS, "calls_area", "navigation_contact"))]
    return sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
