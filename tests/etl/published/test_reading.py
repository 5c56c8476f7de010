"""A reader sees one generation, whole, and moves on between two queries; it can reach nothing else."""

import threading
from pathlib import Path

import duckdb
import pytest
from sqlalchemy.exc import DBAPIError

from etl.published.reading import CURRENT, NothingPublished, Reader

ROWS = 200


def generation(folder: Path, number: int) -> None:
    """Publish, as `_switch` does, a generation in which every row says its number."""
    name = f"switchboard-{number:06d}.duckdb"
    building = folder / f".build-{number}"
    with duckdb.connect(str(building)) as con:
        con.execute(f"CREATE TABLE generation AS SELECT '{name}' AS name")
        con.execute(f"CREATE TABLE fact AS SELECT {number} AS number, n FROM range({ROWS}) AS t(n)")
    building.replace(folder / name)
    pointer = folder / ".build-CURRENT"
    pointer.write_text(name + "\n")
    pointer.replace(folder / CURRENT)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generation(tmp_path, 1)
    return tmp_path


def test_nothing_published_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(NothingPublished, match="Run `icb-etl nightly`"):
        Reader(tmp_path / "published").records("SELECT 1")
    (tmp_path / CURRENT).write_text("switchboard-000009.duckdb\n")
    with pytest.raises(NothingPublished, match=r"000009\.duckdb, which is not there"):
        Reader(tmp_path).records("SELECT 1")


def test_it_moves_on_between_two_queries(folder: Path) -> None:
    reader = Reader(folder)
    assert reader.records("SELECT name FROM generation") == [{"name": "switchboard-000001.duckdb"}]
    assert reader.generation == "switchboard-000001.duckdb"
    generation(folder, 2)
    assert reader.generation == "switchboard-000002.duckdb"
    assert reader.records("SELECT DISTINCT number FROM fact") == [{"number": 2}]


def test_a_query_under_way_finishes_on_the_generation_it_began_with(folder: Path) -> None:
    reader = Reader(folder)
    with reader.engine().connect() as connection:
        assert connection.exec_driver_sql("SELECT max(number) FROM fact").scalar() == 1
        generation(folder, 2)
        assert reader.records("SELECT max(number) AS n FROM fact") == [{"n": 2}]
        (folder / "switchboard-000001.duckdb").unlink()
        assert connection.exec_driver_sql("SELECT sum(number) FROM fact").scalar() == ROWS


def test_threads_each_see_one_generation_whole(folder: Path) -> None:
    reader, wrong, seen = Reader(folder), [], set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                rows = reader.records("SELECT number, count(*) AS n FROM fact GROUP BY number")
                if [row["n"] for row in rows] != [ROWS]:
                    wrong.append(rows)
                seen.update(row["number"] for row in rows)
            except Exception as error:
                wrong.append(error)
                return

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for number in range(2, 12):
        generation(folder, number)
        for old in sorted(folder.glob("switchboard-*.duckdb"))[:-3]:
            old.unlink()
        while number not in seen and not wrong:  # the newest is reached, however slow the machine
            done.wait(0.01)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert seen >= set(range(2, 12))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (n INTEGER)",
        "INSERT INTO fact VALUES (1, 1)",
        "DELETE FROM fact",
        "DROP TABLE fact",
        "COPY fact TO '{folder}/out.csv'",
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM glob('{folder}/*')",
        "ATTACH '{folder}/other.duckdb' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
    ],
)
def test_it_cannot_write_or_reach_another_file(folder: Path, statement: str) -> None:
    (folder / "secret.csv").write_text("a\n1\n")
    reader = Reader(folder)
    with pytest.raises(DBAPIError):
        reader.records(statement.format(folder=folder))
    assert not (folder / "out.csv").exists()
    assert reader.records("SELECT count(*) AS n FROM fact") == [{"n": ROWS}]


def test_parameters_are_never_sql(folder: Path) -> None:
    reader = Reader(folder)
    assert reader.records("SELECT count(*) AS n FROM generation WHERE name = :name", name="' OR 1=1 --") == [{"n": 0}]
    assert list(reader.frame("SELECT number, n FROM fact WHERE n < :most ORDER BY n", most=2)["n"]) == [0, 1]
