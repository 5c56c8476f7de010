-- Published calls of every organisation and month. A shared account counts in each area its row names and in
-- England, never in a practice. Mondays of England come from the publication's own national table.
WITH rows_by_level AS (
    SELECT practice_code AS organisation, 'practice' AS level, * FROM mart.calls_practice_month
    WHERE practice_code <> 'Unassigned'
    UNION ALL
    SELECT pcn_code, 'pcn', * FROM mart.calls_practice_month WHERE pcn_code IS NOT NULL
    UNION ALL
    SELECT sub_icb_code, 'sub_icb', * FROM mart.calls_practice_month WHERE sub_icb_code IS NOT NULL
    UNION ALL
    SELECT icb_code, 'icb', * FROM mart.calls_practice_month WHERE icb_code IS NOT NULL
    UNION ALL
    SELECT region_code, 'region', * FROM mart.calls_practice_month WHERE region_code IS NOT NULL
    UNION ALL
    SELECT 'ENG', 'england', * FROM mart.calls_practice_month
),
england_by_day AS (
    SELECT
        CAST(date_trunc('month', f.period_start) AS DATE) AS month,
        sum(f.calls) AS calls_with_time,
        sum(f.calls) FILTER (WHERE c.weekday = 1 AND f.band = '08:00-09:59') AS monday_8_to_10
    FROM fact.published_calls AS f
    INNER JOIN fact.calendar AS c ON c.day = f.period_start
    WHERE f.dataset = 'table_2' AND f.dimension = 'time_band'
    GROUP BY 1
)
SELECT
    r.organisation, r.level, 'month' AS period_kind, r.month AS period_start,
    count(DISTINCT CASE WHEN r.practice_code <> 'Unassigned' AND r.inbound IS NOT NULL THEN r.practice_code END)
        AS practices_counted,
    sum(r.inbound) AS inbound,
    sum(r.answered) AS answered,
    sum(r.ended_in_ivr) AS ended_in_ivr,
    sum(r.callback_requested) AS callback_requested,
    sum(r.callback_made) AS callback_made,
    sum(r.missed) AS missed,
    sum(r.dealt_with) AS dealt_with,
    sum(r.answered_with_wait) AS answered_with_wait,
    sum(r.answered_within_60s) AS answered_within_60s,
    sum(r.answered_within_120s) AS answered_within_120s,
    CASE
        WHEN r.level = 'england' AND max(e.calls_with_time) IS NOT NULL THEN max(e.monday_8_to_10)
        ELSE sum(r.monday_8_to_10)
    END AS monday_8_to_10,
    CASE
        WHEN r.level = 'england' AND max(e.calls_with_time) IS NOT NULL THEN max(e.calls_with_time)
        ELSE sum(r.calls_with_time)
    END AS calls_with_time,
    sum(r.patients) AS patients
FROM rows_by_level AS r
LEFT JOIN england_by_day AS e ON e.month = r.month
GROUP BY r.organisation, r.level, r.month
