-- Each navigation contact once, and what it counts as.
-- One contact: rows of one practice with one id in one layout; or with one pseudonym, time and SNOMED code.
-- Of several rows the newest load's counts, and within it the one that says most.
WITH told AS (
    SELECT
        n.*,
        coalesce(d.destination, 'not_recorded') AS destination,
        CASE WHEN n.outcome_key IS NOT NULL AND d.destination IS NULL THEN 1 ELSE 0 END AS is_unmapped,
        CASE WHEN coalesce(d.destination, 'not_recorded') = 'not_recorded' THEN 1 ELSE 0 END AS is_not_recorded,
        CASE WHEN n.request_category = 'unknown' THEN 1 ELSE 0 END AS is_uncategorised
    FROM fact.navigation AS n
    LEFT JOIN fact.navigation_destination AS d ON d.outcome_key = n.outcome_key
),
by_id AS (
    SELECT
        *,
        CASE WHEN contact_key IS NULL THEN 1 ELSE row_number() OVER (
            PARTITION BY layout, practice_code, contact_key
            ORDER BY
                load_id DESC, is_not_recorded, is_uncategorised, recorded_at DESC, destination, request_category,
                channel, urgency, declined DESC, snomed_code, patient_pseudonym
        ) END AS choice
    FROM told
),
by_code AS (  -- of those that can be told by it, which in most files are none
    SELECT
        *,
        row_number() OVER (
            PARTITION BY practice_code, patient_pseudonym, recorded_at, snomed_code
            ORDER BY
                is_uncategorised, is_not_recorded, load_id DESC, destination, request_category, channel, urgency,
                declined DESC, contact_key
        ) AS second_choice
    FROM by_id
    WHERE choice = 1 AND patient_pseudonym IS NOT NULL AND snomed_code IS NOT NULL
),
once AS (
    SELECT
        *,
        CASE WHEN request_category IN ('clinical_new', 'clinical_ongoing', 'medication') THEN 1 ELSE 0 END AS is_clinical
    FROM (
        SELECT * FROM by_code WHERE second_choice = 1
        UNION ALL
        SELECT *, 1 AS second_choice FROM by_id
        WHERE choice = 1 AND (patient_pseudonym IS NULL OR snomed_code IS NULL)
    ) AS chosen
)
SELECT
    layout, practice_code, contact_key, local_date, CAST(date_trunc('month', local_date) AS DATE) AS month, half_hour,
    channel, request_category, urgency, destination, outcome_text, patient_pseudonym, is_unmapped, is_clinical,
    CASE WHEN declined THEN 1 ELSE 0 END AS declined,
    is_clinical * is_not_recorded AS is_clinical_not_recorded,
    is_clinical * (1 - is_not_recorded) AS in_base,
    CASE
        WHEN is_not_recorded = 1 OR destination IN ('gp_same_day', 'gp_routine', 'named_gp', 'duty_doctor') THEN 0
        ELSE is_clinical
    END AS is_redirected,
    CASE
        WHEN destination IN (
            'community_pharmacy', 'nhs_111', 'ae_999', 'urgent_treatment_centre', 'dentist', 'optician',
            'self_referral', 'self_care', 'voluntary_sector', 'other_external'
        ) THEN is_clinical
        ELSE 0
    END AS is_redirected_external
FROM once
