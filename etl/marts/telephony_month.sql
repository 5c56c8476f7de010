-- The rollout of every organisation and month. Every open practice counts in the denominator, also one that the
-- tracker does not name; `practices_counted` are those it names.
WITH rows_by_level AS (
    SELECT practice AS organisation, 'practice' AS level, * FROM mart.telephony_state
    UNION ALL
    SELECT pcn, 'pcn', * FROM mart.telephony_state WHERE pcn IS NOT NULL
    UNION ALL
    SELECT sub_icb, 'sub_icb', * FROM mart.telephony_state WHERE sub_icb IS NOT NULL
    UNION ALL
    SELECT icb, 'icb', * FROM mart.telephony_state WHERE icb IS NOT NULL
)
SELECT
    organisation, level, 'month' AS period_kind, period_start,
    sum(CASE WHEN is_tracked THEN 1 ELSE 0 END) AS practices_counted,
    count(*) AS practices_open,
    sum(CASE WHEN stage_number >= 2 THEN 1 WHEN is_tracked THEN 0 END) AS signed_up,
    sum(CASE WHEN stage_number >= 3 THEN 1 WHEN is_tracked THEN 0 END) AS contracted,
    sum(CASE WHEN stage_number >= 4 THEN 1 WHEN is_tracked THEN 0 END) AS installed,
    sum(CASE WHEN stage_number = 5 THEN 1 WHEN is_tracked THEN 0 END) AS live,
    sum(live_by_target) AS live_by_target,
    sum(late) AS late,
    sum(days_late) AS days_late,
    sum(analogue) AS analogue,
    sum(queue_position) AS queue_position,
    sum(call_back) AS call_back,
    sum(call_routing) AS call_routing,
    sum(clinical_system_link) AS clinical_system_link,
    sum(call_logs) AS call_logs,
    sum(awarded) AS awarded,
    sum(paid) AS paid,
    sum(patients) AS patients,
    sum(CASE WHEN stage_number >= 2 THEN patients WHEN is_tracked AND patients IS NOT NULL THEN 0 END)
        AS patients_signed_up,
    sum(CASE WHEN stage_number >= 3 THEN patients WHEN is_tracked AND patients IS NOT NULL THEN 0 END)
        AS patients_contracted,
    sum(CASE WHEN stage_number >= 4 THEN patients WHEN is_tracked AND patients IS NOT NULL THEN 0 END)
        AS patients_installed,
    sum(CASE WHEN stage_number = 5 THEN patients WHEN is_tracked AND patients IS NOT NULL THEN 0 END) AS patients_live
FROM rows_by_level
GROUP BY organisation, level, period_start
