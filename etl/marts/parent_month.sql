-- Each child's parent of each kind in each month: the one that held last in it.
WITH held AS (
    SELECT
        m.child, m.parent_kind, d.month, m.parent,
        row_number() OVER (
            PARTITION BY m.child, m.parent_kind, d.month
            ORDER BY
                CASE WHEN m.to_date IS NULL OR m.to_date >= d.last_day THEN 0 ELSE 1 END,
                m.from_date DESC, m.parent
        ) AS choice
    FROM mart.membership AS m
    INNER JOIN mart.month AS d ON m.from_date <= d.last_day AND (m.to_date IS NULL OR m.to_date >= d.month)
)
SELECT child, parent_kind, month, parent
FROM held
WHERE choice = 1
