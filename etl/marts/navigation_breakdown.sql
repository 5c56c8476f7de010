-- Requests handled by channel and by half-hour of the day, all of them and what the redirection rate is made of, for
-- every organisation and month: part of `breakdown`.
WITH contact AS (
    SELECT
        c.practice_code, c.month, c.channel, c.in_base, c.is_redirected, c.is_clinical_not_recorded,
        p.pcn, p.sub_icb, p.icb,
        lpad(CAST(CAST(floor(c.half_hour / 2.0) AS INTEGER) AS VARCHAR), 2, '0')
        || CASE WHEN c.half_hour % 2 = 0 THEN ':00' ELSE ':30' END AS half_hour
    FROM mart.navigation_contact AS c
    LEFT JOIN mart.practice_month AS p ON p.practice = c.practice_code AND p.month = c.month
),
counted AS (
    SELECT
        'navigation_channel' AS subject, practice_code, pcn, sub_icb, icb, month, channel AS category,
        count(*) AS amount
    FROM contact
    GROUP BY practice_code, pcn, sub_icb, icb, month, channel
    UNION ALL
    SELECT 'navigation_half_hour', practice_code, pcn, sub_icb, icb, month, half_hour, count(*)
    FROM contact WHERE half_hour IS NOT NULL
    GROUP BY practice_code, pcn, sub_icb, icb, month, half_hour
    UNION ALL
    SELECT 'navigation_half_hour_base', practice_code, pcn, sub_icb, icb, month, half_hour, sum(in_base)
    FROM contact WHERE half_hour IS NOT NULL
    GROUP BY practice_code, pcn, sub_icb, icb, month, half_hour
    UNION ALL
    SELECT 'navigation_half_hour_redirected', practice_code, pcn, sub_icb, icb, month, half_hour, sum(is_redirected)
    FROM contact WHERE half_hour IS NOT NULL
    GROUP BY practice_code, pcn, sub_icb, icb, month, half_hour
    UNION ALL
    SELECT
        'navigation_half_hour_not_recorded', practice_code, pcn, sub_icb, icb, month, half_hour,
        sum(is_clinical_not_recorded)
    FROM contact WHERE half_hour IS NOT NULL
    GROUP BY practice_code, pcn, sub_icb, icb, month, half_hour
),
rows_by_level AS (
    SELECT practice_code AS organisation, 'practice' AS level, * FROM counted
    UNION ALL
    SELECT pcn, 'pcn', * FROM counted WHERE pcn IS NOT NULL
    UNION ALL
    SELECT sub_icb, 'sub_icb', * FROM counted WHERE sub_icb IS NOT NULL
    UNION ALL
    SELECT icb, 'icb', * FROM counted WHERE icb IS NOT NULL
)
SELECT subject, organisation, level, month AS period_start, category, CAST(sum(amount) AS BIGINT) AS amount
FROM rows_by_level
GROUP BY subject, organisation, level, month, category
