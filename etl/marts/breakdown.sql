-- What charts split: one tall table by subject.
WITH outcome AS (
    SELECT organisation, level, period_start, 'answered' AS category, answered AS amount FROM mart.calls_month
    UNION ALL SELECT organisation, level, period_start, 'ended_in_ivr', ended_in_ivr FROM mart.calls_month
    UNION ALL SELECT organisation, level, period_start, 'callback_requested', callback_requested FROM mart.calls_month
    UNION ALL SELECT organisation, level, period_start, 'missed', missed FROM mart.calls_month
),
cell AS (
    SELECT
        c.practice_code, c.pcn_code, c.sub_icb_code, c.icb_code, c.region_code, c.month,
        CASE
            WHEN c.dimension = 'time_band' THEN 'calls_time_band'
            WHEN c.dimension = 'duration' THEN 'calls_duration'
            WHEN c.dimension = 'wait' AND c.indicator = 'answered' THEN 'calls_wait_answered'
            ELSE 'calls_wait_missed'
        END AS subject,
        c.band AS category, c.calls AS amount
    FROM mart.calls_cell AS c
    WHERE c.dimension IN ('wait', 'duration') OR (c.dimension = 'time_band' AND c.indicator = 'inbound')
),
cell_by_level AS (
    SELECT subject, practice_code AS organisation, 'practice' AS level, month, category, amount FROM cell
    WHERE practice_code <> 'Unassigned'
    UNION ALL SELECT subject, pcn_code, 'pcn', month, category, amount FROM cell WHERE pcn_code IS NOT NULL
    UNION ALL SELECT subject, sub_icb_code, 'sub_icb', month, category, amount FROM cell WHERE sub_icb_code IS NOT NULL
    UNION ALL SELECT subject, icb_code, 'icb', month, category, amount FROM cell WHERE icb_code IS NOT NULL
    UNION ALL SELECT subject, region_code, 'region', month, category, amount FROM cell WHERE region_code IS NOT NULL
    UNION ALL SELECT subject, 'ENG', 'england', month, category, amount FROM cell WHERE subject <> 'calls_time_band'
    UNION ALL
    SELECT 'calls_time_band', 'ENG', 'england', CAST(date_trunc('month', period_start) AS DATE), band, calls
    FROM fact.published_calls WHERE dataset = 'table_2' AND dimension = 'time_band'
)
SELECT 'calls_outcome' AS subject, organisation, level, period_start, category, amount
FROM outcome WHERE amount IS NOT NULL
UNION ALL
SELECT subject, organisation, level, month, category, sum(amount)
FROM cell_by_level GROUP BY subject, organisation, level, month, category
UNION ALL SELECT 'appointments_staff_group', organisation, level, period_start, 'gp', gp FROM mart.appointments_month
UNION ALL SELECT 'appointments_staff_group', organisation, level, period_start, 'other', other_staff FROM mart.appointments_month
UNION ALL SELECT 'appointments_staff_group', organisation, level, period_start, 'unknown', staff_unknown FROM mart.appointments_month
UNION ALL SELECT 'appointments_mode', organisation, level, period_start, 'face_to_face', face_to_face FROM mart.appointments_month
UNION ALL SELECT 'appointments_mode', organisation, level, period_start, 'telephone', telephone FROM mart.appointments_month
UNION ALL SELECT 'appointments_mode', organisation, level, period_start, 'home_visit', home_visit FROM mart.appointments_month
UNION ALL SELECT 'appointments_mode', organisation, level, period_start, 'video_online', video_online FROM mart.appointments_month
UNION ALL SELECT 'appointments_mode', organisation, level, period_start, 'unknown', mode_unknown FROM mart.appointments_month
UNION ALL SELECT 'appointments_status', organisation, level, period_start, 'attended', attended FROM mart.appointments_month
UNION ALL SELECT 'appointments_status', organisation, level, period_start, 'dna', dna FROM mart.appointments_month
UNION ALL SELECT 'appointments_status', organisation, level, period_start, 'unknown', status_unknown FROM mart.appointments_month
UNION ALL SELECT 'appointments_booking_wait', organisation, level, period_start, 'same_day', same_day FROM mart.appointments_month
UNION ALL SELECT 'appointments_booking_wait', organisation, level, period_start, '1_day', wait_1_day FROM mart.appointments_month
UNION ALL SELECT 'appointments_booking_wait', organisation, level, period_start, '2_to_7', wait_2_to_7 FROM mart.appointments_month
UNION ALL SELECT 'appointments_booking_wait', organisation, level, period_start, '8_to_14', wait_8_to_14 FROM mart.appointments_month
UNION ALL SELECT 'appointments_booking_wait', organisation, level, period_start, '15_to_21', wait_15_to_21 FROM mart.appointments_month
UNION ALL SELECT 'appointments_booking_wait', organisation, level, period_start, '22_to_28', wait_22_to_28 FROM mart.appointments_month
UNION ALL SELECT 'appointments_booking_wait', organisation, level, period_start, 'over_28', wait_over_28 FROM mart.appointments_month
UNION ALL SELECT 'appointments_booking_wait', organisation, level, period_start, 'unknown', wait_unknown FROM mart.appointments_month
UNION ALL SELECT 'online_type', organisation, level, period_start, 'clinical', clinical FROM mart.online_month WHERE clinical IS NOT NULL
UNION ALL SELECT 'online_type', organisation, level, period_start, 'administrative', administrative FROM mart.online_month WHERE administrative IS NOT NULL
UNION ALL SELECT 'online_type', organisation, level, period_start, 'other', other FROM mart.online_month WHERE other IS NOT NULL
UNION ALL SELECT subject, organisation, level, period_start, category, amount FROM mart.navigation_breakdown
