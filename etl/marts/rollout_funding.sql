-- The rollout's money, as the newest snapshot has it.
SELECT practice_code, item, awarded, paid, date
FROM fact.rollout_funding
WHERE believed_on = (SELECT max(believed_on) FROM fact.rollout_funding)
