-- Dates and national figures to read a rollout against: the ICB's settings, and what was said nationally, each
-- with its source. Correct or add a fact here, with its source, and nowhere else.
SELECT
    CASE name WHEN 'telephony_target_date' THEN 'target' ELSE 'switch_off' END AS kind,
    day, CAST(NULL AS BIGINT) AS practices,
    CASE name
        WHEN 'telephony_target_date' THEN 'Every practice was to be on digital lines'
        ELSE 'Analogue lines are withdrawn'
    END AS note,
    'settings of this ICB: ' || name AS source
FROM fact.setting
WHERE name IN ('telephony_target_date', 'analogue_switch_off_dates')
UNION ALL
SELECT
    'national', DATE '2023-08-31', 1000,
    'About 1,000 practices in England had signed up to move from analogue lines; all were to have moved by March 2024',
    'NHS England, update on the delivery plan for recovering access to primary care, August 2023'
