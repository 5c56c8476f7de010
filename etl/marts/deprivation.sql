-- The newest index of each practice; where two sources give the same year, the publisher's own.
WITH ranked AS (
    SELECT
        area, score,
        row_number() OVER (
            PARTITION BY area ORDER BY index_year DESC, CASE source WHEN 'fingertips' THEN 1 ELSE 2 END, source
        ) AS choice
    FROM fact.deprivation
    WHERE area_kind = 'practice' AND score IS NOT NULL
)
SELECT area AS practice, score FROM ranked WHERE choice = 1
