-- What is known of navigator training at each practice that a return names; a person counts once for each route.
WITH person AS (
    SELECT
        practice_code, staff_key, route, min(offered_on) AS offered_on, min(booked_on) AS booked_on,
        min(completed_on) AS completed_on, min(paid_by) AS paid_by
    FROM fact.training
    GROUP BY practice_code, staff_key, route
)
SELECT
    practice_code,
    min(offered_on) FILTER (WHERE route = 'funded') AS funded_offered_on,
    min(booked_on) FILTER (WHERE route = 'funded') AS funded_booked_on,
    min(completed_on) FILTER (WHERE route = 'funded') AS funded_completed_on,
    min(paid_by) FILTER (WHERE route = 'funded') AS funded_paid_by,
    min(completed_on) AS trained_on,
    count(completed_on) FILTER (WHERE route = 'funded') AS funded_completed,
    count(completed_on) FILTER (WHERE route = 'cascaded') AS cascaded_completed
FROM person
GROUP BY practice_code
