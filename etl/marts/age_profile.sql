-- How old a practice's patients are: the share of 65 and over, by its newest list size that tells ages.
WITH aged AS (
    SELECT
        organisation,
        period_start,
        sum(patients) AS everyone,
        sum(patients) FILTER (
            WHERE age_band IN ('65_69', '70_74', '75_79', '80_84', '85_89', '90_94', '95+')
        ) AS older,
        row_number() OVER (PARTITION BY organisation ORDER BY period_start DESC) AS choice
    FROM fact.registered_patients
    WHERE organisation_kind = 'practice' AND age_band <> 'all'
    GROUP BY organisation, period_start
)
SELECT organisation AS practice, CAST(coalesce(older, 0) AS DOUBLE PRECISION) / everyone AS aged_65_share
FROM aged
WHERE choice = 1 AND everyone > 0
