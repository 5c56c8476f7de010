"""The practice crosstab, the daily and regional files of both eras, actual duration and coverage."""

import csv
import gzip
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.feeds.appointments import WORDS
from etl.nightly import Night, load_files
from etl.settings import Settings
from tests.etl.feeds.conftest import query
from tests.reference import REFERENCE, needs_reference

Ask = Callable[[str], list[tuple[Any, ...]]]
Take = Callable[..., Night]
Row = list[Any]

CROSSTAB = [
    *("APPOINTMENT_MONTH_START_DATE", "GP_CODE", "GP_NAME", "SUPPLIER", "PCN_CODE", "PCN_NAME"),
    *("SUB_ICB_LOCATION_CODE", "SUB_ICB_LOCATION_NAME", "HCP_TYPE", "APPT_MODE", "NATIONAL_CATEGORY"),
    *("TIME_BETWEEN_BOOK_AND_APPT", "COUNT_OF_APPOINTMENTS", "APPT_STATUS"),
]
DAILY = [
    *("SUB_ICB_LOCATION_CODE", "SUB_ICB_LOCATION_ONS_CODE", "SUB_ICB_LOCATION_NAME", "ICB_ONS_CODE"),
    *("REGION_ONS_CODE", "Appointment_Date", "APPT_STATUS", "HCP_TYPE", "APPT_MODE", "TIME_BETWEEN_BOOK_AND_APPT"),
    "COUNT_OF_APPOINTMENTS",
]
REGIONAL_CCG = [
    *("CCG_CODE", "CCG_ONS_CODE", "CCG_NAME", "STP_ONS", "STPNM", "REGION_ONS_CODE", "REGION_NAME"),
    *("Appointment_Month", "APPT_STATUS", "HCP_TYPE", "APPT_MODE", "TIME_BETWEEN_BOOK_AND_APPT"),
    "COUNT_OF_APPOINTMENTS",
]
REGIONAL = [
    *("SUB_ICB_LOCATION_CODE", "SUB_ICB_LOCATION_ONS_CODE", "SUB_ICB_LOCATION_NAME", "ICB_ONS_CODE", "ICB_NAME"),
    *("REGION_ONS_CODE", "REGION_NAME", "APPOINTMENT_MONTH", *REGIONAL_CCG[8:]),
]
# label → canonical word, written out again so that a slip in the feed's own list shows
LABELS = {
    "status": {
        **{"Attended": "attended", "DNA": "dna", "Unknown": "unknown", "Appt Status Not Provided": "unknown"},
    },
    "staff_group": {
        **{"GP": "gp", "Other Practice staff": "other", "Unknown": "unknown", "HCP Type Not Provided": "unknown"},
    },
    "mode": {
        **{"Face-to-Face": "face_to_face", "Telephone": "telephone", "Home Visit": "home_visit", "Unknown": "unknown"},
        **dict.fromkeys(("Video/Online", "Video Conference/Online", "Online"), "video_online"),
    },
    "booking_wait": {
        **{"Same Day": "same_day", "1 Day": "1_day", "2 to 7 Days": "2_to_7", "More than 28 Days": "over_28"},
        **{"8  to 14 Days": "8_to_14", "15  to 21 Days": "15_to_21", "22  to 28 Days": "22_to_28"},
        **dict.fromkeys(("Unknown / Data Issue", "Unknown / Data Quality"), "unknown"),
    },
}
DURATIONS = {
    **{"1-5 Minutes": "1_5", "6-10 Minutes": "6_10", "11-15 Minutes": "11_15", "16-20 Minutes": "16_20"},
    **{"21-30 Minutes": "21_30", "31-60 Minutes": "31_60", "Unknown / Data Quality": "unknown"},
}


def crosstab(code: str = "Z91001", count: object = 7, **changes: str) -> Row:
    """A row of the practice crosstab, in the published order and words."""
    cells = {
        **{"month": "01MAY2024", "code": code, "name": f"SURGERY {code}", "supplier": "EMIS", "pcn": "U99001"},
        **{"pcn_name": "NOWHERE PCN", "sub_icb": "99Z", "sub_icb_name": "NHS Nowhere ICB - 99Z", "staff": "GP"},
        **{"mode": "Face-to-Face", "category": "Planned Clinics", "wait": "22  to 28 Days", "count": count},
        "status": "Attended",
    }
    assert set(changes) <= set(cells)
    return list({**cells, **changes}.values())


def daily(count: object = 7, **changes: str) -> Row:
    cells: dict[str, object] = {
        **{"sub_icb": "99Z", "ons": "E38999999", "name": "NHS Nowhere ICB - 99Z", "icb": "E54999999", "region": "E40"},
        **{"day": "01DEC2021", "status": "Attended", "staff": "GP", "mode": "Telephone", "wait": "Same Day"},
        "count": count,
    }
    assert set(changes) <= set(cells)
    return list({**cells, **changes}.values())


def facts(ask: Ask) -> list[tuple[Any, ...]]:
    return ask(
        "SELECT dataset, period_kind, period_start, sub_icb_code, status, staff_group, mode, booking_wait, "
        "appointments FROM fact.appointments ORDER BY ALL"
    )


def reasons(ask: Ask) -> list[tuple[Any, ...]]:
    return ask("SELECT line_number, column_name, reason FROM ledger.rejected_row ORDER BY line_number")


# --- the crosstab ---


def test_a_crosstab_row_keeps_all_it_says_but_the_supplier(take_csv: Take, ask: Ask) -> None:
    night = take_csv("Practice_Level_Crosstab_May_24.csv", [CROSSTAB, crosstab()])
    assert [(load.feed, load.rows_read, load.rows_kept) for load in night.loads] == [("appointments", 1, 1)]
    assert ask("SELECT * EXCLUDE (load_id) FROM fact.appointments") == [
        (
            *("crosstab", "month", date(2024, 5, 1), "Z91001", "U99001", "99Z", None, None),
            *("attended", "gp", "face_to_face", "Planned Clinics", "22_to_28", None, 7),
        )
    ]
    assert ask("SELECT code, kind, name FROM fact.organisation ORDER BY code") == [
        ("99Z", "sub_icb", "NHS Nowhere ICB - 99Z"),
        ("U99001", "pcn", "NOWHERE PCN"),
        ("Z91001", "practice", "SURGERY Z91001"),
    ]
    assert ask("SELECT child, parent, as_of FROM fact.membership ORDER BY parent") == [
        ("Z91001", "99Z", date(2024, 5, 1)),
        ("Z91001", "U99001", date(2024, 5, 1)),
    ]


def test_names_are_those_of_the_row_that_named_them(take_csv: Take, ask: Ask) -> None:
    moved = {"pcn": "U99002", "pcn_name": "ELSEWHERE PCN", "month": "01JUN2024"}
    alone = crosstab("Z91003", pcn="U", pcn_name="")
    take_csv("a.csv", [CROSSTAB, crosstab(), crosstab(**moved), crosstab("Z91002"), alone])
    assert ask("SELECT DISTINCT code, name FROM fact.organisation WHERE kind = 'pcn' ORDER BY code") == [
        ("U99001", "NOWHERE PCN"),
        ("U99002", "ELSEWHERE PCN"),
    ]
    assert ask("SELECT name FROM fact.organisation WHERE code = 'Z91003'") == [("SURGERY Z91003",)]
    assert ask("SELECT pcn_code FROM fact.appointments WHERE practice_code = 'Z91003'") == [(None,)]


def test_organisations_known_already_are_not_named_again_but_their_memberships_are(take_csv: Take, ask: Ask) -> None:
    take_csv("may.csv", [CROSSTAB, crosstab()])
    take_csv("june.csv", [CROSSTAB, crosstab(month="01JUN2024")])
    assert ask("SELECT count(*), count(name) FROM fact.organisation") == [(3, 3)]
    assert ask("SELECT as_of FROM fact.membership WHERE parent_kind = 'pcn' ORDER BY 1") == [
        (date(2024, 5, 1),),
        (date(2024, 6, 1),),
    ]


def test_an_exact_repeat_counts_once_and_a_row_of_another_supplier_counts(take_csv: Take, ask: Ask) -> None:
    rows = [crosstab(), crosstab("Z91002"), crosstab(), crosstab(), crosstab(supplier="TPP"), crosstab(count=8)]
    night = take_csv("june_2024.csv", [CROSSTAB, *rows])
    assert (night.loads[0].rows_read, night.loads[0].rows_kept, night.loads[0].rows_filtered) == (6, 4, 2)
    assert ask("SELECT practice_code, appointments FROM fact.appointments ORDER BY ALL") == [
        ("Z91001", 7),
        ("Z91001", 7),
        ("Z91001", 8),
        ("Z91002", 7),
    ]


def test_a_later_release_replaces_the_months_it_repeats(take_csv: Take, ask: Ask) -> None:
    take_csv("a.csv", [CROSSTAB, crosstab(), crosstab(status="DNA"), crosstab("Z91002")])
    again = take_csv("b.csv", [CROSSTAB, crosstab(count=9), crosstab(month="01JUN2024")])
    assert again.loads[0].supersedes == "1"
    assert ask("SELECT practice_code, period_start, appointments FROM fact.appointments ORDER BY ALL") == [
        ("Z91001", date(2024, 5, 1), 9),
        ("Z91001", date(2024, 6, 1), 7),
        ("Z91002", date(2024, 5, 1), 7),
    ]


def test_crosstab_rows_that_are_wrong_are_refused_with_their_line_and_label(take_csv: Take, ask: Ask) -> None:
    bad = [
        crosstab(count="-2"),
        crosstab(count="some"),
        crosstab(mode="Carrier Pigeon"),
        crosstab(wait="Eventually"),
        crosstab(status="Late"),
        crosstab(staff=""),
        crosstab(month="31FEB2024"),
        crosstab(month="01JAN2090"),
        crosstab("Z9-1"),
        crosstab(pcn="PCN 7"),
        crosstab(sub_icb=""),
    ]
    good = [crosstab(f"Z{n:05}") for n in range(93000, 93300)]
    night = take_csv("a.csv", [CROSSTAB, *good, *bad])
    assert (night.loads[0].rows_kept, night.loads[0].rows_refused) == (300, 11)
    assert reasons(ask) == [
        (line, column, reason)
        for line, (column, reason) in enumerate(
            [
                ("count_of_appointments", "COUNT_OF_APPOINTMENTS is not a count: “-2”"),
                ("count_of_appointments", "COUNT_OF_APPOINTMENTS is not a count: “some”"),
                ("appt_mode", "APPT_MODE is not one that is known: “Carrier Pigeon”"),
                ("time_between_book_and_appt", "TIME_BETWEEN_BOOK_AND_APPT is not one that is known: “Eventually”"),
                ("appt_status", "APPT_STATUS is not one that is known: “Late”"),
                ("hcp_type", "HCP_TYPE is not one that is known: (empty)"),
                ("appointment_month_start_date", "APPOINTMENT_MONTH_START_DATE is not a date: “31FEB2024”"),
                ("appointment_month_start_date", "APPOINTMENT_MONTH_START_DATE is in the future: “01JAN2090”"),
                ("gp_code", "GP_CODE is not a practice code: “Z9-1”"),
                ("pcn_code", "PCN_CODE is not a PCN code: “PCN 7”"),
                ("sub_icb_location_code", "SUB_ICB_LOCATION_CODE is empty"),
            ],
            start=302,
        )
    ]


@pytest.mark.parametrize(
    ("heading", "column", "renamed"),
    [
        (CROSSTAB, "GP_CODE", "PRACTICE"),
        (CROSSTAB, "COUNT_OF_APPOINTMENTS", "APPOINTMENTS"),
        (DAILY, "TIME_BETWEEN_BOOK_AND_APPT", "LEAD_TIME"),
        (REGIONAL_CCG, "HCP_TYPE", "SEEN_BY"),
    ],
)
def test_a_renamed_column_refuses_the_file_and_names_it(
    take_csv: Take, heading: Row, column: str, renamed: str
) -> None:
    rows = [[renamed if name == column else name for name in heading], [""] * len(heading)]
    [(_, reason)] = take_csv("a.csv", rows).refused
    assert f"the column {column}" in reason.replace("(APPT|APPOINTMENT)", "APPT")
    assert renamed in reason


# --- labels, old and new ---


@pytest.mark.parametrize(
    ("kind", "label", "word"), [(kind, label, word) for kind, words in LABELS.items() for label, word in words.items()]
)
def test_every_label_ever_published_is_a_canonical_word(kind: str, label: str, word: str) -> None:
    assert label in WORDS[kind][word]


def test_labels_of_every_era_and_spacing_are_read(take_csv: Take, ask: Ask) -> None:
    given_as = {"status": "status", "staff_group": "staff", "mode": "mode", "booking_wait": "wait"}
    rows, expected = [], Counter[tuple[str, str]]()
    for kind, words in LABELS.items():
        for label, word in words.items():
            for spelled in (label, " ".join(label.split()), f" {label.replace(' ', '   ')} ", label.upper()):
                rows.append(daily(1, **{given_as[kind]: spelled}))
                expected[(kind, word)] += 1
    assert take_csv("daily.csv", [DAILY, *rows]).loads[0].rows_kept == len(rows)
    default = daily(1)[6:10]
    for kind in LABELS:
        own = LABELS[kind][str(default[list(LABELS).index(kind)])]
        found = Counter(dict(ask(f"SELECT {kind}, count(*) FROM fact.appointments GROUP BY 1")))
        others = len(rows) - sum(n for (k, _), n in expected.items() if k == kind)
        found[own] -= others
        assert found == Counter({word: n for (k, word), n in expected.items() if k == kind})


@given(st.text(alphabet="ADNGPabe -/1", min_size=1, max_size=12))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_label_is_read_as_its_word_or_refused_never_guessed(home: Settings, tmp_path: Path, label: str) -> None:
    known = {" ".join(text.split()).lower(): word for text, word in LABELS["status"].items()}
    word = known.get(" ".join(label.split()).lower())
    path = tmp_path / f"daily-{abs(hash(label))}.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        rows = [daily(1, day="02DEC2021", name=label) for _ in range(40)]
        csv.writer(stream).writerows([DAILY, *rows, daily(1, status=label, name=label)])
    night = load_files(home, [path])
    if night.unchanged:
        return
    assert night.loads[0].rows_kept == (41 if word else 40)
    if word:
        found = query(home, "SELECT status FROM fact.appointments WHERE period_start = '2021-12-01'")
        assert found == [(word,)]


# --- daily, regional, duration, coverage ---


@pytest.mark.parametrize(
    ("written", "meant"),
    [("01DEC2021", date(2021, 12, 1)), ("2021-12-01", date(2021, 12, 1)), ("01-Dec-21", date(2021, 12, 1))],
)
def test_daily_dates_in_every_form(take_csv: Take, ask: Ask, written: str, meant: date) -> None:
    take_csv("SUB_ICB_LOCATION_CSV_DEC_21.csv", [DAILY, daily(day=written)])
    assert facts(ask) == [("daily", "day", meant, "99Z", "attended", "gp", "telephone", "same_day", 7)]
    assert ask("SELECT code, name, ons_code FROM fact.organisation") == [("99Z", "NHS Nowhere ICB - 99Z", "E38999999")]


def test_the_daily_file_with_the_names_of_its_converter(take_csv: Take, ask: Ask) -> None:
    header = [
        *("organisation_code", "organisation_name", "appointment_date", "appointment_status", "hcp_type"),
        *("appointment_mode", "time_between_book_and_appointment", "count_of_appointments"),
    ]
    row = ["99Z", "NHS Nowhere CCG", "2018-01-02", "Unknown", "GP", "Video/Online", "15  to 21 Days", "25"]
    take_csv("daily.csv", [header, row])
    assert facts(ask) == [("daily", "day", date(2018, 1, 2), "99Z", "unknown", "gp", "video_online", "15_to_21", 25)]
    assert ask("SELECT name FROM fact.organisation") == [("NHS Nowhere CCG",)]


@pytest.mark.parametrize(
    ("heading", "lead", "month"),
    [
        (REGIONAL_CCG, ["99Z", "E38", "NHS Nowhere CCG", "E54", "Nowhere  STP", "E40", "Nowhere"], "MAR2019"),
        (REGIONAL, ["99Z", "E38", "NHS Nowhere ICB - 99Z", "E54", "NHS Nowhere, ICB", "E40", "Nowhere"], "01MAR2019"),
    ],
)
def test_regional_files_of_both_eras(take_csv: Take, ask: Ask, heading: Row, lead: Row, month: str) -> None:
    take_csv("regional.csv", [heading, [*lead, month, "DNA", "Unknown", "Home Visit", "1 Day", 3]])
    assert facts(ask) == [("regional", "month", date(2019, 3, 1), "99Z", "dna", "unknown", "home_visit", "1_day", 3)]


def test_a_day_is_replaced_by_a_later_file_and_other_days_stay(take_csv: Take, ask: Ask) -> None:
    take_csv("a.csv", [DAILY, daily(), daily(status="DNA"), daily(day="02DEC2021")])
    take_csv("b.csv", [DAILY, daily(9)])
    assert ask("SELECT period_start, appointments FROM fact.appointments ORDER BY 1") == [
        (date(2021, 12, 1), 9),
        (date(2021, 12, 2), 7),
    ]


def test_actual_durations(take_csv: Take, ask: Ask) -> None:
    heading = [*(name.lower() for name in DAILY[:6]), "actual_duration", "count_of_appointments"]
    rows = [[*daily()[:5], "01-Dec-21", label, n] for n, label in enumerate(DURATIONS)]
    take_csv("duration.csv", [heading, *rows])
    assert ask("SELECT dataset, period_start, duration, status, appointments FROM fact.appointments ORDER BY 5") == [
        ("duration", date(2021, 12, 1), word, None, n) for n, word in enumerate(DURATIONS.values())
    ]


def test_coverage_is_printed_figures(take_csv: Take, ask: Ask) -> None:
    heading = [
        *("SUB_ICB_LOCATION_CODE", "ICB_ONS_CODE", "REGION_CODE", "Appointment_Month", "Included Practices"),
        *("Open Practices", "Patients registered at included practices", "Patients registered at open practices"),
    ]
    night = take_csv("coverage.csv", [heading, ["99Z", "E54", "E40", "01AUG2020", 39, 40, 329182, 330000]])
    assert night.loads[0].rows_kept == 1
    assert ask(
        "SELECT source, dataset, period_start, organisation, item, value FROM fact.printed_figure ORDER BY 6"
    ) == [
        ("appointments", "coverage", date(2020, 8, 1), "99Z", item, value)
        for item, value in [
            *(("practices_included", 39), ("practices_open", 40)),
            *(("patients_included", 329182), ("patients_open", 330000)),
        ]
    ]


# --- as published ---

REAL = {
    "gpad_regional_2019-03_2021-08_SuffolkNEEssex.csv": "regional",
    "gpad_regional_2019-03_2021-08_Somerset.csv": "regional",
    "gpad_regional_2019-03_2021-08_BristolNSomSGloucs.csv": "regional",
    "gpad_daily_03R_2017-11_2022-12.csv.gz": "daily",
    "gpad_actual_duration_00L_2021-12_sample.csv": "duration",
    "gpad_coverage_2020-08_2023-01.csv": "coverage",
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path) -> Ask:
    """Every published appointments file, loaded once."""
    home = Settings(home=tmp_path_factory.mktemp("published"), code=("QVV",))
    shutil.copyfile(empty_warehouse, home.home / "warehouse.duckdb")
    night = load_files(home, [REFERENCE / name for name in REAL])
    assert not night.refused
    assert [(load.feed, load.rows_refused, load.rows_filtered) for load in night.loads] == [
        ("appointments", 0, 0) for _ in REAL
    ]
    return lambda sql: query(home, sql)


def records(name: str) -> Iterator[dict[str, str]]:
    """The rows of a published CSV, read the slow plain way, under lower-case names."""
    path = REFERENCE / name
    with gzip.open(path, "rt", newline="") if name.endswith(".gz") else path.open(newline="") as stream:
        for row in csv.DictReader(stream):
            yield {key.lower(): value for key, value in row.items()}


@needs_reference
def test_regional_files_are_kept_to_the_row(published: Ask) -> None:
    expected: Counter[Any] = Counter()
    for name in (name for name, layout in REAL.items() if layout == "regional"):
        for row in records(name):
            month = datetime.strptime(row["appointment_month"], "%b%Y").date()
            words = [
                LABELS[kind][row[column]]
                for kind, column in zip(
                    LABELS, ("appt_status", "hcp_type", "appt_mode", "time_between_book_and_appt"), strict=True
                )
            ]
            expected[(month, row["ccg_code"], *words, int(row["count_of_appointments"]))] += 1
    found = published(
        "SELECT period_start, sub_icb_code, status, staff_group, mode, booking_wait, appointments "
        "FROM fact.appointments WHERE dataset = 'regional' AND period_kind = 'month'"
    )
    assert Counter(found) == expected


@needs_reference
def test_the_daily_file_is_kept_to_the_row_in_all_its_words(published: Ask) -> None:
    columns = ("appointment_status", "hcp_type", "appointment_mode", "time_between_book_and_appointment")
    expected: Counter[Any] = Counter()
    for row in records("gpad_daily_03R_2017-11_2022-12.csv.gz"):
        words = [LABELS[kind][row[column]] for kind, column in zip(LABELS, columns, strict=True)]
        day = date.fromisoformat(row["appointment_date"])
        expected[(day, row["organisation_code"], *words, int(row["count_of_appointments"]))] += 1
    found = published(
        "SELECT period_start, sub_icb_code, status, staff_group, mode, booking_wait, appointments "
        "FROM fact.appointments WHERE dataset = 'daily' AND period_kind = 'day'"
    )
    assert sum(expected.values()) == 135_696
    assert Counter(found) == expected


@needs_reference
@pytest.mark.parametrize("month", ["2022-10", "2022-11"])
def test_the_published_column_order_gives_the_same_month(published: Ask, home: Settings, month: str) -> None:
    load_files(home, [REFERENCE / f"gpad_daily_03R_{month}_relaid.csv"])
    select = (
        "SELECT period_start, sub_icb_code, status, staff_group, mode, booking_wait, sum(appointments) "
        f"FROM fact.appointments WHERE dataset = 'daily' AND date_trunc('month', period_start) = '{month}-01' "
        "GROUP BY ALL ORDER BY ALL"
    )
    assert query(home, select) == published(select)


@needs_reference
def test_durations_and_coverage_are_kept_to_the_row(published: Ask) -> None:
    expected = Counter(
        (
            datetime.strptime(row["appointment_date"], "%d-%b-%y").date(),
            DURATIONS[row["actual_duration"]],
            int(row["count_of_appointments"]),
        )
        for row in records("gpad_actual_duration_00L_2021-12_sample.csv")
    )
    found = published("SELECT period_start, duration, appointments FROM fact.appointments WHERE dataset = 'duration'")
    assert Counter(found) == expected
    items = {
        "included practices": "practices_included",
        "open practices": "practices_open",
        "patients registered at included practices": "patients_included",
        "patients registered at open practices": "patients_open",
    }
    printed = {
        (row["sub_icb_location_code"], datetime.strptime(row["appointment_month"], "%d%b%Y").date(), item): row[column]
        for row in records("gpad_coverage_2020-08_2023-01.csv")
        for column, item in items.items()
    }
    kept = published("SELECT organisation, period_start, item, CAST(value AS BIGINT) FROM fact.printed_figure")
    assert {row[:3]: str(row[3]) for row in kept} == printed
    assert len(kept) == len(printed) == 4 * 3_180


def test_a_category_is_kept_as_published_but_for_its_spacing(take_csv: Take, ask: Ask) -> None:
    take_csv("a.csv", [CROSSTAB, crosstab(category=" Care  Home   Visit "), crosstab(category="Walk-in", count=1)])
    assert ask("SELECT category FROM fact.appointments ORDER BY 1") == [("Care Home Visit",), ("Walk-in",)]


@needs_reference
def test_every_published_category_is_kept_in_its_own_words(take_csv: Take, ask: Ask) -> None:
    text = (REFERENCE / "SOURCES.md").read_text(encoding="utf-8")
    listed = text.split("national category (practice level and sub-ICB): ")[1].split(".\n")[0].split(", ")
    assert len(listed) == 18
    take_csv("a.csv", [CROSSTAB, *(crosstab(category=name.replace(" ", "  ", 1)) for name in listed)])
    assert sorted(row[0] for row in ask("SELECT category FROM fact.appointments")) == sorted(listed)
