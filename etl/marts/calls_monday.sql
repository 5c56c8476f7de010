-- Ordinary Mondays (no bank holiday) minute by minute from 07:00 to 10:59, London time, a month at a time. mondays: how
-- many have logs, whether or not anyone rang in a minute. London is whole hours from UTC, so the minute within the
-- half-hour is that of either. Only the months in stale_period.
SELECT
    w.organisation, w.level, w.month,
    30 * c.half_hour + CAST(extract(minute FROM c.started_at) AS INTEGER) % 30 AS minute,
    count(*) AS inbound,
    count(*) FILTER (WHERE c.outcome IN ('voicemail', 'abandoned_queue', 'no_answer')) AS missed,
    w.days AS mondays, w.practices
FROM fact.call AS c
INNER JOIN (
    SELECT d.day, d.month
    FROM fact.calendar AS d
    INNER JOIN stale_period AS s ON s.period_kind = 'month' AND s.period_start = d.month
    WHERE d.weekday = 1 AND d.bank_holiday IS NULL
) AS k ON k.day = c.local_date
INNER JOIN mart.calls_area AS a ON a.account = coalesce(c.shared_with, c.practice_code) AND a.month = k.month
INNER JOIN (
    SELECT DISTINCT organisation, level, month, days, practices FROM mart.calls_week WHERE weekday = 1
) AS w ON w.organisation = a.organisation AND w.level = a.level AND w.month = a.month
WHERE c.local_date BETWEEN :first_day AND :last_day
    AND c.half_hour BETWEEN 14 AND 21 AND c.outcome <> 'engaged'
GROUP BY w.organisation, w.level, w.month, 4, w.days, w.practices
