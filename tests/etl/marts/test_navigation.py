"""Every published figure of navigation and training, for practices, PCNs, the sub-ICB location and the ICB, against a
slow sum over the rows of the files themselves."""

import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from etl.nightly import load_files
from etl.published.reading import Reader
from etl.settings import Settings
from tests.etl import small_home
from tests.etl.navigation_files import CONTACT, TRAINING, contact, published, take, with_organisations, write

LONDON, UTC = ZoneInfo("Europe/London"), ZoneInfo("UTC")
GP = {"gp_same_day", "gp_routine", "named_gp", "duty_doctor"}
TEAM = {"nurse", "practice_pharmacist", "social_prescriber"}
OUTSIDE = {"community_pharmacy", "ae_999", "self_care", "other_external"}
CLINICAL = {"clinical_new", "clinical_ongoing", "medication"}
# texts of the files → destination; the last is known to no table
TEXTS = {
    **{name: name for name in GP | TEAM | OUTSIDE},
    "Sent to  Pharmacy First": "community_pharmacy",
    "": "",
    "??": "",
}
CODES = {"1362511000000107": "community_pharmacy", "871731000000106": "social_prescriber", "1362521000000101": ""}
CAME_BACK = "1577041000000109"
PRACTICES = ("Z91001", "Z91002", "Z91004", "Z91005")
MONTHS = (date(2025, 7, 1), date(2025, 8, 1), date(2025, 9, 1), date(2025, 10, 1))
Counts = dict[str, tuple[float, float]]


def canonical(chance: random.Random) -> Iterator[dict[str, str]]:
    """Rows of four months: one practice hardly records, one is small; repeats of every kind."""
    for month in MONTHS:
        for practice, size in zip(PRACTICES, (90, 70, 160, 25), strict=True):
            for number in range(size):
                moment = datetime(month.year, month.month, 1) + timedelta(minutes=chance.randrange(31 * 24 * 60))
                hardly = practice == "Z91004" or (practice, month) == ("Z91005", MONTHS[-1])
                known = chance.random() > (0.4 if hardly else 0.1)
                row = contact(
                    f"{month:%m}-{number}",
                    practice_code=practice,
                    recorded_at=moment.isoformat() + chance.choice(["Z", "+01:00", ""]),
                    channel=chance.choice(["telephone", "online", "walk_in"]),
                    request_category=chance.choice([*sorted(CLINICAL), "test_result", "admin_other", "unknown"]),
                    destination=chance.choice(sorted(set(TEXTS) - {"", "??"})) if known else chance.choice(["", "??"]),
                    declined=chance.choice(["true", "false", "false"]),
                    patient_pseudonym=chance.choice(["", *(f"p{n}" for n in range(30))]),
                )
                yield row
                if chance.random() < 0.05:
                    yield row
                if chance.random() < 0.05:
                    yield row | {"snomed_code": CAME_BACK, "contact_id": f"{row['contact_id']}-back"}
                if chance.random() < 0.05:
                    twice = {"snomed_code": "1362511000000107", "patient_pseudonym": "p1"}
                    twice |= {"destination": "community_pharmacy"}
                    for copy in "ab":
                        yield row | twice | {"contact_id": f"{row['contact_id']}-{copy}"}


def coded(chance: random.Random) -> Iterator[dict[str, str]]:
    """A coded extract of one practice, its template coding some entries twice."""
    for number in range(120):
        moment = datetime(2025, 7, 1, 9) + timedelta(hours=chance.randrange(120 * 24))
        row = {
            "practice_code": "Z91005",
            "recorded_at": moment.isoformat(),
            "snomed_code": chance.choice([*CODES, CAME_BACK]),
            "patient_pseudonym": f"s{number % 40}",
        }
        yield row
        if chance.random() < 0.2:
            yield row


def training(chance: random.Random) -> Iterator[dict[str, str]]:
    """Some trained before, some during, one never; one person twice."""
    for practice in ("Z91001", "Z91002", "Z91003", "Z91006"):
        for number in range(3):
            booked = date(2025, 6, 15) + timedelta(chance.randrange(60))
            done = booked + timedelta(chance.randrange(60))
            row = dict(zip(TRAINING, (practice, f"S{number}", "funded" if number == 0 else "cascaded"), strict=False))
            row |= {"booked_on": booked.isoformat(), "completed_on": done.isoformat() if chance.random() < 0.8 else ""}
            yield row
            if number == 1:
                yield row


@pytest.fixture(scope="module")
def files() -> dict[str, list[dict[str, str]]]:
    chance = random.Random(5)
    return {"canonical": list(canonical(chance)), "coded": list(coded(chance)), "training": list(training(chance))}


@pytest.fixture(scope="module")
def reader(
    files: dict[str, list[dict[str, str]]], tmp_path_factory: pytest.TempPathFactory, empty_warehouse: Path
) -> Reader:
    """The published figures of these files."""
    home = Settings(home=tmp_path_factory.mktemp("navigation"), code=("QZZ",), inbox_settle_seconds=0)
    shutil.copyfile(empty_warehouse, home.home / "warehouse.duckdb")
    folder = tmp_path_factory.mktemp("files")
    with_organisations(home, folder)
    made = [
        write(folder / "nav-1.csv", CONTACT, [r for r in files["canonical"] if r["practice_code"] in PRACTICES[:2]]),
        write(folder / "nav-2.csv", CONTACT, [r for r in files["canonical"] if r["practice_code"] in PRACTICES[2:]]),
        write(folder / "coded.csv", list(files["coded"][0]), files["coded"]),
        write(folder / "training.csv", TRAINING, files["training"]),
    ]
    for path in made:
        night = take(home, path)
        assert (night.refused, [load.rows_refused for load in night.loads]) == ([], [0])
    return published(home)


def contacts(files: dict[str, list[dict[str, str]]]) -> list[dict[str, Any]]:
    """Each contact once, by the rules as they are written, from the rows of the files."""
    seen: set[Any] = set()
    found = []
    for kind in ("canonical", "coded"):
        for row in files[kind]:
            code = row["snomed_code"]
            if code == CAME_BACK:
                continue
            text = row["recorded_at"]
            moment = datetime.fromisoformat(text)
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=LONDON).astimezone(UTC)
            keys = []
            if kind == "canonical":
                keys.append((row["practice_code"], row["contact_id"]))
            if row["patient_pseudonym"] and code:
                keys.append((row["practice_code"], row["patient_pseudonym"], moment, code))
            if any(key in seen for key in keys):
                continue
            seen.update(keys)
            local = moment.astimezone(LONDON)
            found.append(
                {
                    "practice": row["practice_code"],
                    "day": local.date(),
                    "half_hour": f"{local.hour:02d}:{'00' if local.minute < 30 else '30'}",
                    "month": local.date().replace(day=1),
                    "channel": row.get("channel", "other"),
                    "category": row.get("request_category", "unknown"),
                    "destination": (TEXTS[row["destination"]] if kind == "canonical" else CODES[code])
                    or "not_recorded",
                    "declined": row.get("declined") == "true" or code == "1362521000000101",
                    "patient": row["patient_pseudonym"],
                }
            )
    return found


def areas(practice: str, month: date) -> list[tuple[str, str]]:
    """The practice and everything above it in a month, as (organisation, level)."""
    end = (month.replace(day=28) + timedelta(4)).replace(day=1) - timedelta(1)
    held = [
        (start, pcn)
        for code, pcn, start, stop in small_home.MEMBERSHIPS
        if code == practice and start <= end and (stop is None or stop >= month)
    ]
    pcn = [(max(held)[1], "pcn")] if held else []
    return [(practice, "practice"), *pcn, ("91Z", "sub_icb"), ("QZZ", "icb")]


def patients(practice: str, month: date) -> int | None:
    """The month's list, else the newest of the three before."""
    for back in range(4):
        total = month.year * 12 + month.month - 1 - back
        size = small_home.patients(date(total // 12, total % 12 + 1, 1), practice)
        if size is not None:
            return size
    return None


def weeks(month: date) -> float:
    return ((month.replace(day=28) + timedelta(4)).replace(day=1) - month).days / 7


def expected(found: list[dict[str, Any]]) -> dict[tuple[str, str, date], Counts]:
    """Numerator and denominator of each navigation measure, by organisation, level and month."""
    last = {p: max(each["day"] for each in found if each["practice"] == p) for p in {e["practice"] for e in found}}
    days: dict[tuple[str, str], set[date]] = defaultdict(set)
    for each in found:
        if each["patient"]:
            days[each["practice"], each["patient"]].add(each["day"])
    sums: dict[tuple[str, str, date], Counter[str]] = defaultdict(Counter)
    reporting: dict[tuple[str, str, date], set[str]] = defaultdict(set)
    social: dict[tuple[str, str, date], set[Any]] = defaultdict(set)
    for number, each in enumerate(found):
        practice, month, where = each["practice"], each["month"], each["destination"]
        clinical = each["category"] in CLINICAL
        base = clinical and where != "not_recorded"
        listed = patients(practice, month) is not None
        followed = bool(each["patient"]) and each["day"] + timedelta(7) <= last[practice]
        later = days[practice, each["patient"]] if each["patient"] else set()
        returned = followed and any(each["day"] < day <= each["day"] + timedelta(7) for day in later)
        facts = {
            "clinical": clinical,
            "base": base,
            "not_recorded": clinical and where == "not_recorded",
            "redirected": base and where not in GP,
            "external": base and where in OUTSIDE,
            "declined": base and each["declined"],
            "named_gp": base and where == "named_gp",
            "duty_doctor": base and where == "duty_doctor",
            "ae_999": base and where == "ae_999",
            "pharmacy": listed and where == "community_pharmacy",
            "followed": followed,
            "returned": returned,
        }
        for organisation, level in areas(practice, month):
            key = (organisation, level, month)
            sums[key].update({name: int(fact) for name, fact in facts.items()})
            reporting[key].add(practice)
            if listed and where == "social_prescriber":
                social[key].add((practice, each["patient"] or number))
    answer: dict[tuple[str, str, date], Counts] = {}
    for key, n in sums.items():
        lists = [size for p in reporting[key] if (size := patients(p, key[2])) is not None]
        answer[key] = {
            "navigation_redirected": (n["redirected"], n["base"]),
            "navigation_redirected_external": (n["external"], n["base"]),
            "navigation_declined": (n["declined"], n["base"]),
            "navigation_not_recorded": (n["not_recorded"], n["clinical"]),
            "navigation_named_gp": (n["named_gp"], n["base"]),
            "navigation_duty_doctor": (n["duty_doctor"], n["base"]),
            "navigation_ae_999": (n["ae_999"], n["base"]),
            "navigation_pharmacy_per_1000_per_week": (n["pharmacy"], sum(lists) * weeks(key[2])),
            "navigation_social_prescribing_per_1000": (len(social[key]), sum(lists)),
        }
        if n["followed"]:
            answer[key]["navigation_returned"] = (n["returned"], n["followed"])
    return answer


def test_every_figure_of_navigation(reader: Reader, files: dict[str, list[dict[str, str]]]) -> None:
    found = expected(contacts(files))
    rows = reader.records("SELECT * FROM measure_value WHERE measure LIKE 'navigation%'")
    got = {
        (row["organisation"], row["level"], row["period_start"], row["measure"]): row
        for row in rows
        if not row["measure"].startswith("navigation_calls")
    }
    wanted = {(*key, measure): counts for key, values in found.items() for measure, counts in values.items()}
    assert set(got) == set(wanted)
    withheld = 0
    for key, (numerator, denominator) in wanted.items():
        row = got[key]
        assert (row["numerator"], row["denominator"]) == (numerator, pytest.approx(denominator, rel=1e-12)), key
        scale = 1000 if "per_1000" in key[3] else 1
        value = scale * numerator / denominator if denominator else None
        if key[3].startswith("navigation_redirected"):
            missing, clinical = found[key[:3]]["navigation_not_recorded"]
            if denominator < 30 or missing / clinical > 0.30:
                value, withheld = None, withheld + 1
        assert row["value"] == (None if value is None else pytest.approx(value, rel=1e-12)), key
    # of each kind there is something, so that agreeing means something
    assert 10 < withheld < len(wanted) / 4
    too_little_known = [
        key
        for key, values in found.items()
        if values["navigation_redirected"][1] >= 30
        and values["navigation_not_recorded"][0] / values["navigation_not_recorded"][1] > 0.30
    ]
    assert too_little_known
    assert {key[0] for key in wanted} == {*PRACTICES, "U91001", "U91002", "91Z", "QZZ"}


def test_why_a_rate_is_withheld(reader: Reader, files: dict[str, list[dict[str, str]]]) -> None:
    wanted = {}
    for key, values in expected(contacts(files)).items():
        (redirected, base), (missing, clinical) = (
            values["navigation_redirected"],
            values["navigation_not_recorded"],
        )
        few, unknown = base < 30, clinical > 0 and missing / clinical > 0.30
        if few or unknown:
            reason = ("both" if unknown else "few") if few else "not_recorded"
            wanted[key] = (redirected, base, missing, clinical, reason if clinical else "no_category", 30, 0.30)
    rows = reader.records("SELECT * FROM navigation_withheld")
    assert {tuple(row.values())[:3]: tuple(row.values())[3:] for row in rows} == wanted
    assert {row["reason"] for row in rows} >= {"few", "not_recorded", "both"}


def test_navigation_month_and_its_sums(reader: Reader, files: dict[str, list[dict[str, str]]]) -> None:
    found = contacts(files)
    names = ("practice", "month", "channel", "category", "destination")
    wanted = Counter(tuple(each[name] for name in names) for each in found)
    declined = Counter(tuple(each[name] for name in names) for each in found if each["declined"])
    rows = reader.records("SELECT * FROM navigation_month")
    got = {tuple(row.values())[:5]: (row["contacts"], row["declined"]) for row in rows}
    assert got == {key: (count, declined[key]) for key, count in wanted.items()}
    flow = Counter[tuple[Any, ...]]()
    halves: dict[str, Counter[tuple[Any, ...]]] = defaultdict(Counter)
    for each in found:
        for place in areas(each["practice"], each["month"]):
            flow[(*place, each["month"], each["category"], each["destination"])] += 1
            key = (*place, each["month"], each["half_hour"])
            clinical, where = each["category"] in CLINICAL, each["destination"]
            halves["navigation_half_hour"][key] += 1
            halves["navigation_half_hour_base"][key] += clinical and where != "not_recorded"
            halves["navigation_half_hour_redirected"][key] += clinical and where not in {*GP, "not_recorded"}
            halves["navigation_half_hour_not_recorded"][key] += clinical and where == "not_recorded"
    rows = reader.records("SELECT * FROM navigation_flow")
    assert {tuple(row.values())[:5]: row["contacts"] for row in rows} == flow
    for subject, wanted_halves in halves.items():
        rows = reader.records(
            "SELECT organisation, level, period_start, category, amount FROM breakdown WHERE subject = :subject",
            subject=subject,
        )
        assert {tuple(row.values())[:4]: row["amount"] for row in rows} == wanted_halves, subject


def test_a_rate_its_complement_and_the_destinations_add_up_at_every_level(reader: Reader) -> None:
    rows = reader.records(
        """
        WITH clinical AS (
            SELECT organisation, level, period_start, sum(contacts) AS contacts,
                sum(contacts) FILTER (destination = 'not_recorded') AS missing,
                sum(contacts) FILTER (destination IN ('gp_same_day', 'gp_routine', 'named_gp', 'duty_doctor')) AS gp
            FROM navigation_flow WHERE request_category IN ('clinical_new', 'clinical_ongoing', 'medication')
            GROUP BY ALL
        )
        SELECT c.level, c.contacts, coalesce(c.missing, 0) AS missing, coalesce(c.gp, 0) AS gp,
            r.numerator AS redirected, r.denominator AS base, u.numerator AS not_recorded, u.denominator AS clinical
        FROM clinical AS c
        JOIN measure_value AS r USING (organisation, level, period_start)
        JOIN measure_value AS u USING (organisation, level, period_start)
        WHERE r.measure = 'navigation_redirected' AND u.measure = 'navigation_not_recorded'
        """
    )
    assert {row["level"] for row in rows} == {"practice", "pcn", "sub_icb", "icb"}
    for row in rows:
        assert row["redirected"] + row["gp"] == row["base"]
        assert row["base"] + row["not_recorded"] == row["clinical"] == row["contacts"]
        assert row["missing"] == row["not_recorded"]


def test_every_figure_of_training(reader: Reader, files: dict[str, list[dict[str, str]]]) -> None:
    people = {
        (row["practice_code"], row["staff_id"], row["route"]): date.fromisoformat(row["completed_on"])
        for row in files["training"]
        if row["completed_on"]
    }
    for month in MONTHS:
        end = (month.replace(day=28) + timedelta(4)).replace(day=1) - timedelta(1)
        # the small home's lists say who is open: October's for what is after it
        listed = small_home.LISTED[max(m for m in small_home.LISTED if m <= month)]
        done = Counter((p, route) for (p, _, route), when in people.items() if when <= end)
        wanted: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for practice in listed:
            closed = small_home.PRACTICES[practice][1]
            if not practice.startswith("Z91") or (closed is not None and closed < end):
                continue
            for place in areas(practice, month):
                wanted[place] += Counter({"open": 1})
                wanted[place]["trained"] += bool(done[practice, "funded"] + done[practice, "cascaded"])
                wanted[place]["used"] += bool(done[practice, "funded"])
                wanted[place]["cascaded"] += done[practice, "cascaded"]
        rows = reader.records(
            "SELECT organisation, level, measure, numerator, denominator FROM measure_value "
            "WHERE measure LIKE 'navigator%' AND period_start = :month",
            month=month,
        )
        got = {
            (row["organisation"], row["level"], row["measure"]): (row["numerator"], row["denominator"]) for row in rows
        }
        assert got == {
            (*place, measure): (n[part], n[whole])
            for place, n in wanted.items()
            for measure, part, whole in (
                ("navigators_trained_practices", "trained", "open"),
                ("navigator_places_used", "used", "open"),
                ("navigator_cascade_ratio", "cascaded", "used"),
            )
        }, month


CALL = ("call_id", "practice_ods", "started_at", "ended_at", "outcome", "queue_entered_at", "answered_at")


def test_calls_are_joined_by_the_platforms_own_id_and_nothing_else(tmp_path: Path, empty_warehouse: Path) -> None:
    source = {"id": "line", "platform": "mapped_csv", "files": "calls*", "timezone": "Europe/London"}
    other = {"id": "spare", "platform": "mapped_csv", "files": "spare*", "timezone": "Europe/London"}
    home = Settings(home=tmp_path / "home", code=("QZZ",), telephony_source=[source, other])
    home.home.mkdir()
    shutil.copyfile(empty_warehouse, home.home / "warehouse.duckdb")
    with_organisations(home, tmp_path / "files")

    def call(ident: str, practice: str, outcome: str = "answered") -> dict[str, str]:
        at = {
            name: f"2025-07-07T08:0{n}:00" for n, name in enumerate(("started_at", "queue_entered_at", "answered_at"))
        }
        if outcome != "answered":
            at["answered_at"] = ""
        return {"call_id": ident, "practice_ods": practice, "outcome": outcome, "ended_at": "2025-07-07T08:06:00", **at}

    calls = [call("H1", "Z91001"), call("H2", "Z91001"), call("H3", "Z91001"), call("H4", "Z91001", "no_answer")]
    calls += [call("H5", "Z91002"), call("H6", "Z91004")]
    assert not load_files(home, [write(tmp_path / "calls.csv", CALL, calls)]).refused
    rows = [
        contact("C1", call_id="H1"),
        contact("C2", call_id="H1"),  # one call, two requests
        contact("C3", call_id="H2"),
        contact("C4", call_id="H4"),  # not answered
        contact("C5", call_id="H5"),  # another practice's call
        contact("C6", call_id="H99"),
        contact("C7", recorded_at="2025-07-07T07:03:00Z"),  # the very minute, and no id
    ]
    assert not take(home, write(tmp_path / "nav.csv", CONTACT, rows)).refused
    found = published(home).records(
        "SELECT organisation, measure, numerator, denominator FROM measure_value "
        "WHERE measure LIKE 'navigation_calls%' ORDER BY level, organisation, measure"
    )
    per = {"navigation_calls_navigated": (2, 3), "navigation_calls_talk_seconds": (480, 2)}
    for organisation in ("Z91001", "U91001", "91Z", "QZZ"):
        got = {r["measure"]: (r["numerator"], r["denominator"]) for r in found if r["organisation"] == organisation}
        assert got == per
    assert len(found) == 8
