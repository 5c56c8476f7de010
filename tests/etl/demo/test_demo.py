"""The synthetic ICB: the same every time, true to its own manifest, like the real thing, and nobody real."""

import csv
import gzip
import hashlib
import io
import json
import re
import statistics
import zipfile
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from python_calamine import CalamineWorkbook

from etl.demo.files import write_demo
from etl.demo.traffic import ANSWERED, CALLBACK, ENDED_IN_IVR, MISSED, calls_of_month
from etl.demo.world import OWN_PRACTICES, PCN_NAMES, PLACES, REGIONS, make_world
from tests.reference import REFERENCE, needs_reference

TODAY = date(2026, 11, 21)
MONTHS = 4


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Four months of publications, tracker and navigation; no call logs."""
    home = tmp_path_factory.mktemp("demo")
    write_demo(home, TODAY, calls="none", include={"rollout", "navigation"}, months=MONTHS)
    return home


@pytest.fixture(scope="module")
def manifest(home):
    return json.loads((home / "demo" / "manifest.json").read_text())


def by_practice(manifest, month, item):
    return {row["practice"]: row[item] for row in manifest["months"][month]["practices"]}


def digests(home):
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_and_day_give_the_same_bytes(home, tmp_path):
    write_demo(tmp_path, TODAY, calls="none", include={"rollout", "navigation"}, months=MONTHS)
    assert digests(tmp_path) == digests(home)


def test_another_seed_gives_other_numbers(manifest, tmp_path):
    other = write_demo(tmp_path, TODAY, seed=1, calls="none", include=set(), months=1)
    assert other["months"][0]["month"] == manifest["months"][-1]["month"]
    assert other["months"][0]["england"] != manifest["months"][-1]["england"]


def test_a_shorter_window_is_the_tail_of_a_longer_one(manifest, tmp_path):
    shorter = write_demo(tmp_path, TODAY, calls="none", include=set(), months=2)
    assert shorter["months"] == manifest["months"][-2:]


def test_every_file_says_that_it_is_synthetic(home):
    names = [path.name for path in (home / "inbox").iterdir()]
    assert names
    assert [name for name in names if "-synthetic." not in name] == []
    assert 'code = ["QZZ"]' in (home / "icb.toml").read_text()


def test_the_window_ends_with_the_last_complete_month():
    assert make_world(date(2026, 11, 1)).months[-1] == date(2026, 10, 1)
    assert make_world(date(2026, 11, 30)).months[0] == date(2024, 11, 1)
    assert len(make_world(date(2027, 1, 31)).months) == 24


def cells(book, sheet):
    """Rows of a sheet from its first row and column; blank is None, whole numbers are int."""

    def plain(cell):
        return None if cell == "" else int(cell) if isinstance(cell, float) and cell.is_integer() else cell

    rows = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    return [[plain(cell) for cell in row] for row in rows]


def workbook(home, pattern):
    (path,) = (home / "inbox").glob(pattern)
    return CalamineWorkbook.from_path(path)


@pytest.mark.parametrize(
    ("month", "label"), list(enumerate(["July 2026", "August 2026", "September 2026", "October 2026"]))
)
def test_call_outcomes_in_the_workbook_are_the_manifests(home, manifest, month, label):
    sheet = cells(workbook(home, f"Cloud Based Telephony Publication Summary {label}-*.xlsx"), "Table 3")
    found, total = {}, None
    for row in sheet[11:]:
        if row[0] == "Total":
            total = row[11]
        elif row[1] and isinstance(row[11], int):
            key = row[1] if row[1] != "Unassigned" else f"Unassigned {row[3]}"
            found[key] = {"inbound": row[11], "answered": row[13], "ended_in_ivr": row[15],
                          "callback_requested": row[17], "missed": row[20], "callback_made": row[23]}  # fmt: skip
    printed = {code: row["inbound"] for code, row in found.items() if not code.startswith("Unassigned")}
    together = [code for codes in manifest["shared_accounts"].values() for code in codes]
    expected = {
        row["practice"]: row["inbound"]
        for row in manifest["months"][month]["practices"]
        if row["collected"] and row["practice"] not in together
    }
    assert printed == expected
    for item in ("inbound", "answered", "ended_in_ivr", "callback_requested", "missed", "callback_made"):
        assert sum(row[item] for row in found.values()) == manifest["months"][month]["england"][item]
    assert total == manifest["months"][month]["england"]["inbound"]
    truth = by_practice(manifest, month, "inbound")
    pcn = next(code for code in found if code.startswith("Unassigned U9"))
    assert found[pcn]["inbound"] == sum(truth[code] for code in manifest["shared_accounts"]["Unassigned in a PCN"])
    assert found["Unassigned Unmapped"]["inbound"] == sum(
        truth[code] for code in manifest["shared_accounts"]["Unmapped"]
    )


def test_the_national_series_and_the_days_add_up_to_the_month(home, manifest):
    book = workbook(home, "Cloud Based Telephony Publication Summary October 2026-*.xlsx")
    series = {row[1]: row[2:] for row in cells(book, "Table 1") if row[1]}
    newest_first = [month["england"]["inbound"] for month in reversed(manifest["months"])]
    assert list(series["Total Inbound Calls "][:MONTHS]) == newest_first
    days = [row for row in cells(book, "Table 2")[10:] if row[1]]
    assert len(days) == 31
    assert sum(row[2] for row in days) == newest_first[0]
    assert all(sum(row[4:13]) == row[2] for row in days)


def test_waits_in_tables_4_and_5_add_up_to_answered_and_missed(home, manifest):
    book = workbook(home, "Cloud Based Telephony Publication Summary October 2026-*.xlsx")
    for table, first in (("Table 4", (15, 24)), ("Table 5", (15,))):
        rows = [row for row in cells(book, table)[13:] if isinstance(row[11], int)]
        assert len(rows) > 50
        for row in rows:
            for start in first:
                assert sum(row[start : start + 8 : 2]) == row[12]
    answered_soon = sum(row[15] + row[17] for row in cells(book, "Table 4")[13:] if isinstance(row[11], int))
    assert answered_soon == manifest["months"][-1]["england"]["answered_within_120s"]


def zipped_rows(path, member):
    with zipfile.ZipFile(path) as archive:
        (name,) = [name for name in archive.namelist() if member in name]
        return list(csv.DictReader(io.TextIOWrapper(archive.open(name), encoding="utf-8")))


def test_day_and_time_files_hold_the_months_calls(home, manifest):
    (path,) = (home / "inbox").glob("*By Day and Time October 2026-*.zip")
    totals = Counter()
    for region in ("Y97", "Y98", "Unmapped"):
        for row in zipped_rows(path, f"_{region}-"):
            assert row["REGION_CODE"] == region
            totals[row["Indicator"]] += float(row["Value"])
    england = manifest["months"][-1]["england"]
    names = ("inbound", "ended_in_ivr", "answered", "missed", "callback_requested", "callback_made")
    assert totals == {f"CBT00{n}": england[name] for n, name in enumerate(names, start=1)}


def test_the_crosstab_holds_the_months_appointments(home, manifest):
    (path,) = (home / "inbox").glob("Practice_Level_Crosstab_Oct_26-*.zip")
    rows = zipped_rows(path, "Crosstab_Oct_26")
    assert 5_000 < len(rows) < 40_000
    totals, missed = Counter(), Counter()
    for row in rows:
        totals[row["GP_CODE"]] += int(row["COUNT_OF_APPOINTMENTS"])
        missed[row["GP_CODE"]] += int(row["COUNT_OF_APPOINTMENTS"]) * (row["APPT_STATUS"] == "DNA")
    assert totals == by_practice(manifest, -1, "appointments")
    assert missed == by_practice(manifest, -1, "appointments_dna")
    codes = [row["GP_CODE"] for row in zipped_rows(path, "Mapping")]
    assert len(codes) == len(set(codes)) + 1  # one practice under two clinical systems


def test_daily_appointments_are_the_crosstabs_by_sub_icb(home, manifest):
    (path,) = (home / "inbox").glob("SUB_ICB_LOCATION_CSV_Oct_26-*.csv")
    daily = Counter()
    with path.open() as lines:
        for row in csv.DictReader(lines):
            assert row["Appointment_Date"].endswith("OCT2026")
            daily[row["SUB_ICB_LOCATION_CODE"]] += int(row["COUNT_OF_APPOINTMENTS"])
    expected = Counter()
    for row in manifest["months"][-1]["practices"]:
        expected[row["sub_icb"]] += row["appointments"]
    assert daily == expected


def test_online_requests_and_list_sizes_are_the_manifests(home, manifest):
    sheet = cells(workbook(home, "Submissions via OC Systems*October 2026-*.xlsx"), "Table 2")
    rows = [row for row in sheet[12:] if row[1] and row[1].startswith("Z9")]
    truth = manifest["months"][-1]["practices"]
    assert {row[1]: tuple(row[13:16]) for row in rows} == {
        row["practice"]: (row["online_clinical"], row["online_administrative"], row["online_other"]) for row in truth
    }
    assert all(row[12] == sum(row[13:16]) for row in rows)
    with (home / "inbox" / "gp-reg-pat-prac-all-2026-10-synthetic.csv").open() as lines:
        sizes = {row["CODE"]: int(row["NUMBER_OF_PATIENTS"]) for row in csv.DictReader(lines)}
    assert sizes == {row["practice"]: row["patients"] for row in truth} == {row[1]: row[16] for row in rows}


def test_ages_add_up_to_the_lists_and_practices_differ_in_them(home, manifest):
    with (home / "inbox" / "gp-reg-pat-prac-quin-age-2026-10-synthetic.csv").open() as lines:
        rows = [(row["ORG_CODE"], row["SEX"], row["AGE_GROUP_5"], int(row["NUMBER_OF_PATIENTS"]))
                for row in csv.DictReader(lines)]  # fmt: skip
    sizes = {row["practice"]: row["patients"] for row in manifest["months"][-1]["practices"]}
    by_band, older = defaultdict(int), defaultdict(int)
    for code, sex, band, patients in rows:
        by_band[code, sex == "ALL", band == "ALL"] += patients
        older[code] += patients if band in ("65_69", "70_74", "75_79", "80_84", "85_89", "90_94", "95+") else 0
    assert {code for code, *_ in rows} == set(sizes)
    for code, size in sizes.items():
        assert by_band[code, True, True] == by_band[code, False, True] == by_band[code, False, False] == size
    shares = [older[code] / size for code, size in sizes.items()]
    assert 0.15 < statistics.median(shares) < 0.22
    assert max(shares) - min(shares) > 0.08


def test_stories_show_in_the_organisation_files(home, manifest):
    with (home / "inbox" / "epraccur-synthetic.csv").open() as lines:
        rows = {row[0]: row for row in csv.reader(lines)}
    assert {len(row) for row in rows.values()} == {27}
    closed = {story["practice"]: story["closed"] for story in manifest["stories"] if story["closed"]}
    assert {code: row[11] for code, row in rows.items() if row[11]} == {
        code: day.replace("-", "") for code, day in closed.items()
    }
    assert set(closed).isdisjoint(by_practice(manifest, -1, "patients"))
    partners = cells(workbook(home, "ePCN-*.xlsx"), "PCN Core Partner Details")[1:]
    moved = next(story["practice"] for story in manifest["stories"] if story["story"] == "moved PCN")
    spans = [(row[4], row[8], row[9]) for row in partners if row[0] == moved]
    assert [span[1:] for span in spans] == [("20191001", "20251031"), ("20251101", None)]


def test_sizes_and_shares_look_like_the_published_ones():
    """FORMATS: medians of practices in February 2026, in generous bounds."""
    world = make_world(TODAY)
    own = world.patients[15][:OWN_PRACTICES]
    assert 470_000 < own.sum() < 500_000
    assert own[own > 0].min() >= 2_400
    calls = calls_of_month(world, 15)  # February 2026
    inbound = np.bincount(calls.practice, minlength=60)
    has = inbound > 0
    rate = 1000 * inbound[has] / world.patients[15][has]
    low, middle, high = np.percentile(rate, [10, 50, 90])
    assert 480 < middle < 620
    assert 280 < low < 430
    assert 720 < high < 950
    bounds = {ANSWERED: (0.52, 0.68), ENDED_IN_IVR: (0.18, 0.30), CALLBACK: (0.01, 0.08), MISSED: (0.05, 0.12)}
    for outcome, (least, most) in bounds.items():
        share = np.bincount(calls.practice[calls.outcome == outcome], minlength=60)[has] / inbound[has]
        assert least < np.median(share) < most
    answered = calls[calls.outcome == ANSWERED]
    assert 0.40 < (answered["wait"] <= 60).mean() < 0.52
    assert 0.72 < (answered["wait"] <= 300).mean() < 0.85
    assert 0.17 < (answered.talk <= 60).mean() < 0.30
    first_hour = calls[calls.half_hour.isin([16, 17]) & calls.day.isin([1, 8, 15, 22])]
    peak = 10_000 * np.bincount(first_hour.practice, minlength=60)[has] / 4 / world.patients[15][has]
    assert 50 < np.median(peak) < 95
    assert (peak > 100).mean() < 0.4  # not everybody is past the line of a hundred


def test_going_live_lowers_the_share_missed():
    world = make_world(TODAY)
    live_on = world.practices.live_on
    shares = defaultdict(list)
    for month in (11, 23):
        calls = calls_of_month(world, month)
        working = calls[(calls.half_hour >= 16) & (calls.half_hour < 37)]
        for position in (2, 7, 11, 16, 19, 25, 28, 38, 43, 46):
            assert make_world(TODAY).months[11] < live_on[position].date() < world.months[23]
            own = working[working.practice == position]
            shares[month].append((own.outcome == MISSED).mean())
    factor = np.sum(shares[23]) / np.sum(shares[11])
    assert 0.5 < factor < 0.75  # 0.6 planted; the two months also differ by season


def all_text(home):
    """Every cell of every file of the inbox, as text."""
    for path in sorted((home / "inbox").iterdir()):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield f"{path.name}/{name}", archive.read(name).decode()
        elif path.suffix == ".xlsx":
            book = CalamineWorkbook.from_path(path)
            yield path.name, "\n".join(str(c) for sheet in book.sheet_names for row in cells(book, sheet) for c in row)
        else:
            yield path.name, path.read_text(encoding="utf-8")


def test_every_code_is_of_the_synthetic_kind(home):
    for name, text in all_text(home):
        codes = set(re.findall(r"\b[A-Z]\d{5}\b", text))
        assert {code for code in codes if not re.fullmatch(r"[ZU]9\d{4}", code)} == set(), name


@needs_reference
def test_no_real_code_or_name_is_used():
    words, codes = set(), set()
    for path in sorted(REFERENCE.iterdir()):
        if path.name.endswith((".csv", ".csv.gz")):
            raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            text = raw.decode("utf-8", "replace")
        elif path.name.startswith(("epcn", "oc_2026", "cbt_summary_2026")):
            book = CalamineWorkbook.from_path(path)
            sheets = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]
            text = " ".join(c for rows in sheets for row in rows for c in row if isinstance(c, str))
        else:
            continue
        words |= set(re.findall(r"[A-Z]{4,}", text.upper()))
        codes |= set(re.findall(r"\b[A-Z]\d{5}\b|\b[A-Z0-9]{3}\b", text))
    world = make_world(TODAY)
    assert "DENSHAM" in words  # the reference was read
    assert {place for place in (*PLACES, *PCN_NAMES) if place.upper() in words} == set()
    ours = {*world.practices.code, *world.pcns.code, *world.practices.sub_icb, *world.practices.icb, *REGIONS}
    assert ours & codes == set()


def test_the_tracker_tells_the_manifests_story(home, manifest):
    newest = manifest["rollout"]["believed_on"][-1]
    with (home / "inbox" / f"rollout-tracker-{newest}-synthetic.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    live = {row["practice_code"]: row["actual_date"] for row in rows if row["stage"] == "live" and row["actual_date"]}
    assert len(live) == manifest["rollout"]["live_now"]
    assert sum(day <= "2024-03-31" for day in live.values()) == manifest["rollout"]["live_by_target"]
    told = {s["practice"]: s["live_on"] for s in manifest["stories"] if s["story"] == "went live in the window"}
    assert len(told) >= 8
    assert {code: live[code] for code in told} == told
    assert all(day <= newest for day in live.values())
    with (home / "inbox" / "rollout-tracker-2023-08-31-synthetic.csv").open() as lines:
        early = list(csv.DictReader(lines))
    assert all(row["actual_date"] <= "2023-08-31" for row in early)
    plans = {row["practice_code"]: row["planned_date"] for row in early if row["stage"] == "live"}
    later = {row["practice_code"]: row["planned_date"] for row in rows if row["stage"] == "live"}
    assert sum(plans[code] < later.get(code, "") for code in plans) >= len(told)  # plans slipped


def test_navigation_truth_is_what_the_rows_say(home, manifest):
    contacts = {}
    for path in (home / "inbox").glob("navigation-2026-*.csv"):
        with path.open() as lines:
            contacts |= {row["contact_id"]: row for row in csv.DictReader(lines)}  # the same contact twice is one
    counted, declined = Counter(), Counter()
    for row in contacts.values():
        key = (row["practice_code"], row["recorded_at"][:7] + "-01", row["channel"], row["request_category"],
               row["destination"] or "not_recorded")  # fmt: skip
        counted[key] += 1
        declined[key] += row["declined"] == "true"
    with (home / "demo" / "navigation_month.csv").open() as lines:
        truth = {tuple(row.values())[:5]: row for row in csv.DictReader(lines)}
    assert counted == {key: int(row["contacts"]) for key, row in truth.items()}
    assert declined == {key: int(row["declined"]) for key, row in truth.items()}
    assert sum(counted.values()) == manifest["navigation"]["contacts"]


def test_progress_is_told():
    told = []
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        write_demo(Path(folder), TODAY, calls="none", include=set(), months=1, progress=lambda *step: told.append(step))
    assert told[0][1] == 0
    assert told[-1][1] == told[-1][2]
    assert [step[1] for step in told] == sorted(step[1] for step in told)
