-- How many open practices each source has data from: a measure of its own, so that no figure is read without it. In a
-- month that a source does not speak of at all the count is unknown, not zero.
WITH flagged AS (
    SELECT
        p.practice, p.month, p.pcn, p.sub_icb, p.icb, p.region,
        max(CASE WHEN c.feed = 'published_calls' THEN CAST(c.has_data AS INTEGER) END) AS with_calls,
        max(CASE WHEN c.feed = 'appointments' THEN CAST(c.has_data AS INTEGER) END) AS with_appointments,
        max(CASE WHEN c.feed = 'online_requests' THEN CAST(c.has_data AS INTEGER) END) AS with_online
    FROM mart.practice_month AS p
    LEFT JOIN mart.coverage AS c ON c.practice = p.practice AND c.period_start = p.month
    WHERE p.is_open
    GROUP BY p.practice, p.month, p.pcn, p.sub_icb, p.icb, p.region
),
rows_by_level AS (
    SELECT practice AS organisation, 'practice' AS level, * FROM flagged
    UNION ALL
    SELECT pcn, 'pcn', * FROM flagged WHERE pcn IS NOT NULL
    UNION ALL
    SELECT sub_icb, 'sub_icb', * FROM flagged WHERE sub_icb IS NOT NULL
    UNION ALL
    SELECT icb, 'icb', * FROM flagged WHERE icb IS NOT NULL
    UNION ALL
    SELECT region, 'region', * FROM flagged WHERE region IS NOT NULL
    UNION ALL
    SELECT 'ENG', 'england', * FROM flagged
)
SELECT
    organisation, level, 'month' AS period_kind, month AS period_start,
    count(*) AS practices_counted,
    count(*) AS practices_open,
    sum(with_calls) AS with_calls,
    sum(with_appointments) AS with_appointments,
    sum(with_online) AS with_online
FROM rows_by_level
GROUP BY organisation, level, month
