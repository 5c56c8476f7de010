-- Navigator training at the end of each month, since the first date in any return: open practices of the ICBs that
-- returns speak of, trained or not.
WITH person AS (
    SELECT practice_code, staff_key, route, min(completed_on) AS completed_on
    FROM fact.training
    GROUP BY practice_code, staff_key, route
),
span AS (
    SELECT CAST(date_trunc('month', min(coalesce(booked_on, completed_on))) AS DATE) AS first_month
    FROM fact.training
),
own AS (
    SELECT word AS icb FROM fact.setting WHERE name = 'code'
    UNION
    SELECT p.icb
    FROM mart.practice_month AS p
    INNER JOIN fact.training AS t ON t.practice_code = p.practice
    WHERE NOT EXISTS (SELECT 1 FROM fact.setting WHERE name = 'code')
),
done AS (
    SELECT
        p.practice, p.month, p.pcn, p.sub_icb, p.icb,
        count(e.completed_on) FILTER (WHERE e.route = 'funded') AS funded,
        count(e.completed_on) FILTER (WHERE e.route = 'cascaded') AS cascaded
    FROM mart.practice_month AS p
    INNER JOIN mart.month AS d ON d.month = p.month
    INNER JOIN span AS s ON p.month >= s.first_month
    LEFT JOIN person AS e ON e.practice_code = p.practice AND e.completed_on <= d.last_day
    WHERE p.is_open AND p.icb IN (SELECT icb FROM own)
    GROUP BY p.practice, p.month, p.pcn, p.sub_icb, p.icb
),
rows_by_level AS (
    SELECT practice AS organisation, 'practice' AS level, * FROM done
    UNION ALL
    SELECT pcn, 'pcn', * FROM done WHERE pcn IS NOT NULL
    UNION ALL
    SELECT sub_icb, 'sub_icb', * FROM done WHERE sub_icb IS NOT NULL
    UNION ALL
    SELECT icb, 'icb', * FROM done
)
SELECT
    r.organisation, r.level, 'month' AS period_kind, r.month AS period_start,
    count(t.practice_code) AS practices_counted,
    count(*) AS practices_open,
    sum(CASE WHEN r.funded + r.cascaded > 0 THEN 1 ELSE 0 END) AS practices_trained,
    sum(CASE WHEN r.funded > 0 THEN 1 ELSE 0 END) AS places_used,
    sum(r.cascaded) AS cascaded
FROM rows_by_level AS r
LEFT JOIN (SELECT DISTINCT practice_code FROM fact.training) AS t ON t.practice_code = r.practice
GROUP BY r.organisation, r.level, r.month
