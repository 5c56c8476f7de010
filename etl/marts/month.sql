-- The months that any fact speaks of, without gaps. A rollout runs from its tracker's first date to today,
-- training from its first to today.
WITH named AS (
    SELECT period_start FROM fact.published_calls
    UNION ALL SELECT period_start FROM fact.online_requests
    UNION ALL SELECT period_start FROM fact.appointments
    UNION ALL SELECT period_start FROM fact.registered_patients
    UNION ALL SELECT local_date FROM fact.navigation
    UNION ALL SELECT local_date FROM mart.calls_day
    UNION ALL
    SELECT e.booked_on FROM fact.training AS e
    INNER JOIN fact.setting AS t ON t.name = 'today' AND e.booked_on <= t.day
    UNION ALL SELECT completed_on FROM fact.training
    UNION ALL SELECT actual_date FROM fact.rollout_milestone
    UNION ALL
    SELECT r.planned_date FROM fact.rollout_milestone AS r
    INNER JOIN fact.setting AS t ON t.name = 'today' AND r.planned_date <= t.day
    UNION ALL SELECT day FROM fact.setting WHERE name = 'today' AND EXISTS (SELECT 1 FROM fact.rollout_milestone)
    UNION ALL SELECT day FROM fact.setting WHERE name = 'today' AND EXISTS (SELECT 1 FROM fact.training)
),
span AS (SELECT min(period_start) AS first_day, max(period_start) AS last_day FROM named)
SELECT c.month, max(c.day) AS last_day, sum(CASE WHEN c.is_working_day THEN 1 ELSE 0 END) AS working_days
FROM fact.calendar AS c
INNER JOIN span AS s ON c.month >= CAST(date_trunc('month', s.first_day) AS DATE) AND c.month <= s.last_day
GROUP BY c.month
