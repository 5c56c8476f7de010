"""Open the generation named in CURRENT, read-only, and move on to the next between two queries."""

import threading
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.pool import QueuePool

CURRENT = "CURRENT"


class NothingPublished(Exception):
    """No generation has been published yet."""


def current(folder: Path) -> Path:
    """The file of the generation that CURRENT names. Raises NothingPublished."""
    try:
        name = (folder / CURRENT).read_text(encoding="utf-8").strip()
    except OSError:
        raise NothingPublished(f"Nothing has been published in {folder} yet. Run `icb-etl nightly`.") from None
    path = folder / name
    if not path.is_file():
        raise NothingPublished(f"{folder / CURRENT} names {name}, which is not there. Run `icb-etl publish`.")
    return path


class Reader:
    """Reads generations. Safe to share between threads; each query sees one generation, whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        """A read-only engine on the current generation. Raises NothingPublished.

        The name in CURRENT is compared, not the file's time: a generation never changes under its name.
        """
        path = current(self.folder)
        if path != self._path:
            with self._lock:
                if path != self._path:
                    old, self._engine, self._path = self._engine, _read_only(path), path
                    if old is not None:
                        old.dispose()
        assert self._engine is not None
        return self._engine

    @property
    def generation(self) -> str:
        """The name of the current generation: a key for caches. Raises NothingPublished."""
        return current(self.folder).name

    def records(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """Rows as dictionaries; `:name` marks a parameter."""
        with self.engine().connect() as connection:
            result = connection.execute(text(sql), parameters)
            columns = list(result.keys())
            return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]

    def frame(self, sql: str, **parameters: Any) -> pd.DataFrame:
        """The result as a data frame (missing as NaN or None); `:name` marks a parameter."""
        with self.engine().connect() as connection:
            result = connection.execute(text(sql), parameters)
            return pd.DataFrame(result.fetchall(), columns=list(result.keys()))


def _read_only(path: Path) -> Engine:
    engine = create_engine(
        f"duckdb:///{path}",
        isolation_level="AUTOCOMMIT",  # nothing is written: no BEGIN and ROLLBACK around each SELECT
        connect_args={"read_only": True},
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=8,
    )

    @event.listens_for(engine, "connect")
    def _lock_down(connection: Any, _: object) -> None:
        # no SQL from a request can reach another file, whatever slips through
        connection.execute("SET enable_external_access = false")
        connection.execute("SET TimeZone = 'UTC'")
        # a figure's worth of rows is found faster by one thread than by several that wait for each other
        connection.execute("SET threads = 1")

    return engine
