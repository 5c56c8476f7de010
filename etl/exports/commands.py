"""`icb-etl export`, `icb-etl schedule`, `icb-etl exports`: arguments in, sentences out.

Exit codes. 0: done. 2: something was refused, held or not delivered, and the rest was done. 1: could not do its work.
"""

import argparse
import getpass
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from etl import london
from etl.exports.content import content
from etl.exports.definitions import Definition, DefinitionError, month_of, readable
from etl.exports.delivery import DeliveryError
from etl.exports.history import History, HistoryError
from etl.exports.schedule import Job, Locked, Outcome, deliver, lock, look, routes, serve, write
from etl.exports.settings import export_settings
from etl.exports.tables import ExportError
from etl.exports.writing import Damaged, Version
from etl.published.reading import NothingPublished, Reader
from etl.settings import Settings, SettingsError

DONE, COULD_NOT, REFUSED = 0, 1, 2
PATIENCE = 120  # seconds to wait for another process on this home


def add_export_parsers(commands: Any, night: Callable[[Settings], object]) -> None:
    """Add the commands to `commands` (of `ArgumentParser.add_subparsers`), each with `run(settings, chosen) -> int`.

    night: takes in the inbox, builds and publishes; `schedule` runs it.
    """
    add = commands.add_parser("export", help="write an export of a period, and send it")
    add.add_argument("name", metavar="NAME|all")
    add.add_argument("--period", required=True, metavar="YYYY-MM", help="the month, such as 2026-10")
    add.add_argument("--resubmit", action="store_true", help="write a further version of a period already exported")
    add.add_argument("--reason", help="why it is resubmitted; stands in the manifest")
    add.add_argument("--out", type=Path, metavar="DIR", help="write below DIR instead; record and send nothing")
    add.set_defaults(run=_guarded(run_export))
    add = commands.add_parser("schedule", help="run the night and every export on its day, until stopped")
    add.set_defaults(run=_guarded(lambda settings, chosen: run_schedule(settings, night)))
    add = commands.add_parser("exports", help="what there is to export, what was sent, what is held")
    kinds = add.add_subparsers(title="exports", required=True)
    listing = kinds.add_parser("list", help="exports, what was sent and what is held")
    listing.set_defaults(run=_guarded(run_list))
    release = kinds.add_parser("release", help="let a held period go, marked provisional, at the schedule's next look")
    release.add_argument("name")
    release.add_argument("--period", required=True, metavar="YYYY-MM")
    release.set_defaults(run=_guarded(run_release))


Command = Callable[[Settings, argparse.Namespace], int]


def _guarded(command: Command) -> Command:
    """The command, with every expected failure as a message and exit code 1."""

    def run(settings: Settings, chosen: argparse.Namespace) -> int:
        try:
            return command(settings, chosen)
        except (Damaged, DefinitionError, ExportError, HistoryError, Locked, NothingPublished, SettingsError) as error:
            _complain(str(error))
        except SQLAlchemyError as error:
            _complain(f"the record of exports cannot be used: {getattr(error, 'orig', error)}")
        except OSError as error:
            _complain(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
        return COULD_NOT

    return run


def _complain(text: str) -> None:
    print(f"icb-etl: {text}", file=sys.stderr)


def run_export(settings: Settings, chosen: argparse.Namespace) -> int:
    """Write one export or all. By hand an incomplete period is written and marked p, not held; one without any
    figure is refused."""
    month = month_of(chosen.period)
    known, wrong = _known(settings, chosen.name)
    if chosen.resubmit and not (chosen.reason or "").strip():
        raise HistoryError("A resubmission needs --reason TEXT: it stands in the manifest.")
    if chosen.reason and not chosen.resubmit:
        raise HistoryError("--reason goes with --resubmit.")
    wanted = list(known.values()) if chosen.name == "all" else [known[chosen.name]]
    reader = Reader(settings.published)
    failed = [COULD_NOT] * wrong if chosen.name == "all" else []
    if chosen.out:
        return _result(failed + [_to_folder(reader, definition, month, chosen) for definition in wanted])
    with lock(settings.home, wait=PATIENCE):
        history = History(settings.home)
        history.catch_up(routes(known, export_settings(settings)))
        done = [_to_home(settings, reader, history, definition, month, chosen) for definition in wanted]
        return _result(failed + done)


def _known(settings: Settings, name: str = "all") -> tuple[dict[str, Definition], int]:
    """The definitions, and how many are wrong, which is said. Raises DefinitionError where `name` is none of them."""
    known, wrong = readable(settings.home)
    if name in wrong:
        raise wrong[name]
    for error in wrong.values():
        _complain(str(error))
    if name != "all" and name not in known:
        raise DefinitionError(f"There is no export named {name}. There are: {', '.join(known)}.")
    return known, len(wrong)


def _result(results: list[int]) -> int:
    """All done: 0. None could be: 1. Otherwise something was refused."""
    if not any(results):
        return DONE
    return COULD_NOT if all(result == COULD_NOT for result in results) else REFUSED


def _to_folder(reader: Reader, definition: Definition, month: date, chosen: argparse.Namespace) -> int:
    written = _written(reader, definition, month, chosen.out / definition.name, chosen.reason)
    return written if isinstance(written, int) else DONE


def _written(reader: Reader, definition: Definition, month: date, folder: Path, reason: str | None) -> Version | int:
    """The next version in a folder, which is said; an exit code, and what to do, when there is none."""
    try:
        found = content(reader, definition, month)
        if found.rows.empty:
            why = " ".join(found.notes) or f"{found.generation} has no figures for {month:%Y-%m}."
            _complain(
                f"{definition.name} {month:%Y-%m} was not written: {why} Is the period right? If so, put its files "
                "into the inbox and run `icb-etl nightly`."
            )
            return REFUSED
        written = write(folder, definition, found, month, datetime.now(UTC), reason)
    except (ExportError, Damaged) as error:
        _complain(str(error))
        return COULD_NOT
    print(f"wrote {written.path}: {written.entry['rows']:,} rows, {written.entry['status']}")
    for line in [*written.entry["notes"], *written.entry["missing"]]:
        print(f"  {line}")
    return written


def _to_home(
    settings: Settings,
    reader: Reader,
    history: History,
    definition: Definition,
    month: date,
    chosen: argparse.Namespace,
) -> int:
    earlier = [v for v in history.versions() if v["export"] == definition.name and v["period"] == chosen.period]
    if earlier and not chosen.resubmit:
        newest = max(earlier, key=lambda version: version["number"])
        _complain(
            f"{definition.name} {chosen.period} was exported as {newest['file']}. "
            "To supersede it, add --resubmit --reason TEXT."
        )
        return REFUSED
    if chosen.resubmit and not earlier:
        _complain(f"{definition.name} {chosen.period} has not been exported yet: leave out --resubmit.")
        return REFUSED
    written = _written(reader, definition, month, settings.home / "exports" / definition.name, chosen.reason)
    if isinstance(written, int):
        return written
    options = export_settings(settings)
    history.catch_up(routes({definition.name: definition}, options))
    job = Job("deliver", written.file, chosen.period, datetime.now(UTC))
    try:
        print(deliver(settings, options, history, job, lambda: datetime.now(UTC)).message)
    except DeliveryError as error:
        _complain(f"{error} It is tried again by `icb-etl schedule` or `icb-etl nightly`.")
        return REFUSED
    return DONE


def run_schedule(settings: Settings, night: Callable[[Settings], object]) -> int:
    """Serve the calendar until stopped."""
    exports, _ = _known(settings)
    options = export_settings(settings)
    print(
        f"night at {options.night_at:%H:%M} London time; exports: {', '.join(exports)}. Stop with Ctrl-C.", flush=True
    )
    with suppress(KeyboardInterrupt):
        serve(settings, lambda: night(settings), _report)
    return DONE


def _report(outcome: Outcome) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%SZ} {outcome.outcome}: {outcome.message}", flush=True)


def run_due(settings: Settings, report: Callable[[Outcome], None] = _report) -> list[Outcome]:
    """What is due, after a night that cron or another scheduler ran: exports and deliveries.

    Raises Locked when another process is at it.
    """
    return look(settings, lambda: datetime.now(UTC), None, report)


def run_list(settings: Settings, _: argparse.Namespace) -> int:
    """Exports with their calendar; what was made and sent; what is held and why."""
    exports, wrong = _known(settings)
    history = History(settings.home)
    history.catch_up(routes(exports, export_settings(settings)))
    this_month = london.today().replace(day=1)
    for name, definition in exports.items():
        plan = definition.schedule
        when = f"{this_month:%Y-%m} is due on {plan.due(this_month)}" if plan else "no calendar: by hand"
        print(f"{name}: {definition.title} ({definition.disclosure}; {when})")
    for version in history.versions():
        sent = f"sent {version['sent_at']:%Y-%m-%d %H:%M}Z" if version["sent_at"] else "not sent yet"
        print(f"  {version['file']}: {version['rows']:,} rows, {version['status']}, {sent}")
    for hold in history.holds():
        print(f"  held: {hold['export']} {hold['period']} since {hold['since']:%Y-%m-%d}")
        for line in hold["why"].splitlines():
            print(f"    {line}")
    return REFUSED if wrong else DONE


def run_release(settings: Settings, chosen: argparse.Namespace) -> int:
    """Ask for a held period to go as provisional."""
    period = f"{month_of(chosen.period):%Y-%m}"
    _known(settings, chosen.name)
    History(settings.home).ask("release", chosen.name, period, getpass.getuser(), datetime.now(UTC))
    print(f"{chosen.name} {period} goes, marked provisional, at the schedule's next look.")
    return DONE
