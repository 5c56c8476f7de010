"""Navigation outcomes: every layout, every trap, and a file whose answer was counted by hand."""

import csv
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.feeds import ids, navigation
from etl.intake import expire_private
from etl.nightly import Night, nightly
from etl.settings import Settings, SettingsError
from tests.etl.feeds.conftest import query
from tests.etl.navigation_files import CONTACT, TEMPLATES, contact, published, take, write

Load = Callable[..., Night]


@pytest.fixture
def load(icb: Settings, tmp_path: Path) -> Load:
    """Load rows as a file with this heading."""

    def load_rows(*rows: dict[str, str], header: tuple[str, ...] = CONTACT, name: str = "outcomes.csv") -> Night:
        return take(icb, write(tmp_path / name, header, rows))

    return load_rows


def facts(icb: Settings, columns: str) -> list[tuple[Any, ...]]:
    return query(icb, f"SELECT {columns} FROM fact.navigation ORDER BY recorded_at, outcome_text")


def reasons(icb: Settings) -> list[tuple[Any, ...]]:
    return query(icb, "SELECT line_number, column_name, reason FROM ledger.rejected_row ORDER BY line_number")


# --- the canonical file ---


def test_the_template_is_the_canonical_heading() -> None:
    with (TEMPLATES / "navigation.csv").open(encoding="utf-8") as stream:
        assert tuple(next(csv.reader(stream))) == CONTACT
    with (TEMPLATES / "navigation_dictionary.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["column"] for row in rows if row["file"] == "navigation.csv"] == list(CONTACT)
    told = {row["column"]: row["values"].split(", ") for row in rows if row["file"] == "navigation.csv"}
    assert tuple(told["destination"]) == navigation.DESTINATIONS
    assert tuple(told["request_category"]) == navigation.CATEGORIES
    assert tuple(told["channel"]) == navigation.CHANNELS


def test_a_row_becomes_a_fact(load: Load, icb: Settings) -> None:
    night = load(contact("C1", practice_code=" z91001 ", declined="TRUE", snomed_code="1362511000000107"))
    assert [(each.feed, each.rows_read, each.rows_kept) for each in night.loads] == [("navigation", 1, 1)]
    columns = "layout, practice_code, CAST(recorded_at AS VARCHAR), half_hour, channel, request_category, urgency"
    assert facts(icb, columns) == [
        ("canonical", "Z91001", "2025-07-07 08:05:00", 18, "telephone", "clinical_new", "routine")
    ]
    assert facts(icb, "declined, snomed_code, outcome_text") == [(True, "1362511000000107", "nurse")]


@pytest.mark.parametrize(
    ("written", "utc", "local_date", "half_hour"),
    [
        ("2025-07-07T08:05:00Z", "2025-07-07 08:05:00", "2025-07-07", 18),
        ("2025-07-07T08:05Z", "2025-07-07 08:05:00", "2025-07-07", 18),
        ("2025-07-07T08:05:00+01:00", "2025-07-07 07:05:00", "2025-07-07", 16),
        ("2025-07-07T08:05:00.250+0100", "2025-07-07 07:05:00.25", "2025-07-07", 16),
        ("2025-07-07 08:05", "2025-07-07 07:05:00", "2025-07-07", 16),
        ("2025-07-07T08:35:00", "2025-07-07 07:35:00", "2025-07-07", 17),
        ("07/07/2025 08:05", "2025-07-07 07:05:00", "2025-07-07", 16),
        ("7/7/25 08:05", "2025-07-07 07:05:00", "2025-07-07", 16),
        ("07 Jul 2025 08:05", "2025-07-07 07:05:00", "2025-07-07", 16),
        ("2025-01-07 08:05", "2025-01-07 08:05:00", "2025-01-07", 16),
        # the London date is the next day's, and another month's
        ("2025-07-31T23:30:00Z", "2025-07-31 23:30:00", "2025-08-01", 1),
        ("2025-07-31", "2025-07-30 23:00:00", "2025-07-31", None),
        # the hour that comes twice: its first passing
        ("2025-10-26 01:30", "2025-10-26 00:30:00", "2025-10-26", 3),
    ],
)
def test_times(load: Load, icb: Settings, written: str, utc: str, local_date: str, half_hour: int | None) -> None:
    load(contact("C1", recorded_at=written))
    assert facts(icb, "CAST(recorded_at AS VARCHAR), CAST(local_date AS VARCHAR), half_hour") == [
        (utc, local_date, half_hour)
    ]


GOOD = [contact(f"C{number}") for number in range(40)]


@pytest.mark.parametrize(
    ("cells", "column", "reason"),
    [
        ({"recorded_at": "2099-01-01T08:00:00Z"}, "recorded_at", "the time is in the future"),
        ({"recorded_at": ""}, "recorded_at", "the time is empty"),
        ({"recorded_at": "yesterday"}, "recorded_at", "not a date and time"),
        ({"recorded_at": "13/25/2025 08:00"}, "recorded_at", "not a date and time"),
        ({"recorded_at": "2025-03-30 01:30"}, "recorded_at", "not a date and time, or one that does not exist"),
        ({"recorded_at": "0025-07-07 08:00"}, "recorded_at", "the time is before April 2016"),
        ({"practice_code": "Z92001"}, "practice_code", "not a practice of this ICB: Z92001"),
        ({"practice_code": "Z99999"}, "practice_code", "no practice with this code is known: Z99999"),
        ({"practice_code": "Dr Quill's"}, "practice_code", "not the ODS code of a practice"),
        ({"practice_code": ""}, "practice_code", "the practice is empty"),
        ({"contact_id": ""}, "contact_id", "the contact has no id"),
        ({"declined": "perhaps"}, "declined", "declined is neither true nor false"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(
    load: Load, icb: Settings, cells: dict[str, str], column: str, reason: str
) -> None:
    night = load(*GOOD, contact("BAD") | cells)
    assert [(each.rows_kept, each.rows_refused) for each in night.loads] == [(40, 1)]
    ((line, at, said),) = reasons(icb)
    assert (line, at) == (42, column)
    assert said.startswith(reason)
    assert "Quill" not in said


def test_before_any_practice_is_known_the_file_is_refused(home: Settings, tmp_path: Path) -> None:
    night = take(home, write(tmp_path / "outcomes.csv", CONTACT, GOOD))
    assert "No practices are known yet" in night.refused[0][1]


def test_a_night_reads_the_practices_first(home: Settings, tmp_path: Path) -> None:
    with_files = tmp_path / "files"
    with_files.mkdir()
    write(home.inbox.parent / "outcomes.csv", CONTACT, GOOD)
    home.inbox.mkdir()
    shutil.move(home.inbox.parent / "outcomes.csv", home.inbox / "a-outcomes.csv")
    from tests.etl import small_home

    for path in small_home.write(with_files):
        if path.name.startswith(("ep", "online")):
            shutil.copy(path, home.inbox / f"z-{path.name}")
    loaded = [each.feed for each in nightly(home).loads]
    assert loaded == ["organisations", "organisations", "online_requests", "navigation"]


def test_a_missing_column_is_named(load: Load, icb: Settings) -> None:
    header = tuple(name for name in CONTACT if name != "destination")
    row = {name: text for name, text in contact("C1").items() if name != "destination"}
    night = load(row, header=header)
    assert "the column DESTINATION is not in its heading" in night.refused[0][1]


def test_the_same_file_twice_changes_nothing_and_a_later_one_replaces_the_day(load: Load, icb: Settings) -> None:
    load(contact("C1"), contact("C2"), name="first.csv")
    assert load(contact("C1"), contact("C2"), name="first.csv").unchanged == ["first.csv"]
    night = load(contact("C2", destination="self_care"), contact("C3"), name="corrected.csv")
    assert night.loads[0].supersedes.endswith(str(night.loads[0].load_id - 1))
    assert [text for (text,) in facts(icb, "outcome_text")] == ["nurse", "self_care"]


# --- names ---

PEOPLE = [
    "Jane Smith", "Smith, Jane", "J Smith", "Dr Quill", "dr. quill", "DrQuill", "Mrs-Quill", "jane.smith", "jane_smith",
    "Jane-Smith", "jane.smith2", "jane.smith@example.org", "O'Brien", "Siân Ó Briain", "José\u00a0García", "SMITH J",
    "JaneSmith", "N0001 Jane", "Nurse Joy", '=HYPERLINK("x","Jane Smith")',
]  # fmt: skip
PSEUDONYMS = [
    "N0001", "nav-01", "NAV_12", "S0001", "12345", "a3f9c1d2", "N 12", "smith", "", "NURSE-01", "p0006048", "=1+1",
    "3f2504e0-abcd-41d3-beef-0305e82c3301", "9d4e1e23bd5b727046a9e3b4b7db57bd",
]  # fmt: skip


@pytest.mark.parametrize("text", PEOPLE)
def test_an_id_that_reads_like_a_person(text: str) -> None:
    assert judged(text)


@pytest.mark.parametrize("text", PSEUDONYMS)
def test_an_id_that_is_a_pseudonym(text: str) -> None:
    assert not judged(text)


def judged(text: str) -> bool:
    row = duckdb.execute(f"SELECT {ids.reads_like_a_person('t')} FROM (SELECT $1::VARCHAR AS t)", [text]).fetchone()
    assert row is not None
    return bool(row[0])


@pytest.mark.parametrize("column", ["navigator_id", "patient_pseudonym", "contact_id", "call_id"])
def test_a_name_in_an_id_refuses_the_file_and_is_kept_nowhere_else(icb: Settings, column: str) -> None:
    icb.inbox.mkdir()
    secret = "Zebedee Quill"
    write(icb.inbox / "outcomes.csv", CONTACT, [*GOOD[:3], contact("C99") | {column: secret}])
    night = nightly(icb)
    assert not night.loads
    reason = night.refused[0][1]
    assert f"The column {column} holds what reads like a person's name (1 rows, first at line 5)" in reason
    assert query(icb, "SELECT count(*) FROM fact.navigation") == [(0,)]
    holding = [path for path in icb.home.rglob("*") if path.is_file() and b"Zebedee" in path.read_bytes()]
    assert holding == [icb.rejected / "outcomes.csv"]
    (icb.rejected / "not-private.csv").write_text("a")
    (icb.rejected / "not-private.csv").chmod(0o644)
    for days, left in ((29, ["not-private.csv", "outcomes.csv"]), (31, ["not-private.csv"])):
        expire_private(icb, datetime.now(UTC) + timedelta(days=days))
        assert sorted(path.name for path in icb.rejected.glob("*.csv")) == left


def test_ids_are_kept_only_as_keyed_hashes(load: Load, icb: Settings) -> None:
    load(contact("CONTACT77", navigator_id="N7777", patient_pseudonym="p7777777", call_id="CALL77"))
    stored = (icb.home / "warehouse.duckdb").read_bytes()
    for text in (b"CONTACT77", b"N7777", b"p7777777", b"CALL77"):
        assert text not in stored
    (first,) = facts(icb, "contact_key, patient_pseudonym")
    assert all(len(key) == 32 for key in first)
    assert (icb.home / "secrets" / "navigation_key").stat().st_mode & 0o077 == 0


def test_a_damaged_key_is_a_reason_not_a_traceback(load: Load, icb: Settings) -> None:
    (icb.home / "secrets").mkdir()
    (icb.home / "secrets" / "navigation_key").write_text("not a key")
    assert "cannot be used (ValueError)" in load(contact("C1")).refused[0][1]


# --- exports of online systems, and coded extracts ---

SYSTMCONNECT = (
    "ID", "ODS Code", "Submitted", "Access method", "Submission source", "Patient name", "Age", "Sex",
    "Submission started", "Submission completed", "Type", "Clinical problem type", "Admin activity type",
    "Response preference", "Outcome", "Outcome recorded",
)  # fmt: skip
RAPID = (
    "Tenant", "Request date", "Request time", "Request type", "Admin type", "Pathway", "Urgency", "Automated",
    "Guideline used", "Slot type", "Appointment date", "Appointment day", "Appointment status", "Patient age",
    "A&E override", "Age between created - invited",
)  # fmt: skip
CODED = ("practice_code", "recorded_at", "snomed_code", "patient_pseudonym")


def test_systmconnect(load: Load, icb: Settings) -> None:
    row = dict.fromkeys(SYSTMCONNECT, "") | {"ODS Code": "Z91001", "Patient name": "QUILL, Zebedee", "Age": "41"}
    load(
        row | {"ID": "1", "Submitted": "15/07/2025 07:40", "Access method": "NHS App", "Type": "Clinical",
               "Clinical problem type": "New problem", "Outcome": "Booked with  GP today"},
        row | {"ID": "2", "Submitted": "20 Jul 2025 11:02", "Access method": "Website", "Type": "Admin",
               "Admin activity type": "Fit note", "Outcome": "Done, by Zebedee\nQuill, 07700 900123"},
        row | {"ID": "3", "Submitted": "21 Jul 2025 11:02", "Type": "Clinical", "Outcome": "-",
               "Clinical problem type": "Ongoing condition"},
        header=SYSTMCONNECT,
    )  # fmt: skip
    assert facts(icb, "CAST(recorded_at AS VARCHAR), channel, request_category, outcome_text, outcome_key IS NULL") == [
        ("2025-07-15 06:40:00", "nhs_app", "clinical_new", "booked with gp today", False),
        ("2025-07-20 10:02:00", "online", "admin_fit_note", None, False),
        ("2025-07-21 10:02:00", "other", "clinical_ongoing", None, True),
    ]
    # a name among free text is kept no more than one in its own column
    load(
        *(row | {"ID": str(n), "Submitted": "22 Jul 2025 11:02", "Outcome": "rang Zebedee Quill"} for n in range(4)),
        header=SYSTMCONNECT, name="again.csv",
    )  # fmt: skip
    stored = (icb.home / "warehouse.duckdb").read_bytes().lower()
    assert b"zebedee" not in stored
    assert b"07700" not in stored


def test_rapid_health(load: Load, icb: Settings) -> None:
    row = dict.fromkeys(RAPID, "-") | {"Tenant": "Z91001", "Request date": "15/07/2025", "Request type": "Clinical"}
    row |= {"Appointment day": "Tuesday ", "Age between created - invited": "2 hour(s) 32 minute(s)"}
    load(
        row | {"Request time": "07:40", "Slot type": "GP routine", "Urgency": "Same day"},
        row | {"Request time": "07:41", "Slot type": "Pharmacist", "A&E override": "Yes"},
        row | {"Request time": "07:42", "Request type": "Admin", "Admin type": "Fit note"},
        row | {"Request time": "07:42", "Request type": "Admin", "Admin type": "Fit note"},
        header=RAPID,
    )
    assert facts(icb, "channel, request_category, urgency, outcome_text, half_hour") == [
        ("online", "clinical_new", "same_day", "gp routine", 15),
        ("online", "clinical_new", "unknown", "ae_999", 15),
        ("online", "admin_fit_note", "unknown", None, 15),
        ("online", "admin_fit_note", "unknown", None, 15),
    ]


def test_coded_extract(load: Load, icb: Settings) -> None:
    def coded(code: str, minute: int, patient: str = "s1") -> dict[str, str]:
        when = f"2025-07-15T09:{minute:02d}:00"
        return {"practice_code": "Z91001", "recorded_at": when, "snomed_code": code, "patient_pseudonym": patient}

    night = load(
        coded("1362511000000107", 0),
        coded("1362511000000107", 0),  # the template coded twice
        coded("1577041000000109", 30),  # and the consultation came back
        coded("2129921000000100", 31),
        coded("1362521000000101", 5),  # declined
        coded("871731000000106", 6),
        coded("871711000000103", 7),
        coded("390893007", 8),
        coded("1362511000000107", 0, patient="s2"),
        header=CODED,
    )
    assert [(each.rows_kept, each.rows_filtered) for each in night.loads] == [(7, 2)]
    reader = published(icb)
    rows = reader.records(
        "SELECT destination, contacts, declined, request_category FROM navigation_month ORDER BY destination"
    )
    assert {row["reason"] for row in reader.records("SELECT reason FROM navigation_withheld")} == {"no_category"}
    assert [tuple(row.values()) for row in rows] == [
        ("community_pharmacy", 2, 0, "unknown"),
        ("not_recorded", 2, 2, "unknown"),
        ("other_external", 1, 0, "unknown"),
        ("social_prescriber", 1, 0, "unknown"),
    ]


def test_a_profile_of_the_homes_own(load: Load, icb: Settings) -> None:
    (icb.home / "profiles").mkdir()
    template = (navigation.SHIPPED / "template.toml").read_text(encoding="utf-8")
    (icb.home / "profiles" / "ours.toml").write_text(template, encoding="utf-8")
    header = ("Request", "Surgery", "When", "At", "Result", "Kind", "Patient")
    row = dict.fromkeys(header, "") | {"Request": "9", "Surgery": "Z91001", "When": "15/07/2025", "At": "07:40"}
    load(row | {"Kind": "Clinical, new", "Result": "Utc", "Patient": "Zebedee Quill"}, header=header)
    assert facts(icb, "layout, channel, request_category, outcome_text") == [("ours", "online", "clinical_new", "utc")]
    (icb.home / "profiles" / "ours.toml").write_text('feed = "navigation"\ntitle = "x"\n', encoding="utf-8")
    assert "The profile ours.toml is wrong" in load(row, header=header, name="again.csv").refused[0][1]


def test_a_contact_that_the_system_exports_and_codes_as_well_is_one(load: Load, icb: Settings) -> None:
    code = {"snomed_code": "1362511000000107", "patient_pseudonym": "p1"}
    load(contact("C1", destination="community_pharmacy", **code))
    coded = {"practice_code": "Z91001", "recorded_at": "2025-07-07T09:05:00", **code}  # the same moment, in London
    load(coded, coded | {"recorded_at": "2025-07-07T08:05:00"}, header=CODED, name="coded.csv")
    rows = published(icb).records("SELECT request_category, contacts FROM navigation_month ORDER BY request_category")
    assert [tuple(row.values()) for row in rows] == [("clinical_new", 1), ("unknown", 1)]


def test_a_row_that_is_refused_does_not_take_the_others_with_it(load: Load, icb: Settings) -> None:
    night = load(contact("C1"), contact("C2", practice_code="Z92001"), contact("C3", practice_code="Z99999"))
    assert [(each.rows_kept, each.rows_refused) for each in night.loads] == [(1, 2)]


# --- what outcomes mean ---


def test_the_homes_mapping_holds_for_what_was_loaded_before(load: Load, icb: Settings) -> None:
    load(*(contact(f"C{n}", destination=text) for n, text in enumerate(["Ring 111 back", "Pod", "pod ", "nurse"])))

    def counted() -> dict[str, int]:
        rows = published(icb).records("SELECT destination, contacts FROM navigation_month")
        return {row["destination"]: row["contacts"] for row in rows}

    assert counted() == {"not_recorded": 3, "nurse": 1}
    own = icb.home / "reference" / "navigation_destinations.csv"
    own.parent.mkdir()
    own.write_text("outcome,destination\nPOD,other_external\n\nring  111 back,nhs_111\nNurse,hca\n", encoding="utf-8")
    assert counted() == {"other_external": 2, "nhs_111": 1, "hca": 1}
    # the Data page's list, filled in part: a line without a destination is not decided yet
    own.write_text(
        "outcome,destination,feed,rows,practices\npod,other_external,Care navigation,2,1\n'=see notes,,x,9,1\n"
        '"ring 111 back",,x,1,1\n',
        encoding="utf-8",
    )
    assert counted() == {"other_external": 2, "not_recorded": 1, "nurse": 1}
    own.write_text("outcome,destination\npod,the moon\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="line 2: write an outcome"):
        published(icb)


def test_unmapped_outcomes_are_listed_by_frequency_without_what_may_be_personal(load: Load, icb: Settings) -> None:
    texts = ["=see notes"] * 7 + ["ask the, desk\nagain"] * 5 + ["Zebedee Quill"] * 4 + ["ring 07700 900123"] * 6
    texts += ["a very long story about what somebody said and did"] * 6 + ["nurse", "Chiropodist", "pharmacy_frist"]
    load(*(contact(f"C{n}", destination=text) for n, text in enumerate(texts)))
    rows = published(icb).records("SELECT * FROM unmapped_destination")
    assert [tuple(row.values()) for row in rows] == [
        ("navigation", "(not shown: rare, long or with figures)", 16, 1),
        ("navigation", "=see notes", 7, 1),
        ("navigation", "ask the, desk again", 5, 1),
        ("navigation", "chiropodist", 1, 1),
        ("navigation", "pharmacy_frist", 1, 1),
    ]


def test_shipped_mapping_names_only_destinations() -> None:
    found = navigation.destinations(None)
    assert set(found.values()) == set(navigation.DESTINATIONS)
    assert found["sent to pharmacy first"] == "community_pharmacy"


# --- counted by hand ---


def test_a_file_with_every_trap_gives_the_answer_counted_by_hand(load: Load, icb: Settings) -> None:
    pharmacy = {"destination": "community_pharmacy", "snomed_code": "1362511000000107", "patient_pseudonym": "p1"}
    night = load(
        # in the base: 3 with a GP, 2 in the practice, 2 outside, of which one A&E
        *(contact(f"G{n}", destination=name) for n, name in enumerate(["gp_same_day", "GP routine", "named_gp"])),
        contact("N1"),
        contact("N2", request_category="medication", destination="practice_pharmacist", declined="true"),
        contact("E1", request_category="clinical_ongoing", destination="ae_999"),
        contact("P1", **pharmacy),
        contact("P1", **pharmacy),  # one contact twice
        contact("P2", **pharmacy),  # and under another id: same pseudonym, time and code
        contact("P3", **pharmacy | {"snomed_code": "1577041000000109"}),  # came back from the pharmacy
        # clinical, not recorded
        contact("U1", destination=""),
        contact("U2", destination="Zeb's, usual\nplace", declined="true"),
        contact("U3", destination="=cmd|'/c calc'!A1"),
        # not clinical
        contact("A1", request_category="admin_fit_note", destination="admin_resolved", channel="walk in"),
        contact("A2", request_category="test_result", destination=""),
        contact("A3", request_category="something else", destination="nurse", channel="pigeon"),
        # another month in London, another practice, and the last minute of the month
        contact("M1", recorded_at="2025-07-31T23:30:00Z"),
        contact("M2", recorded_at="2025-07-31 23:30"),
        contact("Q1", practice_code="Z91004", destination="optician"),
        # refused: future, other ICB, unknown practice (the file is long enough to bear them)
        contact("F1", recorded_at="2099-07-07T08:05:00Z"),
        contact("F2", practice_code="Z92001"),
        contact("F3", practice_code="Z99999"),
        *(contact(f"X{n}", practice_code="Z91005") for n in range(60)),
    )
    assert [(each.rows_refused, each.rows_filtered) for each in night.loads] == [(3, 1)]
    reader = published(icb)
    rows = reader.records(
        "SELECT measure, numerator, denominator, value FROM measure_value WHERE organisation = 'Z91001' "
        "AND period_start = DATE '2025-07-01' AND measure LIKE 'navigation%' ORDER BY measure"
    )
    found = {row["measure"].removeprefix("navigation_"): (row["numerator"], row["denominator"]) for row in rows}
    # base: G1 G2 G3, N1 N2, E1, P1, M2 = 8; clinical: and U1 U2 U3 = 11
    assert found["redirected"] == (5, 8)
    assert found["redirected_external"] == (2, 8)
    assert found["declined"] == (1, 8)
    assert found["not_recorded"] == (3, 11)
    assert found["named_gp"] == (1, 8)
    assert found["ae_999"] == (1, 8)
    values = {row["measure"]: row["value"] for row in rows}
    assert values["navigation_redirected"] is None  # base under 30
    assert values["navigation_redirected_external"] is None
    assert values["navigation_declined"] == 1 / 8
    assert values["navigation_not_recorded"] == 3 / 11
    july = reader.records(
        "SELECT practice_code, channel, request_category, destination, contacts, declined FROM navigation_month "
        "WHERE month = DATE '2025-07-01' AND practice_code = 'Z91001' AND request_category NOT LIKE 'clinical%'"
    )
    assert sorted(tuple(row.values())[1:] for row in july) == [
        ("other", "unknown", "nurse", 1, 0),
        ("telephone", "medication", "practice_pharmacist", 1, 1),
        ("telephone", "test_result", "not_recorded", 1, 0),
        ("walk_in", "admin_fit_note", "admin_resolved", 1, 0),
    ]
    august = reader.records("SELECT contacts FROM navigation_month WHERE month = DATE '2025-08-01'")
    assert [row["contacts"] for row in august] == [1]
    icb_rows = reader.records(
        "SELECT numerator, denominator, value, practices_counted FROM measure_value WHERE measure = "
        "'navigation_redirected' AND organisation = 'QZZ' AND period_start = DATE '2025-07-01'"
    )
    assert [tuple(row.values()) for row in icb_rows] == [(5 + 1 + 60, 8 + 1 + 60, 66 / 69, 3)]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60))
def test_an_outcome_is_looked_up_alike_in_sql_and_python(text: str) -> None:
    row = duckdb.execute(f"SELECT {navigation._outcome('t')} FROM (SELECT $1::VARCHAR AS t)", [text]).fetchone()
    assert row is not None
    if text.isascii():
        assert row[0] == " ".join(text.lower().split())
