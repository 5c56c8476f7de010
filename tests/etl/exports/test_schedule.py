"""The calendar in a time machine: a year, clock changes, bank holidays, crashes, full disks. Everything once."""

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.exc import SQLAlchemyError

from etl.exports.definitions import Definition, definitions
from etl.exports.history import History, HistoryError, State
from etl.exports.schedule import Job, Locked, Outcome, due, lock, look
from etl.exports.writing import read_manifest, versions
from etl.settings import Settings
from tests.etl.exports.conftest import MONTHS, OCTOBER, publish

LONDON = ZoneInfo("Europe/London")
ROOT = Path(__file__).resolve().parents[3]
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def simulate(moments: Iterator[datetime], night_at: time = time(3, 0)) -> list[tuple[datetime, Job]]:
    """What `due` asks for at each moment, if everything is done at once."""
    exports = definitions()
    state = State(since=NEW_YEAR)
    asked = []
    for now in moments:
        for job in due(now, exports, state, "generation", night_at):
            asked.append((now, job))
            if job.kind == "night":
                state.done.add(job.key)
            else:
                state.exported.add((job.name, job.period))
    return asked


def every(step: timedelta, until: datetime = datetime(2027, 1, 1, tzinfo=UTC)) -> Iterator[datetime]:
    """Moments from New Year."""
    now = NEW_YEAR
    while now < until:
        yield now
        now += step


def test_every_night_and_every_period_once_in_a_year() -> None:
    asked = simulate(now for now in every(timedelta(hours=1)) if now.hour in (1, 2, 3, 6, 7))
    nights = [(now.astimezone(LONDON), job) for now, job in asked if job.kind == "night"]
    assert len(nights) == 365
    assert {now.time() for now, _ in nights} == {time(3, 0)}
    assert [now.date() for now, _ in nights] == [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]
    exports = [(now.astimezone(LONDON), job) for now, job in asked if job.kind == "export"]
    assert max(Counter((job.name, job.period) for _, job in exports).values()) == 1
    training = [now for now, job in exports if job.name == "navigator_training"]
    assert len(training) == 12
    assert training[0] == datetime(2026, 1, 6, 7, tzinfo=LONDON)  # third working day after New Year's Day
    assert training[3] == datetime(2026, 4, 7, 7, tzinfo=LONDON)  # 3 and 6 April are Easter
    assert training[4] == datetime(2026, 5, 6, 7, tzinfo=LONDON)  # 4 May is a bank holiday
    assert all(now.time() == time(7, 0) for now in training)


@pytest.mark.parametrize("night_at", [time(1, 30), time(2, 0), time(0, 30), time(3, 0)])
@pytest.mark.parametrize("change", [date(2026, 3, 29), date(2026, 10, 25)])
def test_one_night_on_a_clock_change_at_any_hour(change: date, night_at: time) -> None:
    """01:30 comes twice in autumn and not at all in spring."""
    moments = every(timedelta(minutes=10), datetime.combine(change, time(12), UTC))
    asked = simulate((now for now in moments if now.date() >= change - timedelta(days=1)), night_at)
    assert [job.name for _, job in asked if job.kind == "night" and job.name == change.isoformat()] == [
        change.isoformat()
    ]


def test_what_was_missed_is_caught_up_once() -> None:
    """The machine is off from 10 February to 20 May, 01:00."""
    off, on = datetime(2026, 2, 10, tzinfo=UTC), datetime(2026, 5, 20, tzinfo=UTC)
    asked = simulate(now for now in every(timedelta(hours=4)) if not off <= now < on)
    back = [job for now, job in asked if now == on]
    assert [job.name for job in back if job.kind == "night"] == ["2026-05-19"]
    training = [job.period for job in back if job.name == "navigator_training"]
    assert training == ["2026-02", "2026-03", "2026-04"]
    assert max(Counter((job.kind, job.name, job.period) for _, job in asked).values()) == 1


def test_nothing_from_before_the_beginning() -> None:
    assert simulate(iter([NEW_YEAR])) == []


def test_a_failure_waits_longer_each_time() -> None:
    state = State(since=NEW_YEAR)
    start = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)
    job = due(start, {}, state)[0]
    waits = []
    for failures in (1, 2, 3, 4, 5, 9):
        state.attempts[job.key] = (failures, start)
        waits.append(next(m for m in range(200) if due(start + timedelta(minutes=m), {}, state)))
    assert waits == [5, 10, 20, 40, 60, 60]


# -- the same with real files

OWN = """
title = "Digital telephony"
purpose = "ours"
disclosure = "exact"
complete_from = ["published_calls"]
measures = ["telephony_*"]
schedule = { working_day = 1, at = 05:00:00, deadline_working_day = 4 }
"""


def with_own(settings: Settings) -> Settings:
    """A home with an export of its own that goes on the first working day at 05:00."""
    folder = settings.home / "exports" / "definitions"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text(OWN)
    return settings


def made(settings: Settings, name: str = "mine") -> list[str]:
    return [entry["name"] for entry in versions(settings.home / "exports" / name)]


def test_a_year_of_real_exports(home_of: Callable[..., Settings]) -> None:
    """Every third day of a year; the machine is off for most of August; the calls of June come late."""
    settings = with_own(home_of(months=MONTHS, with_navigation=False, missing=(("A99002", date(2026, 6, 1)),)))
    nights: list[datetime] = []
    clock = Clock(NEW_YEAR)
    History(settings.home).begin(NEW_YEAR)

    def night() -> None:
        nights.append(clock())
        if clock() > datetime(2026, 7, 4, tzinfo=UTC) and len(list(settings.published.glob("*.duckdb"))) == 1:
            publish(settings.published, 2, months=MONTHS, with_navigation=False)

    outcomes: list[tuple[datetime, Outcome]] = []
    day = NEW_YEAR
    while day < datetime(2027, 1, 1, tzinfo=UTC):
        clock.now = datetime.combine(day.date(), time(7, 1), LONDON)
        if not date(2026, 8, 3) <= day.date() <= date(2026, 8, 28):
            outcomes += [(clock(), outcome) for outcome in look(settings, clock, night)]
        day += timedelta(days=3)
    assert len(nights) == len({now.date() for now in nights}) == 114
    assert not [outcome for _, outcome in outcomes if outcome.outcome == "failed"]
    assert made(settings) == [f"mine_qzz_{month:%Y-%m}_month_v1.csv" for month in MONTHS[11:23]]
    sent = [outcome.job.name for _, outcome in outcomes if outcome.job.kind == "deliver"]
    assert max(Counter(sent).values()) == 1
    assert set(made(settings)) <= set(sent)
    june = [outcome.outcome for _, outcome in outcomes if (outcome.job.name, outcome.job.period) == ("mine", "2026-06")]
    assert june == ["held", "done"]
    assert {entry["status"] for entry in versions(settings.home / "exports" / "mine")} == {"final"}
    # nothing is known of navigation: each period waits for its deadline and goes marked provisional
    assert len(made(settings, "care_navigation")) == 12
    assert {e["status"] for e in versions(settings.home / "exports" / "care_navigation")} == {"provisional"}


DUE = datetime(2026, 11, 2, 5, 0, tzinfo=UTC)  # first working day of November
BEFORE = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)


def begun(settings: Settings) -> Settings:
    History(settings.home).begin(BEFORE)
    return settings


def test_an_incomplete_period_is_held_and_released(home_of: Callable[..., Settings]) -> None:
    settings = begun(with_own(home_of(missing=(("A99004", OCTOBER),))))
    first = look(settings, Clock(DUE))
    assert [outcome.outcome for outcome in first] == ["held"]
    assert "A99004" in first[0].message
    history = History(settings.home)
    assert history.holds()[0]["why"] == "published_calls: A99004 PRACTICE A99004"
    assert look(settings, Clock(DUE + timedelta(hours=1))) == []
    with pytest.raises(HistoryError, match="not held"):
        history.ask("release", "mine", "2026-09", "someone", DUE)
    history.ask("release", "mine", "2026-10", "someone", DUE)
    outcomes = look(settings, Clock(DUE + timedelta(hours=2)))
    assert [outcome.outcome for outcome in outcomes] == ["done", "done"]
    assert versions(settings.home / "exports" / "mine")[0]["status"] == "provisional"
    assert history.holds() == []
    assert look(settings, Clock(DUE + timedelta(days=30))) is not None
    assert len(made(settings)) == 1 + 0


def test_the_deadline_sends_what_is_held(home_of: Callable[..., Settings]) -> None:
    settings = begun(with_own(home_of(missing=(("A99004", OCTOBER),))))
    for day in range(2, 7):
        look(settings, Clock(datetime(2026, 11, day, 6, tzinfo=UTC)))
        assert len(made(settings)) == (day >= 5)  # the fourth working day
    assert versions(settings.home / "exports" / "mine")[0]["missing"]


def test_a_resubmission_asked_for_is_made_once(home_of: Callable[..., Settings]) -> None:
    settings = begun(with_own(home_of()))
    look(settings, Clock(DUE))
    history = History(settings.home)
    with pytest.raises(HistoryError, match="reason"):
        history.ask("resubmit", "mine", "2026-10", "someone", DUE, " ")
    with pytest.raises(HistoryError, match="not been exported"):
        history.ask("resubmit", "mine", "2026-09", "someone", DUE, "why")
    history.ask("resubmit", "mine", "2026-10", "someone", DUE, "two practices corrected")
    for hour in (1, 2, 3):
        look(settings, Clock(DUE + timedelta(hours=hour)))
    first, second = versions(settings.home / "exports" / "mine")
    assert (second["supersedes"], second["reason"]) == (first["name"], "two practices corrected")
    assert [row["file"] for row in history.deliveries()] == [first["name"], second["name"]]


def test_a_wrong_definition_stops_neither_the_night_nor_the_others(home_of: Callable[..., Settings]) -> None:
    settings = begun(with_own(home_of()))
    (settings.home / "exports" / "definitions" / "mine.toml").write_text("title = 1")
    nights: list[int] = []
    (settings.home / "exports" / "definitions" / "ours.toml").write_text(OWN)
    outcomes = look(settings, Clock(DUE), lambda: nights.append(1))
    assert nights == [1]
    assert [outcome.outcome for outcome in outcomes] == ["failed", "done", "done", "done"]
    assert "mine.toml" in outcomes[0].message
    assert made(settings, "ours") == ["ours_qzz_2026-10_month_v1.csv"]  # the others go all the same
    assert [outcome.outcome for outcome in look(settings, Clock(DUE + timedelta(minutes=6)))] == ["failed"]


def test_a_night_that_fails_is_tried_again_and_stops_nothing(home_of: Callable[..., Settings]) -> None:
    settings = begun(with_own(home_of()))

    def night() -> None:
        raise RuntimeError("the warehouse is locked")

    outcomes = look(settings, Clock(DUE), night)
    assert [outcome.outcome for outcome in outcomes] == ["failed", "done", "done"]
    assert look(settings, Clock(DUE + timedelta(minutes=1)), night) == []
    assert len(look(settings, Clock(DUE + timedelta(minutes=6)), night)) == 1


def test_two_schedulers_never_both_run(home_of: Callable[..., Settings]) -> None:
    settings = home_of()
    with lock(settings.home), pytest.raises(Locked, match="Another process"):
        look(settings, Clock(DUE))
    with lock(settings.home):  # and the lock is free again
        pass


# -- crashes


@pytest.fixture
def in_child() -> Iterator[Callable[..., int]]:
    """Look at the calendar in a process that is cut off at a step: exit code 0 done, 9 cut off. Forked from a helper
    and not from here, where the database's threads would be missing in the child and it could hang."""
    command = [sys.executable, "-m", "tests.etl.exports.cut_off"]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    ) as helper:
        assert helper.stdin
        assert helper.stdout

        def run(settings: Settings, now: datetime, die_at: int | None = None) -> int:
            asked = {"settings": settings.model_dump_json(), "now": now.isoformat(), "die_at": die_at}
            helper.stdin.write(json.dumps(asked) + "\n")  # type: ignore[union-attr]
            helper.stdin.flush()  # type: ignore[union-attr]
            code = int(helper.stdout.readline())  # type: ignore[union-attr]
            assert code in (0, 9)
            return code

        yield run
        helper.stdin.close()


def test_a_crash_at_every_step(home_of: Callable[..., Settings], tmp_path: Path, in_child: Callable[..., int]) -> None:
    template = begun(with_own(home_of({"folder": {"path": str(tmp_path / "box")}}, months=[OCTOBER])))
    step, cut_off = 0, 0
    while True:
        home, box = tmp_path / f"home{step}", tmp_path / f"box{step}"
        shutil.copytree(template.home, home)
        settings = template.model_copy(update={"home": home, "exports": {"folder": {"path": str(box)}}})
        code = in_child(settings, DUE, die_at=step)
        assert in_child(settings, DUE + timedelta(hours=1)) == 0
        file = "mine_qzz_2026-10_month_v1.csv"
        assert made(settings) == [file]
        names = {path.name for path in (home / "exports" / "mine").iterdir()}
        assert names == {file, f"{file}-metadata.json", "manifest.json", "SHA256SUMS"}
        assert sorted(path.name for path in box.iterdir()) == [file, f"{file}-metadata.json"]
        for entry in read_manifest(home / "exports" / "mine")["files"]:
            assert hashlib.sha256((box / entry["name"]).read_bytes()).hexdigest() == entry["sha256"]
        assert [row["outcome"] for row in History(home).deliveries()].count("sent") == 1
        shutil.rmtree(home)
        if code == 0:
            break
        step, cut_off = step + 1, cut_off + 1
    assert cut_off > 15


@pytest.mark.parametrize("limit", [0, 500, 20_000, 60_000])
def test_a_full_disk(home_of: Callable[..., Settings], limit: int) -> None:
    settings = begun(with_own(home_of()))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        for minute in (0, 1):
            look(settings, Clock(DUE + timedelta(minutes=minute)))
    except (OSError, SQLAlchemyError):
        pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    for hour in (2, 4):
        look(settings, Clock(DUE + timedelta(hours=hour)))
    assert made(settings) == ["mine_qzz_2026-10_month_v1.csv"]
    assert [row["outcome"] for row in History(settings.home).deliveries()].count("sent") == 1
    assert isinstance(definitions(settings.home)["mine"], Definition)
