-- Ours, rebuilt from rows, against what the publisher printed.
WITH ours AS (
    SELECT 'published_calls' AS source, organisation, period_start, 'inbound' AS item, inbound AS value FROM mart.calls_month
    UNION ALL SELECT 'published_calls', organisation, period_start, 'answered', answered FROM mart.calls_month
    UNION ALL SELECT 'published_calls', organisation, period_start, 'ended_in_ivr', ended_in_ivr FROM mart.calls_month
    UNION ALL SELECT 'published_calls', organisation, period_start, 'callback_requested', callback_requested FROM mart.calls_month
    UNION ALL SELECT 'published_calls', organisation, period_start, 'callback_made', callback_made FROM mart.calls_month
    UNION ALL SELECT 'published_calls', organisation, period_start, 'missed', missed FROM mart.calls_month
    UNION ALL SELECT 'published_calls', organisation, period_start, 'practices_included', practices_counted FROM mart.calls_month
    UNION ALL SELECT 'published_calls', organisation, period_start, 'patients_included', patients FROM mart.calls_month
    UNION ALL SELECT 'online_requests', organisation, period_start, 'requests', requests FROM mart.online_month
    UNION ALL SELECT 'online_requests', organisation, period_start, 'clinical', clinical FROM mart.online_month
    UNION ALL SELECT 'online_requests', organisation, period_start, 'administrative', administrative FROM mart.online_month
    UNION ALL SELECT 'online_requests', organisation, period_start, 'other', other FROM mart.online_month
    UNION ALL SELECT 'published_calls', organisation, month, 'practices_open', practices_open FROM mart.organisation_month
    UNION ALL SELECT 'published_calls', organisation, month, 'patients_open', patients_open FROM mart.organisation_month
    UNION ALL SELECT 'online_requests', organisation, month, 'practices_open', practices_open FROM mart.organisation_month
    UNION ALL SELECT 'online_requests', organisation, month, 'patients_open', patients_open FROM mart.organisation_month
)
SELECT
    p.source, p.dataset, p.organisation, p.period_start, p.item,
    CAST(o.value AS DOUBLE PRECISION) AS ours,
    p.value AS printed,
    CAST(o.value AS DOUBLE PRECISION) - p.value AS difference,
    CASE
        WHEN o.value = p.value THEN 'agrees'
        WHEN p.item IN ('practices_included', 'patients_included')
            THEN 'the publisher counts practices on shared accounts as included; their calls are in our total, the practices cannot be told'
        WHEN p.item IN ('practices_open', 'patients_open')
            THEN 'open practices are worked out here from ODS and the newest list-size extract loaded'
        WHEN p.dataset = 'table_1' THEN 'the national table is revised in later editions; the practice rows are of the edition loaded'
        ELSE 'does not agree: see the refused rows of this load'
    END AS note
FROM fact.printed_figure AS p
INNER JOIN ours AS o
    ON o.source = p.source AND o.organisation = p.organisation AND o.period_start = p.period_start AND o.item = p.item
WHERE o.value IS NOT NULL AND p.value IS NOT NULL
