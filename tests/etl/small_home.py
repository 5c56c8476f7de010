"""A small invented home, small enough to follow by hand: ten practices, six months, and every case that is easily
counted wrong. The rows are plain Python, so that an oracle can read them; `write` puts them into the published layouts.

Calls: workbooks of July, August and October; daily files of August (again), November (whole in QZZ, a day short in
QYY) and ten days of December; nothing in September. Appointments: a practice crosstab of July and August in 91Z; daily
files of July and September (whole) and October (a working day short in 91Z only); a regional file of July, October.
"""

import csv
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import openpyxl

JUL, AUG, SEP, OCT, NOV, DEC = (date(2025, month, 1) for month in range(7, 13))
MONTHS = (JUL, AUG, SEP, OCT, NOV, DEC)
BANK_HOLIDAYS = (date(2025, 8, 25), date(2025, 12, 25), date(2025, 12, 26))

ICB = {"91Z": "QZZ", "92Z": "QYY"}
REGION = {"QZZ": "Y91", "QYY": "Y92"}
PCN_AREA = {"U91001": "91Z", "U91002": "91Z", "U92001": "92Z"}

# code: sub-ICB location, closed on, prescribing setting; Z92003 is named by publications alone
PRACTICES: dict[str, tuple[str, date | None, str]] = {
    "Z91001": ("91Z", None, "4"),
    "Z91002": ("91Z", None, "4"),  # moves PCN on 1 September
    "Z91003": ("91Z", date(2025, 8, 20), "4"),
    "Z91004": ("91Z", None, "4"),
    "Z91005": ("91Z", None, "4"),  # in no PCN
    "Z91006": ("91Z", None, "4"),  # listed in July only
    "Z91007": ("91Z", None, "9"),  # not a GP practice to ODS
    "Z92001": ("92Z", None, "4"),
    "Z92002": ("92Z", None, "4"),
}
BY_PUBLICATION_ALONE = "Z92003"
# practice, PCN, from, to
MEMBERSHIPS = [
    ("Z91001", "U91001", date(2020, 4, 1), None),
    ("Z91002", "U91001", date(2020, 4, 1), date(2025, 8, 31)),
    ("Z91002", "U91002", date(2025, 9, 1), None),
    ("Z91003", "U91002", date(2020, 4, 1), date(2025, 8, 20)),
    ("Z91004", "U91002", date(2020, 4, 1), None),
    ("Z91006", "U91001", date(2020, 4, 1), None),
    ("Z92001", "U92001", date(2020, 4, 1), None),
    ("Z92002", "U92001", date(2020, 4, 1), None),
]
LISTED = {
    JUL: ["Z91001", "Z91002", "Z91003", "Z91004", "Z91005", "Z91006", "Z92001", "Z92002"],
    AUG: ["Z91001", "Z91002", "Z91003", "Z91004", "Z91005", "Z92001", "Z92002"],
    OCT: ["Z91001", "Z91002", "Z91004", "Z91005", "Z92001", "Z92002"],
}
OUTCOMES = ("inbound", "answered", "ended_in_ivr", "callback_requested", "missed", "callback_made")
TIME_BANDS = (
    *("00:00-05:59", "06:00-07:59", "08:00-09:59", "10:00-11:59", "12:00-13:59"),
    *("14:00-15:59", "16:00-17:59", "18:00-18:29", "18:30-23:59"),
)
Areas = tuple[str, str, str, str]  # PCN, sub-ICB location, ICB, region; `U` or `Unmapped` where there is none


def number(*key: object, top: int = 400) -> int:
    """A count that looks like any other and is always the same."""
    return crc32(repr(key).encode()) % top


def days(month: date) -> list[date]:
    """The days of a month."""
    return [day for n in range(31) if (day := month + timedelta(n)).month == month.month]


def is_working_day(day: date) -> bool:
    """Monday to Friday, not a bank holiday."""
    return day.weekday() < 5 and day not in BANK_HOLIDAYS


def patients(month: date, practice: str) -> int | None:
    """The list size that the month's extract prints."""
    return 1000 + number("list", month, practice, top=9000) if practice in LISTED.get(month, ()) else None


def areas(pcn: str, sub_icb: str) -> Areas:
    """The four areas that a row prints."""
    return pcn, sub_icb, ICB[sub_icb], REGION[ICB[sub_icb]]


USUAL = {
    "Z91001": areas("U91001", "91Z"),
    "Z91002": areas("U91001", "91Z"),
    "Z91003": areas("U91002", "91Z"),
    "Z91004": areas("U91002", "91Z"),
    "Z91005": areas("U", "91Z"),
    "Z91006": areas("U91001", "91Z"),
    "Z91007": areas("U91001", "91Z"),
    "Z92001": areas("U92001", "92Z"),
    "Z92002": areas("U92001", "92Z"),
    "Z92003": areas("U92001", "92Z"),
}
AT_PCN, AT_ICB, NOWHERE = areas("U91001", "91Z"), ("U", "Unmapped", "QZZ", "Y91"), ("U",) + ("Unmapped",) * 3
MOVED = USUAL | {"Z91002": areas("U91002", "91Z")}
# October's workbook puts a practice where its membership does not
ELSEWHERE = MOVED | {"Z91001": areas("U91002", "91Z")}


def workbook_rows(month: date) -> list[tuple[str, Areas]]:
    """Who is in the month's workbook: practices, and accounts that several share."""
    places = {JUL: USUAL, AUG: USUAL, OCT: ELSEWHERE}[month]
    absent = {JUL: (), AUG: ("Z92002", "Z91003"), OCT: ("Z91003",)}[month]
    named = [(code, place) for code, place in places.items() if code not in absent]
    return [*named, ("Unassigned", AT_PCN), ("Unassigned", AT_ICB), ("Unassigned", NOWHERE)]


def workbook_counts(month: date, code: str, place: Areas) -> dict[str, int | None]:
    """The outcomes of a row; Z91005 has a blank one, and no row at all in the tables of waits."""
    counts: dict[str, int | None] = {name: number(month, code, place, name) for name in OUTCOMES}
    counts["inbound"] = 900 + number(month, code, place)
    if code == "Z91005":
        counts["callback_requested"] = counts["callback_made"] = None
    return counts


def workbook_waits(month: date, code: str, place: Areas) -> list[int] | None:
    """Answered within 1 minute, 2, 5, and later."""
    return None if code == "Z91005" else [number(month, code, place, "wait", band, top=90) for band in range(4)]


def england_days() -> list[tuple[date, list[int]]]:
    """Table 2 of July: calls of England by day and time band."""
    return [(day, [number(day, band) for band in TIME_BANDS]) for day in days(JUL)]


def daily_calls() -> Iterable[tuple[date, str, Areas, str, str, int]]:
    """Day, practice, areas, CBT indicator, duration, value: the daily file of durations."""
    for day, places in _days_of_calls():
        for code, place in places.items():
            yield day, code, place, "CBT001", "TOTAL", 20 + number(day, code, place, top=9)
            if number(day, code, "ivr", top=3):
                yield day, code, place, "CBT002", "TOTAL", number(day, code, "ivr")
            yield day, code, place, "CBT003", "1_30", number(day, code, "a", top=9)
            yield day, code, place, "CBT003", "91_120", number(day, code, "b", top=9)
            yield day, code, place, "CBT003", ">300", number(day, code, "c", top=9)
            yield day, code, place, "CBT004", "0", number(day, code, "d", top=9)
            yield day, code, place, "CBT007", "0_10", number(day, code, "e", top=9)


def timed_calls() -> Iterable[tuple[date, str, Areas, str, int]]:
    """Day, practice, areas, time band, value: the daily file of days and times."""
    for day, places in _days_of_calls():
        for code, place in places.items():
            for band in ("08:00-09:59", "14:00-15:59"):
                if number(day, code, band, top=5):
                    yield day, code, place, band, number(day, code, band)


def _days_of_calls() -> Iterable[tuple[date, dict[str, Areas]]]:
    some = ("Z91001", "Z91002", "Z92001", "Z92002")
    for day in days(AUG):
        yield day, {code: USUAL[code] for code in some} | {"Unassigned": AT_PCN}
    for day in [*days(NOV), *days(DEC)[:10]]:
        last = day == days(NOV)[-1]
        yield day, {code: MOVED[code] for code in some if not (last and MOVED[code][1] == "92Z")}


STATUS = {"Attended": "attended", "DNA": "dna", "Unknown": "unknown"}
STAFF = {"GP": "gp", "Other Practice staff": "other", "Unknown": "unknown"}
MODE = {"Face-to-Face": "face_to_face", "Telephone": "telephone", "Home Visit": "home_visit",
        "Video/Online": "video_online", "Unknown": "unknown"}  # fmt: skip
WAIT = {"Same Day": "same_day", "1 Day": "1_day", "2 to 7 Days": "2_to_7", "8  to 14 Days": "8_to_14",
        "15  to 21 Days": "15_to_21", "More than 28 Days": "over_28", "Unknown / Data Quality": "unknown"}  # fmt: skip


def _appointments(*key: object, rows: int) -> Iterable[tuple[str, str, str, str, int]]:
    """Status, staff, mode, wait, count."""
    for n in range(rows):
        labels = (
            list(words)[number(*key, n, i, top=len(words))] for i, words in enumerate((STATUS, STAFF, MODE, WAIT))
        )
        yield (*labels, 1 + number(*key, n))  # type: ignore[misc]


def crosstab() -> Iterable[tuple[date, str, str, str, tuple[str, str, str, str, int]]]:
    """Month, practice, PCN, sub-ICB location, the rest."""
    for month in (JUL, AUG):
        for code, place in USUAL.items():
            if place[1] == "91Z" and not (month == AUG and code == "Z91003"):
                for row in _appointments("crosstab", month, code, rows=6):
                    yield month, code, place[0], "91Z", row


def daily_appointments() -> Iterable[tuple[date, str, tuple[str, str, str, str, int]]]:
    """Day, sub-ICB location, the rest."""
    for month in (JUL, SEP, OCT):
        for day in filter(is_working_day, days(month)):
            for sub_icb in ICB:
                if (sub_icb, day) != ("91Z", date(2025, 10, 15)):
                    for row in _appointments("daily", day, sub_icb, rows=2):
                        yield day, sub_icb, row


def regional_appointments() -> Iterable[tuple[date, str, tuple[str, str, str, str, int]]]:
    """Month, sub-ICB location, the rest."""
    for month, sub_icb in ((JUL, "91Z"), (JUL, "92Z"), (AUG, "92Z"), (OCT, "91Z"), (OCT, "92Z")):
        for row in _appointments("regional", month, sub_icb, rows=9):
            yield month, sub_icb, row


# practices included, open; patients included, open: as printed for September
COVERAGE = {"91Z": (3, 4, 12000, 15000)}


def online() -> Iterable[tuple[date, str, Areas, str, dict[str, int]]]:
    """Month, practice, areas, supplier, counts by type. Z91004 has no supplier and a printed 0: no data."""
    for month, places in ((JUL, USUAL), (AUG, USUAL), (OCT, MOVED)):
        for code in ("Z91001", "Z91002", "Z91004", "Z91005", "Z92001", "Z92003"):
            if code == "Z91004":
                yield month, code, places[code], "None/Unknown", {"total": 0}
                continue
            counts = {name: number(month, code, name) for name in ("clinical", "administrative", "other")}
            yield month, code, places[code], "INVENTED LTD", counts | {"total": sum(counts.values())}


# --- the files -------------------------------------------------------------------------------------------------------


def write(folder: Path) -> list[Path]:
    """Every file of the home, in the order in which it is taken in."""
    folder.mkdir(parents=True, exist_ok=True)
    _write_organisations(folder)
    _write_lists(folder)
    for month in (JUL, AUG, OCT):
        _write_workbook(folder / f"telephony {month:%B %Y}.xlsx", month)
    _write_daily_calls(folder)
    _write_appointments(folder)
    _write_online(folder / "online.csv")
    return sorted(folder.iterdir())


def _csv(path: Path, rows: Iterable[Sequence[object]], header: Sequence[str] = ()) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([header] if header else [])
        writer.writerows(rows)


def _book(path: Path, sheets: dict[str, list[list[Any]]]) -> None:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)


def _write_organisations(folder: Path) -> None:
    rows = []
    for code, (sub_icb, closed, setting) in PRACTICES.items():
        status, shut = ("C", f"{closed:%Y%m%d}") if closed else ("A", "")
        address = ["1 NOWHERE STREET", "", "", "", "", "ZZ1 1ZZ"]
        dates = ["20100401", shut, status, "B", sub_icb, "20100401", shut, "01632 960001"]
        rows.append([code, f"SURGERY {code}", "Y91", "QZZ", *address, *dates, "", "", "", "0", "", "", "", setting, ""])
    _csv(folder / "epraccur.csv", rows)
    pcns = [[code, f"PCN {code}", area, f"NHS {area}", "20190701", "", "ZZ1 1ZZ"] for code, area in PCN_AREA.items()]
    partners = [
        [practice, f"SURGERY {practice}", pcn, f"{start:%Y%m%d}", f"{end:%Y%m%d}" if end else ""]
        for practice, pcn, start, end in MEMBERSHIPS
    ]
    heading = ["PCN Code", "PCN Name", "Current Sub ICB Loc Code", "Sub ICB Location", "Open Date", "Close Date"]
    partner = ["Partner\nOrganisation\nCode", "Partner\nName", "PCN Code"]
    partner += [f"Practice to PCN\nRelationship\n{end} Date " for end in ("Start", "End")]
    sheets = {"PCNDetails": [[*heading, "Postcode"], *pcns], "PCN Core Partner Details": [partner, *partners]}
    _book(folder / "epcn.xlsx", sheets)


def _write_lists(folder: Path) -> None:
    header = "PUBLICATION,EXTRACT_DATE,TYPE,SUB_ICB_LOCATION_CODE,ONS_SUB_ICB_LOCATION_CODE,CODE,POSTCODE,SEX,AGE"
    for month, practices in LISTED.items():
        rows = [
            ["GP_PRAC_PAT_LIST", month, "GP", PRACTICES[code][0], "E38999999", code, "ZZ1 1ZZ", "ALL", "ALL",
             patients(month, code)]
            for code in practices
        ]  # fmt: skip
        _csv(folder / f"lists-{month:%Y-%m}.csv", rows, [*header.split(","), "NUMBER_OF_PATIENTS"])


def _write_workbook(path: Path, month: date) -> None:
    named = [
        *("Month", "GP Practice (ODS_CODE)", "GP Name", "PCN Code", "PCN Name", "Sub ICB Code", "Sub ICB Name"),
        *("ICB Code", "ICB Name", "Region Code", "Region Name"),
    ]
    outcomes = ["Count of Inbound calls", "Answered", "Ended during the IVR Stage", "Call back requested", "Missed"]
    bands = ["Less than 1 minute", "1 - 2 minutes", "2 - 5 minutes", "Longer than 5 minutes"]
    calls, waits = [], []
    for code, place in workbook_rows(month):
        cells: list[Any] = [datetime(month.year, month.month, 1), code, f"SURGERY {code}"]
        cells += [cell for area in place for cell in (area, f"NAME OF {area}")]
        counts = workbook_counts(month, code, place)
        calls.append([*cells, *(counts[name] for name in OUTCOMES)])
        found = workbook_waits(month, code, place)
        if found:
            waits.append([*cells, *found, *found])
    sheets = {
        "Table 3": [[f"Table 3: Outcomes, {month:%B %Y}"], [*named, *outcomes, "Call back made"], *calls],
        "Table 4": [
            [f"Table 4: Summary of Answered Calls, {month:%B %Y}"],
            [*[""] * 11, "Answered Calls - Wait time", "", "", "", "Answered Calls - Duration"],
            [*named, *bands, *bands],
            *waits,
        ],
    }
    if month == JUL:
        dated = [[datetime(day.year, day.month, day.day), *counts] for day, counts in england_days()]
        sheets["Table 2"] = [["Table 2: Calls by day, July 2025"], ["Date", *TIME_BANDS], *dated]
    _book(path, {name: [["Cloud Based Telephony"], *rows] for name, rows in sheets.items()} | _titled(sheets))


def _titled(sheets: dict[str, list[list[Any]]]) -> dict[str, list[list[Any]]]:
    """The tables with the publication's name in their titles, as the feed knows them by."""
    first, *rest = sheets["Table 3"]
    return {"Table 3": [[f"{first[0]}: Cloud based telephony"], *rest]}


def _write_daily_calls(folder: Path) -> None:
    header = ["Date", "REGION_CODE", "ICB_CODE", "SUB_ICB_LOCATION_CODE", "PCN_CODE", "PRACTICE_CODE", "Indicator"]
    rows = [(day, *reversed(place), code, *rest) for day, code, place, *rest in daily_calls()]
    _csv(folder / "durations.csv", rows, [*header, "Duration", "Value"])
    timed = [(day, *reversed(place), code, "CBT001", *rest) for day, code, place, *rest in timed_calls()]
    _csv(folder / "day-and-time.csv", timed, [*header, "Time_Category", "Value"])


def _write_appointments(folder: Path) -> None:
    header = [
        *("APPOINTMENT_MONTH_START_DATE", "GP_CODE", "GP_NAME", "SUPPLIER", "PCN_CODE", "PCN_NAME"),
        *("SUB_ICB_LOCATION_CODE", "SUB_ICB_LOCATION_NAME", "HCP_TYPE", "APPT_MODE", "NATIONAL_CATEGORY"),
        *("TIME_BETWEEN_BOOK_AND_APPT", "COUNT_OF_APPOINTMENTS", "APPT_STATUS"),
    ]
    rows = [
        [f"{month:%d%b%Y}".upper(), code, f"SURGERY {code}", f"SYSTEM {n}", pcn, f"PCN {pcn}", sub_icb, sub_icb,
         staff, mode, "Planned Clinics", wait, count, status]
        for n, (month, code, pcn, sub_icb, (status, staff, mode, wait, count)) in enumerate(crosstab())
    ]  # fmt: skip
    _csv(folder / "crosstab.csv", rows, header)
    shared = ["SUB_ICB_LOCATION_CODE", "SUB_ICB_LOCATION_ONS_CODE", "SUB_ICB_LOCATION_NAME", "ICB_ONS_CODE"]
    tail = ["APPT_STATUS", "HCP_TYPE", "APPT_MODE", "TIME_BETWEEN_BOOK_AND_APPT", "COUNT_OF_APPOINTMENTS"]
    for name, when, found in (
        ("daily", "Appointment_Date", daily_appointments()),
        ("regional", "APPOINTMENT_MONTH", regional_appointments()),
    ):
        more = ["ICB_NAME", "REGION_ONS_CODE", "REGION_NAME"] if name == "regional" else ["REGION_ONS_CODE"]
        lines = [
            [sub_icb, "E38999999", f"NHS {sub_icb}", "E54999999", *[""] * len(more), f"{day:%d%b%Y}".upper(), *row]
            for day, sub_icb, row in found
        ]
        _csv(folder / f"appointments-{name}.csv", lines, [*shared, *more, when, *tail])
    covered = [[sub_icb, "E54999999", "Y91", "01SEP2025", *printed] for sub_icb, printed in COVERAGE.items()]
    header = ["SUB_ICB_LOCATION_CODE", "ICB_ONS_CODE", "REGION_CODE", "Appointment_Month", "Included Practices"]
    header += ["Open Practices", "Patients registered at included practices", "Patients registered at open practices"]
    _csv(folder / "coverage.csv", covered, header)


def _write_online(path: Path) -> None:
    header = ["MONTH (DD/MM/YYYY)", "GP_CODE", "GP_NAME", "PCN_CODE", "PCN_NAME", "SUB_ICB_LOCATION_CODE"]
    header += [
        "SUB_ICB_LOCATION_NAME",
        "ICB_CODE",
        "ICB_NAME",
        "REGION_CODE",
        "REGION_NAME",
        "SUPPLIER",
        "METRIC",
        "VALUE",
    ]
    metrics = {"total": "OC_SUBMISSIONS", "clinical": "OC_SUBMISSION_TYPE_CLINICAL",
               "administrative": "OC_SUBMISSION_TYPE_ADMIN", "other": "OC_SUBMISSION_TYPE_OTHER"}  # fmt: skip
    rows = [
        [f"{month:%d/%m/%Y}", code, f"SURGERY {code}", *(cell for area in place for cell in (area, f"NAME OF {area}")),
         supplier, metrics[name], count]
        for month, code, place, supplier, counts in online()
        for name, count in counts.items()
    ]  # fmt: skip
    _csv(path, rows, header)
