"""The invented generation with tables of every kind, in which each practice's figures are its own and nobody else's.

The first practice keeps the figures of `generation.py`; every other gets figures that stand nowhere else, so that any
of them in an answer is a leak. Totals above practices are left as they are.
"""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb

from etl.published.tables import TABLES
from tests.dashboard.generation import ICB, MONTHS, PCNS, PRACTICES, parents_of, publish

OWN, OTHER, UNKNOWN = PRACTICES[0], PRACTICES[1], "A99999"
OWN_PCN = PCNS[0]
LAST_MONDAY = date(2026, 11, 16)
HALF_HOURS = (
    "practice_code VARCHAR, local_date DATE, half_hour SMALLINT, inbound BIGINT, answered BIGINT, missed BIGINT"
)


def publish_marked(folder: Path) -> Path:
    """Write the generation into `folder`; returns its file."""
    path = publish(folder)
    with duckdb.connect(str(path)) as connection:
        _mark(connection)
        if not connection.execute(
            "SELECT 1 FROM information_schema.tables WHERE table_name = 'calls_half_hour'"
        ).fetchone():
            connection.execute(f"CREATE TABLE calls_half_hour ({HALF_HOURS})")
        for place, code in enumerate(PRACTICES):
            _add(connection, place, code)
        connection.execute(
            "INSERT INTO rejected_row SELECT 2, 'rollout_milestone', 9, 'practice_code', "
            "'live before contracted: ' || code || ' ' || name FROM organisation WHERE kind = 'practice'"
        )
    return path


def _mark(connection: duckdb.DuckDBPyConnection) -> None:
    others = f"level = 'practice' AND organisation <> '{OWN}'"
    connection.execute("CREATE SEQUENCE mark START 8700013 INCREMENT 7")
    connection.execute(f"UPDATE measure_value SET denominator = nextval('mark') WHERE {others}")
    connection.execute(
        f"UPDATE measure_value SET numerator = round(denominator * value / (SELECT CASE unit WHEN 'percent' THEN 1 "
        f"ELSE 1000 END FROM measure m WHERE m.measure = measure_value.measure)) WHERE {others}"
    )
    connection.execute(
        f"UPDATE measure_value SET value = numerator / denominator * (SELECT CASE unit WHEN 'percent' THEN 1 "
        f"ELSE 1000 END FROM measure m WHERE m.measure = measure_value.measure) WHERE {others}"
    )
    connection.execute(f"UPDATE breakdown SET amount = nextval('mark') WHERE {others}")
    connection.execute(
        f"UPDATE organisation SET patients = nextval('mark') WHERE kind = 'practice' AND code <> '{OWN}'"
    )
    connection.execute("UPDATE organisation SET imd_score = 20.0 + patients % 17 WHERE kind = 'practice'")


def _add(connection: duckdb.DuckDBPyConnection, place: int, code: str) -> None:
    mark = 0 if code == OWN else 9_100_000 + 1_003 * place
    _add_rollout_and_navigation(connection, code, mark)
    connection.executemany(
        "INSERT INTO rollout VALUES (?, ?, ?, ?, ?, 'cloud', ?)",
        [
            (code, stage, date(2024, 1, 1) + timedelta(days=40 * step + place),
             date(2024, 1, 2) + timedelta(days=40 * step), f"Supplier of {code}", date(2026, 11, 18))
            for step, stage in enumerate(("signed_up", "contracted", "installed", "live"))
        ],
    )  # fmt: skip
    connection.execute("INSERT INTO rollout_capability VALUES (?, 'call_back', DATE '2024-06-03', NULL)", [code])
    connection.execute(
        "INSERT INTO rollout_funding VALUES (?, 'telephones', ?, ?, DATE '2024-03-01')", [code, mark + 1, mark]
    )
    connection.executemany(
        "INSERT INTO navigation_month VALUES (?, ?, 'telephone', 'clinical_new', ?, ?, 1)",
        [
            (code, month, destination, mark + 10 * number + 40)
            for month in MONTHS[-6:]
            for number, destination in enumerate(("gp_same_day", "community_pharmacy", "self_care", "not_recorded"))
        ],
    )
    known = TABLES["training_practice"]
    values = {"practice_code": code, "funded_offered_on": date(2025, 3, 1), "funded_completed_on": date(2025, 6, 3),
              "trained_on": date(2025, 6, 3), "funded_completed": 1, "cascaded_completed": mark + 2}  # fmt: skip
    connection.execute(
        f"INSERT INTO training_practice ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
        list(values.values()),
    )
    assert set(values) <= set(known)
    connection.executemany(
        "INSERT INTO calls_half_hour (practice_code, local_date, half_hour, inbound, answered, missed) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            (code, LAST_MONDAY - timedelta(days=7 * week), half_hour, mark + 40, mark + 28, 9)
            for week in range(12)
            for half_hour in range(16, 37)
        ],
    )
    # the same as the mart has it: eight Mondays of September and October, and the last one of August, a bank holiday
    connection.executemany(
        "INSERT INTO calls_week (organisation, level, month, weekday, half_hour, inbound, answered, missed, days, "
        "practices, wait_seconds, talk_seconds) "
        "VALUES (?, 'practice', ?, ?, ?, ?, ?, ?, ?, 1, 60, 60)",
        [
            [code, date(2026, month, 1), weekday, half_hour, *(days * each for each in (mark + 40, mark + 28, 9, 1))]
            for month, weekday, days in ((8, 0, 1), (9, 1, 4), (10, 1, 4))
            for half_hour in range(16, 37)
        ],
    )


def _add_rollout_and_navigation(connection: duckdb.DuckDBPyConnection, code: str, mark: int) -> None:
    """Where the practice stands, its place on the map, its logs beside what is published, its requests."""
    above = parents_of(code)
    for month, last in ((date(2026, 10, 1), date(2026, 10, 31)), (date(2026, 11, 1), date(2026, 11, 20))):
        connection.execute(
            "INSERT INTO telephony_practice BY NAME SELECT ? AS practice, ? AS period_start, ? AS from_date, "
            "? AS to_date, ? AS pcn, ? AS sub_icb, ? AS icb, ? AS patients",
            [code, month, month, last, above["pcn"], above["sub_icb"], above["icb"], mark + 3],
        )
    connection.execute(
        "INSERT INTO rollout_state VALUES (DATE '2026-11-18', ?, 'live', 5, DATE '2024-05-01', NULL, ?, 'cloud')",
        [code, f"Supplier of {code}"],
    )
    connection.execute('INSERT INTO boundary VALUES (?, \'{"type": "Point", "coordinates": [-2, 54]}\')', [code])
    connection.execute(
        "INSERT INTO call_log_reconciliation VALUES (?, ?, 'inbound', ?, ?, 1, 20, 21, NULL)",
        [code, MONTHS[-1], mark + 61, mark + 60],
    )
    connection.execute(
        "INSERT INTO measure_value (measure, organisation, level, period_kind, period_start, numerator, denominator) "
        "VALUES ('navigators_trained_practices', ?, 'practice', 'month', ?, 1, 1)",
        [code, MONTHS[-1]],
    )
    connection.execute(
        "INSERT INTO navigation_flow VALUES (?, 'practice', ?, 'clinical_new', 'gp_same_day', ?, 1)",
        [code, MONTHS[-1], mark + 71],
    )
    connection.execute(
        "INSERT INTO navigation_withheld VALUES (?, 'practice', ?, ?, ?, 1, 2, 'no_category', 30, 0.3)",
        [code, MONTHS[-1], mark + 81, mark + 82],
    )


def publish_totals_of_five(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Make the newest month's totals above practices those of five practices. Returns their figures, as written."""
    month, above = MONTHS[-1], "level IN ('icb', 'england')"
    connection.execute("CREATE SEQUENCE total START 7700017 INCREMENT 13")
    # the month before, many practices sent navigation records, and few of them named a call
    for measure, practices in (("navigation_redirected", 20), ("navigation_calls_navigated", 4)):
        connection.execute(
            f"INSERT INTO measure_value SELECT * REPLACE ('{measure}' AS measure, {practices} AS practices_counted) "
            f"FROM measure_value WHERE measure = 'calls_missed' AND {above} AND period_start = '{MONTHS[-2]}'"
        )
    connection.execute(
        f"INSERT INTO navigation_flow VALUES ('{ICB}', 'icb', '{MONTHS[-2]}', 'clinical_new', 'gp_same_day', 640, 2)"
    )
    connection.execute(
        f"INSERT INTO breakdown VALUES ('navigation_half_hour', '{ICB}', 'icb', '{MONTHS[-2]}', '08:00', 9)"
    )
    for measure in ("navigation_redirected", "navigation_calls_navigated", "navigation_calls_talk_seconds"):
        connection.execute(
            f"INSERT INTO measure SELECT * REPLACE ('{measure}' AS measure) FROM measure WHERE measure = 'calls_missed'"
        )
        connection.execute(
            f"INSERT INTO measure_value SELECT * REPLACE ('{measure}' AS measure) FROM measure_value "
            f"WHERE measure = 'calls_missed' AND {above} AND period_start = '{month}'"
        )
    connection.execute(
        "UPDATE measure_value SET practices_counted = 5, numerator = nextval('total'), denominator = nextval('total'), "
        f"value = nextval('total') / 9999991 WHERE {above} AND period_start = '{month}'"
    )
    for part in ("", "_base", "_redirected", "_not_recorded"):
        connection.execute(
            f"INSERT INTO breakdown VALUES ('navigation_half_hour{part}', '{ICB}', 'icb', '{month}', '08:00', 0)"
        )
    connection.execute(f"UPDATE breakdown SET amount = nextval('total') WHERE {above} AND period_start = '{month}'")
    connection.execute(
        "INSERT INTO calls_week BY NAME SELECT organisation, level, month, weekday, half_hour, days, "
        "nextval('total') AS inbound, nextval('total') AS answered, nextval('total') AS missed, "
        "60 AS wait_seconds, 60 AS talk_seconds, "
        f"5 AS practices FROM (SELECT * REPLACE ('{ICB}' AS organisation, 'icb' AS level) FROM calls_week "
        f"WHERE organisation = '{OWN}' AND month = '{month}')"
    )
    connection.execute(
        f"INSERT INTO calls_monday VALUES ('{ICB}', 'icb', '{month}', 480, nextval('total'), nextval('total'), 4, 5)"
    )
    connection.execute(
        f"INSERT INTO navigation_flow VALUES ('{ICB}', 'icb', '{month}', 'clinical_new', 'gp_same_day', "
        "nextval('total'), nextval('total'))"
    )
    connection.execute(
        f"INSERT INTO navigation_withheld VALUES ('{ICB}', 'icb', '{month}', nextval('total'), nextval('total'), 1, 2, "
        "'no_category', 30, 0.3)"
    )
    rows = connection.execute(
        f"SELECT numerator, denominator, value FROM measure_value WHERE {above} AND period_start = '{month}' UNION ALL "
        f"SELECT amount, NULL, NULL FROM breakdown WHERE {above} AND period_start = '{month}' UNION ALL "
        f"SELECT inbound, answered, missed FROM calls_week WHERE {above} UNION ALL "
        f"SELECT inbound, missed, NULL FROM calls_monday WHERE {above} UNION ALL "
        f"SELECT contacts, declined, NULL FROM navigation_flow WHERE {above} AND period_start = '{month}' UNION ALL "
        f"SELECT redirected, base, NULL FROM navigation_withheld WHERE {above}"
    ).fetchall()
    return {_written(float(figure)) for row in rows for figure in row if figure is not None}


def secrets_of(path: Path, seen: set[str]) -> set[str]:
    """Codes, names, postcodes and exact figures of practices that are not in `seen`, as they would be written.

    Figures: counts as written without separators, and values to nine decimals, of a month and of each period's sum.
    """
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute(
            "SELECT code, name, postcode, patients FROM organisation WHERE kind = 'practice'"
        ).fetchall()
        found = {str(part) for row in rows if row[0] not in seen for part in row if part is not None}
        values = connection.execute(
            "SELECT organisation, numerator, denominator, value FROM measure_value WHERE level = 'practice' UNION ALL "
            "SELECT practice_code, awarded, paid, NULL FROM rollout_funding UNION ALL "
            "SELECT practice_code, sum(contacts), any_value(contacts), NULL FROM navigation_month GROUP BY ALL "
            "UNION ALL "
            "SELECT organisation, amount, sum(amount) OVER (PARTITION BY organisation, subject, category), NULL "
            "FROM breakdown WHERE level = 'practice' UNION ALL "
            "SELECT practice_code, cascaded_completed, NULL, NULL FROM training_practice UNION ALL "
            "SELECT practice_code, logged, published, NULL FROM call_log_reconciliation UNION ALL "
            "SELECT practice, patients, NULL, NULL FROM telephony_practice UNION ALL "
            "SELECT organisation, contacts, NULL, NULL FROM navigation_flow WHERE level = 'practice' UNION ALL "
            "SELECT organisation, redirected, base, NULL FROM navigation_withheld WHERE level = 'practice'"
        ).fetchall()
        for months in (12, 24, 36):
            values += connection.execute(
                "SELECT organisation, sum(numerator), sum(denominator), sum(numerator) / sum(denominator) "
                "FROM measure_value WHERE level = 'practice' AND value IS NOT NULL AND period_start >= ? "
                "GROUP BY measure, organisation",
                [MONTHS[-min(months, len(MONTHS))]],
            ).fetchall()
    hidden, open_ = set(), set()
    for organisation, *figures in values:
        for number in figures:
            # a round figure may stand anywhere
            if number is not None and (number >= 100_000 if number == int(number) else number != round(number, 5)):
                (open_ if organisation in seen else hidden).add(_written(float(number)))
    return found | (hidden - open_)


def leaks(text: str, secrets: set[str]) -> set[str]:
    """Those of `secrets` that stand in `text`, figures also with separators or more decimals."""
    # a comma may part thousands or cells
    numbers = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?!\w)", text)
    numbers += re.findall(r"(?<![\w.])\d{1,3}(?:,\d{3})+(?!\w)", text)
    written = {_written(float(number.replace(",", ""))) for number in set(numbers)}
    words = {secret for secret in secrets if not secret.replace(".", "").isdigit() and secret in text}
    return words | (written & secrets)


def _written(number: float) -> str:
    return f"{number:.0f}" if number == int(number) else f"{number:.9f}"


def body_of(output: str, outputs: Any, inputs: Any, state: Any = ()) -> dict[str, Any]:
    """What Dash in the browser posts."""
    return {"output": output, "outputs": outputs, "inputs": inputs, "state": list(state), "changedPropIds": []}
