-- Who belonged to whom, from when to when.
-- Practices and PCNs that ePCN lists: its newest edition, which carries dates. Everything else is observed:
-- each source says whom a child belonged to on a date; a change of parent starts a new membership on the date
-- it was first seen, and the earliest parent known is taken to have held before.
WITH dated_edition AS (
    SELECT child, max(as_of) AS as_of
    FROM fact.membership
    WHERE source = 'epcn' AND parent_kind = 'pcn'
    GROUP BY child
),
dated AS (
    SELECT DISTINCT m.child, m.child_kind, m.parent, m.parent_kind, m.from_date, m.to_date
    FROM fact.membership AS m
    INNER JOIN dated_edition AS e ON e.child = m.child AND e.as_of = m.as_of
    WHERE m.source = 'epcn' AND m.parent_kind = 'pcn'
),
observed AS (
    SELECT
        m.child, m.child_kind, m.parent, m.parent_kind, m.as_of, m.from_date,
        row_number() OVER (
            PARTITION BY m.child, m.parent_kind, m.as_of
            ORDER BY
                CASE m.source
                    WHEN 'epraccur' THEN 1 WHEN 'epcn' THEN 1 WHEN 'mapping' THEN 2 WHEN 'registration_map' THEN 3
                    ELSE 4
                END,
                m.load_id DESC, m.parent
        ) AS choice
    FROM fact.membership AS m
    LEFT JOIN dated_edition AS e ON e.child = m.child AND m.parent_kind = 'pcn'
    WHERE e.child IS NULL
),
with_before AS (
    SELECT *, lag(parent) OVER (PARTITION BY child, parent_kind ORDER BY as_of) AS parent_before
    FROM observed
    WHERE choice = 1
),
starts AS (
    SELECT
        *,
        lead(as_of) OVER (PARTITION BY child, parent_kind ORDER BY as_of) AS next_start
    FROM with_before
    WHERE parent_before IS NULL OR parent_before <> parent
)
SELECT child, parent, coalesce(from_date, DATE '1900-01-01') AS from_date, to_date, child_kind, parent_kind
FROM dated
UNION ALL
SELECT
    child, parent,
    CASE WHEN parent_before IS NULL THEN coalesce(from_date, DATE '1900-01-01') ELSE as_of END,
    CAST(next_start - INTERVAL '1 day' AS DATE),
    child_kind, parent_kind
FROM starts
UNION ALL
SELECT DISTINCT code, 'ENG', DATE '1900-01-01', CAST(NULL AS DATE), 'region', 'england'
FROM fact.organisation
WHERE kind = 'region'
