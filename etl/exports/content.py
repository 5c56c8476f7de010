"""The rows of an export: read from one generation, totalled, and under its disclosure policy."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd

from etl.exports.definitions import Definition, last_day
from etl.exports.disclosure import rounded
from etl.exports.organisations import Organisations
from etl.exports.people import PARTS, People, hidden_cells, measure_rows, together
from etl.exports.tables import Counted, ExportError, NoTable, counted, selected
from etl.measures.registry import measures
from etl.published.reading import Reader

# the feeds that each mart of measures is counted from
FEEDS = {
    "appointments_month": ("appointments",),
    "calls_month": ("published_calls",),
    "coverage_month": ("published_calls", "appointments", "online_requests"),
    "logged_calls": ("call_logs",),
    "navigation_call_month": ("navigation", "call_logs"),
    "navigation_measure_month": ("navigation",),
    "online_month": ("online_requests",),
    "telephony_month": ("rollout_milestone", "rollout_capability", "rollout_funding"),
    "training_month": ("training",),
}
UNDER_ALL = ("organisations", "registered_patients")
# their files say how things stand: each counts for every month
STANDING = ("organisations", "rollout_milestone", "rollout_capability", "rollout_funding", "training")
FACTOR = {"per_1000_patients": 1000, "per_10000_patients": 10_000}


@dataclass
class Content:
    """An export's rows in the order of the file, ready to write; missing cells are None.

    missing: what an incomplete period lacks, a line for each practice. notes: what a reader of the manifest must
    know. loads: those that the figures came from (`_loads`).
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
    found = Content(
        rows=pd.DataFrame(columns=[column.name for column in definition.columns], dtype="object"),
        icb="-".join(sorted(code.strip() for code in (about["icb_codes"] or "").split(",") if code.strip())) or "all",
        generation=about["name"],
        code_version=about["code_version"],
        loads=_loads(reader, definition, month),
        missing=_missing(reader, definition, month),
    )
    organisations = Organisations(reader, month)
    if definition.measures:
        _measure_rows(reader, definition, month, organisations, found)
    else:
        _selected_rows(reader, definition, month, organisations, found)
    if found.rows.empty and not found.notes:
        found.notes.append(f"{found.generation} has no figures for {month:%Y-%m}.")
    found.rows = found.rows.sort_values(definition.keys, key=lambda column: column.astype(str), kind="stable")
    found.rows = found.rows.reset_index(drop=True)[[column.name for column in definition.columns]]
    return found


def _loads(reader: Reader, definition: Definition, month: date) -> list[dict[str, Any]]:
    """The loads of the feeds that the export is counted from, of those that come by the month only that month's.

    A SELECT is taken to read the feeds that it must be complete from; without any, every feed.
    """
    feeds = set(definition.complete_from)
    for name, measure in measures().items():
        if any(fnmatchcase(name, pattern) for pattern in definition.measures):
            for part in (measure.numerator, measure.denominator):
                feeds |= set(FEEDS.get(part.mart, ()))
    rows = reader.records(
        "SELECT load_id, feed, file_name, sha256, period_from <= :last AND period_to >= :first AS is_of_the_month "
        "FROM load ORDER BY load_id",
        first=month,
        last=last_day(month),
    )
    return [
        {name: row[name] for name in ("load_id", "feed", "file_name", "sha256")}
        for row in rows
        if (row["is_of_the_month"] or row["feed"] in STANDING) and (not feeds or row["feed"] in {*feeds, *UNDER_ALL})
    ]


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
    known = {row["measure"]: row["disclosure"] for row in reader.records("SELECT measure, disclosure FROM measure")}
    chosen = [m for m in sorted(known) if any(fnmatchcase(m, pattern) for pattern in definition.measures)]
    if not chosen:
        found.notes.append(f"{found.generation} has no measure named {' or '.join(definition.measures)}.")
        return
    people = [measure for measure in chosen if known[measure] == "people"]
    if people and definition.disclosure == "exact":
        raise ExportError(
            f'{definition.name}: {", ".join(people)} count people, but the definition says disclosure = "exact". '
            'Write disclosure = "people"; measures that do not count people stay exact.'
        )
    rows = measure_rows(reader, month)
    rows = rows[rows["measure"].isin(chosen)].reset_index(drop=True)
    if rows.empty:
        return
    shown = {part: _objects(rows[part]) for part in (*PARTS, "value")}
    status = ["" if value is not None else "x" for value in shown["value"]]
    protected = rows[rows["measure"].isin(people)]
    if len(protected):
        found.hidden = _protect(protected, together(reader, month, organisations, definition), shown, status)
    found.rows = pd.DataFrame(
        {
            "period_start": month,
            "period_kind": "month",
            "level": rows["level"],
            "organisation_code": rows["organisation"],
            "ons_code": [organisations.ons_codes.get(code) for code in rows["organisation"]],
            "organisation_name": [organisations.names.get(code, "") for code in rows["organisation"]],
            "measure": rows["measure"],
            **{part: pd.Series(values, dtype="object") for part, values in shown.items()},
            "unit": rows["unit"],
            "obs_status": pd.Series(status, dtype="object"),
        }
    )


def _objects(values: Iterable[Any]) -> list[float | None]:
    return [None if pd.isna(value) else float(value) for value in values]


def _protect(rows: pd.DataFrame, people: People, shown: dict[str, list[float | None]], status: list[str]) -> int:
    """Replace the parts and values of these rows in `shown` and `status`. Returns how many counts were hidden."""
    hidden: set[int] = set()
    for index, row in zip(rows.index, rows.itertuples(), strict=True):
        for part in PARTS:
            place = people.parts.get((str(row.measure), part, str(row.organisation)))
            if place is None:
                continue
            if people.hidden[place]:
                hidden.add(place)
                shown[part][index], status[index] = None, "c"
            elif not people.exact[place]:
                shown[part][index] = float(rounded(getattr(row, part)))
        shown["value"][index] = _recomputed(row, shown["numerator"][index], shown["denominator"][index])
        if shown["value"][index] is None and not status[index]:
            status[index] = "x"
    return len(hidden)


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
    reader: Reader, definition: Definition, month: date, organisations: Organisations, found: Content
) -> None:
    try:
        base = selected(reader, definition, month)
    except NoTable as error:
        found.notes.append(str(error))
        return
    if base.empty:
        return
    if any(column.count for column in definition.columns):
        table = counted(definition, base, organisations)
        found.rows, found.hidden = _disclosed(reader, definition, month, table, organisations)
    else:
        found.rows = base.astype(object).where(base.notna(), None)
    declared = {column.name for column in definition.columns} - set(base)
    if "obs_status" in declared and "obs_status" not in found.rows:
        found.rows["obs_status"] = ""
    if "organisation_code" in found.rows:
        codes = found.rows["organisation_code"]
        for name, known in (
            ("organisation_name", organisations.names),
            ("level", organisations.level),
            ("ons_code", organisations.ons_codes),
        ):
            if name in declared:
                found.rows[name] = [known.get(code) for code in codes]
    if "period_kind" in declared:
        found.rows["period_kind"] = definition.grain


def _disclosed(
    reader: Reader, definition: Definition, month: date, table: Counted, organisations: Organisations
) -> tuple[pd.DataFrame, int]:
    """A table's rows under the definition's policy, with shares of what is shown; how many counts were hidden."""
    rows = table.rows.copy()
    hidden = np.zeros((len(rows), len(table.counts)), dtype=bool)
    if definition.disclosure == "people" and len(rows):
        hidden = hidden_cells(reader, month, organisations, definition, table)
    for number, name in enumerate(table.counts):
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
    return rows, int(hidden.sum())
