-- Where a practice's charts of calls begin a new baseline: the day it went live, and why.
SELECT
    practice_code AS organisation, 'calls' AS measure_group, from_date AS date,
    'Went live on digital telephony' || coalesce(' with ' || supplier, '') AS reason
FROM mart.rollout_state
WHERE stage = 'live' AND believed_on = (SELECT max(believed_on) FROM fact.rollout_milestone)
