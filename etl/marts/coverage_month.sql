-- How many open practices each source has data from: a measure of its own, so that no figure is read without it.
WITH has AS (
    SELECT DISTINCT practice_code AS practice, month, 'published_calls' AS feed
    FROM mart.calls_practice_month WHERE inbound IS NOT NULL AND practice_code <> 'Unassigned'
    UNION
    SELECT DISTINCT practice_code, month, 'appointments'
    FROM mart.appointments_practice_month WHERE practice_code IS NOT NULL
    UNION
    SELECT DISTINCT practice_code, period_start, 'online_requests'
    FROM fact.online_requests WHERE type = 'total' AND requests IS NOT NULL
),
flagged AS (
    SELECT
        p.*,
        CASE WHEN c.practice IS NOT NULL THEN 1 ELSE 0 END AS with_calls,
        CASE WHEN a.practice IS NOT NULL THEN 1 ELSE 0 END AS with_appointments,
        CASE WHEN o.practice IS NOT NULL THEN 1 ELSE 0 END AS with_online
    FROM mart.practice_month AS p
    LEFT JOIN has AS c ON c.practice = p.practice AND c.month = p.month AND c.feed = 'published_calls'
    LEFT JOIN has AS a ON a.practice = p.practice AND a.month = p.month AND a.feed = 'appointments'
    LEFT JOIN has AS o ON o.practice = p.practice AND o.month = p.month AND o.feed = 'online_requests'
    WHERE p.is_open
),
covered AS (
    SELECT
        month,
        max(CASE WHEN feed = 'published_calls' THEN 1 END) AS calls,
        max(CASE WHEN feed = 'appointments' THEN 1 END) AS appointments,
        max(CASE WHEN feed = 'online_requests' THEN 1 END) AS online
    FROM has
    GROUP BY month
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
    r.organisation, r.level, 'month' AS period_kind, r.month AS period_start,
    count(*) AS practices_counted,
    count(*) AS practices_open,
    -- a month that a source does not speak of at all is unknown, not zero
    CASE WHEN max(c.calls) = 1 THEN sum(r.with_calls) END AS with_calls,
    CASE WHEN max(c.appointments) = 1 THEN sum(r.with_appointments) END AS with_appointments,
    CASE WHEN max(c.online) = 1 THEN sum(r.with_online) END AS with_online
FROM rows_by_level AS r
LEFT JOIN covered AS c ON c.month = r.month
GROUP BY r.organisation, r.level, r.month
