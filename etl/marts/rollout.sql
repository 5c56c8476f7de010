-- The tracker as each snapshot had it; the current belief is the newest believed_on.
SELECT practice_code, stage, planned_date, actual_date, supplier, line_type, believed_on
FROM fact.rollout_milestone
