-- Published calls by month, each call once: the monthly workbook where a practice is in it, else the daily
-- files of a month that is complete (every day of it present for the practice's ICB).
WITH daily AS (
    -- by month at once: there are hundreds of times as many days' rows as months'
    SELECT
        dataset, practice_code, pcn_code, sub_icb_code, icb_code, region_code,
        CAST(date_trunc('month', period_start) AS DATE) AS month, indicator, dimension, band, sum(calls) AS calls
    FROM fact.published_calls
    WHERE dataset IN ('durations', 'day_and_time')
    GROUP BY
        dataset, practice_code, pcn_code, sub_icb_code, icb_code, region_code,
        CAST(date_trunc('month', period_start) AS DATE), indicator, dimension, band
),
present AS (
    SELECT DISTINCT dataset, coalesce(icb_code, '') AS icb, period_start
    FROM fact.published_calls
    WHERE dataset IN ('durations', 'day_and_time')
),
complete AS (
    SELECT p.dataset, p.icb, m.month
    FROM present AS p
    INNER JOIN mart.month AS m ON m.month = CAST(date_trunc('month', p.period_start) AS DATE)
    GROUP BY p.dataset, p.icb, m.month
    HAVING count(*) = max(extract(day FROM m.last_day))
),
monthly AS (
    SELECT DISTINCT practice_code, coalesce(sub_icb_code, '') AS sub_icb, period_start AS month
    FROM fact.published_calls
    WHERE dataset = 'table_3'
)
SELECT
    practice_code, pcn_code, sub_icb_code, icb_code, region_code, period_start AS month, indicator, dimension, band,
    sum(calls) AS calls
FROM fact.published_calls
WHERE dataset IN ('table_3', 'table_4', 'table_5')
GROUP BY practice_code, pcn_code, sub_icb_code, icb_code, region_code, period_start, indicator, dimension, band
UNION ALL
SELECT
    d.practice_code, d.pcn_code, d.sub_icb_code, d.icb_code, d.region_code, d.month, d.indicator, d.dimension,
    CASE
        WHEN d.dimension = 'time_band' OR d.dimension = 'total' THEN d.band
        WHEN d.band IN ('0', '1_30', '31_60', '0_10', '11_30') THEN '0_60'
        WHEN d.band IN ('61_90', '91_120') THEN '61_120'
        WHEN d.band IN ('121_180', '181_240', '241_300') THEN '121_300'
        ELSE d.band
    END,
    sum(d.calls)
FROM daily AS d
INNER JOIN complete AS c ON c.dataset = d.dataset AND c.icb = coalesce(d.icb_code, '') AND c.month = d.month
LEFT JOIN monthly AS m
    ON m.practice_code = d.practice_code AND m.sub_icb = coalesce(d.sub_icb_code, '') AND m.month = d.month
WHERE d.dataset = 'day_and_time' OR m.practice_code IS NULL
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
