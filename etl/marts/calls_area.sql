-- Whose totals the logged calls of an account belong to in each month. A practice's own account: the practice and,
-- by the month's membership, all above it. An account that several share: the lowest organisation that they all
-- belong to, and all above that; no practice. England is left out: one ICB's logs are not England's.
WITH account AS (
    SELECT DISTINCT
        coalesce(shared_with, practice_code) AS account, shared_with,
        CAST(date_trunc('month', local_date) AS DATE) AS month
    FROM mart.calls_day
),
member AS (
    SELECT account, month, account AS practice, 1 AS members FROM account WHERE shared_with IS NULL
    UNION ALL
    SELECT
        a.account, a.month, p.practice,
        length(a.shared_with) - length(replace(a.shared_with, ',', '')) + 1
    FROM account AS a
    LEFT JOIN (SELECT DISTINCT practice FROM mart.practice_month) AS p
        ON ',' || a.shared_with || ',' LIKE '%,' || p.practice || ',%'
    WHERE a.shared_with IS NOT NULL
),
placed AS (
    SELECT m.account, m.month, m.members, 'practice' AS level, m.practice AS organisation FROM member AS m
    UNION ALL
    SELECT m.account, m.month, m.members, 'pcn', p.pcn
    FROM member AS m INNER JOIN mart.practice_month AS p ON p.practice = m.practice AND p.month = m.month
    UNION ALL
    SELECT m.account, m.month, m.members, 'sub_icb', p.sub_icb
    FROM member AS m INNER JOIN mart.practice_month AS p ON p.practice = m.practice AND p.month = m.month
    UNION ALL
    SELECT m.account, m.month, m.members, 'icb', p.icb
    FROM member AS m INNER JOIN mart.practice_month AS p ON p.practice = m.practice AND p.month = m.month
)
SELECT account, month, level, organisation, CASE WHEN members = 1 THEN account END AS practice
FROM placed
WHERE organisation IS NOT NULL
GROUP BY account, month, level, organisation, members
HAVING count(*) = members
