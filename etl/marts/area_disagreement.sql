-- Where a publication's own area columns and dated membership disagree, in the newest month of each feed.
WITH said AS (
    SELECT 'published_calls' AS feed, practice_code AS practice, period_start, pcn_code AS pcn, sub_icb_code AS sub_icb
    FROM fact.published_calls WHERE dataset = 'table_3' AND practice_code <> 'Unassigned'
    UNION
    SELECT 'online_requests', practice_code, period_start, pcn_code, sub_icb_code FROM fact.online_requests
    UNION
    SELECT 'appointments', practice_code, period_start, pcn_code, sub_icb_code
    FROM fact.appointments WHERE dataset = 'crosstab'
),
newest AS (SELECT feed, max(period_start) AS period_start FROM said GROUP BY feed),
compared AS (
    SELECT s.feed, s.practice, s.period_start, 'pcn' AS level, s.pcn AS in_publication, p.pcn AS by_membership
    FROM said AS s
    INNER JOIN newest AS n ON n.feed = s.feed AND n.period_start = s.period_start
    INNER JOIN mart.practice_month AS p ON p.practice = s.practice AND p.month = s.period_start
    UNION ALL
    SELECT s.feed, s.practice, s.period_start, 'sub_icb', s.sub_icb, p.sub_icb
    FROM said AS s
    INNER JOIN newest AS n ON n.feed = s.feed AND n.period_start = s.period_start
    INNER JOIN mart.practice_month AS p ON p.practice = s.practice AND p.month = s.period_start
)
SELECT feed, practice, period_start, level, in_publication, by_membership
FROM compared
WHERE coalesce(in_publication, '') <> coalesce(by_membership, '')
