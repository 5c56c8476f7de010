-- Answered calls, and those of them that a navigation record names, where a practice's records name any: month of the
-- call, areas of that month.
WITH answered AS (
    SELECT practice_code, CAST(date_trunc('month', local_date) AS DATE) AS month, sum(answered) AS answered
    FROM mart.calls_day
    WHERE practice_code IN (SELECT practice_code FROM mart.navigation_call_practice)
    GROUP BY practice_code, CAST(date_trunc('month', local_date) AS DATE)
),
placed AS (
    SELECT b.*, a.answered, p.pcn, p.sub_icb, p.icb
    FROM mart.navigation_call_practice AS b
    INNER JOIN answered AS a ON a.practice_code = b.practice_code AND a.month = b.month
    LEFT JOIN mart.practice_month AS p ON p.practice = b.practice_code AND p.month = b.month
),
rows_by_level AS (
    SELECT practice_code AS organisation, 'practice' AS level, * FROM placed
    UNION ALL
    SELECT pcn, 'pcn', * FROM placed WHERE pcn IS NOT NULL
    UNION ALL
    SELECT sub_icb, 'sub_icb', * FROM placed WHERE sub_icb IS NOT NULL
    UNION ALL
    SELECT icb, 'icb', * FROM placed WHERE icb IS NOT NULL
)
SELECT
    organisation, level, 'month' AS period_kind, month AS period_start, count(*) AS practices_counted,
    sum(answered) AS answered, sum(navigated) AS navigated, sum(talked) AS talked, sum(talk_seconds) AS talk_seconds
FROM rows_by_level
GROUP BY organisation, level, month
