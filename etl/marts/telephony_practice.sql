-- The open practices of the ICBs that the tracker is about, from the first date in the tracker to today: a row for each
-- stretch of days of a month over which a practice is open and its areas stay the same. So any day can be asked for,
-- and what holds at a month's end is what holds on its last day. The list size is the month's: see practice_month.
WITH today AS (SELECT max(day) AS day FROM fact.setting WHERE name = 'today'),
current_rollout AS (
    SELECT * FROM fact.rollout_milestone
    WHERE believed_on = (SELECT max(believed_on) FROM fact.rollout_milestone)
),
tracked AS (SELECT DISTINCT practice_code AS practice FROM current_rollout),
span AS (
    SELECT min(least(coalesce(actual_date, planned_date), coalesce(planned_date, actual_date))) AS first_day
    FROM current_rollout
),
covered AS (
    SELECT DISTINCT p.icb, p.month
    FROM mart.practice_month AS p
    INNER JOIN tracked AS t ON t.practice = p.practice
    WHERE p.open_from <= p.open_to AND p.icb IS NOT NULL
),
candidate AS (
    SELECT practice FROM tracked
    UNION
    SELECT p.practice FROM mart.practice_month AS p INNER JOIN covered AS c ON c.icb = p.icb AND c.month = p.month
),
opened AS (
    SELECT
        p.practice, p.month, p.patients,
        greatest(p.open_from, s.first_day) AS from_date,
        least(p.open_to, t.day) AS to_date
    FROM mart.practice_month AS p
    INNER JOIN candidate AS c ON c.practice = p.practice
    CROSS JOIN today AS t
    CROSS JOIN span AS s
    WHERE p.open_from <= p.open_to AND greatest(p.open_from, s.first_day) <= least(p.open_to, t.day)
),
-- a practice, and all that it was ever part of: where any of them moves, the practice's areas change
chain AS (
    SELECT practice, practice AS child FROM candidate
    UNION
    SELECT c.practice, m.parent FROM candidate AS c INNER JOIN mart.membership AS m ON m.child = c.practice
    UNION
    SELECT c.practice, u.parent
    FROM candidate AS c
    INNER JOIN mart.membership AS m ON m.child = c.practice
    INNER JOIN mart.membership AS u ON u.child = m.parent
),
moved AS (
    SELECT c.practice, m.from_date AS day FROM chain AS c INNER JOIN mart.membership AS m ON m.child = c.child
    UNION
    SELECT c.practice, CAST(m.to_date + INTERVAL '1 day' AS DATE)
    FROM chain AS c
    INNER JOIN mart.membership AS m ON m.child = c.child
),
starts AS (
    SELECT practice, month, from_date FROM opened
    UNION
    SELECT o.practice, o.month, m.day
    FROM opened AS o
    INNER JOIN moved AS m ON m.practice = o.practice AND m.day > o.from_date AND m.day <= o.to_date
),
stretch AS (
    SELECT
        s.practice, s.month, s.from_date, o.patients,
        coalesce(
            CAST(
                lead(s.from_date) OVER (PARTITION BY s.practice, s.month ORDER BY s.from_date) - INTERVAL '1 day' AS DATE
            ),
            o.to_date
        ) AS to_date
    FROM starts AS s
    INNER JOIN opened AS o ON o.practice = s.practice AND o.month = s.month
),
asked AS (
    SELECT DISTINCT c.child, s.from_date AS day
    FROM stretch AS s
    INNER JOIN chain AS c ON c.practice = s.practice
),
held AS (
    SELECT
        a.child, a.day, m.parent_kind, m.parent,
        row_number() OVER (
            PARTITION BY a.child, a.day, m.parent_kind ORDER BY m.from_date DESC, m.parent
        ) AS choice
    FROM asked AS a
    INNER JOIN mart.membership AS m
        ON m.child = a.child AND m.from_date <= a.day AND (m.to_date IS NULL OR m.to_date >= a.day)
),
parent_on AS (SELECT child, day, parent_kind, parent FROM held WHERE choice = 1)
SELECT
    s.practice, s.month AS period_start, s.from_date, s.to_date,
    p.parent AS pcn,
    coalesce(l.parent, pl.parent) AS sub_icb,
    i.parent AS icb,
    s.patients
FROM stretch AS s
LEFT JOIN parent_on AS p ON p.child = s.practice AND p.parent_kind = 'pcn' AND p.day = s.from_date
LEFT JOIN parent_on AS l ON l.child = s.practice AND l.parent_kind = 'sub_icb' AND l.day = s.from_date
LEFT JOIN parent_on AS pl ON pl.child = p.parent AND pl.parent_kind = 'sub_icb' AND pl.day = s.from_date
LEFT JOIN parent_on AS i
    ON i.child = coalesce(l.parent, pl.parent) AND i.parent_kind = 'icb' AND i.day = s.from_date
LEFT JOIN covered AS c ON c.icb = i.parent AND c.month = s.month
LEFT JOIN tracked AS t ON t.practice = s.practice
WHERE c.icb IS NOT NULL OR t.practice IS NOT NULL
