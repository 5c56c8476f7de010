-- What navigation measures are made of, for every organisation and month: sums over practices that sent records.
WITH rows_by_level AS (
    SELECT practice_code AS organisation, 'practice' AS level, * FROM mart.navigation_practice_month
    UNION ALL
    SELECT pcn, 'pcn', * FROM mart.navigation_practice_month WHERE pcn IS NOT NULL
    UNION ALL
    SELECT sub_icb, 'sub_icb', * FROM mart.navigation_practice_month WHERE sub_icb IS NOT NULL
    UNION ALL
    SELECT icb, 'icb', * FROM mart.navigation_practice_month WHERE icb IS NOT NULL
),
summed AS (
    SELECT
        organisation, level, 'month' AS period_kind, month AS period_start,
        count(*) AS practices_counted,
        sum(requests) AS requests,
        sum(clinical) AS clinical,
        sum(base) AS base,
        sum(redirected) AS redirected,
        sum(redirected_external) AS redirected_external,
        sum(declined) AS declined,
        sum(not_recorded) AS not_recorded,
        coalesce(sum(named_gp), 0) AS named_gp,
        coalesce(sum(duty_doctor), 0) AS duty_doctor,
        coalesce(sum(ae_999), 0) AS ae_999,
        nullif(sum(followed), 0) AS followed,
        CASE WHEN sum(followed) > 0 THEN sum(returned) END AS returned,
        -- a practice without a known list is in neither part of a rate by patients
        sum(pharmacy_referrals) FILTER (WHERE patients IS NOT NULL) AS pharmacy_referrals,
        sum(patient_weeks) AS patient_weeks,
        sum(social_referrals) FILTER (WHERE patients IS NOT NULL) AS social_referrals,
        sum(patients) AS patients
    FROM rows_by_level
    GROUP BY organisation, level, month
),
limits AS (
    SELECT
        max(number) FILTER (WHERE name = 'navigation_minimum_base') AS minimum_base,
        max(number) FILTER (WHERE name = 'navigation_maximum_not_recorded') AS maximum_not_recorded
    FROM fact.setting
)
SELECT
    s.*,
    s.base < l.minimum_base
        OR CAST(s.not_recorded AS DOUBLE PRECISION) / nullif(s.clinical, 0) > l.maximum_not_recorded AS is_withheld
FROM summed AS s
CROSS JOIN limits AS l
