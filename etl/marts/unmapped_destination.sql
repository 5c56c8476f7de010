-- Outcomes that no mapping table knows, by how often they come and at how many practices. An outcome's words may be
-- personal: several words are shown only when they are short, hold no digit (see etl/feeds/navigation.py) and come at
-- least five times; a single word, such as a code that a supplier has made up, always.
WITH counted AS (
    SELECT
        practice_code, count(*) AS times,
        CASE
            WHEN outcome_text SIMILAR TO '[a-z_]+' OR sum(count(*)) OVER (PARTITION BY outcome_text) >= 5 THEN outcome_text
        END AS shown
    FROM mart.navigation_contact
    WHERE is_unmapped = 1
    GROUP BY practice_code, outcome_text
)
SELECT
    'navigation' AS feed,
    coalesce(shown, '(not shown: rare, long or with figures)') AS value,
    CAST(sum(times) AS BIGINT) AS rows,
    count(DISTINCT practice_code) AS practices
FROM counted
GROUP BY shown
