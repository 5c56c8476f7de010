-- From when to when each practice stood at which stage, in each snapshot: the furthest stage reached by an actual
-- date. A planned date reaches nothing. Who has reached no stage has no row.
WITH reached AS (
    SELECT
        believed_on, practice_code, stage, actual_date, supplier, line_type,
        CASE stage
            WHEN 'analogue' THEN 1 WHEN 'signed_up' THEN 2 WHEN 'contracted' THEN 3 WHEN 'installed' THEN 4 ELSE 5
        END AS stage_number
    FROM fact.rollout_milestone
    WHERE actual_date IS NOT NULL
),
with_before AS (
    SELECT
        *,
        max(stage_number) OVER (
            PARTITION BY believed_on, practice_code ORDER BY actual_date, stage_number
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS before
    FROM reached
),
steps AS (
    SELECT
        *,
        CAST(
            lead(actual_date) OVER (PARTITION BY believed_on, practice_code ORDER BY stage_number) - INTERVAL '1 day'
            AS DATE
        ) AS to_date
    FROM with_before
    WHERE before IS NULL OR stage_number > before
)
SELECT believed_on, practice_code, stage, stage_number, actual_date AS from_date, to_date, supplier, line_type
FROM steps
WHERE to_date IS NULL OR to_date >= actual_date
