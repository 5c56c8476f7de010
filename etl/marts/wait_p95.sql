-- The 95th-centile wait of every organisation in the weeks and months of stale_period: exact, from how many calls waited
-- how many seconds. A centile of an area is not made from those of its practices, so waits themselves are added up.
-- percentile_cont(0.95): between the two waits nearest to place 0.95 × (calls − 1), counted from 0.
-- A week's accounts belong to areas by the month of its last logged day, as in logged_calls.sql.
WITH days AS (
    SELECT k.day, k.month, s.period_kind, s.period_start
    FROM fact.calendar AS k
    INNER JOIN stale_period AS s
        ON (s.period_kind = 'month' AND s.period_start = k.month) OR (s.period_kind = 'week' AND s.period_start = k.week)
),
last_month AS (
    SELECT coalesce(d.shared_with, d.practice_code) AS account, k.period_kind, k.period_start, max(k.month) AS month
    FROM mart.calls_day AS d
    INNER JOIN days AS k ON k.day = d.local_date
    GROUP BY coalesce(d.shared_with, d.practice_code), k.period_kind, k.period_start
),
by_account AS (
    SELECT
        coalesce(w.shared_with, w.practice_code) AS account, k.period_kind, k.period_start, w.wait_seconds,
        sum(w.calls) AS calls
    FROM mart.answered_waits AS w
    INNER JOIN days AS k ON k.day = w.local_date
    WHERE w.local_date BETWEEN :first_day AND :last_day
    GROUP BY coalesce(w.shared_with, w.practice_code), k.period_kind, k.period_start, w.wait_seconds
),
counted AS (
    SELECT a.organisation, a.level, b.period_kind, b.period_start, b.wait_seconds, sum(b.calls) AS calls
    FROM by_account AS b
    INNER JOIN last_month AS l
        ON l.account = b.account AND l.period_kind = b.period_kind AND l.period_start = b.period_start
    INNER JOIN mart.calls_area AS a ON a.account = l.account AND a.month = l.month
    GROUP BY a.organisation, a.level, b.period_kind, b.period_start, b.wait_seconds
),
placed AS (
    SELECT
        organisation, level, period_kind, period_start, wait_seconds,
        sum(calls) OVER (same ORDER BY wait_seconds) AS upto, 0.95 * (sum(calls) OVER same - 1) AS place
    FROM counted
    WINDOW same AS (PARTITION BY organisation, level, period_kind, period_start)
)
SELECT
    organisation, level, period_kind, period_start,
    CAST(
        min(wait_seconds) FILTER (WHERE upto > floor(place))
        + (max(place) - floor(max(place))) * (min(wait_seconds) FILTER (WHERE upto > ceil(place))
            - min(wait_seconds) FILTER (WHERE upto > floor(place))) AS DOUBLE PRECISION
    ) AS p95_wait_seconds
FROM placed
GROUP BY organisation, level, period_kind, period_start
