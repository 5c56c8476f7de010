"""The 95th-centile wait of every organisation, week and month: exact, from how many calls waited how many seconds.

A centile of an area is not made from those of its practices, so it is worked out from the waits themselves, but
only for the weeks and months in which a call came, changed or went since the last time, or in which somebody's
area changed. The rest of three years is left as it lies.
"""

from datetime import date

from etl.warehouse.connection import Warehouse

# percentile_cont(0.95): between the two waits nearest to place 0.95 × (calls − 1), counted from 0
CENTILE = 0.95


def refresh(warehouse: Warehouse) -> None:
    """Bring `mart.wait_p95` up to date, inside a transaction, after `mart.calls_area`.

    Columns: organisation, level, period_kind, period_start, p95_wait_seconds.
    """
    warehouse.execute(
        "CREATE TABLE IF NOT EXISTS mart.wait_p95 (organisation VARCHAR, level VARCHAR, period_kind VARCHAR, "
        "period_start DATE, p95_wait_seconds DOUBLE PRECISION)"
    )
    warehouse.execute("CREATE TABLE IF NOT EXISTS mart.wait_basis (month DATE, members VARCHAR)")
    warehouse.execute(
        "CREATE TEMP TABLE basis AS SELECT month, md5(string_agg(account || ' ' || level || ' ' || organisation, ',' "
        "ORDER BY account, level, organisation)) AS members FROM mart.calls_area GROUP BY month"
    )
    warehouse.execute(
        """
        CREATE TEMP TABLE stale AS
        WITH days AS (
            SELECT local_date AS day FROM mart.calls_touched
            UNION
            SELECT k.day FROM fact.calendar AS k INNER JOIN basis AS b ON b.month = k.month
            LEFT JOIN mart.wait_basis AS w ON w.month = b.month AND w.members = b.members
            WHERE w.month IS NULL
        )
        SELECT 'month' AS period_kind, k.month AS period_start FROM fact.calendar AS k INNER JOIN days USING (day)
        UNION
        SELECT 'week', k.week FROM fact.calendar AS k INNER JOIN days USING (day)
        """
    )
    warehouse.execute(
        "DELETE FROM mart.wait_p95 AS p WHERE EXISTS (SELECT 1 FROM stale AS s "
        "WHERE s.period_kind = p.period_kind AND s.period_start = p.period_start)"
    )
    span = warehouse.fetch("SELECT min(period_start), max(period_start) FROM stale")[0]
    if span[0] is not None:
        warehouse.execute(f"INSERT INTO mart.wait_p95 {_select(*span)}")
    warehouse.execute("DELETE FROM mart.wait_basis")
    warehouse.execute("INSERT INTO mart.wait_basis SELECT month, members FROM basis")
    warehouse.execute("DELETE FROM mart.calls_touched")
    for name in ("basis", "stale"):
        warehouse.execute(f"DROP TABLE {name}")


def _select(first: date, last: date) -> str:
    """SELECT the centiles of the stale periods, which lie between two dates.

    A week's accounts belong to areas by the month of its last logged day, as in logged_calls.sql.
    """
    return f"""
        WITH waits AS (
            SELECT coalesce(w.shared_with, w.practice_code) AS account, k.day, k.month, k.week, w.wait_seconds, w.calls
            FROM mart.answered_waits AS w
            INNER JOIN fact.calendar AS k ON k.day = w.local_date
            WHERE w.local_date BETWEEN DATE '{first}' AND CAST(DATE '{last}' + INTERVAL '31 days' AS DATE)
        ),
        by_account AS (
            SELECT w.account, s.period_kind, s.period_start, w.month, w.wait_seconds, sum(w.calls) AS calls
            FROM waits AS w
            INNER JOIN stale AS s ON s.period_kind = 'month' AND s.period_start = w.month
            GROUP BY w.account, s.period_kind, s.period_start, w.month, w.wait_seconds
            UNION ALL
            SELECT w.account, s.period_kind, s.period_start, l.month, w.wait_seconds, sum(w.calls)
            FROM waits AS w
            INNER JOIN stale AS s ON s.period_kind = 'week' AND s.period_start = w.week
            INNER JOIN (
                SELECT coalesce(d.shared_with, d.practice_code) AS account, k.week, max(k.month) AS month
                FROM mart.calls_day AS d INNER JOIN fact.calendar AS k ON k.day = d.local_date
                WHERE d.local_date BETWEEN DATE '{first}' AND CAST(DATE '{last}' + INTERVAL '31 days' AS DATE)
                GROUP BY coalesce(d.shared_with, d.practice_code), k.week
            ) AS l ON l.account = w.account AND l.week = w.week
            GROUP BY w.account, s.period_kind, s.period_start, l.month, w.wait_seconds
        ),
        counted AS (
            SELECT a.organisation, a.level, b.period_kind, b.period_start, b.wait_seconds, sum(b.calls) AS calls
            FROM by_account AS b
            INNER JOIN mart.calls_area AS a ON a.account = b.account AND a.month = b.month
            GROUP BY a.organisation, a.level, b.period_kind, b.period_start, b.wait_seconds
        ),
        placed AS (
            SELECT organisation, level, period_kind, period_start, wait_seconds,
                sum(calls) OVER (same ORDER BY wait_seconds) AS upto, {CENTILE} * (sum(calls) OVER same - 1) AS place
            FROM counted
            WINDOW same AS (PARTITION BY organisation, level, period_kind, period_start)
        )
        SELECT organisation, level, period_kind, period_start,
            min(wait_seconds) FILTER (WHERE upto > floor(place))
            + (max(place) - floor(max(place))) * (min(wait_seconds) FILTER (WHERE upto > ceil(place))
                - min(wait_seconds) FILTER (WHERE upto > floor(place)))
        FROM placed
        GROUP BY organisation, level, period_kind, period_start
    """
