"""Run as a process: do what the calendar asks for, and be cut off at a step (a file opened for writing, a link, a
rename, a removal, a connection to the record). Exit code 0: done; 9: cut off."""

import json
import os
import sys
from datetime import date, datetime

import duckdb_sqlalchemy  # noqa: F401

from etl.exports.definitions import working_day
from etl.exports.schedule import look
from etl.settings import Settings

STEPS = {"open", "os.rename", "os.link", "os.remove", "sqlite3.connect", "os.mkdir"}


def main() -> None:
    """A line of standard input a job: settings, the time and the step to die at. Answers with the exit code.

    Each job is done in a fork of this process, which has imported everything and started no thread.
    """
    for year in (2025, 2026, 2027):
        working_day(date(year, 1, 1), 1)  # what is imported only when it is needed would be imported in every fork
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                job(json.loads(line))
                os._exit(0)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(3)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def job(asked: dict[str, str | int | None]) -> None:
    """Look at the calendar, and die at the step asked for."""
    settings, now = Settings(**json.loads(str(asked["settings"]))), datetime.fromisoformat(str(asked["now"]))
    left = asked["die_at"]

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if left is None or event not in STEPS:
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        if left == 0:
            os._exit(9)
        left = int(left) - 1

    sys.addaudithook(watch)
    look(settings, lambda: now)


if __name__ == "__main__":
    main()
