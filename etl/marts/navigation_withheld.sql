-- Where the redirection rate is withheld, and why, for every organisation and month.
SELECT
    m.organisation, m.level, m.period_start, m.redirected, m.base, m.not_recorded, m.clinical,
    CASE
        WHEN m.clinical = 0 THEN 'no_category'
        WHEN m.base >= l.minimum_base THEN 'not_recorded'
        WHEN CAST(m.not_recorded AS DOUBLE PRECISION) / m.clinical > l.maximum_not_recorded THEN 'both'
        ELSE 'few'
    END AS reason,
    l.minimum_base, l.maximum_not_recorded
FROM mart.navigation_measure_month AS m
CROSS JOIN (
    SELECT
        max(number) FILTER (WHERE name = 'navigation_minimum_base') AS minimum_base,
        max(number) FILTER (WHERE name = 'navigation_maximum_not_recorded') AS maximum_not_recorded
    FROM fact.setting
) AS l
WHERE m.is_withheld
