"""From a breakdown's rows to labelled shares in the order people expect. Pure."""

import pandas as pd

from dashboard import words

ORDER = {name: place for place, name in enumerate(words.CATEGORIES)}


def labelled(frame: pd.DataFrame, subject: str, by_time: bool = False) -> pd.DataFrame:
    """One subject of `queries.breakdowns.shares`, with `label`; by_time sorts categories as they are written
    (time bands), otherwise in the order of `words.CATEGORIES`, unknown ones by size."""
    part = frame[frame["subject"] == subject].copy()
    part["label"] = [words.category(name) for name in part["category"]]
    if by_time:
        return part.sort_values("category").reset_index(drop=True)
    part["place"] = [ORDER.get(name, len(ORDER)) for name in part["category"]]
    return part.sort_values(["place", "share"], ascending=[True, False]).drop(columns="place").reset_index(drop=True)
