"""What telephone systems can do: long and wide, and what contradicts itself."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from etl.nightly import Night

Ask = Callable[[str], list[tuple[Any, ...]]]
Take = Callable[..., Night]

HEADING = ["practice_code", "capability", "from_date", "to_date"]
HELD = "SELECT practice_code, capability, from_date, to_date FROM fact.rollout_capability ORDER BY 1, 2"


def test_the_template_is_read_as_it_is(take_csv: Take, ask: Ask) -> None:
    template = Path(__file__).parents[3] / "data" / "templates" / "rollout_capability.csv"
    assert template.read_text(encoding="utf-8") == ",".join(HEADING) + "\n"
    night = take_csv(
        "able.csv",
        [
            HEADING,
            ["Z91001", "queue_position", "01/04/2023", ""],
            ["Z91001", "Call back", "2023-05-01", "31/05/2024"],
            ["Z91002", "call_logs", "TBC", ""],
        ],
    )
    assert [(load.feed, load.rows_kept) for load in night.loads] == [("rollout_capability", 3)]
    assert ask(HELD) == [
        ("Z91001", "call_back", date(2023, 5, 1), date(2024, 5, 31)),
        ("Z91001", "queue_position", date(2023, 4, 1), None),
        ("Z91002", "call_logs", None, None),
    ]


def test_a_wide_table_has_a_column_a_capability(take_workbook: Take, ask: Ask) -> None:
    rows = [["Practice code", "Queue position", "Call routing", "Call routing until"]]
    rows += [["Z91001", date(2023, 4, 1), date(2023, 5, 1), date(2024, 5, 1)], ["Z91002", None, "N/A", None]]  # type: ignore[list-item]
    take_workbook("able.xlsx", {"T": rows})
    assert ask(HELD) == [
        ("Z91001", "call_routing", date(2023, 5, 1), date(2024, 5, 1)),
        ("Z91001", "queue_position", date(2023, 4, 1), None),
        ("Z91002", "call_routing", None, None),
    ]


def test_what_contradicts_itself_is_refused(take_csv: Take, ask: Ask) -> None:
    tomorrow = datetime.now(ZoneInfo("Europe/London")).date() + timedelta(days=1)
    take_csv(
        "able.csv",
        [
            HEADING,
            ["Z91001", "call_back", "2023-05-01", "2023-04-01"],
            ["Z91001", "call_logs", tomorrow, ""],
            ["Z91001", "video", "2023-05-01", ""],
        ],
    )
    assert ask(HELD) == []
    assert ask("SELECT line_number, column_name, left(reason, 34) FROM ledger.rejected_row ORDER BY 1") == [
        (2, "to_date", "ends on 1 April 2023, before it be"),
        (3, "from_date", f"{tomorrow.day} {tomorrow:%B %Y} is in the future. Add the c"[:34]),
        (4, "capability", "“video” is none of queue_position,"),
    ]
