"""The rollout's money."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from etl.nightly import Night

Ask = Callable[[str], list[tuple[Any, ...]]]
Take = Callable[..., Night]

HEADING = ["practice_code", "item", "awarded", "paid", "date"]
MONEY = "SELECT practice_code, item, awarded, paid, date FROM fact.rollout_funding ORDER BY 1, 2"


def test_the_template_is_read_as_it_is(take_csv: Take, ask: Ask) -> None:
    template = Path(__file__).parents[3] / "data" / "templates" / "rollout_funding.csv"
    assert template.read_text(encoding="utf-8") == ",".join(HEADING) + "\n"
    night = take_csv(
        "money.csv",
        [HEADING, ["Z91001", "equipment", "£12,000.50", "", "01/04/2023"], ["Z91001", "training", 0, 0, "TBC"]],
    )
    assert [(load.feed, load.rows_kept) for load in night.loads] == [("rollout_funding", 2)]
    assert ask(MONEY) == [
        ("Z91001", "equipment", 12000.5, None, date(2023, 4, 1)),
        ("Z91001", "training", 0.0, 0.0, None),
    ]


@pytest.mark.parametrize("amount", ["lots", "12k", "-5", "1e400", "nan"])
def test_what_is_no_amount_is_refused(take_csv: Take, ask: Ask, amount: str) -> None:
    night = take_csv("money.csv", [HEADING, ["Z91001", "equipment", amount, "", ""], ["Total", "", 5, "", ""]])
    assert night.loads[0].rows_refused == 2
    assert ask(MONEY) == []


def test_a_row_says_what_the_money_is_for(take_csv: Take, ask: Ask) -> None:
    take_csv("money.csv", [HEADING, ["Z91001", "", 5, 5, ""]])
    assert ask("SELECT column_name, reason FROM ledger.rejected_row") == [("item", "empty; every row needs it")]
