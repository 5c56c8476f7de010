-- Every GP practice in every month: open or not, its areas, its list.
-- Open on the month's last day, or today in the month that is running: in ODS as a GP practice, not dormant, opened
-- by then, not closed before then, and in the newest list-size publication at that date for its sub-ICB location, where one is loaded.
-- List of a month: that month's extract, else the newest of the three before; else unknown.
WITH listed AS (
    SELECT DISTINCT organisation AS practice, period_start AS month
    FROM fact.registered_patients
    WHERE organisation_kind = 'practice' AND sex = 'all' AND age_band = 'all'
    UNION
    SELECT DISTINCT code, CAST(date_trunc('month', as_of) AS DATE)
    FROM fact.organisation
    WHERE source = 'registration_map' AND kind = 'practice'
),
located AS (
    SELECT l.practice, l.month, coalesce(s.parent, '') AS sub_icb
    FROM listed AS l
    LEFT JOIN mart.parent_month AS s ON s.child = l.practice AND s.parent_kind = 'sub_icb' AND s.month = l.month
),
list_of_month AS (
    -- of the practice's own sub-ICB location: an edition cut to some areas says nothing about the others
    SELECT a.sub_icb, d.month, max(a.month) AS list_month
    FROM (SELECT DISTINCT sub_icb, month FROM located) AS a
    INNER JOIN mart.month AS d ON a.month <= d.last_day
    GROUP BY a.sub_icb, d.month
),
lists AS (
    SELECT organisation AS practice, period_start AS month, max(patients) AS patients
    FROM fact.registered_patients
    WHERE organisation_kind = 'practice' AND sex = 'all' AND age_band = 'all'
    GROUP BY organisation, period_start
),
newest_list AS (
    SELECT
        l.practice, d.month, l.patients, l.month AS patients_on,
        row_number() OVER (PARTITION BY l.practice, d.month ORDER BY l.month DESC) AS choice
    FROM lists AS l
    INNER JOIN mart.month AS d ON l.month <= d.month AND l.month >= CAST(d.month - INTERVAL '3 months' AS DATE)
),
days AS (
    SELECT d.*, CASE WHEN t.day BETWEEN d.month AND d.last_day THEN t.day ELSE d.last_day END AS on_day
    FROM mart.month AS d
    CROSS JOIN (SELECT max(day) AS day FROM fact.setting WHERE name = 'today') AS t
),
known AS (
    SELECT
        o.code AS practice,
        d.month,
        d.on_day,
        -- a practice that opens after the month or closed before it is open from after to
        greatest(coalesce(o.opened, d.month), d.month) AS open_from,
        least(coalesce(o.closed, d.last_day), d.last_day) AS open_to,
        coalesce(o.status, 'A') NOT IN ('D', 'P')
            AND o.is_gp
            AND (lm.list_month IS NULL OR l.practice IS NOT NULL) AS is_counted,
        p.parent AS pcn,
        coalesce(s.parent, ps.parent) AS sub_icb,
        i.parent AS icb,
        r.parent AS region,
        n.patients,
        n.patients_on
    FROM mart.organisation AS o
    CROSS JOIN days AS d
    LEFT JOIN newest_list AS n ON n.practice = o.code AND n.month = d.month AND n.choice = 1
    LEFT JOIN mart.parent_month AS p ON p.child = o.code AND p.parent_kind = 'pcn' AND p.month = d.month
    LEFT JOIN mart.parent_month AS s ON s.child = o.code AND s.parent_kind = 'sub_icb' AND s.month = d.month
    LEFT JOIN mart.parent_month AS ps ON ps.child = p.parent AND ps.parent_kind = 'sub_icb' AND ps.month = d.month
    LEFT JOIN mart.parent_month AS i
        ON i.child = coalesce(s.parent, ps.parent) AND i.parent_kind = 'icb' AND i.month = d.month
    LEFT JOIN mart.parent_month AS r ON r.child = i.parent AND r.parent_kind = 'region' AND r.month = d.month
    LEFT JOIN list_of_month AS lm ON lm.sub_icb = coalesce(s.parent, ps.parent, '') AND lm.month = d.month
    LEFT JOIN listed AS l ON l.practice = o.code AND l.month = lm.list_month
    WHERE o.kind = 'practice'
      AND coalesce(o.closed, DATE '2999-12-31') >= (SELECT min(month) FROM mart.month)
)
SELECT
    practice, month,
    is_counted AND on_day BETWEEN open_from AND open_to AS is_open,
    -- the days of the month on which it is open; NULL: on none, whatever ODS says
    CASE WHEN is_counted THEN open_from END AS open_from,
    CASE WHEN is_counted THEN open_to END AS open_to,
    pcn, sub_icb, icb, region, patients, patients_on
FROM known
