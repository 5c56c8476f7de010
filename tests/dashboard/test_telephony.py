"""The rollout's whole story: every number of the page, rebuilt in plain Python from the tracker's own files."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import openpyxl
import pytest
from dash import Dash
from flask.ctx import AppContext

from dashboard import answers, findings_rollout, words
from dashboard.access import Scope, accounts
from dashboard.app import create_app
from dashboard.charts import rollout as rollout_charts
from dashboard.charts.maps import live_map
from dashboard.pages import _telephony_before_after as before_after
from dashboard.pages import telephony as page
from dashboard.queries import measures, organisations, rebases, telephony, telephony_delivery
from dashboard.queries.views import resolve
from etl.demo import organisations as demo_organisations
from etl.demo import rollout as demo_rollout
from etl.demo.world import CLOSED, MERGED, MOVED_PCN, OWN_PRACTICES, STUCK, World, make_world
from etl.nightly import nightly
from etl.published.writing import publish as publish_generation
from etl.settings import Settings
from etl.warehouse.connection import Warehouse
from tests.dashboard.access.house import PASSWORD, settings_for, sign_in
from tests.dashboard.generation import NAME, PRACTICES, publish
from tests.dashboard.one_app import keep_pages

TODAY = datetime.now(ZoneInfo("Europe/London")).date()
DATES = (date(2023, 8, 31), date(2024, 3, 31), date(2025, 12, 31), TODAY)
TARGET = date(2024, 3, 31)
STAGES = ["analogue", "signed_up", "contracted", "installed", "live"]
CAPABILITIES = ["queue_position", "call_back", "call_routing", "clinical_system_link", "call_logs"]
ICB = "QZZ"
LEFT_OUT = 5  # a practice that the tracker forgets
LAST_DAY = 18  # one whose last day is today: still open, whatever the month's end will say
NEW = 27  # one that opened in the middle of the rollout
OPENED, MOVED, CLOSES = date(2023, 9, 13), date(2025, 11, 14), date(2026, 1, 14)
DAY = timedelta(days=1)
# what happens in the middle of a month: the days before, on and after it; and days on which nothing does
MID_MONTH = (
    OPENED - DAY, OPENED, date(2023, 11, 20), date(2023, 12, 31), date(2024, 1, 1), date(2024, 2, 29),
    MOVED - DAY, MOVED, MOVED + DAY, CLOSES - DAY, CLOSES, CLOSES + DAY,
)  # fmt: skip
LISTED_IN = date(2023, 9, 1)  # of the list size before the newest: so known to December, and not known from January
SCOPE = Scope("icb")

Tracker = dict[str, dict[str, tuple[date | None, date | None, str, str]]]


@dataclass(frozen=True)
class Story:
    """The demo's home after a night, the world behind it, and the tracker's files as read here, by the day believed."""

    home: Settings
    world: World
    trackers: dict[date, Tracker]
    able: list[dict[str, str]]
    money: list[dict[str, str]]
    lists: dict[date, dict[str, int]]

    @property
    def newest(self) -> date:
        return max(self.trackers)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A night over the demo's organisations and rollout files, with one practice struck from every tracker."""
    home = Settings(home=tmp_path_factory.mktemp("story"), code=(ICB,), inbox_settle_seconds=0)
    home.inbox.mkdir(parents=True)
    world = make_world(TODAY, months=1)
    world.practices.loc[LAST_DAY, "closed"] = datetime.combine(TODAY, datetime.min.time())
    world.practices.loc[CLOSED, "closed"] = datetime.combine(CLOSES, datetime.min.time())
    world.practices.loc[MOVED_PCN, "pcn_from"] = datetime.combine(MOVED, datetime.min.time())
    world.practices.loc[NEW, "opened"] = datetime.combine(OPENED, datetime.min.time())
    demo_organisations.write_organisations(home.inbox, world)
    demo_organisations.write_registered_patients(home.inbox, world)
    _write_an_older_list(home.inbox, world)
    demo_rollout.write_rollout(home.inbox, world)
    forgotten = world.practices.code[LEFT_OUT]
    for path in home.inbox.glob("rollout-tracker*.csv"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(line for line in lines if not line.startswith(forgotten)), encoding="utf-8")
    trackers = {}
    for path in sorted(home.inbox.glob("rollout-tracker*")):
        believed = date.fromisoformat(path.name.removeprefix("rollout-tracker-")[:10])
        trackers[believed] = _accepted(world, believed, _records(path))
    able = _read_csv(next(home.inbox.glob("rollout-capability*")))
    money = _read_csv(next(home.inbox.glob("rollout-funding*")))
    lists = {}
    for path in home.inbox.glob("gp-reg-pat-prac-all-*"):
        month = date.fromisoformat(path.name.removeprefix("gp-reg-pat-prac-all-")[:7] + "-01")
        listed = [row for row in _read_csv(path) if row["TYPE"] == "GP"]
        lists[month] = {row["CODE"]: int(row["NUMBER_OF_PATIENTS"]) for row in listed}
    square = {"type": "Polygon", "coordinates": [[[-3, 54], [-2, 54], [-2, 55], [-3, 54]]]}
    areas = [{"type": "Feature", "properties": {"name": "ICB - 9ZA"}, "geometry": square}]
    places = [
        {"type": "Feature", "properties": {"code": code}, "geometry": {"type": "Point", "coordinates": [-2.5, 54.5]}}
        for code in world.practices.code[:2]
    ]
    (home.home / "reference").mkdir()
    shapes = {"type": "FeatureCollection", "features": areas + places}
    (home.home / "reference" / "shapes.geojson").write_text(json.dumps(shapes), encoding="utf-8")
    night = nightly(home)
    assert night.refused == []
    return Story(home, world, trackers, able, money, lists)


def _write_an_older_list(inbox: Path, world: World) -> None:
    """The list size of another month, from the columns of the newest: with those that have closed since."""
    newest = next(inbox.glob("gp-reg-pat-prac-all-*"))
    heading, first = newest.read_text(encoding="utf-8").splitlines()[:2]
    fields = dict(zip(heading.split(","), first.split(","), strict=True))
    with (inbox / f"gp-reg-pat-prac-all-{LISTED_IN:%Y-%m}-synthetic.csv").open("w", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, list(fields), lineterminator="\n")
        table.writeheader()
        for number, row in enumerate(world.practices[:OWN_PRACTICES].itertuples()):
            own = {"CODE": row.code, "SUB_ICB_LOCATION_CODE": row.sub_icb, "NUMBER_OF_PATIENTS": 4000 + 7 * number}
            area = {"ONS_SUB_ICB_LOCATION_CODE": demo_organisations.SUB_ICBS[row.sub_icb][2]}
            table.writerow(fields | own | area | {"EXTRACT_DATE": LISTED_IN.isoformat()})


def _list_size(story: Story, code: str, day: date) -> int | None:
    """A practice's patients: of the day's month, else of the newest of the three before, else not known."""
    for back in range(4):
        years, month = divmod(day.year * 12 + day.month - 1 - back, 12)
        listed = story.lists.get(date(years, month + 1, 1), {})
        if code in listed:
            return listed[code]
    return None


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _records(path: Path) -> list[list[Any]]:
    """practice, stage, planned, actual, supplier, line type of every row below the heading."""
    if path.suffix == ".csv":
        return [list(row.values())[:6] for row in _read_csv(path)]
    sheet = openpyxl.load_workbook(path).worksheets[0]
    rows = [list(row)[:6] for row in sheet.iter_rows(values_only=True)]
    heading = next(n for n, row in enumerate(rows) if row[0] == "Practice code")
    return [[*row, *[None] * (6 - len(row))] for row in rows[heading + 1 :]]


class Wrong(Exception):
    """A cell that is no date."""


def _day(cell: Any) -> date | None:
    if cell in (None, "", "TBC", "N/A", "-"):
        return None
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, int | float):
        return date(1899, 12, 30) + timedelta(days=int(cell))
    for form in ("%Y-%m-%d", "%d/%m/%Y"):
        try:
            return datetime.strptime(cell, form).date()
        except ValueError:
            continue
    raise Wrong


def _accepted(world: World, believed: date, records: list[list[Any]]) -> Tracker:
    closed = {row.code: row.closed.date() for row in world.practices.itertuples() if str(row.closed) != "NaT"}
    kept: Tracker = {}
    for code, stage, planned, actual, supplier, line in records:
        if stage not in STAGES:
            continue  # a total
        try:
            plan, done = _day(planned), _day(actual)
        except Wrong:
            continue
        if done is not None and done > believed:
            continue
        when = done or plan
        if code in closed and when is not None and when > closed[code]:
            continue
        kept.setdefault(code, {})[stage] = (plan, done, supplier or "", line or "")
    for own in kept.values():
        if "live" in own and "contracted" in own:
            live, contracted = own["live"][1], own["contracted"][1]
            if live and contracted and live < contracted:
                del own["live"]
    return kept


def _members(story: Story, organisation: str, day: date) -> list[str]:
    """Practices of an organisation that are open at the end of a day, by the world's own account."""
    found = []
    for position, row in enumerate(story.world.practices.itertuples()):
        if position >= OWN_PRACTICES or (str(row.closed) != "NaT" and row.closed.date() < day):
            continue
        if row.opened.date() > day:
            continue
        pcn = row.pcn_before if str(row.pcn_from) != "NaT" and row.pcn_from.date() > day else row.pcn
        if organisation in (ICB, row.sub_icb, pcn, row.code):
            found.append(row.code)
    return found


def _expected(story: Story, organisation: str, day: date, believed: date | None = None) -> dict[str, Any]:
    """The slow way: look at each practice in turn."""
    believed = believed or story.newest
    tracker = story.trackers[believed]
    members = _members(story, organisation, day)
    counts: dict[str, Any] = {"open": len(members), "live_by_target": 0, "late": 0, "on_analogue": 0, "waiting": 0}
    counts |= {"not_in_tracker": 0, **dict.fromkeys(STAGES, 0), **dict.fromkeys(CAPABILITIES, 0)}
    counts |= {"days_late": 0, "patients": 0, **{f"patients_{stage}": 0 for stage in STAGES}}
    counts["list_unknown"] = any(_list_size(story, code, day) is None for code in members)
    for code in members:
        listed = _list_size(story, code, day) or 0
        counts["patients"] += listed
        for row in story.able:
            if row["practice_code"] == code and date.fromisoformat(row["from_date"]) <= day:
                counts[row["capability"]] += not row["to_date"] or date.fromisoformat(row["to_date"]) >= day
        if code not in tracker:
            counts["not_in_tracker"] += 1
            continue
        own = tracker[code]
        reached = [stage for stage in STAGES if stage in own and own[stage][1] is not None and own[stage][1] <= day]
        for place, stage in enumerate(STAGES):
            there = any(STAGES.index(each) >= place for each in reached)
            counts[stage] += there
            counts[f"patients_{stage}"] += listed * there
        live_on = own["live"][1] if "live" in reached else None
        if live_on:
            counts["live_by_target"] += live_on <= TARGET
            counts["late"] += live_on > TARGET
            counts["days_late"] += max(0, (live_on - TARGET).days)
        else:
            counts["waiting"] += 1
            counts["late"] += day > TARGET
            counts["days_late"] += max(0, (day - TARGET).days)
            counts["on_analogue"] += bool(reached) and own[reached[-1]][3] in ("PSTN", "ISDN")
    return counts


def _organisations(story: Story) -> list[str]:
    practices = story.world.practices
    told = [0, CLOSED, MERGED, MOVED_PCN, MOVED_PCN + 4, *STUCK, LEFT_OUT]
    pcns = sorted(set(practices.pcn[:OWN_PRACTICES]))
    return [ICB, "9ZA", "9ZB", *pcns, *(practices.code[place] for place in told)]


def _published(story: Story) -> duckdb.DuckDBPyConnection:
    name = (story.home.published / "CURRENT").read_text(encoding="utf-8").strip()
    return duckdb.connect(str(story.home.published / name), read_only=True)


# --- the measures ---

MEASURES = {
    "telephony_live": "live",
    "telephony_live_by_target": "live_by_target",
    "telephony_analogue": "on_analogue",
    "telephony_late": "late",
    "telephony_signed_up": "signed_up",
    "telephony_contracted": "contracted",
    "telephony_installed": "installed",
    **{f"telephony_{name}": name for name in CAPABILITIES},
}


@pytest.mark.parametrize("day", DATES, ids=str)
def test_measures_are_what_the_files_say(story: Story, day: date) -> None:
    with _published(story) as con:
        rows = con.execute(
            "SELECT measure, organisation, numerator, denominator, practices_counted FROM measure_value "
            "WHERE measure LIKE 'telephony_%' AND period_start = ?",
            [day.replace(day=1)],
        ).fetchall()
    found = {(measure, code): (top, bottom, counted) for measure, code, top, bottom, counted in rows}
    for code in _organisations(story):
        expected = _expected(story, code, day)
        known = expected["open"] - expected["not_in_tracker"]
        for measure, name in MEASURES.items():
            named = name in CAPABILITIES and code in {row["practice_code"] for row in story.able}
            if known or (named and expected["open"]):
                assert found[measure, code] == (expected[name], expected["open"], known), (measure, code)
            else:
                assert (measure, code) not in found  # not nought: nothing is known
        if expected["late"]:
            assert found["telephony_days_late", code] == (expected["days_late"], expected["late"], known), code
        else:
            assert ("telephony_days_late", code) not in found or found["telephony_days_late", code][0] is None
        for name in ("signed_up", "contracted", "installed", "live"):
            if day == TODAY and known and not expected["list_unknown"]:
                assert found[f"telephony_patients_{name}", code][:2] == (
                    expected[f"patients_{name}"],
                    expected["patients"],
                ), (name, code)


def test_the_story_has_someone_of_each_kind(story: Story) -> None:
    now = _expected(story, ICB, TODAY)
    assert now["open"] == OWN_PRACTICES - 2
    assert now["not_in_tracker"] == 1
    assert 0 < now["live_by_target"] < now["live"] < now["open"] - 1
    assert now["on_analogue"] == len(STUCK)
    moved = story.world.practices.iloc[MOVED_PCN]
    assert moved.pcn_before != moved.pcn


def test_months_run_from_the_first_date_to_now(story: Story) -> None:
    first = min(done for own in story.trackers[story.newest].values() for _, done, _, _ in own.values() if done)
    with _published(story) as con:
        found = con.execute(
            "SELECT min(period_start), max(period_start), count(DISTINCT period_start) FROM measure_value "
            "WHERE measure = 'telephony_live'"
        ).fetchone()
    months = (TODAY.year - first.year) * 12 + TODAY.month - first.month + 1
    assert found == (first.replace(day=1), TODAY.replace(day=1), months)


def test_every_snapshot_is_published_whole(story: Story) -> None:
    with _published(story) as con:
        found = con.execute(
            "SELECT believed_on, practice_code, stage, planned_date, actual_date FROM rollout"
        ).fetchall()
    expected = [
        (believed, code, stage, plan, done)
        for believed, tracker in story.trackers.items()
        for code, own in tracker.items()
        for stage, (plan, done, _, _) in own.items()
    ]
    assert sorted(found, key=str) == sorted(expected, key=str)


# --- the page ---


@pytest.fixture(scope="module")
def app(story: Story) -> Iterator[Dash]:
    app = keep_pages(create_app(story.home, settings_for(story.home.home)))
    yield app
    app.server.extensions["access"].engine.dispose()


@pytest.fixture
def asked(app: Dash) -> Iterator[AppContext]:
    with app.server.test_request_context("/telephony") as context:
        yield context


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("day", DATES + MID_MONTH, ids=str)
def test_the_page_counts_what_the_files_say(story: Story, day: date) -> None:
    for code in _organisations(story):
        view = resolve(SCOPE, f"?organisation={code}&on={day}")
        expected = _expected(story, code, day)
        found = telephony.counts(SCOPE, view)
        for name in ("open", "live_by_target", "late", "on_analogue", "waiting", "not_in_tracker", *STAGES):
            assert found[name] == expected[name], (name, code)
        for name in ("patients", *(f"patients_{stage}" for stage in STAGES)):
            assert found[name] == (None if expected["list_unknown"] else expected[name]), (name, code)
        held = telephony.capabilities(SCOPE, view)
        for name in CAPABILITIES:
            assert sum(row[name] is not None for row in held) == expected[name], (name, code)
        charted = [row for row in telephony.burn_up(SCOPE, view) if row["open"] is not None]
        if charted:
            assert {name: charted[-1][name] for name in ("day", "open", *STAGES[1:])} == {
                "day": day, "open": expected["open"], **{name: expected[name] for name in STAGES[1:]},
            }  # fmt: skip


def test_the_days_in_the_middle_of_a_month_tell_days_apart(story: Story) -> None:
    closes, moved = story.world.practices.code[CLOSED], story.world.practices.iloc[MOVED_PCN]
    assert closes in _members(story, ICB, CLOSES)
    assert closes not in _members(story, ICB, CLOSES + DAY)
    assert moved.code in _members(story, moved.pcn_before, MOVED - DAY)
    assert moved.code in _members(story, moved.pcn, MOVED)
    assert moved.code not in _members(story, moved.pcn_before, MOVED)
    assert _expected(story, ICB, date(2023, 12, 31))["patients"] > 150_000
    assert _expected(story, ICB, date(2024, 1, 1))["list_unknown"]


@pytest.mark.usefixtures("asked")
def test_a_day_without_figures_gets_a_sentence(story: Story) -> None:
    first = min(
        day for own in story.trackers[story.newest].values() for each in own.values() for day in each[:2] if day
    )
    for day, said in (
        (first - DAY, f"The tracker's first date is {words.day(first)}: nothing is known of"),
        (TODAY + DAY, f"There are no figures of {words.day(TODAY + DAY)} yet"),
    ):
        view = resolve(SCOPE, f"?on={day}")
        assert said in str(page.layout(SCOPE, view))
        assert "panel" not in str(page.layout(SCOPE, view))
        assert all(chart.query(SCOPE, view) == [] for chart in page.ALL if chart.name != "telephony-impact")
    for text in ("yesterday", "2023-02-30", "2023-8-1"):
        assert telephony.counts(SCOPE, resolve(SCOPE, f"?on={text}"))["moment"].day == TODAY
    assert telephony.counts(SCOPE, resolve(SCOPE, f"?on={first}"))["moment"].day == first


@pytest.mark.usefixtures("asked")
def test_a_period_that_ends_earlier_is_told_of_its_last_day(story: Story) -> None:
    month = (TODAY.replace(day=1) - DAY).replace(day=1)
    view = replace(resolve(SCOPE, ""), ending=(month - DAY).replace(day=1))
    assert telephony.moment(SCOPE, view).day == month - DAY


@pytest.mark.usefixtures("asked")
def test_what_was_believed_then_is_told_as_then(story: Story) -> None:
    for believed in story.trackers:
        for code in (ICB, story.world.practices.pcn[STUCK[0]], story.world.practices.code[STUCK[0]]):
            found = telephony.counts(SCOPE, resolve(SCOPE, f"?organisation={code}&believed={believed}"))
            day = TODAY if believed == story.newest else believed
            expected = _expected(story, code, day, believed)
            assert found["moment"].day == day
            for name in ("open", "live_by_target", "late", "on_analogue", "waiting", "not_in_tracker", *STAGES):
                assert found[name] == expected[name], (name, code, believed)
            earlier = min(MID_MONTH[2], believed)
            found = telephony.counts(SCOPE, resolve(SCOPE, f"?organisation={code}&believed={believed}&on={earlier}"))
            expected = _expected(story, code, earlier, believed)
            assert {name: found[name] for name in STAGES} == {name: expected[name] for name in STAGES}, (code, believed)


EARLY = date(2022, 6, 1)  # before the first tracker


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("day", [EARLY, *DATES, OPENED, MOVED + DAY], ids=str)
def test_what_was_planned_is_told_as_the_tracker_of_the_day_had_it(story: Story, day: date) -> None:
    known = [believed for believed in story.trackers if believed <= day]
    planned = max(known) if known else min(story.trackers)
    view = resolve(SCOPE, f"?on={day}")
    plans = {code: own["live"][0] for code, own in story.trackers[planned].items() if "live" in own}
    rows = telephony.practices(SCOPE, view)
    assert {row["practice"]: row["planned_live"] for row in rows} == {
        row["practice"]: plans.get(row["practice"]) for row in rows
    }
    (now,) = [row for row in telephony.burn_up(SCOPE, view) if row["day"] == day] or [None]
    if now is not None:
        assert now["plan"] == sum(row["planned_live"] is not None and row["planned_live"] <= day for row in rows)
    for row in telephony_delivery.slippage(SCOPE, view):
        own = [story.trackers[each].get(row["practice"], {}) for each in sorted(story.trackers) if each <= planned]
        dated = [each["live"][0] for each in own if "live" in each and each["live"][0]]
        assert (row["first_planned"], row["moved"]) == (dated[0], (dated[-1] - dated[0]).days)
    text = str(page.layout(SCOPE, view))
    if not known:
        assert f"are those of the tracker of {words.day(planned)}, the earliest there is" in text
    elif planned not in (day, story.newest):
        assert f"are those of the tracker of {words.day(planned)}, the newest by then" in text
    else:
        assert "are those of the tracker" not in text


@pytest.mark.usefixtures("asked")
def test_a_day_that_a_tracker_knows_nothing_of_is_told_in_words(story: Story) -> None:
    older = sorted(story.trackers)[-2]
    text = str(page.layout(SCOPE, resolve(SCOPE, f"?believed={older}&on={older + DAY}")))
    assert f"This is {words.day(older)}, not {words.day(older + DAY)}" in text
    assert "This is" not in str(page.layout(SCOPE, resolve(SCOPE, f"?believed={older}&on={older}")))
    assert story.newest < TODAY
    since = f"The newest tracker is that of {words.day(story.newest)}"
    assert since in str(page.layout(SCOPE, resolve(SCOPE, "")))
    assert since not in str(page.layout(SCOPE, resolve(SCOPE, f"?on={story.newest}")))


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("day", [TARGET, OPENED, MOVED - DAY, MOVED, CLOSES, CLOSES + DAY, TODAY], ids=str)
def test_who_came_and_went_between_two_days(story: Story, day: date) -> None:
    tracker = story.trackers[story.newest]

    def moves(before: set[str], after: set[str], later: date) -> dict[str, int]:
        still = set(_members(story, ICB, later))
        gone = before - after
        return {"closed": len(gone - still), "moved": len(gone & still), "joined": len(after - before)}

    def live(code: str, when: date) -> set[str]:
        members = _members(story, code, when)
        reached = {each: tracker[each]["live"][1] for each in members if "live" in tracker.get(each, {})}
        return {each for each, on in reached.items() if on and on <= TARGET}

    for code in _organisations(story):
        found = telephony.turnover(SCOPE, resolve(SCOPE, f"?organisation={code}&on={day}"))
        now, then = set(_members(story, code, day)), _members(story, code, TARGET)
        if not now:
            assert found == {"target": None, "since": None}
            continue
        since = moves(now, set(_members(story, code, TODAY)), TODAY)
        assert found["since"] == (since if day < TODAY else None), code
        if day <= TARGET or not then:
            assert found["target"] is None, code
        else:
            gone = moves(live(code, TARGET), live(code, day), day)
            known = {"open": len(then), "live": len(live(code, TARGET))}
            unnamed = sum(each not in tracker for each in then)
            assert found["target"] == {**known, "not_in_tracker": unnamed, **gone}, code


@pytest.mark.usefixtures("asked")
def test_the_page_says_why_the_target_is_counted_differently_then_and_now(story: Story) -> None:
    then, now = _expected(story, ICB, TARGET), _expected(story, ICB, TODAY)
    assert then["live"] - now["live_by_target"] == 2
    text = str(page.layout(SCOPE, resolve(SCOPE, "")))
    assert f": {then['live']} of {then['open']} practices then open, one of which the tracker" in text
    assert "does not name. Two of those live have closed since: hence" in text
    assert f"hence {now['live_by_target']} of the {now['open']} above." in text
    text = str(page.layout(SCOPE, resolve(SCOPE, f"?on={TARGET}")))
    assert f"{then['live']} of {then['open']} practices were live on 31 Mar 2024" in text
    assert f"Counted are the {then['open']} practices open on 31 Mar 2024" in text
    assert "; two of them have closed since." in text


@pytest.mark.usefixtures("asked")
def test_a_closed_practice_and_one_without_money_or_capabilities_are_told_in_words(story: Story) -> None:
    closed, stuck = story.world.practices.code[CLOSED], story.world.practices.code[STUCK[0]]
    text = str(page.layout(SCOPE, resolve(SCOPE, f"?organisation={closed}")))
    assert f"closed on {words.day(CLOSES)}. Choose an earlier day." in text
    assert "Live since" in str(page.layout(SCOPE, resolve(SCOPE, f"?organisation={closed}&on={CLOSES}")))
    view = f"?organisation={stuck}"
    assert not any(float(row["paid"]) for row in story.money if row["practice_code"] == stuck)
    assert "None of the £" in json.dumps(answers.panel_answer(SCOPE, "telephony-money", view), ensure_ascii=False)
    assert "none of 5 capabilities" in json.dumps(answers.panel_answer(SCOPE, "telephony-capabilities", view))


def _found(live: int, every: int, **more: Any) -> dict[str, Any]:
    day = date(2024, 4, 30)
    at = telephony.Moment(day, day, TARGET, day, day, day, day)
    return {"open": every, "live": live, "live_by_target": live, "late": 0, "waiting": every - live, "moment": at,
            "not_in_tracker": 0, "days_late": 0, "on_analogue": 0, **more}  # fmt: skip


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (_found(4, 4), "All 4 practices are live on 30 Apr 2024, and all were by 31 Mar 2024."),
        (_found(4, 4, live_by_target=0, late=4, days_late=30), "All 4 practices are live on 30 Apr 2024: of the 4 "
         "open, none by 31 Mar 2024, 4 later. The middle one of the 4 that missed it is 30 days late."),
        (_found(0, 4, late=1, days_late=30, waiting=1, not_in_tracker=3), "None of 4 practices is live on 30 Apr 2024: "
         "of the 4 open, none by 31 Mar 2024, 1 not yet, 3 not in the tracker. The one that missed it is 30 days "
         "late."),
        (_found(2, 4, late=2, days_late=30), "50.0% of practices are live on 30 Apr 2024: of the 4 open, 2 by "
         "31 Mar 2024, 2 not yet. The two that missed it are 30 days late on average."),
    ],
)  # fmt: skip
def test_nothing_is_said_of_nought(found: dict[str, Any], said: str) -> None:
    told = findings_rollout.live(found, TARGET)
    assert told.claim + told.rest == said


@pytest.mark.usefixtures("asked")
def test_lateness_slippage_and_waiting_of_each_practice(story: Story) -> None:
    tracker = story.trackers[story.newest]
    rows = {row["practice"]: row for row in telephony.practices(SCOPE, resolve(SCOPE, ""))}
    assert set(rows) == set(_members(story, ICB, TODAY))
    for code, row in rows.items():
        own = tracker.get(code, {})
        plan, live_on = own["live"][:2] if "live" in own else (None, None)
        late = ((live_on or TODAY) - TARGET).days
        assert row["days_late"] == (late if own and late > 0 else None)
        assert row["slippage"] == ((live_on - plan).days if live_on and plan else None)
        reached = [(own[stage][1], stage) for stage in STAGES if stage in own and own[stage][1]]
        assert (row["since"], row["stage"]) == (reached[-1] if reached else (None, None))
    slipped = {row["practice"]: row for row in telephony_delivery.slippage(SCOPE, resolve(SCOPE, ""))}
    for code, row in slipped.items():
        plans = [
            story.trackers[believed][code]["live"][0]
            for believed in sorted(story.trackers)
            if code in story.trackers[believed] and "live" in story.trackers[believed][code]
        ]
        dated = [plan for plan in plans if plan]
        assert row["first_planned"] == dated[0]
        assert row["moved"] == (dated[-1] - dated[0]).days
        assert row["moves"] == sum(a != b for a, b in pairwise(dated))
        assert row["slipped"] == ((rows[code]["live_on"] or dated[-1]) - dated[0]).days


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("day", DATES, ids=str)
def test_money_and_suppliers_are_what_the_files_say(story: Story, day: date) -> None:
    view = resolve(SCOPE, f"?on={day}")
    dated = [row for row in story.money if not row["date"] or date.fromisoformat(row["date"]) <= day]
    found = telephony_delivery.money(SCOPE, view)
    assert sum(row["awarded"] for row in found) == sum(float(row["awarded"]) for row in dated)
    assert sum(row["paid"] for row in found) == sum(float(row["paid"]) for row in dated)
    tracker = story.trackers[story.newest]
    expected: dict[str, list[int]] = {}
    for code in _members(story, ICB, day):
        reached = [
            each for each in STAGES if each in tracker.get(code, {}) and (tracker[code][each][1] or TODAY) <= day
        ]
        reached = [each for each in reached if tracker[code][each][1]]
        if code in tracker:
            name = (tracker[code][reached[-1]][2] if reached else "") or "Not named"
            tally = expected.setdefault(name, [0, 0])
            tally[0] += 1
            tally[1] += "live" in reached
    assert {
        row["supplier"]: [row["practices"], row["live"]] for row in telephony_delivery.suppliers(SCOPE, view)
    } == expected


@pytest.mark.usefixtures("asked")
def test_every_month_of_the_burn_up_and_every_area_is_counted_alike(story: Story) -> None:
    for code in (ICB, story.world.practices.pcn[MOVED_PCN], story.world.practices.code[STUCK[0]]):
        charted = [row for row in telephony.burn_up(SCOPE, resolve(SCOPE, f"?organisation={code}")) if row["open"]]
        assert len(charted) > 24
        for row in charted:
            expected = _expected(story, code, row["day"])
            for name in ("open", *STAGES[1:], "on_analogue"):
                assert row[name] == expected[name], (name, code, row["day"])
            own = story.trackers[story.newest]
            planned = [
                own[each]["live"][0] for each in _members(story, code, row["day"]) if "live" in own.get(each, {})
            ]
            assert row["plan"] == sum(plan is not None and plan <= row["day"] for plan in planned), (code, row["day"])
    areas = telephony.areas(SCOPE, resolve(SCOPE, ""))
    assert [row["level"] for row in areas] == ["icb", *["sub_icb"] * 2, *["pcn"] * 12]
    for row in areas:
        expected = _expected(story, row["organisation"], TODAY)
        names = (
            "open",
            "live_by_target",
            "late",
            "on_analogue",
            "not_in_tracker",
            "patients",
            "patients_live",
            *STAGES,
        )
        for name in names:
            assert row[name] == expected[name], (name, row["organisation"])
        standing = {stage: expected[stage] - expected[later] for stage, later in pairwise(STAGES)}
        assert {stage: row[f"at_{stage}"] for stage in standing} == standing


@pytest.mark.usefixtures("asked")
def test_money_is_held_against_an_even_share(story: Story) -> None:
    pcn = story.world.practices.pcn[0]
    for code in (ICB, pcn):
        share = telephony_delivery.funding_share(SCOPE, resolve(SCOPE, f"?organisation={code}"))
        assert share is not None
        assert share["pounds"] == pytest.approx(240e6 * len(_members(story, code, TODAY)) / 6270)
        assert share["is_own"] is False


def test_money_is_held_against_the_share_of_the_settings(story: Story, tmp_path: Path) -> None:
    home = story.home.model_copy(update={"home": tmp_path, "telephony_funding_share": 1_500_000.0})
    shutil.copyfile(story.home.home / "warehouse.duckdb", tmp_path / "warehouse.duckdb")
    with Warehouse(home) as warehouse:
        publish_generation(warehouse, lambda *_: None)
    app = create_app(home, settings_for(tmp_path))
    pcn = story.world.practices.pcn[0]
    members, every = len(_members(story, pcn, TODAY)), len(_members(story, ICB, TODAY))
    with app.server.test_request_context("/telephony"):
        for code, pounds in ((ICB, 1_500_000), (pcn, 1_500_000 * members / every)):
            view = resolve(SCOPE, f"?organisation={code}")
            share = telephony_delivery.funding_share(SCOPE, view)
            assert share is not None
            assert (share["pounds"], share["is_own"]) == (pytest.approx(pounds), True)
        said = json.dumps(answers.panel_answer(SCOPE, "telephony-money", ""), ensure_ascii=False)
    app.server.extensions["access"].engine.dispose()
    assert "what its settings say" in said
    assert "even" not in said.partition("what its settings say")[0]


@pytest.mark.usefixtures("asked")
def test_every_picture_and_table_leads_to_the_practice(story: Story) -> None:
    view = resolve(SCOPE, "")
    members = set(_members(story, ICB, TODAY))
    tiles = [code for trace in rollout_charts.tiles(telephony.practices(SCOPE, view))["data"] for code in trace["ids"]]
    assert sorted(tiles) == sorted(members)
    bars = rollout_charts.slipped(telephony_delivery.slippage(SCOPE, view))["data"]
    assert {code for trace in bars for code in trace["ids"]} <= members
    points = [trace for trace in live_map(telephony.places(SCOPE, view))["data"] if "ids" in trace]
    assert {code for trace in points for code in trace["ids"]} == set(story.world.practices.code[:2])
    first = story.world.practices.code[0]
    for chart in ("telephony-board", "telephony-slippage", "telephony-money"):
        assert f"/practice/{first}" in json.dumps(answers.table_answer(SCOPE, chart, "")), chart
    assert f"/practice/{first}" in json.dumps(answers.panel_answer(SCOPE, "telephony-capabilities", ""))


@pytest.mark.usefixtures("asked")
def test_the_csv_of_each_chart_is_its_rows(story: Story) -> None:
    for chart in page.ALL:
        _, text = answers.csv_answer(SCOPE, chart.name, "")
        rows = list(csv.reader(io.StringIO(text)))
        assert rows[0] == [column.key for column in chart.columns]
        assert len(rows) - 1 == len(chart.query(SCOPE, resolve(SCOPE, "")))


@pytest.mark.usefixtures("asked")
def test_the_page_opens_with_what_it_found(story: Story) -> None:
    text = str(page.layout(SCOPE, resolve(SCOPE, "")))
    expected = _expected(story, ICB, TODAY)
    assert f"{expected['live']} of {expected['open']} practices are live; {expected['late']} missed March 2024" in text
    assert "Two practices are still on analogue lines" in text
    assert "31 Jan 2027" in text
    assert "31 Dec 2025" in text
    assert "One practice not in the tracker" in text
    then = _expected(story, ICB, date(2023, 8, 31))
    assert f"{then['signed_up']} of {then['open']} practices had signed up by 31 Aug 2023" in text


@pytest.mark.usefixtures("asked")
def test_a_pcn_sees_its_own_practices_by_name_and_the_icb_only_as_a_sum(story: Story) -> None:
    pcn = story.world.practices.pcn[0]
    scope = Scope("pcn", pcn)
    own = {row["practice"] for row in telephony.practices(scope, resolve(scope, ""))}
    assert own == set(_members(story, pcn, TODAY))
    whole = resolve(scope, f"?organisation={ICB}")
    assert {row["practice"] for row in telephony.practices(scope, whole)} == own
    assert telephony.counts(scope, whole)["open"] == OWN_PRACTICES - 2
    assert telephony_delivery.suppliers(scope, whole) == []
    assert {row["practice"] for row in telephony_delivery.money(scope, whole)} <= own
    with pytest.raises(organisations.NoSuchOrganisation):
        telephony.practices(scope, resolve(scope, f"?organisation={story.world.practices.pcn[STUCK[0]]}"))
    # a part of the practices would be taken for all of them, and a part of the money for the whole
    assert telephony_delivery.funding_share(scope, whole) is None
    assert telephony_delivery.funding_share(scope, resolve(scope, "")) is not None
    named = ("telephony-board", "telephony-slippage", "telephony-capabilities", "telephony-money", "telephony-stages")
    shown = {each: [name in str(page.layout(scope, view)) for name in named] for each, view in
             (("own", resolve(scope, "")), ("whole", whole))}  # fmt: skip
    assert shown == {"own": [True] * len(named), "whole": [False] * len(named)}
    assert f"organisation={pcn}" in str(page.layout(scope, whole))
    # nor is its own longest wait that of all
    waits = Scope("practice", story.world.practices.code[STUCK[0]])
    text = str(page.layout(waits, resolve(waits, f"?organisation={ICB}")))
    assert "practices are live" in text
    assert "longest wait" not in text
    assert "longest wait" in str(page.layout(SCOPE, resolve(SCOPE, "")))


def _narrow(story: Story, kind: str) -> Scope:
    practice = story.world.practices.iloc[0]
    return Scope("pcn", practice.pcn) if kind == "pcn" else Scope("practice", practice.code)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("kind", ["pcn", "practice"])
def test_a_narrower_scope_cannot_name_who_went_live_by_subtracting_days(story: Story, kind: str) -> None:
    """Of two days next to each other: what patients grow by is the list of who went live between them."""
    went_live: dict[date, list[str]] = {}
    for code, own in story.trackers[story.newest].items():
        if "live" in own and own["live"][1] and own["live"][1] > LISTED_IN:
            went_live.setdefault(own["live"][1], []).append(code)
    day, (who,) = min((day, who) for day, who in went_live.items() if len(who) == 1 and day.day > 1)

    def patients(scope: Scope) -> list[int | None]:
        views = [resolve(scope, f"?organisation={ICB}&on={each}") for each in (day - DAY, day)]
        found = [telephony.areas(scope, view)[0] for view in views] + [telephony.counts(scope, view) for view in views]
        return [each[name] for name in ("patients_live", "patients_installed", "patients") for each in found]

    before, after = patients(SCOPE)[:2]
    assert before is not None
    assert after is not None
    assert after - before == _list_size(story, who, day), "the instrument works"
    scope = _narrow(story, kind)
    assert who not in {each.code for each in organisations.choices(scope)}
    assert set(patients(scope)) == {None}
    whole = resolve(scope, f"?organisation={ICB}&on={day}")
    assert "not shown" in str(page._area_table(telephony.areas(scope, whole), whole)), "which is not `no data`"
    assert telephony.counts(scope, resolve(scope, f"?on={day}"))["patients_live"] is not None, "its own are its own"
    assert "of patients" not in str(page.layout(scope, resolve(scope, f"?organisation={ICB}&on={day}")))


@pytest.mark.parametrize("kind", ["pcn", "practice"])
def test_sums_of_patients_and_money_above_a_scope_are_the_icbs_alone(app: Dash, story: Story, kind: str) -> None:
    """They grow by all of one practice from one month to the next, wherever they are asked for."""
    names = ("telephony_patients_live", "telephony_patients_installed", "telephony_funding_paid", "telephony_live")
    scope = _narrow(story, kind)
    home = scope.code
    for who, each in (("icb", SCOPE), (kind, scope)):
        with app.server.test_request_context("/"):
            view = replace(resolve(each, f"?organisation={ICB}"), first_month=LISTED_IN, last_month=TODAY)
            latest = set(measures.latest(each, view, names))
            series = {name for name in names if measures.series(each, view, name)}
            accounts.add(app.server.extensions["access"], f"{kind}-{who}", "viewer", each, PASSWORD)
        client = app.server.test_client()
        assert sign_in(client, f"{kind}-{who}").status_code == 303
        told = client.get(f"/api/v1/measures.csv?measure={','.join(names)}").text
        by_api = {(row["measure"], row["organisation_code"]) for row in csv.DictReader(io.StringIO(told))}
        expected = set(names) if each == SCOPE else {"telephony_live"}
        assert (latest, series) == (expected, expected), who
        assert {name for name, code in by_api if code == ICB} == expected, who
        assert {name for name, code in by_api if code == home} == set(names), who


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("kind", ["pcn", "practice"])
def test_no_part_of_the_map_is_a_total_that_the_scope_may_not_see(story: Story, kind: str) -> None:
    scope = _narrow(story, kind)
    for search in ("", f"?organisation={ICB}"):
        rows = telephony.places(scope, resolve(scope, search))
        assert {row["kind"] for row in rows} == {"practice"}
        assert {row["code"] for row in rows} <= {each.code for each in organisations.choices(scope)}


def test_a_tracker_of_a_few_is_no_total_for_a_narrower_scope(story: Story, tmp_path: Path) -> None:
    """It names one's own practice and seven others: fewer than the eight that any total needs. And so for a month in
    which no more are known to be open."""
    scope = _narrow(story, "practice")
    few = [code for code in sorted(story.trackers[story.newest]) if code in _members(story, ICB, TODAY)][:8]
    assert scope.code in few
    before = {"telephony_practice": "practice NOT IN (SELECT unnest($few)) AND to_date < DATE '2023-06-01'"}
    named = dict.fromkeys(("rollout", "rollout_state"), "practice_code NOT IN (SELECT unnest($few))")
    for folder, left_out in ((tmp_path / "months", before), (tmp_path / "tracker", named)):
        shutil.copytree(story.home.published, folder / "published")
        name = (folder / "published" / "CURRENT").read_text(encoding="utf-8").strip()
        with duckdb.connect(str(folder / "published" / name)) as connection:
            for table, which in left_out.items():
                connection.execute(f"DELETE FROM {table} WHERE {which}", {"few": few})
        thin = keep_pages(create_app(Settings(home=folder, code=(ICB,)), settings_for(folder)))
        with thin.server.test_request_context("/telephony"):
            whole, everyone = resolve(scope, f"?organisation={ICB}"), resolve(SCOPE, "")
            assert telephony.burn_up(SCOPE, everyone)[0]["day"] < date(2023, 6, 1)
            assert telephony.counts(scope, resolve(scope, ""))["open"] == 1
            if left_out is before:
                assert min(row["day"] for row in telephony.burn_up(scope, whole)) == date(2023, 6, 30)
            else:
                assert telephony.counts(SCOPE, everyone)["open"] > len(few)
                assert telephony.counts(scope, whole)["open"] == 0
                assert telephony.burn_up(scope, whole) == telephony.areas(scope, whole) == []
                assert "too few practices" in str(page.layout(scope, whole))
        thin.server.extensions["access"].engine.dispose()


@pytest.mark.usefixtures("asked")
def test_the_map_shades_areas_and_marks_practices(story: Story) -> None:
    view = resolve(SCOPE, "")
    rows = telephony.places(SCOPE, view)
    expected = _expected(story, "9ZA", TODAY)
    (area,) = [row for row in rows if row["kind"] == "sub_icb"]
    assert (area["code"], area["live"], area["practices"]) == ("9ZA", expected["live"], expected["open"])
    assert [row["code"] for row in rows if row["kind"] == "practice"] == list(story.world.practices.code[:2])
    drawn = live_map(rows)
    assert [trace["type"] for trace in drawn["data"]] == ["choroplethmap", "scattermap", "scattermap"]  # a rim, points
    assert drawn["layout"]["map"]["style"] == "white-bg"
    assert telephony.has_map(SCOPE)


# --- before and after ---


@pytest.mark.usefixtures("asked")
def test_a_baseline_begins_where_a_practice_went_live(story: Story) -> None:
    code = story.world.practices.code[0]
    live_on = story.trackers[story.newest][code]["live"][1]
    (found,) = rebases.rebases(SCOPE, code)
    assert (found["date"], found["measure_group"]) == (live_on, "calls")
    assert found["reason"].startswith("Went live on digital telephony")
    months = [date(2024 + n // 12, n % 12 + 1, 1) for n in range(24)]
    series = [
        {"period_start": month, "value": (0.5 if n < 12 else 0.7) + (n % 3) / 100, "mean": None, "lower_limit": None,
         "upper_limit": None, "special_cause": None, "variation": None}
        for n, month in enumerate(months)
    ]  # fmt: skip
    rows = rebases.before_and_after(series, [{"date": date(2025, 1, 20), "reason": "Went live"}], "higher")
    assert [row["rebased"] for row in rows] == [None] * 12 + ["Went live"] + [None] * 11
    assert {round(row["mean"], 6) for row in rows[:12]} == {0.51}
    assert {round(row["mean"], 6) for row in rows[12:]} == {0.71}
    assert {row["variation"] for row in rows} == {"common_cause"}
    assert rebases.before_and_after(series, [{"date": date(2030, 1, 1), "reason": "Later"}], "higher") == series


def test_a_practices_calls_are_charted_anew_from_going_live(tmp_path: Path) -> None:
    publish(tmp_path / "published")
    with duckdb.connect(str(tmp_path / "published" / NAME)) as con:
        row = [PRACTICES[0], "calls", date(2025, 6, 10), "Went live on digital telephony with Larkline"]
        con.execute("INSERT INTO rebase (organisation, measure_group, date, reason) VALUES (?, ?, ?, ?)", row)
    app = create_app(Settings(home=tmp_path), settings_for(tmp_path))
    chart = before_after.CHARTS[0].name
    with app.server.test_request_context("/telephony"):
        view = resolve(SCOPE, f"?organisation={PRACTICES[0]}&period=24")
        rows = rebases.round_go_live(SCOPE, view, "calls_missed")
        begins = [row["period_start"] for row in rows if row["rebased"]]
        assert begins == [date(2025, 6, 1)]
        for own in (
            [row for row in rows if row["period_start"] < begins[0]],
            [row for row in rows if row["period_start"] >= begins[0]],
        ):
            middle = sum(row["value"] for row in own) / len(own)
            assert [row["mean"] for row in own] == pytest.approx([middle] * len(own))
        text = json.dumps(answers.panel_answer(SCOPE, chart, view.search()))
        assert "with Larkline on 10 Jun 2025" in text
        assert "before going live" in text
        other = resolve(SCOPE, f"?organisation={PRACTICES[3]}")
        assert rebases.round_go_live(SCOPE, other, "calls_missed") == []
        assert before_after.before_and_after(SCOPE, other) == []
        assert len(before_after.before_and_after(SCOPE, view)) == 1
    app.server.extensions["access"].engine.dispose()
