-- All requests handled, by practice, month, channel, category and destination.
SELECT
    practice_code, month, channel, request_category, destination, count(*) AS contacts,
    CAST(sum(declined) AS BIGINT) AS declined
FROM mart.navigation_contact
GROUP BY practice_code, month, channel, request_category, destination
