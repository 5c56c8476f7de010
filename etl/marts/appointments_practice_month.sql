-- Appointments by month, each once: the practice crosstab where a sub-ICB location has one for the month, else
-- the daily file (a complete month), else the regional file. Rows without a practice are a whole sub-ICB's.
WITH monthly AS (
    SELECT
        dataset, practice_code, pcn_code, sub_icb_code,
        CAST(date_trunc('month', period_start) AS DATE) AS month,
        count(DISTINCT period_start) AS days,
        sum(appointments) AS appointments,
        sum(appointments) FILTER (WHERE status = 'attended') AS attended,
        sum(appointments) FILTER (WHERE status = 'dna') AS dna,
        sum(appointments) FILTER (WHERE status = 'unknown') AS status_unknown,
        sum(appointments) FILTER (WHERE staff_group = 'gp') AS gp,
        sum(appointments) FILTER (WHERE staff_group = 'other') AS other_staff,
        sum(appointments) FILTER (WHERE staff_group = 'unknown') AS staff_unknown,
        sum(appointments) FILTER (WHERE mode = 'face_to_face') AS face_to_face,
        sum(appointments) FILTER (WHERE mode = 'telephone') AS telephone,
        sum(appointments) FILTER (WHERE mode = 'home_visit') AS home_visit,
        sum(appointments) FILTER (WHERE mode = 'video_online') AS video_online,
        sum(appointments) FILTER (WHERE mode = 'unknown') AS mode_unknown,
        sum(appointments) FILTER (WHERE booking_wait = 'same_day') AS same_day,
        sum(appointments) FILTER (WHERE booking_wait = '1_day') AS wait_1_day,
        sum(appointments) FILTER (WHERE booking_wait = '2_to_7') AS wait_2_to_7,
        sum(appointments) FILTER (WHERE booking_wait = '8_to_14') AS wait_8_to_14,
        sum(appointments) FILTER (WHERE booking_wait = '15_to_21') AS wait_15_to_21,
        sum(appointments) FILTER (WHERE booking_wait = '22_to_28') AS wait_22_to_28,
        sum(appointments) FILTER (WHERE booking_wait = 'over_28') AS wait_over_28,
        sum(appointments) FILTER (WHERE booking_wait = 'unknown') AS wait_unknown
    FROM fact.appointments
    WHERE dataset IN ('crosstab', 'daily', 'regional')
    GROUP BY dataset, practice_code, pcn_code, sub_icb_code, CAST(date_trunc('month', period_start) AS DATE)
),
choice AS (
    SELECT
        sub_icb_code, month,
        min(CASE
            WHEN dataset = 'crosstab' THEN 1
            WHEN dataset = 'daily' AND days >= 20 THEN 2
            WHEN dataset = 'regional' THEN 3
        END) AS best
    FROM monthly
    GROUP BY sub_icb_code, month
)
SELECT
    m.*,
    i.parent AS icb_code,
    r.parent AS region_code,
    p.patients
FROM monthly AS m
INNER JOIN choice AS c
    ON coalesce(c.sub_icb_code, '') = coalesce(m.sub_icb_code, '') AND c.month = m.month
    AND c.best = CASE m.dataset WHEN 'crosstab' THEN 1 WHEN 'daily' THEN 2 ELSE 3 END
LEFT JOIN mart.parent_month AS i ON i.child = m.sub_icb_code AND i.parent_kind = 'icb' AND i.month = m.month
LEFT JOIN mart.parent_month AS r ON r.child = i.parent AND r.parent_kind = 'region' AND r.month = m.month
LEFT JOIN mart.practice_month AS p ON p.practice = m.practice_code AND p.month = m.month
