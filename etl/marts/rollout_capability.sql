-- What each practice's system can do, as the newest snapshot has it.
SELECT practice_code, capability, from_date, to_date
FROM fact.rollout_capability
WHERE believed_on = (SELECT max(believed_on) FROM fact.rollout_capability)
