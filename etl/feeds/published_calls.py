"""Calls as NHS England publishes them: the telephony summary workbook and the three daily CSVs.

Counts only: the workbook's percentages are not read, since their labels in Table 1 are out of step with their
values in some editions. An outcome or band without calls is absent from the files, and stays absent here.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from etl.feeds.areas import KINDS, area_codes, area_problems, stage_areas, with_areas
from etl.feeds.feed import Problem, Received, count, day, normalise, say
from etl.feeds.publications import bad_count, bad_date, is_refused, layout_of, month_of_day, unknown_word
from etl.feeds.reading import Reading
from etl.feeds.workbook import Sheet, cell, find_table, is_number, month_of, months_across, stage_printed, title_of

NAME = "published_calls"
FACTS = ("published_calls", "printed_figure", "organisation", "membership")

PUBLICATION = "NHS England's Cloud Based Telephony publication"
INDICATORS = {
    "CBT001": "inbound",
    "CBT002": "ended_in_ivr",
    "CBT003": "answered",
    "CBT004": "missed",
    "CBT005": "callback_requested",
    "CBT006": "callback_made",
    "CBT007": "answered",
}
TOTALS = ("CBT001", "CBT002", "CBT005", "CBT006")  # published as one TOTAL; the others by band
BANDED = {"CBT003": "wait", "CBT004": "wait", "CBT007": "duration"}

AREA_CSV = {
    "practice": "practice_code",
    "pcn": "pcn_code",
    "sub_icb": "sub_icb_location_code",
    "icb": "icb_code",
    "region": "region_code",
}
SHARED_CSV = ("date", *AREA_CSV.values(), "indicator", "value")
CSV = {
    "durations": (*SHARED_CSV, "duration"),
    "day_and_time": (*SHARED_CSV, "time_category"),
    "answered": (*SHARED_CSV, "wait_time", "core_category"),
}
CORE = ("Core_8_10", "Core_10_1830", "Non-Core")
TIME_BANDS = (
    *("00:00-05:59", "06:00-07:59", "08:00-09:59", "10:00-11:59", "12:00-13:59"),
    *("14:00-15:59", "16:00-17:59", "18:00-18:29", "18:30-23:59"),
)
SECONDS = "0|[0-9]+_[0-9]+|>[0-9]+"

CALLS = "a count of calls"

MINUTES = {
    "0_60": "less_than_1_minute",
    "61_120": "1_2_minutes",
    "121_300": "2_5_minutes",
    ">300": "longer_than_5_minutes",
}
AREA_SHEET = {kind: f"{kind}_code" for kind in KINDS}
PRACTICE_COLUMNS = {
    "month": "month",
    "practice_code": "gp_practice(_ods_code)?",
    "practice_name": "gp_name",
    **{f"{kind}_{what}": f"{kind}_{what}" for kind in KINDS[1:] for what in ("code", "name")},
}
OUTCOMES = {
    "inbound": "count_of_inbound_calls",
    "answered": "answered",
    "ended_in_ivr": "ended_during_the_ivr_stage",
    "callback_requested": "call_?back_requested",
    "missed": "missed",
    "callback_made": "call_?back_made",
}
WAITS = {f"answered|wait|{band}": f".*answered.*wait.* / {heading}" for band, heading in MINUTES.items()}
DURATIONS = {f"answered|duration|{band}": f".*answered.*duration.* / {heading}" for band, heading in MINUTES.items()}
MISSED_WAITS = {f"missed|wait|{band}": f".*missed.*wait.* / {heading}" for band, heading in MINUTES.items()}
# table → (number, `indicator|dimension|band` → pattern of its heading)
PRACTICE_TABLES = {
    "table_3": (3, {f"{outcome}|total|total": heading for outcome, heading in OUTCOMES.items()}),
    "table_4": (4, WAITS | DURATIONS),
    "table_5": (5, MISSED_WAITS),
}
DAY_BANDS = {f"inbound|time_band|{band}": normalise(band) for band in TIME_BANDS}
# Table 1: item → how its row's label begins; percentages and rates begin otherwise
NATIONAL = {
    "practices_open": "open_active_practices",
    "practices_included": "count_of_practices_included",
    "patients_open": "registered_patients_at_open_active_practices",
    "patients_included": "registered_patients_at_included_practices",
    "inbound": "total_inbound_calls",
    "answered_wait_0_60": "calls_answered_within_1_minute",
    "answered_wait_61_120": "calls_answered_within_1_to_2_minutes",
    "answered_wait_121_300": "calls_answered_within_2_to_5_minutes",
    "answered_wait_>300": "calls_answered_after_waiting_over_5_minutes",
    "answered": "calls_answered",
    "ended_in_ivr": "calls_ended_during_the_ivr",
    "callback_requested": "calls_resulting_in_a_call_back_request",
    "callback_made": "call_backs_made",
    "missed": "missed_calls",
    "answered_duration_0_60": "duration_of_1_minute_or_less",
    "answered_duration_61_120": "duration_of_1_to_2_minutes",
    "answered_duration_121_300": "duration_of_2_to_5_minutes",
    "answered_duration_>300": "duration_of_over_5_minutes",
}


def recognise(received: Received) -> str | None:
    """`workbook`, `durations`, `day_and_time` or `answered`; None when it is another file.

    Raises RefusedFile when it is one of these with a column missing or renamed.
    """
    if received.kind == "workbook":
        titles = [title_of(cells) for cells in received.sheets.values()]
        ours = any(title and "cloud based telephony" in title[1].lower() for title in titles)
        return "workbook" if ours and _tables(received) else None
    if not {"indicator", "value"} & set(received.header):
        return None
    return layout_of(received.header, CSV, f"a daily file of {PUBLICATION}")


def read(reading: Reading) -> None:
    """Stage calls, the printed totals, and the organisations named, from any of the layouts."""
    if reading.layout == "workbook":
        _read_workbook(reading)
    else:
        _read_csv(reading)


# --- the daily CSVs --------------------------------------------------------------------------------------


def _read_csv(reading: Reading) -> None:
    wait = "trim(wait_time)"
    band = {
        "durations": "upper(trim(duration))",
        "day_and_time": "replace(replace(time_category, ' ', ''), '–', '-')",
        "answered": f"{wait} || '|' || trim(core_category)",
    }[reading.layout]
    more = {"on_day": day("date"), "calls": count("value"), "cbt": "upper(trim(indicator))", "band": band}
    relation = with_areas(reading.csv(), AREA_CSV, more)
    problems = [
        bad_date("date", reading.today, when="on_day"),
        *area_problems(AREA_CSV),
        *_label_problems(reading.layout),
        bad_count("value", "calls", what=CALLS),
    ]
    # a TOTAL beside its bands would count their calls twice
    repeats = f"cbt IN {list(BANDED)} AND band = 'TOTAL'" if reading.layout == "durations" else "FALSE"
    if reading.layout == "day_and_time":
        repeats = "upper(band) = 'TOTAL'"
    reading.stage(
        "published_calls",
        relation,
        {
            "dataset": say(reading.layout),
            "period_kind": "'day'",
            "period_start": "on_day",
            **area_codes(AREA_CSV),
            "indicator": _choose("cbt", INDICATORS),
            "dimension": {
                "durations": f"CASE WHEN band = 'TOTAL' THEN 'total' ELSE {_choose('cbt', BANDED)} END",
                "day_and_time": "'time_band'",
                "answered": "'core'",
            }[reading.layout],
            "band": "CASE WHEN band = 'TOTAL' THEN 'total' ELSE band END",
            "calls": "calls",
        },
        problems,
        skip=repeats,
    )
    stage_areas(reading, relation, KINDS, "CAST(date_trunc('month', on_day) AS DATE)", problems)


def _label_problems(layout: str) -> list[Problem]:
    """Refuse an indicator or a band that the publication did not have when this was written."""
    known = ["CBT003"] if layout == "answered" else list(INDICATORS)
    problems = [unknown_word("indicator", f"NOT coalesce(cbt IN {known}, FALSE)")]
    if layout == "durations":
        wrong = (
            f"NOT coalesce(CASE WHEN cbt IN {list(TOTALS)} THEN band = 'TOTAL' "
            f"ELSE regexp_full_match(band, '{SECONDS}') END, FALSE)"
        )
        return [*problems, unknown_word("duration", wrong)]
    if layout == "day_and_time":
        return [*problems, unknown_word("time_category", f"NOT coalesce(band IN {list(TIME_BANDS)}, FALSE)")]
    return [
        *problems,
        unknown_word("wait_time", f"NOT regexp_full_match(coalesce(trim(wait_time), ''), '{SECONDS}')"),
        unknown_word("core_category", f"NOT coalesce(trim(core_category) IN {list(CORE)}, FALSE)"),
    ]


def _choose(expression: str, words: dict[str, str]) -> str:
    return f"CASE {expression} {' '.join(f'WHEN {say(key)} THEN {say(word)}' for key, word in words.items())} END"


# --- the workbook ----------------------------------------------------------------------------------------


def _tables(received: Received) -> dict[str, Sheet]:
    """The workbook's tables of counts, those that it has. Raises RefusedFile for one with a renamed column."""
    found = {
        name: find_table(received, number, PRACTICE_COLUMNS | columns, PUBLICATION)
        for name, (number, columns) in PRACTICE_TABLES.items()
    }
    found["table_2"] = find_table(received, 2, {"date": "date"} | DAY_BANDS, PUBLICATION)
    return {name: sheet for name, sheet in found.items() if sheet}


def _read_workbook(reading: Reading) -> None:
    printed: list[list[object]] = []
    for name, sheet in _tables(reading.received).items():
        if name == "table_2":
            _read_days(reading, sheet)
        else:
            _read_practices(reading, name, sheet)
            printed += _total_row(sheet, PRACTICE_TABLES[name][1])
    stage_printed(reading, NAME, "table_1", months_across(reading, NATIONAL))
    stage_printed(reading, NAME, "total_row", printed)


def _read_practices(reading: Reading, name: str, sheet: Sheet) -> None:
    """Tables 3 to 5: a row a practice, a column an outcome or band. A row is good or refused as a whole."""
    series = list(PRACTICE_TABLES[name][1])
    numbered = {f"n{number}": count(f"c{number}") for number in range(len(series))}
    columns = ("line", *PRACTICE_COLUMNS, *(f"c{number}" for number in range(len(series))))
    rows = reading.rows(name, columns, [_practice_row(reading, sheet, line, row) for line, row in _data(sheet)])
    more = {"period": month_of_day("month"), **numbered}
    relation = with_areas(rows, AREA_SHEET, more)
    problems = [
        bad_date("month", reading.today, when="period"),
        *area_problems(AREA_SHEET),
        *(_named_count(number, title, optional=name != "table_3" or number > 0) for number, title in enumerate(series)),
    ]
    columns_of_row = {"period_kind": "'month'", "period_start": "period", **area_codes(AREA_SHEET)}
    good = _stage_series(reading, name, relation, columns_of_row, series, problems)
    if name == "table_3":
        stage_areas(reading, good, KINDS, "period")


def _stage_series(
    reading: Reading,
    dataset: str,
    relation: str,
    columns: dict[str, str],
    series: Sequence[str],
    problems: Sequence[Problem],
) -> str:
    """Stage a row for each of a sheet row's columns `n0`, `n1` …, named in `series`. Returns the good sheet rows.

    The first column stands for the row in the count of rows, so it is there, as 0, also when blank.
    """

    def row(number: int) -> dict[str, str]:
        indicator, dimension, band = series[number].split("|")
        named = {"dataset": say(dataset), "indicator": say(indicator), "dimension": say(dimension), "band": say(band)}
        return {**columns, **named, "calls": f"coalesce(n{number}, 0)"}

    reading.stage("published_calls", relation, row(0), problems)
    reading.con.execute(
        f"CREATE OR REPLACE TEMP TABLE good_rows AS SELECT * FROM {relation} WHERE NOT ({is_refused(problems)})"
    )
    others = [
        f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in row(number).items())} FROM good_rows "
        f"WHERE n{number} IS NOT NULL"
        for number in range(1, len(series))
    ]
    reading.stage("published_calls", f"({' UNION ALL '.join(others)})", {name: name for name in row(0)}, count=False)
    return "good_rows"


def _named_count(number: int, title: str, optional: bool) -> Problem:
    indicator, dimension, band = title.split("|")
    called = indicator if dimension == "total" else f"{indicator} {dimension} {band}"
    return replace(bad_count(f"c{number}", f"n{number}", called, CALLS, optional), column=called)


def _data(sheet: Sheet) -> list[tuple[int, list[Any]]]:
    """The rows with a name of a practice or an area in them; not the total, notes, blank rows, second heading."""
    places = [place for name, place in sheet.columns.items() if name in PRACTICE_COLUMNS]
    named = [p for p in places if p not in (sheet.columns["month"], sheet.columns["practice_code"])]
    return [
        (line, row)
        for line, row in sheet.rows
        if any(cell(row, place) is not None for place in named) and not _is_total(sheet, row)
    ]


def _practice_row(reading: Reading, sheet: Sheet, line: int, row: list[Any]) -> list[object]:
    values = [cell(row, place) for place in sheet.columns.values()]
    if isinstance(values[0], str) and "copyright" in values[0].lower() and sheet.month():
        # a footer typed over the month of a practice's row: the calls are real
        values[0] = sheet.month()
        reading.notes.append(f"{sheet.name}, row {line}: the month cell holds a copyright line; taken as the table's.")
    return [line, month_of(values[0]) or values[0], *values[1:]]


def _read_days(reading: Reading, sheet: Sheet) -> None:
    """Table 2: England by date and time of day."""
    dated = [
        [line, *(cell(row, place) for place in sheet.columns.values())]
        for line, row in sheet.rows
        if cell(row, sheet.columns["date"]) is not None and any(is_number(cell(row, p)) for p in _counts(sheet))
    ]
    columns = ("line", "date", *(f"c{number}" for number in range(len(DAY_BANDS))))
    rows = reading.rows("table_2", columns, dated)
    chosen = ", ".join(f"{count(f'c{number}')} AS n{number}" for number in range(len(DAY_BANDS)))
    relation = f"(SELECT *, {day('date')} AS on_day, {chosen} FROM {rows})"
    problems = [
        bad_date("date", reading.today, when="on_day"),
        *(_named_count(number, title, optional=True) for number, title in enumerate(DAY_BANDS)),
    ]
    columns_of_row = {"period_kind": "'day'", "period_start": "on_day"}
    _stage_series(reading, "table_2", relation, columns_of_row, list(DAY_BANDS), problems)


def _counts(sheet: Sheet) -> list[int]:
    return [place for name, place in sheet.columns.items() if name != "date"]


def _is_total(sheet: Sheet, row: list[Any]) -> bool:
    return normalise(cell(row, sheet.columns["month"])) == "total"


def _total_row(sheet: Sheet, series: dict[str, str]) -> list[list[object]]:
    """The printed Total of a table: a figure a column."""
    for line, row in sheet.rows:
        if _is_total(sheet, row):
            return [
                [line, sheet.month(), title.replace("|total", "").replace("|", "_"), cell(row, sheet.columns[title])]
                for title in series
                if sheet.month() and is_number(cell(row, sheet.columns[title]))
            ]
    return []
