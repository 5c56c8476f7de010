"""appointments (to follow)."""

from etl.feeds.feed import Reading, Received

NAME = "appointments"
FACTS = ("appointments",)


def recognise(received: Received) -> str | None:
    """Not yet."""
    return None


def read(reading: Reading) -> None:
    """Not yet."""
