"""The rollout's money: what was awarded to each practice and what was paid, item by item."""

from etl.feeds.feed import Received
from etl.feeds.reading import Reading
from etl.feeds.rollout_tracker import Reader, day, pounds, required, stage, tables
from etl.feeds.rollout_tracker import recognise as recognise_table

NAME = "rollout_funding"
FACTS = ("rollout_funding",)
NEEDS_ORGANISATIONS = True
MAXIMUM_REJECTED_SHARE = 1.0

NEEDED = (("item",), ("awarded", "paid"))
VALUES = {"item": required, "awarded": pounds, "paid": pounds, "date": day}


def recognise(received: Received) -> str | None:
    """The profiles by which its tables are known; None when it is another file."""
    return recognise_table(received, NAME, NEEDED)


def read(reading: Reading) -> None:
    """Stage the money of every table found."""
    reader = Reader(reading)
    rows = [row for table in tables(reading, NAME, NEEDED) for row in reader.rows(table, VALUES)]
    stage(reading, NAME, rows, tuple(VALUES))
