-- Online requests of every organisation and month, by the areas the publication names.
WITH practice AS (
    SELECT
        o.practice_code, o.pcn_code, o.sub_icb_code, o.icb_code, o.region_code, o.period_start AS month,
        sum(o.requests) FILTER (WHERE o.type = 'total') AS requests,
        sum(o.requests) FILTER (WHERE o.type = 'clinical') AS clinical,
        sum(o.requests) FILTER (WHERE o.type = 'administrative') AS administrative,
        sum(o.requests) FILTER (WHERE o.type = 'other') AS other,
        max(p.patients) AS patients
    FROM fact.online_requests AS o
    LEFT JOIN mart.practice_month AS p ON p.practice = o.practice_code AND p.month = o.period_start
    GROUP BY o.practice_code, o.pcn_code, o.sub_icb_code, o.icb_code, o.region_code, o.period_start
),
rows_by_level AS (
    SELECT practice_code AS organisation, 'practice' AS level, * FROM practice
    UNION ALL
    SELECT pcn_code, 'pcn', * FROM practice WHERE pcn_code IS NOT NULL
    UNION ALL
    SELECT sub_icb_code, 'sub_icb', * FROM practice WHERE sub_icb_code IS NOT NULL
    UNION ALL
    SELECT icb_code, 'icb', * FROM practice WHERE icb_code IS NOT NULL
    UNION ALL
    SELECT region_code, 'region', * FROM practice WHERE region_code IS NOT NULL
    UNION ALL
    SELECT 'ENG', 'england', * FROM practice
)
SELECT
    organisation, level, 'month' AS period_kind, month AS period_start,
    count(DISTINCT practice_code) AS practices_counted,
    sum(requests) AS requests,
    sum(clinical) AS clinical,
    sum(administrative) AS administrative,
    sum(other) AS other,
    sum(patients) AS patients
FROM rows_by_level
WHERE requests IS NOT NULL
GROUP BY organisation, level, month
