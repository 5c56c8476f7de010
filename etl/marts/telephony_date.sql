-- Dates and national figures to read a rollout against: the ICB's settings, and what was said nationally, each
-- with its source. Correct or add a fact here, with its source, and nowhere else.
SELECT
    CASE name WHEN 'telephony_target_date' THEN 'target' ELSE 'switch_off' END AS kind,
    day, CAST(NULL AS BIGINT) AS practices, CAST(NULL AS DOUBLE PRECISION) AS pounds,
    CASE name
        WHEN 'telephony_target_date' THEN 'Every practice was to be on digital lines'
        ELSE 'Analogue lines are withdrawn'
    END AS note,
    'settings of this ICB: ' || name AS source
FROM fact.setting
WHERE name IN ('telephony_target_date', 'analogue_switch_off_dates')
UNION ALL
SELECT
    'national', DATE '2023-08-31', 1000, NULL,
    'About 1,000 practices in England had signed up to move from analogue lines; all were to have moved by March 2024',
    'NHS England, update on the delivery plan for recovering access to primary care, August 2023'
UNION ALL
SELECT
    'fund', DATE '2023-05-09', NULL, 240000000.0,
    'To move the practices of England from analogue to digital telephony',
    'NHS England, delivery plan for recovering access to primary care, May 2023'
UNION ALL
SELECT
    'england', DATE '2024-10-31', 6270, NULL,
    'Open active practices in England',
    'NHS England, Cloud Based Telephony Data in General Practice, the first month of its series'
UNION ALL
SELECT
    'share', DATE '2023-05-09', NULL, number,
    'This ICB''s share of the national money',
    'settings of this ICB: ' || name
FROM fact.setting
WHERE name = 'telephony_funding_share' AND number IS NOT NULL
