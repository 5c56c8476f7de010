-- A row for each practice (and each shared account) and month, with the areas its publication names.
-- An outcome that a practice with calls has no row for is zero: the publication leaves zero categories out.
WITH wide AS (
    SELECT
        practice_code, pcn_code, sub_icb_code, icb_code, region_code, month,
        sum(calls) FILTER (WHERE indicator = 'inbound' AND dimension = 'total') AS inbound,
        sum(calls) FILTER (WHERE indicator = 'answered' AND dimension = 'total') AS answered_total,
        sum(calls) FILTER (WHERE indicator = 'answered' AND dimension = 'wait') AS answered_with_wait,
        sum(calls) FILTER (WHERE indicator = 'ended_in_ivr' AND dimension = 'total') AS ended_in_ivr,
        sum(calls) FILTER (WHERE indicator = 'callback_requested' AND dimension = 'total') AS callback_requested,
        sum(calls) FILTER (WHERE indicator = 'callback_made' AND dimension = 'total') AS callback_made,
        sum(calls) FILTER (WHERE indicator = 'missed' AND dimension = 'total') AS missed_total,
        sum(calls) FILTER (WHERE indicator = 'missed' AND dimension = 'wait') AS missed_with_wait,
        sum(calls) FILTER (WHERE indicator = 'answered' AND dimension = 'wait' AND band = '0_60') AS answered_60,
        sum(calls) FILTER (WHERE indicator = 'answered' AND dimension = 'wait' AND band IN ('0_60', '61_120'))
            AS answered_120,
        sum(calls) FILTER (WHERE indicator = 'inbound' AND dimension = 'time_band') AS timed,
        sum(calls) FILTER (WHERE dimension = 'monday_8_to_10') AS monday
    FROM (
        SELECT * FROM mart.calls_cell
        UNION ALL
        SELECT
            f.practice_code, f.pcn_code, f.sub_icb_code, f.icb_code, f.region_code,
            CAST(date_trunc('month', f.period_start) AS DATE), 'inbound', 'monday_8_to_10', 'total', f.calls
        FROM fact.published_calls AS f
        INNER JOIN fact.calendar AS c ON c.day = f.period_start AND c.weekday = 1
        WHERE f.dataset = 'day_and_time' AND f.indicator = 'inbound' AND f.band = '08:00-09:59'
    ) AS cells
    GROUP BY practice_code, pcn_code, sub_icb_code, icb_code, region_code, month
),
filled AS (
    SELECT
        *,
        CASE WHEN inbound IS NOT NULL THEN coalesce(answered_total, answered_with_wait, 0) END AS answered,
        CASE WHEN inbound IS NOT NULL THEN coalesce(missed_total, missed_with_wait, 0) END AS missed
    FROM wide
)
SELECT
    f.practice_code, f.pcn_code, f.sub_icb_code, f.icb_code, f.region_code, f.month,
    f.inbound, f.answered,
    CASE WHEN f.inbound IS NOT NULL THEN coalesce(f.ended_in_ivr, 0) END AS ended_in_ivr,
    CASE WHEN f.inbound IS NOT NULL THEN coalesce(f.callback_requested, 0) END AS callback_requested,
    CASE WHEN f.inbound IS NOT NULL THEN coalesce(f.callback_made, 0) END AS callback_made,
    f.missed,
    CASE
        WHEN f.inbound IS NOT NULL
            THEN f.answered + coalesce(f.ended_in_ivr, 0) + coalesce(f.callback_requested, 0)
    END AS dealt_with,
    CASE WHEN f.answered_with_wait IS NOT NULL THEN f.answered END AS answered_with_wait,
    CASE WHEN f.answered_with_wait IS NOT NULL THEN coalesce(f.answered_60, 0) END AS answered_within_60s,
    CASE WHEN f.answered_with_wait IS NOT NULL THEN coalesce(f.answered_120, 0) END AS answered_within_120s,
    CASE WHEN f.timed IS NOT NULL THEN coalesce(f.monday, 0) END AS monday_8_to_10,
    f.timed AS calls_with_time,
    CASE WHEN f.inbound IS NOT NULL THEN p.patients END AS patients
FROM filled AS f
LEFT JOIN mart.practice_month AS p ON p.practice = f.practice_code AND p.month = f.month
