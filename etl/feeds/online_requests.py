"""online_requests (to follow)."""

from etl.feeds.feed import Reading, Received

NAME = "online_requests"
FACTS = ("online_requests",)


def recognise(received: Received) -> str | None:
    """Not yet."""
    return None


def read(reading: Reading) -> None:
    """Not yet."""
