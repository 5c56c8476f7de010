-- What each organisation should have: open practices, their patients, working days.
WITH open_practice AS (SELECT * FROM mart.practice_month WHERE is_open),
by_level AS (
    SELECT practice AS organisation, 'practice' AS level, month, 1 AS practices, patients FROM open_practice
    UNION ALL
    SELECT pcn, 'pcn', month, 1, patients FROM open_practice WHERE pcn IS NOT NULL
    UNION ALL
    SELECT sub_icb, 'sub_icb', month, 1, patients FROM open_practice WHERE sub_icb IS NOT NULL
    UNION ALL
    SELECT icb, 'icb', month, 1, patients FROM open_practice WHERE icb IS NOT NULL
    UNION ALL
    SELECT region, 'region', month, 1, patients FROM open_practice WHERE region IS NOT NULL
    UNION ALL
    SELECT 'ENG', 'england', month, 1, patients FROM open_practice
)
SELECT
    b.organisation, b.level, b.month, sum(b.practices) AS practices_open, sum(b.patients) AS patients_open,
    max(d.working_days) AS working_days
FROM by_level AS b
INNER JOIN mart.month AS d ON d.month = b.month
GROUP BY b.organisation, b.level, b.month
