-- Appointments by month, each once: the practice crosstab where a sub-ICB location has one for the month, else
-- the daily file (a month with every working day), else the regional file. Rows without a practice are a whole sub-ICB's.
WITH monthly AS (
    SELECT
        dataset, practice_code, pcn_code, sub_icb_code,
        CAST(date_trunc('month', period_start) AS DATE) AS month,
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
complete AS (
    SELECT a.sub_icb_code, c.month
    FROM (SELECT DISTINCT sub_icb_code, period_start FROM fact.appointments WHERE dataset = 'daily') AS a
    INNER JOIN fact.calendar AS c ON c.day = a.period_start AND c.is_working_day
    INNER JOIN mart.month AS d ON d.month = c.month
    GROUP BY a.sub_icb_code, c.month
    HAVING count(*) = max(d.working_days)
),
choice AS (
    SELECT
        m.sub_icb_code, m.month,
        min(CASE
            WHEN m.dataset = 'crosstab' THEN 1
            WHEN m.dataset = 'daily' AND d.month IS NOT NULL THEN 2
            WHEN m.dataset = 'regional' THEN 3
        END) AS best
    FROM monthly AS m
    LEFT JOIN complete AS d ON d.sub_icb_code = m.sub_icb_code AND d.month = m.month
    GROUP BY m.sub_icb_code, m.month
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
