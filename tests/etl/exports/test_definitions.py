"""Definitions: the shipped ones, an ICB's own, wrong ones; working days and periods."""

from datetime import date
from pathlib import Path

import pytest

from etl.exports.definitions import MEASURE_COLUMNS, DefinitionError, definitions, last_day, month_of, working_day

SHIPPED = ["care_navigation", "demand_and_capacity", "measures_long", "navigator_training", "telephony_adoption"]


def test_the_shipped_exports() -> None:
    shipped = definitions()
    assert list(shipped) == SHIPPED
    assert ",".join(column.name for column in shipped["measures_long"].columns) == (
        "period_start,period_kind,level,organisation_code,organisation_name,measure,numerator,denominator,value,unit,"
        "obs_status"
    )
    assert [column.name for column in shipped["demand_and_capacity"].columns] == list(MEASURE_COLUMNS)
    columns = (
        "period_start,period_kind,level,organisation_code,organisation_name,channel,request_category,destination,"
        "contacts,declined,obs_status"
    )
    assert ",".join(column.name for column in shipped["care_navigation"].columns) == columns
    assert {name for name, d in shipped.items() if d.disclosure == "people"} == {
        "care_navigation",
        "demand_and_capacity",
        "measures_long",
        "navigator_training",
    }
    assert all(definition.schedule for definition in shipped.values())


def own(home: Path, text: str, name: str = "mine.toml") -> Path:
    folder = home / "exports" / "definitions"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return home


GOOD = 'title = "Calls"\npurpose = "Ours"\ndisclosure = "exact"\nmeasures = ["calls_*"]\n'


def test_an_icbs_own_definition_needs_no_python(tmp_path: Path) -> None:
    found = definitions(own(tmp_path, GOOD))
    assert list(found) == sorted([*SHIPPED, "mine"])
    assert found["mine"].schedule is None
    assert definitions(own(tmp_path, GOOD, "measures_long.toml"))["measures_long"].title == "Calls"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD + 'colour = "red"\n', "colour"),
        (GOOD.replace("exact", "secret"), "disclosure"),
        (GOOD + 'select = "SELECT 1"\n', "either measures or select"),
        (GOOD + "[schedule]\nworking_day = 0\n", "schedule.working_day"),
        (GOOD + "[schedule]\nworking_day = 5\ndeadline_working_day = 3\n", "comes before"),
        ("title = \n", "cannot be read"),
        (GOOD.replace('measures = ["calls_*"]', 'select = "SELECT 1"\ncolumns = ["shoe_size"]'), "shoe_size"),
        (
            GOOD.replace('measures = ["calls_*"]', 'select = "SELECT 1"\ncolumns = ["value"]').replace(
                "exact", "people"
            ),
            "count = true",
        ),
    ],
)
def test_a_wrong_definition_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(DefinitionError, match=r"mine\.toml") as refused:
        definitions(own(tmp_path, text))
    assert says in str(refused.value)


def test_a_name_that_cannot_be_a_file_name(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="lower case"):
        definitions(own(tmp_path, GOOD, "My Export.toml"))


@pytest.mark.parametrize(
    ("month", "number", "day"),
    [
        (date(2026, 1, 1), 1, date(2026, 1, 2)),  # New Year's Day
        (date(2026, 1, 1), 3, date(2026, 1, 6)),
        (date(2026, 4, 1), 3, date(2026, 4, 7)),  # Good Friday and Easter Monday
        (date(2026, 5, 1), 2, date(2026, 5, 5)),  # early May bank holiday
        (date(2026, 8, 1), 1, date(2026, 8, 3)),  # starts on a Saturday
        (date(2026, 12, 1), 19, date(2026, 12, 29)),  # Christmas, and Boxing Day's substitute
    ],
)
def test_working_days_of_england(month: date, number: int, day: date) -> None:
    assert working_day(month, number) == day


def test_when_a_period_goes() -> None:
    plan = definitions()["care_navigation"].schedule
    assert plan is not None
    assert plan.due(date(2026, 12, 1)) == date(2027, 1, 6)
    assert plan.deadline(date(2026, 3, 1)) == date(2026, 4, 16)


def test_periods() -> None:
    assert month_of("2026-10") == date(2026, 10, 1)
    assert last_day(date(2028, 2, 1)) == date(2028, 2, 29)
    for wrong in ("2026", "2026-13", "2026-1", "October", "2026-10-01", "../2026-10"):
        with pytest.raises(DefinitionError, match="2026-10"):
            month_of(wrong)
