"""Run as a process: do what the calendar asks for, and be cut off at a step (a file opened for writing, a link, a
rename, a removal, a connection to the record). Exit code 0: done; 9: cut off."""

import json
import os
import sys
from datetime import datetime

from etl.exports.schedule import look
from etl.settings import Settings

STEPS = {"open", "os.rename", "os.link", "os.remove", "sqlite3.connect", "os.mkdir"}


def main() -> None:
    """Reads settings, the time and the step to die at from standard input."""
    asked = json.load(sys.stdin)
    settings = Settings(**json.loads(asked["settings"]))
    left = asked["die_at"]

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if left is None or event not in STEPS:
            return
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        if left == 0:
            os._exit(9)
        left -= 1

    now = datetime.fromisoformat(asked["now"])
    sys.addaudithook(watch)
    look(settings, lambda: now)


if __name__ == "__main__":
    main()
