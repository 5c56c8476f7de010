-- Logged calls of every organisation, week and month: what the measures logged_calls_… divide.
-- An account belongs to areas by the month's membership, a week's by that of its last logged day. An account that
-- several practices share brings the lists of those practices that have no account of their own.
WITH logged AS (
    SELECT d.*, coalesce(d.shared_with, d.practice_code) AS account, k.month, k.week,
        CASE WHEN k.weekday = 1 AND k.is_working_day THEN 1 ELSE 0 END AS ordinary_monday
    FROM mart.calls_day AS d
    INNER JOIN fact.calendar AS k ON k.day = d.local_date
),
period AS (
    SELECT DISTINCT 'month' AS period_kind, month AS period_start, local_date FROM logged
    UNION ALL
    SELECT DISTINCT 'week', week, local_date FROM logged
),
by_account AS (
    SELECT
        l.account, p.period_kind, p.period_start, max(l.month) AS month,
        sum(l.inbound) AS inbound, sum(l.answered) AS answered, sum(l.ended_in_ivr) AS ended_in_ivr,
        sum(l.callback_requested) AS callback_requested, sum(l.callback_made) AS callback_made, sum(l.missed) AS missed,
        sum(l.engaged) AS engaged, sum(l.unknown) AS unknown,
        sum(l.answered + l.ended_in_ivr + l.callback_requested) AS dealt_with,
        sum(l.answered_within_60s) AS answered_within_60s, sum(l.answered_within_120s) AS answered_within_120s,
        sum(l.answered_within_300s) AS answered_within_300s, sum(l.waits) AS waits, sum(l.wait_seconds) AS wait_seconds,
        sum(l.talks) AS talks, sum(l.talk_seconds) AS talk_seconds, sum(l.repeat_calls) AS repeat_calls,
        sum(l.callers) AS callers, sum(l.lost_callers) AS lost_callers, sum(l.lost_not_back) AS lost_not_back,
        sum(l.queued) AS queued, sum(l.position_given) AS position_given, sum(l.out_of_hours) AS out_of_hours,
        sum(l.first_hour * l.ordinary_monday) AS monday_first_hour, sum(l.ordinary_monday) AS ordinary_mondays
    FROM logged AS l
    INNER JOIN period AS p ON p.local_date = l.local_date
    GROUP BY l.account, p.period_kind, p.period_start
),
account AS (SELECT DISTINCT account, month FROM by_account),
account_patients AS (
    SELECT a.account, a.month, sum(m.patients) AS patients
    FROM account AS a
    INNER JOIN mart.practice_month AS m ON m.month = a.month AND ',' || a.account || ',' LIKE '%,' || m.practice || ',%'
    LEFT JOIN account AS own ON own.account = m.practice AND own.month = a.month
    WHERE a.account = m.practice OR own.account IS NULL
    GROUP BY a.account, a.month
)
SELECT
    r.organisation, r.level, b.period_kind, b.period_start,
    count(DISTINCT r.practice) AS practices_counted,
    sum(b.inbound) AS inbound, sum(b.answered) AS answered, sum(b.ended_in_ivr) AS ended_in_ivr,
    sum(b.callback_requested) AS callback_requested, sum(b.callback_made) AS callback_made, sum(b.missed) AS missed,
    sum(b.engaged) AS engaged, sum(b.unknown) AS unknown, sum(b.dealt_with) AS dealt_with,
    sum(b.answered_within_60s) AS answered_within_60s, sum(b.answered_within_120s) AS answered_within_120s,
    sum(b.answered_within_300s) AS answered_within_300s, sum(b.waits) AS waits, sum(b.wait_seconds) AS wait_seconds,
    sum(b.talks) AS talks, sum(b.talk_seconds) AS talk_seconds, sum(b.repeat_calls) AS repeat_calls,
    sum(b.callers) AS callers, sum(b.lost_callers) AS lost_callers, sum(b.lost_not_back) AS lost_not_back,
    sum(b.queued) AS queued, sum(b.position_given) AS position_given, sum(b.out_of_hours) AS out_of_hours,
    CASE WHEN sum(b.ordinary_mondays) > 0 THEN sum(b.monday_first_hour) END AS monday_first_hour,
    sum(b.ordinary_mondays * p.patients) AS monday_patients,
    sum(p.patients) AS patients,
    max(w.p95_wait_seconds) AS p95_wait_seconds,
    1 AS one
FROM by_account AS b
INNER JOIN mart.calls_area AS r ON r.account = b.account AND r.month = b.month
LEFT JOIN account_patients AS p ON p.account = b.account AND p.month = b.month
LEFT JOIN mart.wait_p95 AS w
    ON w.organisation = r.organisation AND w.level = r.level
    AND w.period_kind = b.period_kind AND w.period_start = b.period_start
GROUP BY r.organisation, r.level, b.period_kind, b.period_start
