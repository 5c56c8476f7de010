"""From a breakdown's rows to labelled shares in the order people expect. Pure."""

from dashboard import words
from dashboard.page import Rows

ORDER = {name: place for place, name in enumerate(words.CATEGORIES)}


def labelled(rows: Rows, subject: str, by_time: bool = False) -> Rows:
    """One subject of `queries.breakdowns.shares`, each row with its `label`; by_time sorts categories as they are
    written (time bands), otherwise in the order of `words.CATEGORIES`, unknown ones last and largest first."""
    part = [{**row, "label": words.category(row["category"], subject)} for row in rows if row["subject"] == subject]
    if by_time:
        return sorted(part, key=lambda row: row["category"])
    return sorted(part, key=lambda row: (_place(subject, row["category"]), -(row["amount"] or 0)))


def _place(subject: str, category: str) -> int:
    return ORDER.get(f"{subject}.{category}", ORDER.get(category, len(ORDER)))
