"""The rows of an export: read from one generation, totalled, and under its disclosure policy."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy.exc import SQLAlchemyError

from etl.exports.definitions import ALL, Definition, last_day
from etl.exports.disclosure import Counts, hide, rounded
from etl.exports.organisations import Organisations
from etl.measures.registry import measures
from etl.published.reading import Reader

FACTOR = {"per_1000_patients": 1000, "per_10000_patients": 10_000}


class ExportError(Exception):
    """The export cannot be made. The message says why and what to do."""


@dataclass
class Content:
    """An export's rows in the order of the file, ready to write; missing cells are None.

    missing: what an incomplete period lacks, a line for each practice. notes: what a reader of the manifest must
    know. loads: the loads whose figures speak of the period.
    """

    rows: pd.DataFrame
    icb: str
    generation: str
    code_version: str
    loads: list[dict[str, Any]]
    missing: list[str]
    hidden: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether there are figures and no practice is missing."""
        return not self.missing and not self.rows.empty


def content(reader: Reader, definition: Definition, month: date) -> Content:
    """The export's rows for a month, all from one generation.

    Raises ExportError when the definition does not fit what is published, NothingPublished when nothing is.
    """
    while True:
        generation = reader.generation
        found = _content(reader, definition, month)
        if reader.generation == generation == found.generation:
            return found


def _content(reader: Reader, definition: Definition, month: date) -> Content:
    about = reader.records("SELECT name, icb_codes, code_version FROM generation")[0]
    period = {"first": month, "last": last_day(month)}
    found = Content(
        rows=pd.DataFrame(columns=[column.name for column in definition.columns], dtype="object"),
        icb="-".join(sorted(code.strip() for code in (about["icb_codes"] or "").split(",") if code.strip())) or "all",
        generation=about["name"],
        code_version=about["code_version"],
        loads=reader.records(
            "SELECT load_id, feed, file_name, sha256 FROM load WHERE period_from <= :last AND period_to >= :first "
            "ORDER BY load_id",
            **period,
        ),
        missing=_missing(reader, definition, month),
    )
    organisations = Organisations(reader, month)
    if definition.measures:
        _measure_rows(reader, definition, month, organisations, found)
    else:
        _selected_rows(reader, definition, period, organisations, found)
    if found.rows.empty and not found.notes:
        found.notes.append(f"{found.generation} has no figures for {month:%Y-%m}.")
    found.rows = found.rows.sort_values(definition.keys, key=lambda column: column.astype(str), kind="stable")
    found.rows = found.rows.reset_index(drop=True)[[column.name for column in definition.columns]]
    return found


def _missing(reader: Reader, definition: Definition, month: date) -> list[str]:
    """The practices without data, by feed. A feed of which no coverage is kept at all is not asked for."""
    lines = []
    for feed in definition.complete_from:
        known = reader.records("SELECT DISTINCT period_start FROM coverage WHERE feed = :feed", feed=feed)
        if not known:
            continue
        if month not in {row["period_start"] for row in known}:
            lines.append(f"{feed}: nothing has come in for {month:%Y-%m}")
            continue
        rows = reader.records(
            "SELECT c.practice, o.name FROM coverage AS c INNER JOIN organisation AS o ON o.code = c.practice "
            "WHERE o.is_own AND c.feed = :feed AND c.period_start = :month AND NOT c.has_data ORDER BY c.practice",
            feed=feed,
            month=month,
        )
        lines += [f"{feed}: {row['practice']} {row['name']}" for row in rows]
    return lines


# -- exports of measures


def _measure_rows(
    reader: Reader, definition: Definition, month: date, organisations: Organisations, found: Content
) -> None:
    known = {row["measure"]: row for row in reader.records("SELECT measure, unit, disclosure FROM measure")}
    chosen = [m for m in sorted(known) if any(fnmatchcase(m, pattern) for pattern in definition.measures)]
    if not chosen:
        found.notes.append(f"{found.generation} has no measure named {' or '.join(definition.measures)}.")
        return
    people = [measure for measure in chosen if known[measure]["disclosure"] == "people"]
    if people and definition.disclosure == "exact":
        raise ExportError(
            f'{definition.name}: {", ".join(people)} count people, but the definition says disclosure = "exact". '
            'Write disclosure = "people"; measures that do not count people stay exact.'
        )
    rows = reader.frame(
        "SELECT v.* FROM measure_value AS v INNER JOIN organisation AS o ON o.code = v.organisation AND o.is_own "
        "WHERE v.period_kind = 'month' AND v.period_start = :month "
        "AND v.level IN ('practice', 'pcn', 'sub_icb', 'icb') ORDER BY v.measure, v.level, v.organisation",
        month=month,
    )
    rows = rows[rows["measure"].isin(chosen)].reset_index(drop=True)
    if rows.empty:
        return
    rows["unit"] = [known[measure]["unit"] for measure in rows["measure"]]
    shown = {part: _objects(rows[part]) for part in ("numerator", "denominator", "value")}
    status = ["" if value is not None else "x" for value in shown["value"]]
    protected = rows["measure"].isin(people)
    if protected.any():
        found.hidden = _protect_measures(rows[protected], definition, organisations, shown, status)
    found.rows = pd.DataFrame(
        {
            "period_start": month,
            "period_kind": "month",
            "level": rows["level"],
            "organisation_code": rows["organisation"],
            "organisation_name": [organisations.names.get(code, "") for code in rows["organisation"]],
            "measure": rows["measure"],
            **{part: pd.Series(values, dtype="object") for part, values in shown.items()},
            "unit": rows["unit"],
            "obs_status": pd.Series(status, dtype="object"),
        }
    )


def _objects(values: Iterable[Any]) -> list[float | None]:
    return [None if pd.isna(value) else float(value) for value in values]


def _protect_measures(
    rows: pd.DataFrame,
    definition: Definition,
    organisations: Organisations,
    shown: dict[str, list[float | None]],
    status: list[str],
) -> int:
    """Replace the parts and values of these rows in `shown` and `status`. Returns how many counts were hidden.

    Two measures with one denominator hold one count, hidden in both or in neither.
    """
    place: dict[tuple[str, str, str], int] = {}  # measure, part, organisation → which count
    alike: dict[tuple[str, str, float], int] = {}  # what is counted, organisation, value → which count
    values: list[float] = []
    registry = measures()
    for row in rows.itertuples():
        for part in ("numerator", "denominator"):
            value, code = getattr(row, part), str(row.organisation)
            if pd.notna(value):
                known = registry.get(str(row.measure))
                counted = (
                    f"{getattr(known, part).mart}.{getattr(known, part).column}" if known else f"{row.measure}.{part}"
                )
                place[str(row.measure), part, code] = alike.setdefault((counted, code, float(value)), len(values))
                if len(alike) > len(values):
                    values.append(float(value))
    counts = Counts(np.array(values))
    summed: set[tuple[int | None, ...]] = set()
    for measure, part in sorted({(measure, part) for measure, part, _ in place}):
        for code, below in organisations.sums():
            total, *members = (place.get((measure, part, one)) for one in (code, *below))
            if (total, *members) not in summed:
                summed.add((total, *members))
                _add_sum(counts, total, members)
    for sum_ in definition.sums:
        for code in rows["organisation"].unique():
            total, *parts = (place.get((*name.split("."), code)) for name in (sum_.total, *sum_.parts))
            if total is not None and None not in parts:
                _add_sum(counts, total, parts, must_hold=True)
    for row in rows.itertuples():
        lesser = place.get((str(row.measure), "numerator", str(row.organisation)))
        greater = place.get((str(row.measure), "denominator", str(row.organisation)))
        if row.unit == "percent" and lesser is not None and greater is not None and values[lesser] <= values[greater]:
            counts.at_most.append((lesser, greater))
    hidden = hide(counts)
    figures = rounded(counts.values)
    for index, row in zip(rows.index, rows.itertuples(), strict=True):
        for part in ("numerator", "denominator"):
            which = place.get((str(row.measure), part, str(row.organisation)))
            if which is not None:
                shown[part][index] = None if hidden[which] else float(figures[which])
                status[index] = "c" if hidden[which] else status[index]
        shown["value"][index] = _recomputed(row, shown["numerator"][index], shown["denominator"][index])
        if shown["value"][index] is None and not status[index]:
            status[index] = "x"
    return int(hidden.sum())


def _add_sum(counts: Counts, total: int | None, parts: list[int | None], must_hold: bool = False) -> None:
    """Add total = parts + rest, once. `must_hold`: leave it out unless the rest is 0."""
    present = [part for part in parts if part is not None]
    if total is None or not present or total in present:
        return
    rest = float(counts.values[total] - counts.values[present].sum())
    if must_hold and abs(rest) > 1e-9:
        return
    counts.sums.append((total, present, rest))


def _recomputed(row: Any, numerator: float | None, denominator: float | None) -> float | None:
    """A measure's value from its shown parts; None where a part or the true value is empty, or where the measure
    is not the plain ratio of its parts (then the value would tell more than they do)."""
    if numerator is None or denominator is None or pd.isna(row.value) or not denominator:
        return None
    factor = FACTOR.get(row.unit, 1)
    if not np.isclose(row.value * row.denominator, factor * row.numerator, rtol=1e-6, atol=1e-9):
        return None
    return factor * numerator / denominator


# -- exports of a SELECT


def _selected_rows(
    reader: Reader, definition: Definition, period: dict[str, date], organisations: Organisations, found: Content
) -> None:
    try:
        base = reader.frame(str(definition.select), **_used(period, str(definition.select)))
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        if "Table with name" in reason and "does not exist" in reason:
            found.notes.append(f"{found.generation} lacks a table that this export needs: {reason}")
            return
        raise ExportError(f"{definition.name}: its SELECT does not work on {found.generation}: {reason}") from None
    counts = [column.name for column in definition.columns if column.count]
    made = {"obs_status", "organisation_name", "level", "period_kind"} | {
        c.name for c in definition.columns if c.is_share
    }
    wanted = [column.name for column in definition.columns if column.name not in made or column.name in base]
    absent = [name for name in wanted if name not in base]
    surplus = sorted({str(name) for name in base} - {column.name for column in definition.columns})
    if absent or surplus:
        raise ExportError(
            f"{definition.name}: its SELECT must give the columns {', '.join(wanted)}"
            + (f"; missing: {', '.join(absent)}" if absent else "")
            + (f"; not declared: {', '.join(surplus)}" if surplus else "")
        )
    if base.empty:
        return
    if counts:
        found.rows, found.hidden = _counted(definition, base, counts, organisations)
    else:
        for name in made - {str(name) for name in base}:
            base[name] = "" if name == "obs_status" else None
        found.rows = base.astype(object).where(base.notna(), None)
    if "organisation_name" in {c.name for c in definition.columns} and "organisation_name" not in base:
        found.rows["organisation_name"] = [organisations.names.get(c, "") for c in found.rows["organisation_code"]]
    if "period_kind" in {c.name for c in definition.columns}:
        found.rows["period_kind"] = definition.grain


def _used(parameters: dict[str, date], sql: str) -> dict[str, date]:
    return {name: value for name, value in parameters.items() if f":{name}" in sql}


def _counted(
    definition: Definition, base: pd.DataFrame, counts: list[str], organisations: Organisations
) -> tuple[pd.DataFrame, int]:
    """Base rows with every total over columns and organisations, disclosed by policy; how many were hidden."""
    over = [column.name for column in definition.columns if column.totals]
    keys = [name for name in definition.keys if name not in ("level", "period_kind")]
    base = base[base["organisation_code"].isin(organisations.level)]
    base = base.groupby(keys, dropna=False, as_index=False)[counts].sum()
    rows = _with_totals(base, keys, counts, over, definition, organisations)
    hidden = np.zeros((len(rows), len(counts)), dtype=bool)
    if definition.disclosure == "people" and len(rows):
        hidden = _hide_rows(rows, keys, counts, over, definition, organisations)
    for number, name in enumerate(counts):
        true = rows[name].to_numpy(dtype=float)
        figures = rounded(true) if definition.disclosure == "people" else true
        rows[name] = pd.Series(figures, index=rows.index, dtype="object").where(~hidden[:, number], None)
    for column in definition.columns:
        if column.is_share:
            pairs = zip(rows[column.numerator], rows[column.denominator], strict=True)
            rows[column.name] = pd.Series(
                [None if top is None or not bottom else top / bottom for top, bottom in pairs],
                index=rows.index,
                dtype="object",
            )
    rows["obs_status"] = np.where(hidden.any(axis=1), "c", "")
    rows["level"] = [organisations.level[code] for code in rows["organisation_code"]]
    return rows, int(hidden.sum())


def _with_totals(
    base: pd.DataFrame,
    keys: list[str],
    counts: list[str],
    over: list[str],
    definition: Definition,
    organisations: Organisations,
) -> pd.DataFrame:
    parts = [base]
    above = {code: organisations.above(code) for code in base["organisation_code"].unique()}
    for kind in definition.roll_up:
        parents = base["organisation_code"].map(lambda code, kind=kind: above[code].get(kind))
        parts.append(base.assign(organisation_code=parents)[parents.notna()])
    rows = pd.concat(parts, ignore_index=True)
    for name in over:
        rows = pd.concat([rows, rows.assign(**{name: ALL})], ignore_index=True)
    rows = rows.groupby(keys, dropna=False, as_index=False)[counts].sum()
    return rows


def _hide_rows(
    rows: pd.DataFrame,
    keys: list[str],
    counts: list[str],
    over: list[str],
    definition: Definition,
    organisations: Organisations,
) -> np.ndarray:
    """Which counts of which rows to hide: a mask, rows × counts."""
    labels = [tuple(row) for row in rows[keys].itertuples(index=False)]
    place = {label: number for number, label in enumerate(labels)}
    parts: dict[tuple[Any, ...], list[int]] = defaultdict(list)  # (total's place, which way) → places
    lower_of: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for upper, lowers in organisations.sums():
        if organisations.level[upper] in definition.roll_up:
            for lower in lowers:
                lower_of[lower].append((upper, organisations.level[lower]))
    organisation = keys.index("organisation_code")
    for number, label in enumerate(labels):
        for upper, level in lower_of[label[organisation]]:
            total = place.get((*label[:organisation], upper, *label[organisation + 1 :]))
            if total is not None:
                parts[total, level].append(number)
        for name in over:
            axis = keys.index(name)
            if label[axis] != ALL:
                parts[place[(*label[:axis], ALL, *label[axis + 1 :])], name].append(number)
    size, width = len(rows), len(counts)
    system = Counts(rows[counts].to_numpy(dtype=float).T.ravel())
    for number in range(width):
        for (total, _), members in parts.items():
            _add_sum(system, number * size + total, [number * size + member for member in members], must_hold=True)
    for column in definition.columns:
        if column.at_most is not None:
            lesser, greater = counts.index(column.name) * size, counts.index(column.at_most) * size
            pairs = ((lesser + row, greater + row) for row in range(size))
            system.at_most += [(low, high) for low, high in pairs if system.values[low] <= system.values[high]]
    return hide(system).reshape(width, size).T
