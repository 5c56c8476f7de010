-- The rollout of each of those practices at the end of each month's last day (the month that is running: today), as it
-- is believed now. Not in the tracker: open all the same, and nothing known.
WITH today AS (SELECT max(day) AS day FROM fact.setting WHERE name = 'today'),
target AS (SELECT max(day) AS day FROM fact.setting WHERE name = 'telephony_target_date'),
current_rollout AS (
    SELECT * FROM fact.rollout_milestone
    WHERE believed_on = (SELECT max(believed_on) FROM fact.rollout_milestone)
),
current_state AS (  -- with an end always: an OR in the condition of a LEFT JOIN compares every pair
    SELECT *, coalesce(to_date, DATE '9999-12-31') AS until FROM mart.rollout_state
    WHERE believed_on = (SELECT max(believed_on) FROM fact.rollout_milestone)
),
tracked AS (SELECT DISTINCT practice_code FROM current_rollout),
days AS (
    SELECT m.month, CASE WHEN m.last_day < t.day THEN m.last_day ELSE t.day END AS on_day
    FROM mart.month AS m
    CROSS JOIN today AS t
    WHERE m.month <= t.day
),
held AS (
    SELECT DISTINCT c.practice_code, c.capability, d.month
    FROM mart.rollout_capability AS c
    INNER JOIN days AS d ON c.from_date <= d.on_day AND (c.to_date IS NULL OR c.to_date >= d.on_day)
),
able AS (
    SELECT
        practice_code, month,
        max(CASE WHEN capability = 'queue_position' THEN 1 ELSE 0 END) AS queue_position,
        max(CASE WHEN capability = 'call_back' THEN 1 ELSE 0 END) AS call_back,
        max(CASE WHEN capability = 'call_routing' THEN 1 ELSE 0 END) AS call_routing,
        max(CASE WHEN capability = 'clinical_system_link' THEN 1 ELSE 0 END) AS clinical_system_link,
        max(CASE WHEN capability = 'call_logs' THEN 1 ELSE 0 END) AS call_logs
    FROM held
    GROUP BY practice_code, month
),
named AS (SELECT DISTINCT practice_code FROM mart.rollout_capability),
able_known AS (SELECT count(*) AS capabilities FROM mart.rollout_capability),
money AS (
    SELECT f.practice_code, d.month, sum(f.awarded) AS awarded, sum(f.paid) AS paid
    FROM mart.rollout_funding AS f
    INNER JOIN days AS d ON f.date <= d.on_day
    GROUP BY f.practice_code, d.month
),
money_known AS (SELECT count(*) AS items FROM mart.rollout_funding)
SELECT
    p.practice, p.period_start, p.pcn, p.sub_icb, p.icb, p.patients,
    t.practice_code IS NOT NULL AS is_tracked,
    s.stage,
    CASE WHEN t.practice_code IS NOT NULL THEN coalesce(s.stage_number, 0) END AS stage_number,
    s.from_date AS since, s.supplier, s.line_type,
    CASE
        WHEN t.practice_code IS NULL THEN NULL
        WHEN s.stage = 'live' AND s.from_date <= g.day THEN 1
        ELSE 0
    END AS live_by_target,
    CASE
        WHEN t.practice_code IS NULL THEN NULL
        WHEN s.stage = 'live' THEN CASE WHEN s.from_date > g.day THEN 1 ELSE 0 END
        WHEN d.on_day > g.day THEN 1
        ELSE 0
    END AS late,
    CASE
        WHEN t.practice_code IS NULL THEN NULL
        WHEN s.stage = 'live' THEN CASE WHEN s.from_date > g.day THEN s.from_date - g.day END
        WHEN d.on_day > g.day THEN d.on_day - g.day
    END AS days_late,
    CASE
        WHEN t.practice_code IS NULL THEN NULL
        WHEN s.stage <> 'live' AND s.line_type IN ('PSTN', 'ISDN') THEN 1
        ELSE 0
    END AS analogue,
    coalesce(a.queue_position, CASE WHEN n.practice_code IS NOT NULL OR k.capabilities > 0 AND t.practice_code IS NOT NULL THEN 0 END) AS queue_position,
    coalesce(a.call_back, CASE WHEN n.practice_code IS NOT NULL OR k.capabilities > 0 AND t.practice_code IS NOT NULL THEN 0 END) AS call_back,
    coalesce(a.call_routing, CASE WHEN n.practice_code IS NOT NULL OR k.capabilities > 0 AND t.practice_code IS NOT NULL THEN 0 END) AS call_routing,
    coalesce(a.clinical_system_link, CASE WHEN n.practice_code IS NOT NULL OR k.capabilities > 0 AND t.practice_code IS NOT NULL THEN 0 END) AS clinical_system_link,
    coalesce(a.call_logs, CASE WHEN n.practice_code IS NOT NULL OR k.capabilities > 0 AND t.practice_code IS NOT NULL THEN 0 END) AS call_logs,
    coalesce(m.awarded, CASE WHEN i.items > 0 AND t.practice_code IS NOT NULL THEN 0 END) AS awarded,
    coalesce(m.paid, CASE WHEN i.items > 0 AND t.practice_code IS NOT NULL THEN 0 END) AS paid
FROM mart.telephony_practice AS p
INNER JOIN days AS d ON d.month = p.period_start AND d.on_day BETWEEN p.from_date AND p.to_date
CROSS JOIN target AS g
CROSS JOIN able_known AS k
CROSS JOIN money_known AS i
LEFT JOIN tracked AS t ON t.practice_code = p.practice
LEFT JOIN current_state AS s
    ON s.practice_code = p.practice AND s.from_date <= d.on_day AND s.until >= d.on_day
LEFT JOIN named AS n ON n.practice_code = p.practice
LEFT JOIN able AS a ON a.practice_code = p.practice AND a.month = p.period_start
LEFT JOIN money AS m ON m.practice_code = p.practice AND m.month = p.period_start
