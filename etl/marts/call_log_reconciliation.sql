-- A practice's own logs against what NHS England published for it, where that month is published for anyone. Accounts
-- that several practices share are left out: nobody can say whose their calls are.
WITH logged AS (
    SELECT
        d.practice_code, k.month,
        count(*) FILTER (WHERE k.is_working_day) AS working_days_logged,
        sum(d.inbound) AS inbound, sum(d.answered) AS answered, sum(d.missed) AS missed,
        sum(d.ended_in_ivr) AS ended_in_ivr, sum(d.callback_requested) AS callback_requested
    FROM mart.calls_day AS d
    INNER JOIN fact.calendar AS k ON k.day = d.local_date
    WHERE d.shared_with IS NULL
    GROUP BY d.practice_code, k.month
),
ours AS (
    SELECT practice_code, month, 'inbound' AS item, inbound AS calls FROM logged
    UNION ALL SELECT practice_code, month, 'answered', answered FROM logged
    UNION ALL SELECT practice_code, month, 'missed', missed FROM logged
    UNION ALL SELECT practice_code, month, 'ended_in_ivr', ended_in_ivr FROM logged
    UNION ALL SELECT practice_code, month, 'callback_requested', callback_requested FROM logged
),
theirs AS (
    SELECT organisation, period_start, 'inbound' AS item, inbound AS calls FROM mart.calls_month WHERE level = 'practice'
    UNION ALL SELECT organisation, period_start, 'answered', answered FROM mart.calls_month WHERE level = 'practice'
    UNION ALL SELECT organisation, period_start, 'missed', missed FROM mart.calls_month WHERE level = 'practice'
    UNION ALL SELECT organisation, period_start, 'ended_in_ivr', ended_in_ivr FROM mart.calls_month WHERE level = 'practice'
    UNION ALL
    SELECT organisation, period_start, 'callback_requested', callback_requested FROM mart.calls_month WHERE level = 'practice'
)
SELECT
    o.practice_code, o.month AS period_start, o.item,
    CAST(o.calls AS DOUBLE PRECISION) AS logged,
    CAST(t.calls AS DOUBLE PRECISION) AS published,
    CAST(o.calls - t.calls AS DOUBLE PRECISION) AS difference,
    l.working_days_logged, m.working_days,
    CASE
        WHEN t.calls IS NULL
            THEN 'not published for this practice: its supplier takes no part, or its account is shared'
        WHEN o.calls = t.calls THEN 'agrees'
        WHEN l.working_days_logged < m.working_days THEN 'logs are missing for some working days'
        WHEN o.item <> 'inbound' THEN 'outcomes are worked out here from each call''s legs; a supplier may judge them otherwise'
        WHEN o.calls < t.calls THEN 'fewer in logs: lines that bypass the logged system, or calls to closed lines that it does not write'
        ELSE 'more in logs: direct dials or calls to closed lines that the publication may leave out, or a wrong time zone'
    END AS note
FROM ours AS o
INNER JOIN logged AS l ON l.practice_code = o.practice_code AND l.month = o.month
INNER JOIN mart.month AS m ON m.month = o.month
LEFT JOIN theirs AS t ON t.organisation = o.practice_code AND t.period_start = o.month AND t.item = o.item
WHERE o.month IN (SELECT period_start FROM mart.calls_month)
