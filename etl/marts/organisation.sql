-- One row an organisation: the best statement of each source, the newest first.
-- Prescribers that are not GP practices (epraccur lists clinics, prisons and more) are left out, unless a
-- publication counts them as one.
WITH ranked AS (
    SELECT
        code, kind, name, opened, closed, status, prescribing_setting, source, as_of,
        row_number() OVER (
            PARTITION BY code
            ORDER BY
                CASE WHEN name IS NULL THEN 1 ELSE 0 END,
                -- only epraccur says when a practice opened and closed; ePCN knows its name
                CASE source
                    WHEN 'epraccur' THEN 1 WHEN 'epcn' THEN 2 WHEN 'mapping' THEN 3 WHEN 'registration_map' THEN 4
                    ELSE 5
                END,
                as_of DESC NULLS LAST, load_id DESC
        ) AS choice
    FROM fact.organisation
),
all_sources AS (
    SELECT
        code,
        max(ons_code) AS ons_code,
        max(postcode) AS postcode,
        max(CASE WHEN source NOT IN ('epraccur', 'epcn') THEN 1 ELSE 0 END) AS is_counted
    FROM fact.organisation
    GROUP BY code
)
SELECT
    r.code, r.kind, r.name, r.opened, r.closed, a.postcode, a.ons_code, r.status, r.source,
    coalesce(r.prescribing_setting, '4') = '4' AS is_gp
FROM ranked AS r
INNER JOIN all_sources AS a ON a.code = r.code
WHERE r.choice = 1
  AND (r.kind <> 'practice' OR coalesce(r.prescribing_setting, '4') = '4' OR a.is_counted = 1)
UNION ALL
SELECT 'ENG', 'england', 'England', NULL, NULL, NULL, 'E92000001', 'A', 'epraccur', FALSE
