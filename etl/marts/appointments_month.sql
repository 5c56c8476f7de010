-- Appointments of every organisation and month. Patients: of the practices counted; for a sub-ICB without
-- practice rows, those at the practices that the publisher says are included, else of its open practices.
WITH located AS (
    SELECT
        a.*,
        coalesce(
            a.patients,
            CASE WHEN a.practice_code IS NULL THEN coalesce(CAST(f.value AS BIGINT), o.patients_open) END
        ) AS base,
        CASE
            WHEN a.practice_code IS NOT NULL THEN 1
            ELSE coalesce(CAST(n.value AS BIGINT), o.practices_open, 0)
        END AS practices,
        d.working_days
    FROM mart.appointments_practice_month AS a
    INNER JOIN mart.month AS d ON d.month = a.month
    LEFT JOIN fact.printed_figure AS f
        ON f.source = 'appointments' AND f.dataset = 'coverage' AND f.item = 'patients_included'
        AND f.organisation = a.sub_icb_code AND f.period_start = a.month
    LEFT JOIN fact.printed_figure AS n
        ON n.source = 'appointments' AND n.dataset = 'coverage' AND n.item = 'practices_included'
        AND n.organisation = a.sub_icb_code AND n.period_start = a.month
    LEFT JOIN mart.organisation_month AS o
        ON o.organisation = a.sub_icb_code AND o.level = 'sub_icb' AND o.month = a.month
),
rows_by_level AS (
    SELECT practice_code AS organisation, 'practice' AS level, * FROM located WHERE practice_code IS NOT NULL
    UNION ALL
    SELECT pcn_code, 'pcn', * FROM located WHERE pcn_code IS NOT NULL
    UNION ALL
    SELECT sub_icb_code, 'sub_icb', * FROM located WHERE sub_icb_code IS NOT NULL
    UNION ALL
    SELECT icb_code, 'icb', * FROM located WHERE icb_code IS NOT NULL
    UNION ALL
    SELECT region_code, 'region', * FROM located WHERE region_code IS NOT NULL
    UNION ALL
    SELECT 'ENG', 'england', * FROM located
)
SELECT
    organisation, level, 'month' AS period_kind, month AS period_start,
    sum(practices) AS practices_counted,
    sum(appointments) AS appointments,
    coalesce(sum(attended), 0) AS attended,
    coalesce(sum(dna), 0) AS dna,
    coalesce(sum(status_unknown), 0) AS status_unknown,
    coalesce(sum(gp), 0) AS gp,
    coalesce(sum(other_staff), 0) AS other_staff,
    coalesce(sum(staff_unknown), 0) AS staff_unknown,
    coalesce(sum(face_to_face), 0) AS face_to_face,
    coalesce(sum(telephone), 0) AS telephone,
    coalesce(sum(home_visit), 0) AS home_visit,
    coalesce(sum(video_online), 0) AS video_online,
    coalesce(sum(mode_unknown), 0) AS mode_unknown,
    coalesce(sum(same_day), 0) AS same_day,
    coalesce(sum(wait_1_day), 0) AS wait_1_day,
    coalesce(sum(wait_2_to_7), 0) AS wait_2_to_7,
    coalesce(sum(wait_8_to_14), 0) AS wait_8_to_14,
    coalesce(sum(same_day), 0) + coalesce(sum(wait_1_day), 0) + coalesce(sum(wait_2_to_7), 0)
        + coalesce(sum(wait_8_to_14), 0) AS within_14_days,
    coalesce(sum(wait_15_to_21), 0) AS wait_15_to_21,
    coalesce(sum(wait_22_to_28), 0) AS wait_22_to_28,
    coalesce(sum(wait_over_28), 0) AS wait_over_28,
    coalesce(sum(wait_unknown), 0) AS wait_unknown,
    max(working_days) AS working_days,
    sum(base) AS patients
FROM rows_by_level
GROUP BY organisation, level, month
