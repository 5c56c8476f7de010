"""icb-etl: a function a command, no logic.

Exit codes. 0: done, also when there was nothing to do. 2: a file or a row was refused and the rest was done.
1: the command could not do its work.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import duckdb
import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from etl import nightly
from etl.exports.commands import add_export_parsers, run_due
from etl.exports.schedule import Locked
from etl.measures.registry import MeasureError
from etl.published.reading import NothingPublished, Reader
from etl.published.writing import NotPublished, publish
from etl.settings import Settings, SettingsError, load_settings
from etl.warehouse.connection import WAREHOUSE_FAILED, Warehouse, WarehouseError

DONE, COULD_NOT, REFUSED = 0, 1, 2
DEMO_CALLS = "full"
HOW_MANY_CALLS = "call logs: full (thirteen months, over two million calls; the default), recent (three months) or none"
NOT_DONE = ("failed", "refused")
console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; every expected failure is a message, never a traceback."""
    parser = _parser()
    try:
        chosen = parser.parse_args(arguments)
    except SystemExit as stop:  # argparse exits with 2, which here means that something was refused
        return COULD_NOT if stop.code else DONE
    if not hasattr(chosen, "run"):
        parser.print_help()
        return COULD_NOT
    try:
        return int(chosen.run(load_settings(), chosen))
    except (SettingsError, WarehouseError, MeasureError, NotPublished, NothingPublished, Locked) as error:
        console.print(f"icb-etl: {error}")
    except OSError as error:
        console.print(f"icb-etl: {error.strerror or error}: {error.filename or ''}".rstrip(": "))
    except (*WAREHOUSE_FAILED, duckdb.Error, psycopg.Error) as error:
        said = str(error).strip().splitlines()
        console.print(
            f"icb-etl: the warehouse failed: {said[0] if said else type(error).__name__}. What was finished is kept, "
            "and what is published has not changed. Check the disk, the memory and the server, then run it again.",
            markup=False,
        )
    except KeyboardInterrupt:
        console.print("icb-etl: stopped. What was finished is kept; run the command again to go on.")
    return COULD_NOT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="icb-etl", description="Files in, one published database out.")
    commands = parser.add_subparsers(title="commands")
    add = commands.add_parser("nightly", help="take in the inbox, build, publish and run what is due")
    add.set_defaults(run=run_nightly)
    add = commands.add_parser("load", help="take in just these files, leaving them where they are; publish nothing")
    add.add_argument("files", metavar="FILE", nargs="+", type=Path)
    add.set_defaults(run=run_load)
    add = commands.add_parser("publish", help="build a generation from what is loaded and publish it")
    add.set_defaults(run=run_publish)
    add = commands.add_parser("demo", help="write the files of a synthetic ICB into the inbox")
    add.add_argument("--calls", choices=("none", "recent", "full"), default=DEMO_CALLS, help=HOW_MANY_CALLS)
    add.set_defaults(run=run_demo)
    add = commands.add_parser("status", help="what is published and what was loaded last")
    add.add_argument("--json", action="store_true", help="for machines")
    add.set_defaults(run=run_status)
    add_export_parsers(commands, nightly.nightly)
    return parser


def run_nightly(settings: Settings, _: argparse.Namespace) -> int:
    """Take in the inbox, build, publish, and run the exports that are due."""
    with progress() as show:
        night = nightly.nightly(settings, show)
    code = _say(night)
    outcomes = run_due(settings)
    return REFUSED if any(outcome.outcome in NOT_DONE for outcome in outcomes) else code


def run_load(settings: Settings, chosen: argparse.Namespace) -> int:
    """Take in just these files."""
    missing = [path for path in chosen.files if not path.is_file()]
    if missing:
        console.print(f"icb-etl: no such file: {', '.join(map(str, missing))}. Nothing was loaded.")
        return COULD_NOT
    with progress() as show:
        night = nightly.load_files(settings, chosen.files, show)
    return _say(night)


def run_publish(settings: Settings, _: argparse.Namespace) -> int:
    """Build and publish."""
    with progress() as show, Warehouse(settings) as warehouse:
        name = publish(warehouse, show)
    print(f"published {name}")
    return DONE


def run_demo(settings: Settings, chosen: argparse.Namespace) -> int:
    """Write the synthetic ICB."""
    from etl.demo.files import write_demo

    with progress() as show:
        manifest = write_demo(settings.home, calls=chosen.calls, progress=show)
    print(f"wrote a synthetic ICB to {settings.inbox}: {len(manifest.get('files', []))} files. Next: icb-etl nightly")
    return DONE


def run_status(settings: Settings, chosen: argparse.Namespace) -> int:
    """What is published, what was loaded last, what waits."""
    reader = Reader(settings.published)
    try:
        generation = reader.records("SELECT name, built_at, icb_codes, is_synthetic FROM generation")[0]
        loads = reader.records("SELECT * FROM load ORDER BY load_id DESC LIMIT 10")
        refused = reader.records("SELECT * FROM refused_file LIMIT 10")
    except NothingPublished:
        generation, loads, refused = None, [], []
    waiting = sorted(p.name for p in settings.inbox.glob("*")) if settings.inbox.is_dir() else []
    status = {
        "home": str(settings.home),
        "generation": generation,
        "inbox": waiting,
        "loads": loads,
        "refused": refused,
    }
    if chosen.json:
        print(json.dumps(status, default=lambda v: v.isoformat() if hasattr(v, "isoformat") else str(v), indent=2))
        return DONE
    if generation is None:
        print(
            f"Nothing has been published in {settings.published} yet. "
            f"Put files in {settings.inbox}, then run icb-etl nightly."
        )
    else:
        built: datetime = generation["built_at"]
        print(f"{generation['name']}, built {built:%d %B %Y %H:%M} UTC, for {generation['icb_codes'] or 'all ICBs'}")
    print(f"{len(waiting)} files in the inbox, {len(refused)} refused lately")
    for load in loads:
        print(
            f"  load {load['load_id']}: {load['feed']}, {load['file_name']}: {load['rows_kept']:,} rows kept, "
            f"{load['rows_refused']:,} refused, {load['rows_filtered']:,} filtered"
        )
    return DONE


def _say(night: nightly.Night) -> int:
    for load in night.loads:
        print(
            f"loaded {load.file_name} as {load.feed}: {load.rows_kept:,} rows kept, {load.rows_refused:,} refused, "
            f"{load.rows_filtered:,} filtered"
        )
    for name in night.unchanged:
        print(f"unchanged {name}: the same file was loaded before")
    for name, reason in night.refused:
        print(f"refused {name}: {reason}")
    if night.generation:
        print(f"published {night.generation}")
    return REFUSED if night.something_was_refused else DONE


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal; nothing else is printed while it runs. Off a terminal, one line an event."""
    if not sys.stderr.isatty():

        def line(event: str, done: int, total: int) -> None:
            print(f"{event} ({done}/{total})", file=sys.stderr)

        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda event, done, total: bar.update(task, description=event, completed=done, total=total)


if __name__ == "__main__":
    sys.exit(main())
