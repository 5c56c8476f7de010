"""What the small home's measures should be, worked out slowly from its rows, one organisation and month at a time."""

from collections import defaultdict
from datetime import date, timedelta

from tests.etl import small_home as home
from tests.etl.small_home import AUG, JUL, MONTHS, NOV, OCT, Areas

LEVELS = ("practice", "pcn", "sub_icb", "icb", "region", "england")
Row = dict[str, float | None]
# measure → part (of which rows), numerator, denominator, factor
MEASURES: dict[str, tuple[str, str, str, int]] = {
    "calls_inbound_per_1000": ("calls", "inbound", "patients", 1000),
    "calls_answered": ("calls", "answered", "inbound", 1),
    "calls_ended_in_ivr": ("calls", "ended_in_ivr", "inbound", 1),
    "calls_callback_requested": ("calls", "callback_requested", "inbound", 1),
    "calls_callback_made": ("calls", "callback_made", "callback_requested", 1),
    "calls_missed": ("calls", "missed", "inbound", 1),
    "calls_dealt_with": ("calls", "dealt_with", "inbound", 1),
    "calls_answered_within_120s": ("calls", "within_120s", "answered_with_wait", 1),
    "calls_monday_8_to_10": ("calls", "monday", "timed", 1),
    "appointments_per_1000": ("appointments", "all", "patients", 1000),
    "appointments_per_working_day": ("appointments", "all", "working_days", 1),
    "appointments_dna": ("appointments", "dna", "all", 1),
    "appointments_gp": ("appointments", "gp", "all", 1),
    "appointments_other_staff": ("appointments", "other", "all", 1),
    "appointments_staff_unknown": ("appointments", "staff_unknown", "all", 1),
    "appointments_face_to_face": ("appointments", "face_to_face", "all", 1),
    "appointments_telephone": ("appointments", "telephone", "all", 1),
    "appointments_home_visit": ("appointments", "home_visit", "all", 1),
    "appointments_video_online": ("appointments", "video_online", "all", 1),
    "appointments_mode_unknown": ("appointments", "mode_unknown", "all", 1),
    "appointments_same_day": ("appointments", "same_day", "all", 1),
    "appointments_within_14_days": ("appointments", "within_14_days", "all", 1),
    "online_requests_per_1000": ("online", "total", "patients", 1000),
    "online_requests_clinical": ("online", "clinical", "total", 1),
    "coverage_published_calls": ("coverage", "calls", "open", 1),
    "coverage_appointments": ("coverage", "appointments", "open", 1),
    "coverage_online_requests": ("coverage", "online", "open", 1),
}


def before(month: date, number: int) -> date:
    """The month that many months earlier."""
    for _ in range(number):
        month = (month - timedelta(1)).replace(day=1)
    return month


def patients(practice: str, month: date) -> int | None:
    """That month's list, else the newest of the three before."""
    found = [home.patients(before(month, n), practice) for n in range(4)]
    return next((size for size in found if size is not None), None)


def pcn_of(practice: str, month: date) -> str | None:
    """The PCN on the month's last day, or on the last day that it was in one in the month."""
    held = None
    for day in home.days(month):
        for child, pcn, start, end in home.MEMBERSHIPS:
            if child == practice and start <= day and (end is None or day <= end):
                held = pcn
    return held


def is_open(practice: str, month: date) -> bool:
    """On the month's last day: a GP practice, not closed, in the newest list."""
    if practice not in home.PRACTICES:
        return False  # ODS does not know it, and no list has it
    _, closed, setting = home.PRACTICES[practice]
    newest = max(listed for listed in home.LISTED if listed <= month)
    return setting == "4" and (closed is None or closed >= home.days(month)[-1]) and practice in home.LISTED[newest]


def belongs(code: str, place: Areas) -> list[tuple[str, str]]:
    """Level and organisation of each that a published row counts in."""
    named = [(level, area) for level, area in zip(LEVELS[1:5], place, strict=True) if area not in ("U", "Unmapped")]
    return [*([("practice", code)] if code != "Unassigned" else []), *named, ("england", "ENG")]


# --- calls -----------------------------------------------------------------------------------------------------------


def calls_of(month: date) -> dict[tuple[str, Areas], Row]:
    """Each practice's and shared account's calls of the month: of the workbook, else of a whole month of days."""
    rows: dict[tuple[str, Areas], Row] = {}
    in_workbook = set()
    for code, place in home.workbook_rows(month) if month in (JUL, AUG, OCT) else ():
        counts = {name: count or 0 for name, count in home.workbook_counts(month, code, place).items()}
        waits = home.workbook_waits(month, code, place)
        rows[code, place] = _calls(counts, waits is not None, sum((waits or [])[:2]), patients(code, month))
        in_workbook.add((code, place[1]))
    for (code, place), found in _daily(month).items():
        if (code, place[1]) not in in_workbook:
            rows[code, place] = _calls(found, True, found["within_120s"], patients(code, month))
    for (code, place), (timed, monday) in _timed(month).items():
        rows.setdefault((code, place), {})
        rows[code, place] |= {"timed": timed, "monday": monday}
    return rows


def _calls(counts: dict[str, int], has_waits: bool, within: int, size: int | None) -> Row:
    dealt_with = counts["answered"] + counts["ended_in_ivr"] + counts["callback_requested"]
    answered = counts["answered"] if has_waits else None
    more = {"answered_with_wait": answered, "within_120s": within if has_waits else None}
    return {**counts, "dealt_with": dealt_with, "patients": size, **more}


def _whole(month: date, place: Areas) -> bool:
    """Whether the daily files have each of the month's days, for this ICB."""
    return month == AUG or (month == NOV and place[2] == "QZZ")


def _daily(month: date) -> dict[tuple[str, Areas], dict[str, int]]:
    names = {"CBT001": "inbound", "CBT002": "ended_in_ivr", "CBT003": "answered", "CBT004": "missed"}
    found: dict[tuple[str, Areas], dict[str, int]] = defaultdict(
        lambda: dict.fromkeys((*home.OUTCOMES, "within_120s"), 0)
    )
    for day, code, place, indicator, band, value in home.daily_calls():
        if day.replace(day=1) == month and _whole(month, place) and indicator in names:
            found[code, place][names[indicator]] += value
            if indicator == "CBT003" and band != ">300":
                found[code, place]["within_120s"] += value
    return found


def _timed(month: date) -> dict[tuple[str, Areas], tuple[int, int]]:
    found: dict[tuple[str, Areas], tuple[int, int]] = {}
    for day, code, place, band, value in home.timed_calls():
        if day.replace(day=1) == month and _whole(month, place):
            timed, monday = found.get((code, place), (0, 0))
            rush = value if day.weekday() == 0 and band == "08:00-09:59" else 0
            found[code, place] = (timed + value, monday + rush)
    return found


def _england_days() -> tuple[int, int]:
    timed = sum(sum(counts) for _, counts in home.england_days())
    return timed, sum(counts[2] for day, counts in home.england_days() if day.weekday() == 0)


# --- appointments ----------------------------------------------------------------------------------------------------


def appointments_of(month: date) -> list[tuple[str | None, str | None, str, Row, int]]:
    """Practice, PCN, sub-ICB location, counts, practices: the crosstab, else whole days, else the regional file."""
    rows: dict[tuple[str | None, str | None, str], Row] = {}
    chosen = {
        ("91Z", JUL): "crosstab", ("91Z", AUG): "crosstab", ("92Z", JUL): "daily", ("92Z", AUG): "regional",
        **{(sub_icb, before(OCT, 1)): "daily" for sub_icb in home.ICB},
        ("91Z", OCT): "regional", ("92Z", OCT): "daily",
    }  # fmt: skip
    for when, code, pcn, sub_icb, row in home.crosstab():
        if when == month and chosen.get((sub_icb, month)) == "crosstab":
            _count(rows.setdefault((code, None if pcn == "U" else pcn, sub_icb), {}), row)
    for name, found in (("daily", home.daily_appointments()), ("regional", home.regional_appointments())):
        for day, sub_icb, row in found:
            if day.replace(day=1) == month and chosen.get((sub_icb, month)) == name:
                _count(rows.setdefault((None, None, sub_icb), {}), row)
    return [(*key, row | _based(key[0], key[2], month), _counted(key[0], key[2], month)) for key, row in rows.items()]


def _count(into: Row, row: tuple[str, str, str, str, int]) -> None:
    status, staff, mode, wait, number = row
    names = ["all", {"DNA": "dna"}.get(status, ""), {"GP": "gp", "Unknown": "staff_unknown"}.get(staff, "other")]
    names += ["mode_unknown" if mode == "Unknown" else home.MODE[mode]]
    names += ["same_day"] if wait == "Same Day" else []
    names += ["within_14_days"] if home.WAIT[wait] in ("same_day", "1_day", "2_to_7", "8_to_14") else []
    for counted in {numerator for part, numerator, _, _ in MEASURES.values() if part == "appointments"}:
        into[counted] = (into.get(counted) or 0) + (number if counted in names else 0)


def _based(practice: str | None, sub_icb: str, month: date) -> Row:
    working_days = sum(home.is_working_day(day) for day in home.days(month))
    if practice:
        return {"patients": patients(practice, month), "working_days": working_days}
    if month == before(OCT, 1) and sub_icb in home.COVERAGE:
        return {"patients": home.COVERAGE[sub_icb][2], "working_days": working_days}
    sizes = [
        patients(code, month) for code in home.PRACTICES if home.PRACTICES[code][0] == sub_icb and is_open(code, month)
    ]
    return {"patients": sum(size for size in sizes if size is not None), "working_days": working_days}


def _counted(practice: str | None, sub_icb: str, month: date) -> int:
    if practice:
        return 1
    if month == before(OCT, 1) and sub_icb in home.COVERAGE:
        return home.COVERAGE[sub_icb][0]
    return sum(home.PRACTICES[code][0] == sub_icb and is_open(code, month) for code in home.PRACTICES)


# --- every measure ---------------------------------------------------------------------------------------------------


def values() -> dict[tuple[str, str, str, date], tuple[float, float | None, float | None, int, int | None]]:
    """measure, level, organisation, month → numerator, denominator, value, practices counted and expected."""
    parts = {
        "calls": _calls_rows(),
        "appointments": _appointments_rows(),
        "online": _online_rows(),
        "coverage": _coverage(),
    }
    found = {}
    for measure, (part, numerator, denominator, factor) in MEASURES.items():
        for (level, code, month), (row, counted) in parts[part].items():
            top, bottom = row.get(numerator), row.get(denominator)
            if top is None:
                continue
            value = factor * top / bottom if bottom else None
            found[measure, level, code, month] = (top, bottom, value, counted, expected(level, code, month))
    return found


Rows = dict[tuple[str, str, date], tuple[Row, int]]


def _add(row: Row, more: Row) -> None:
    for name, count in more.items():
        if count is not None:
            row[name] = (row.get(name) or 0) + count


def _calls_rows() -> Rows:
    rows: Rows = {}
    for month in MONTHS:
        for (code, place), counts in calls_of(month).items():
            for level, organisation in belongs(code, place):
                row, counted = rows.get((level, organisation, month), ({}, 0))
                _add(row, counts)
                named = code != "Unassigned" and counts.get("inbound") is not None
                rows[level, organisation, month] = (row, counted + named)
    rows["england", "ENG", JUL][0].update(zip(("timed", "monday"), _england_days(), strict=True))
    return rows


def _appointments_rows() -> Rows:
    rows: Rows = {}
    for month in MONTHS:
        for practice, pcn, sub_icb, counts, counted in appointments_of(month):
            icb = home.ICB[sub_icb]
            for level, organisation in zip(LEVELS, (practice, pcn, sub_icb, icb, home.REGION[icb], "ENG"), strict=True):
                if organisation:
                    row, before_this = rows.get((level, organisation, month), ({}, 0))
                    _add(row, counts)
                    row["working_days"] = counts["working_days"]
                    rows[level, organisation, month] = (row, before_this + counted)
    return rows


def _online_rows() -> Rows:
    rows: Rows = {}
    for month, code, place, supplier, counts in home.online():
        if counts["total"] == 0 and supplier == "None/Unknown":
            continue
        for level, organisation in belongs(code, place):
            row, counted = rows.get((level, organisation, month), ({}, 0))
            _add(row, {**counts, "patients": patients(code, month)})
            rows[level, organisation, month] = (row, counted + 1)
    return rows


def above(practice: str, month: date) -> list[tuple[str, str]]:
    """Level and organisation of a practice and all above it, by dated membership."""
    sub_icb = home.PRACTICES[practice][0]
    icb, pcn = home.ICB[sub_icb], pcn_of(practice, month)
    chain = (practice, pcn, sub_icb, icb, home.REGION[icb], "ENG")
    return [(level, code) for level, code in zip(LEVELS, chain, strict=True) if code]


def expected(level: str, organisation: str, month: date) -> int | None:
    """Open practices of an organisation; none is not known from nothing."""
    found = sum((level, organisation) in above(code, month) for code in home.PRACTICES if is_open(code, month))
    return found or None


def _coverage() -> Rows:
    rows: Rows = {}
    for month in MONTHS:
        has = {
            "calls": {code for (code, _), row in calls_of(month).items() if row.get("inbound") is not None},
            "appointments": {practice for practice, *_ in appointments_of(month) if practice},
            "online": {code for when, code, _, _, counts in home.online() if when == month and counts["total"]},
        }
        for code in filter(lambda code: is_open(code, month), home.PRACTICES):
            for level, organisation in above(code, month):
                row, counted = rows.get((level, organisation, month), ({}, 0))
                _add(row, {"open": 1, **{name: int(code in found) for name, found in has.items() if found}})
                rows[level, organisation, month] = (row, counted + 1)
    return rows
