-- What navigation measures count, for each practice and month, with the areas it belonged to.
-- A return is another request of one patient at the practice on a later day, at most seven days on; asked only of
-- requests whose seven days the practice's records cover.
WITH patient_day AS (
    SELECT DISTINCT practice_code, patient_pseudonym, local_date
    FROM mart.navigation_contact
    WHERE patient_pseudonym IS NOT NULL
),
next_day AS (
    SELECT *, lead(local_date) OVER (PARTITION BY practice_code, patient_pseudonym ORDER BY local_date) AS next_date
    FROM patient_day
),
last_record AS (SELECT practice_code, max(local_date) AS last_date FROM mart.navigation_contact GROUP BY practice_code),
contact AS (
    SELECT
        c.*,
        CASE WHEN c.patient_pseudonym IS NOT NULL AND c.local_date + 7 <= l.last_date THEN 1 ELSE 0 END AS is_followed,
        CASE WHEN n.next_date <= c.local_date + 7 AND c.local_date + 7 <= l.last_date THEN 1 ELSE 0 END AS is_returned
    FROM mart.navigation_contact AS c
    INNER JOIN last_record AS l ON l.practice_code = c.practice_code
    LEFT JOIN next_day AS n
        ON n.practice_code = c.practice_code AND n.patient_pseudonym = c.patient_pseudonym
        AND n.local_date = c.local_date
),
counted AS (
    SELECT
        practice_code, month,
        count(*) AS requests,
        sum(is_clinical) AS clinical,
        sum(in_base) AS base,
        sum(is_redirected) AS redirected,
        sum(is_redirected_external) AS redirected_external,
        sum(in_base * declined) AS declined,
        sum(is_clinical_not_recorded) AS not_recorded,
        sum(in_base) FILTER (WHERE destination = 'named_gp') AS named_gp,
        sum(in_base) FILTER (WHERE destination = 'duty_doctor') AS duty_doctor,
        sum(in_base) FILTER (WHERE destination = 'ae_999') AS ae_999,
        sum(is_followed) AS followed,
        sum(is_returned) AS returned,
        count(*) FILTER (WHERE destination = 'community_pharmacy') AS pharmacy_referrals,
        count(DISTINCT patient_pseudonym) FILTER (WHERE destination = 'social_prescriber')
        + count(*) FILTER (WHERE destination = 'social_prescriber' AND patient_pseudonym IS NULL) AS social_referrals
    FROM contact
    GROUP BY practice_code, month
),
today AS (SELECT max(day) AS day FROM fact.setting WHERE name = 'today')
SELECT
    c.*, p.pcn, p.sub_icb, p.icb, p.patients,
    p.patients * (least(d.last_day, t.day) - c.month + 1) / 7.0 AS patient_weeks
FROM counted AS c
CROSS JOIN today AS t
LEFT JOIN mart.month AS d ON d.month = c.month
LEFT JOIN mart.practice_month AS p ON p.practice = c.practice_code AND p.month = c.month
