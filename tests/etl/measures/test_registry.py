"""Every measure is whole, reads from a mart that exists, and a slip in its file is named."""

import re
from pathlib import Path

import pytest

from etl.marts.build import FOLDER, ORDER
from etl.measures.registry import LEVELS, MeasureError, measures
from etl.published.writing import value_select

GOOD = """
title = "Doors opened"
question = "How often?"
numerator = { mart = "calls_month", column = "answered", label = "opened" }
denominator = { mart = "calls_month", column = "inbound", label = "all" }
unit = "percent"
better = "higher"
periods = ["month"]
status = "product"
source = "nowhere"
definition = "Opened over all."
"""


def test_every_file_is_a_measure_in_order_of_name() -> None:
    folder = Path(__file__).resolve().parents[3] / "etl" / "measures"
    assert list(measures()) == sorted(path.stem for path in folder.glob("*.toml"))
    assert len(measures()) >= 27


@pytest.mark.parametrize("name", measures())
def test_a_measure_is_whole(name: str) -> None:
    measure = measures()[name]
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert measure.question.endswith("?")
    assert measure.definition.endswith(".")
    assert measure.title[0].isupper()
    assert all(caveat.endswith(".") for caveat in measure.caveats)
    for part in (measure.numerator, measure.denominator):
        assert part.mart in ORDER
        assert part.label
        assert re.search(rf"\b{part.column}\b", (FOLDER / f"{part.mart}.sql").read_text())
    assert set(measure.levels) <= set(LEVELS)
    assert not re.search(r"\babandon", f"{measure.title} {measure.definition}".lower())
    assert f"'{name}'" in value_select(measure)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('unit = "percent"', 'unit = "per cent"'), "unit"),
        (('better = "higher"', 'better = "up"'), "better"),
        (('title = "Doors opened"\n', ""), "title"),
        (('status = "product"', 'status = "product"\nweight = 3'), "weight"),
        (('column = "answered"', 'field = "answered"'), "numerator"),
        (('unit = "percent"', "unit = "), "doors.toml"),
    ],
)
def test_a_slip_names_the_file_and_the_entry(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    assert change[0] in GOOD
    (tmp_path / "doors.toml").write_text(GOOD.replace(*change))
    with pytest.raises(MeasureError, match=said) as caught:
        measures(tmp_path)
    assert "doors.toml" in str(caught.value)


def test_a_good_file_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "doors.toml").write_text(GOOD)
    measure = measures(tmp_path)["doors"]
    assert (measure.factor, measure.levels, measure.disclosure) == (1, LEVELS, "exact")
