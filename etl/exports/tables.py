"""Exports of a SELECT: its rows, and every total over their columns and organisations."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy.exc import SQLAlchemyError

from etl.exports.definitions import ALL, Definition, last_day
from etl.exports.organisations import Organisations
from etl.published.reading import Reader

FILLED = ("obs_status", "organisation_name", "ons_code", "level", "period_kind")  # by us where the SELECT does not


class ExportError(Exception):
    """The export cannot be made. The message says why and what to do."""


class NoTable(Exception):
    """The generation lacks a table that the SELECT reads. The message names it."""


def selected(reader: Reader, definition: Definition, month: date) -> pd.DataFrame:
    """What the definition's SELECT gives for a month: the declared columns but for those made here.

    Raises NoTable; ExportError when the SELECT does not work or gives other columns.
    """
    sql = str(definition.select)
    period = {"first": month, "last": last_day(month)}
    try:
        base = reader.frame(sql, **{name: value for name, value in period.items() if f":{name}" in sql})
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        if "Table with name" in reason and "does not exist" in reason:
            raise NoTable(f"{reader.generation} lacks a table that this export needs: {reason}") from None
        raise ExportError(f"{definition.name}: its SELECT does not work on {reader.generation}: {reason}") from None
    made = {*FILLED, *(c.name for c in definition.columns if c.is_share)}
    wanted = [column.name for column in definition.columns if column.name not in made or column.name in base]
    absent = [name for name in wanted if name not in base]
    surplus = sorted({str(name) for name in base} - {column.name for column in definition.columns})
    if absent or surplus:
        raise ExportError(
            f"{definition.name}: its SELECT must give the columns {', '.join(wanted)}"
            + (f"; missing: {', '.join(absent)}" if absent else "")
            + (f"; not declared: {', '.join(surplus)}" if surplus else "")
        )
    return base


@dataclass(frozen=True)
class Counted:
    """Counts with all their totals: rows of keys and true counts, each row's key, and (total, parts) as rows."""

    rows: pd.DataFrame
    keys: list[str]
    counts: list[str]
    labels: list[tuple[Any, ...]]
    sums: list[tuple[int, list[int]]]


def counted(definition: Definition, base: pd.DataFrame, organisations: Organisations) -> Counted:
    """The SELECT's rows with every total over columns (`all`) and organisations, and what adds up to what."""
    counts = [column.name for column in definition.columns if column.count]
    over = [column.name for column in definition.columns if column.totals]
    keys = [name for name in definition.keys if name not in ("level", "period_kind")]
    base = base[base["organisation_code"].isin(organisations.level)]
    base = base.groupby(keys, dropna=False, as_index=False)[counts].sum()
    parts = [base]
    above = {code: organisations.above(code) for code in base["organisation_code"].unique()}
    for kind in definition.roll_up:
        parents = base["organisation_code"].map(lambda code, kind=kind: above[code].get(kind))
        parts.append(base.assign(organisation_code=parents)[parents.notna()])
    rows = pd.concat(parts, ignore_index=True)
    for name in over:
        rows = pd.concat([rows, rows.assign(**{name: ALL})], ignore_index=True)
    rows = rows.groupby(keys, dropna=False, as_index=False)[counts].sum()
    labels = [tuple(row) for row in rows[keys].itertuples(index=False)]
    return Counted(rows, keys, counts, labels, _sums(labels, keys, over, definition, organisations))


def _sums(
    labels: list[tuple[Any, ...]],
    keys: list[str],
    over: list[str],
    definition: Definition,
    organisations: Organisations,
) -> list[tuple[int, list[int]]]:
    place = {label: number for number, label in enumerate(labels)}
    parts: dict[tuple[int, str], list[int]] = defaultdict(list)  # (total's place, which way) → places
    upper_of: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for upper, lowers in organisations.sums():
        if organisations.level[upper] in definition.roll_up:
            for lower in lowers:
                upper_of[lower].append((upper, organisations.level[lower]))
    organisation = keys.index("organisation_code")
    for number, label in enumerate(labels):
        for upper, level in upper_of[label[organisation]]:
            total = place.get((*label[:organisation], upper, *label[organisation + 1 :]))
            if total is not None:
                parts[total, level].append(number)
        for name in over:
            axis = keys.index(name)
            if label[axis] != ALL:
                parts[place[(*label[:axis], ALL, *label[axis + 1 :])], name].append(number)
    return [(total, members) for (total, _), members in parts.items()]
