"""The commands, as typed: exit codes and sentences."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from etl.exports.commands import add_export_parsers, run_due
from etl.exports.history import History
from etl.exports.schedule import lock
from etl.settings import Settings
from tests.etl.exports.conftest import OCTOBER


def run(settings: Settings, *words: str) -> int:
    parser = argparse.ArgumentParser()
    add_export_parsers(parser.add_subparsers(), lambda settings: None)
    chosen = parser.parse_args(words)
    return int(chosen.run(settings, chosen))


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.csv"))


def test_one_export(home_of: Callable[..., Settings], capsys: pytest.CaptureFixture[str]) -> None:
    settings = home_of()
    assert run(settings, "export", "telephony_adoption", "--period", "2026-10") == 0
    folder = settings.home / "exports" / "telephony_adoption"
    assert files(folder) == ["telephony_adoption_qzz_2026-10_month_v1.csv"]
    assert "was sent" in capsys.readouterr().out
    assert run(settings, "export", "telephony_adoption", "--period", "2026-10") == 2
    assert "--resubmit --reason" in capsys.readouterr().err
    again = ("export", "telephony_adoption", "--period", "2026-10", "--resubmit")
    assert run(settings, *again) == 1
    assert "--reason" in capsys.readouterr().err
    assert run(settings, *again, "--reason", "two practices went live earlier") == 0
    assert len(files(folder)) == 2
    assert run(settings, "export", "telephony_adoption", "--period", "2026-09", "--resubmit", "--reason", "x") == 2
    assert run(settings, "exports", "list") == 0
    listed = capsys.readouterr().out
    assert "telephony_adoption_qzz_2026-10_month_v2.csv" in listed
    assert "not sent" not in listed


def test_all_to_a_folder_twice_is_equal_and_records_nothing(home_of: Callable[..., Settings], tmp_path: Path) -> None:
    settings = home_of()
    for place in ("one", "two"):
        assert run(settings, "export", "all", "--period", "2026-10", "--out", str(tmp_path / place)) == 0
    one = {p.relative_to(tmp_path / "one"): p.read_bytes() for p in (tmp_path / "one").rglob("*.*")}
    two = {p.relative_to(tmp_path / "two"): p.read_bytes() for p in (tmp_path / "two").rglob("*.*")}
    assert len([path for path in one if path.suffix == ".csv"]) == 5
    assert {p: b for p, b in one.items() if p.name != "manifest.json"} == {
        p: b for p, b in two.items() if p.name != "manifest.json"
    }
    assert not (settings.home / "exports").exists()
    assert run(settings, "export", "all", "--period", "2026-10", "--out", str(tmp_path / "one")) == 0
    assert len(files(tmp_path / "one" / "measures_long")) == 2


def test_by_hand_a_period_without_any_figure_is_refused(
    home_of: Callable[..., Settings], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = home_of(with_navigation=False)
    for further in ((), ("--out", str(tmp_path / "out"))):
        assert run(settings, "export", "all", "--period", "2026-10", *further) == 2  # the others were written
        said = capsys.readouterr()
        assert "care_navigation 2026-10 was not written: switchboard-000001.duckdb lacks a table" in said.err
        assert "icb-etl nightly" in said.err
        assert "telephony_adoption_qzz_2026-10_month_v1.csv" in said.out
    assert run(settings, "export", "measures_long", "--period", "2019-10") == 2
    assert "has no figures for 2019-10" in capsys.readouterr().err
    for folder in (settings.home / "exports", tmp_path / "out"):
        assert not (folder / "care_navigation").exists()
        assert len(files(folder / "measures_long")) == 1
    assert len(History(settings.home).versions()) == 4


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("export", "nothing", "--period", "2026-10"), "no export named nothing"),
        (("export", "all", "--period", "October"), "2026-10"),
        (("export", "measures_long", "--period", "2026-10", "--reason", "x"), "--resubmit"),
        (("exports", "release", "measures_long", "--period", "2026-10"), "not held"),
        (("exports", "release", "nothing", "--period", "2026-10"), "no export named nothing"),
    ],
)
def test_what_cannot_be_done_is_said(
    home_of: Callable[..., Settings], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    assert run(home_of(), *words) == 1
    assert says in capsys.readouterr().err


def test_nothing_published(home: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "export", "all", "--period", "2026-10") == 1
    assert "icb-etl nightly" in capsys.readouterr().err


def test_an_export_that_cannot_be_made_does_not_stop_the_others(
    home_of: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = home_of(with_navigation=False)
    folder = settings.home / "exports" / "definitions"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text('title = "T"\npurpose = "P"\ndisclosure = "exact"\nmeasures = ["navigation_*"]\n')
    assert run(settings, "export", "all", "--period", "2026-10") == 2
    assert "count people" in capsys.readouterr().err
    assert len(files(settings.home / "exports" / "measures_long")) == 1
    assert run(settings, "export", "mine", "--period", "2026-10") == 1


def test_after_a_night_what_is_due_runs(home_of: Callable[..., Settings]) -> None:
    settings = home_of()
    assert run_due(settings, lambda outcome: None) == []
    assert History(settings.home).versions() == []


def test_a_second_scheduler_is_refused(home_of: Callable[..., Settings], capsys: pytest.CaptureFixture[str]) -> None:
    settings = home_of()
    with lock(settings.home, ".scheduler"):
        assert run(settings, "schedule") == 1
    assert "Another process" in capsys.readouterr().err


def test_an_incomplete_period_is_written_by_hand(home_of: Callable[..., Settings]) -> None:
    settings = home_of(missing=(("A99001", OCTOBER),))
    assert run(settings, "export", "demand_and_capacity", "--period", "2026-10") == 0
    folder = settings.home / "exports" / "demand_and_capacity"
    assert b",p\r\n" in (folder / files(folder)[0]).read_bytes()


def test_a_wrong_definition_stops_only_itself(
    home_of: Callable[..., Settings], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = home_of()
    folder = settings.home / "exports" / "definitions"
    folder.mkdir(parents=True)
    (folder / "measures_long.toml").write_text("title = 1\n")
    assert run(settings, "export", "telephony_adoption", "--period", "2026-10") == 0
    assert "measures_long.toml" in capsys.readouterr().err
    assert run(settings, "export", "measures_long", "--period", "2026-10") == 1  # nor is the shipped one used instead
    assert run(settings, "export", "all", "--period", "2026-09") == 2
    assert len(files(settings.home / "exports" / "care_navigation")) == 1
    assert not (settings.home / "exports" / "measures_long").exists()
    assert run(settings, "exports", "list") == 2


@pytest.mark.parametrize("content", ["{", "[1]", '{"files": [{}]}', ""])
def test_a_damaged_manifest_is_named_and_left_alone(
    home_of: Callable[..., Settings], capsys: pytest.CaptureFixture[str], content: str
) -> None:
    settings = home_of()
    folder = settings.home / "exports" / "telephony_adoption"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(content)
    assert run(settings, "export", "telephony_adoption", "--period", "2026-10") == 1
    assert "telephony_adoption/manifest.json is damaged" in capsys.readouterr().err
    assert (folder / "manifest.json").read_text() == content
    assert files(folder) == []
    assert run(settings, "export", "navigator_training", "--period", "2026-10") == 0
