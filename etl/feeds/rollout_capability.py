"""What each practice's telephone system can do, from a date to a date."""

from etl.feeds.feed import Received
from etl.feeds.reading import Reading
from etl.feeds.rollout_tracker import (
    CAPABILITIES,
    Bad,
    Reader,
    day,
    one_of,
    stage,
    tables,
)
from etl.feeds.rollout_tracker import (
    recognise as recognise_table,
)

NAME = "rollout_capability"
FACTS = ("rollout_capability",)
NEEDS_ORGANISATIONS = True
MAXIMUM_REJECTED_SHARE = 1.0

NEEDED = (("capability",), ("from_date",))
VALUES = {"capability": one_of(*CAPABILITIES), "from_date": day, "to_date": day}


def recognise(received: Received) -> str | None:
    """The profiles by which its tables are known; None when it is another file."""
    return recognise_table(received, NAME, NEEDED)


def read(reading: Reading) -> None:
    """Stage the capabilities of every table found."""
    reader = Reader(reading)
    kept = []
    for table in tables(reading, NAME, NEEDED):
        for row in reader.rows(table, VALUES):
            part = row["capability"] if table.profile.parts else ""
            since, until = row["from_date"], row["to_date"]
            if since and until and until < since:
                reason = f"ends on {until.day} {until:%B %Y}, before it begins. Correct one of the two dates"
                reader.refuse(row["line"], table, Bad(table.heading(part, "to_date"), reason))
            elif since and since > row["believed_on"]:
                reason = f"{since.day} {since:%B %Y} is in the future. Add the capability once the practice has it"
                reader.refuse(row["line"], table, Bad(table.heading(part, "from_date"), reason))
            else:
                kept.append(row)
    stage(reading, NAME, kept, tuple(VALUES))
