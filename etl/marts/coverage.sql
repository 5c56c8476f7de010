-- Which open practice has data from which source in which month; only months the source speaks of at all.
WITH has AS (
    SELECT DISTINCT practice_code AS practice, month AS period_start, 'published_calls' AS feed
    FROM mart.calls_practice_month WHERE inbound IS NOT NULL AND practice_code <> 'Unassigned'
    UNION
    SELECT DISTINCT practice_code, month, 'appointments'
    FROM mart.appointments_practice_month WHERE practice_code IS NOT NULL
    UNION
    SELECT DISTINCT practice_code, period_start, 'online_requests'
    FROM fact.online_requests WHERE type = 'total' AND requests IS NOT NULL
    UNION
    SELECT DISTINCT organisation, period_start, 'registered_patients'
    FROM fact.registered_patients WHERE organisation_kind = 'practice' AND sex = 'all' AND age_band = 'all'
    UNION
    SELECT DISTINCT practice_code, month, 'navigation' FROM mart.navigation_contact
),
-- navigation records come from the ICB's own practices, so nobody else's are missing
own AS (
    SELECT DISTINCT p.icb FROM mart.practice_month AS p
    INNER JOIN mart.navigation_contact AS c ON c.practice_code = p.practice AND c.month = p.month
),
spoken_of AS (SELECT DISTINCT feed, period_start FROM has)
SELECT p.practice, s.period_start, s.feed, h.practice IS NOT NULL AS has_data
FROM mart.practice_month AS p
INNER JOIN spoken_of AS s ON s.period_start = p.month
LEFT JOIN has AS h ON h.practice = p.practice AND h.period_start = p.month AND h.feed = s.feed
WHERE p.is_open
  AND (s.feed <> 'navigation' OR p.icb IN (SELECT icb FROM own))
