-- Answered calls that a navigation record names by the platform's own id, and how long they lasted, by practice and
-- month of the call. The record is of a day at most seven from the call's, on which the stamps of etl/marts/periods.py
-- rest: so only the calls of stale months are asked.
SELECT practice_code, month, count(*) AS navigated, count(talk_seconds) AS talked, sum(talk_seconds) AS talk_seconds
FROM (
    SELECT DISTINCT c.call_id, c.practice_code, s.period_start AS month, c.talk_seconds
    FROM fact.call AS c
    INNER JOIN stale_period AS s
        ON s.period_kind = 'month' AND s.period_start = CAST(date_trunc('month', c.local_date) AS DATE)
    INNER JOIN fact.navigation_call AS k
        ON k.call_id = c.call_id AND k.practice_code = c.practice_code
        AND k.local_date BETWEEN c.local_date - 7 AND c.local_date + 7
    INNER JOIN mart.navigation_contact AS n
        ON n.layout = k.layout AND n.practice_code = k.practice_code AND n.contact_key = k.contact_key
    WHERE c.outcome = 'answered' AND c.local_date BETWEEN :first_day AND :last_day
) AS navigated
GROUP BY practice_code, month
