-- Logged calls by weekday (1 Monday … 7 Sunday; 0 all bank holidays, whatever their weekday) and half-hour, a month at
-- a time. days: on how many dates of that kind anyone there has logs; practices: how many have logs on any of them. A
-- half-hour without a row on a logged day had no calls. Only the months in stale_period.
WITH kind_of_day AS (
    SELECT k.day, k.month, CASE WHEN k.bank_holiday IS NULL THEN k.weekday ELSE 0 END AS weekday
    FROM fact.calendar AS k
    INNER JOIN stale_period AS s ON s.period_kind = 'month' AND s.period_start = k.month
),
logged AS (
    SELECT
        a.organisation, a.level, a.month, k.weekday,
        count(DISTINCT d.local_date) AS days, count(DISTINCT a.practice) AS practices
    FROM mart.calls_day AS d
    INNER JOIN kind_of_day AS k ON k.day = d.local_date
    INNER JOIN mart.calls_area AS a ON a.account = coalesce(d.shared_with, d.practice_code) AND a.month = k.month
    GROUP BY a.organisation, a.level, a.month, k.weekday
),
counted AS (
    SELECT
        a.organisation, a.level, a.month, k.weekday, h.half_hour,
        sum(h.inbound) AS inbound, sum(h.answered) AS answered, sum(h.missed) AS missed,
        sum(h.wait_seconds) AS wait_seconds, sum(h.talk_seconds) AS talk_seconds
    FROM mart.calls_half_hour AS h
    INNER JOIN kind_of_day AS k ON k.day = h.local_date
    INNER JOIN mart.calls_area AS a ON a.account = coalesce(h.shared_with, h.practice_code) AND a.month = k.month
    WHERE h.local_date BETWEEN :first_day AND :last_day
    GROUP BY a.organisation, a.level, a.month, k.weekday, h.half_hour
)
SELECT
    c.organisation, c.level, c.month, CAST(c.weekday AS SMALLINT) AS weekday, c.half_hour,
    CAST(c.inbound AS BIGINT) AS inbound, CAST(c.answered AS BIGINT) AS answered, CAST(c.missed AS BIGINT) AS missed,
    CAST(c.wait_seconds AS BIGINT) AS wait_seconds, CAST(c.talk_seconds AS BIGINT) AS talk_seconds,
    CAST(l.days AS INTEGER) AS days, CAST(l.practices AS INTEGER) AS practices
FROM counted AS c
INNER JOIN logged AS l
    ON l.organisation = c.organisation AND l.level = c.level AND l.month = c.month AND l.weekday = c.weekday
