-- Outcomes that no mapping table knows, by how often they come. An outcome's words may be personal: they are shown
-- only when they are short, hold no digit (see etl/feeds/navigation.py) and come at least five times.
WITH counted AS (
    SELECT outcome_text, count(*) AS times
    FROM mart.navigation_contact
    WHERE is_unmapped = 1
    GROUP BY outcome_text
)
SELECT
    'navigation' AS feed,
    CASE WHEN times >= 5 AND outcome_text IS NOT NULL THEN outcome_text ELSE '(not shown: rare, long or with figures)' END
        AS value,
    CAST(sum(times) AS BIGINT) AS rows
FROM counted
GROUP BY
    CASE WHEN times >= 5 AND outcome_text IS NOT NULL THEN outcome_text ELSE '(not shown: rare, long or with figures)' END
