-- Answered calls, and those of them that a navigation record names by the platform's own id, where a practice's
-- records name any: month of the call, areas of that month.
WITH navigated AS (
    SELECT DISTINCT
        c.call_id, c.practice_code, CAST(date_trunc('month', c.local_date) AS DATE) AS month, c.talk_seconds
    FROM mart.navigation_contact AS n
    INNER JOIN fact.navigation_call AS k
        ON k.layout = n.layout AND k.practice_code = n.practice_code AND k.contact_key = n.contact_key
    INNER JOIN fact.call AS c ON c.call_id = k.call_id AND c.practice_code = n.practice_code
    WHERE c.outcome = 'answered'
),
by_practice AS (
    SELECT practice_code, month, count(*) AS navigated, count(talk_seconds) AS talked, sum(talk_seconds) AS talk_seconds
    FROM navigated
    GROUP BY practice_code, month
),
answered AS (
    SELECT practice_code, CAST(date_trunc('month', local_date) AS DATE) AS month, sum(answered) AS answered
    FROM mart.calls_day
    WHERE practice_code IN (SELECT practice_code FROM by_practice)
    GROUP BY practice_code, CAST(date_trunc('month', local_date) AS DATE)
),
placed AS (
    SELECT b.*, a.answered, p.pcn, p.sub_icb, p.icb
    FROM by_practice AS b
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
