-- From request category to destination, for every organisation and month.
WITH counted AS (
    SELECT practice_code, month, request_category, destination, sum(contacts) AS contacts, sum(declined) AS declined
    FROM mart.navigation_month
    GROUP BY practice_code, month, request_category, destination
),
placed AS (
    SELECT c.*, p.pcn, p.sub_icb, p.icb
    FROM counted AS c
    LEFT JOIN mart.practice_month AS p ON p.practice = c.practice_code AND p.month = c.month
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
    organisation, level, month AS period_start, request_category, destination,
    CAST(sum(contacts) AS BIGINT) AS contacts, CAST(sum(declined) AS BIGINT) AS declined
FROM rows_by_level
GROUP BY organisation, level, month, request_category, destination
