"""Bad files: each gets a refusal that says what and what to do, the night goes on, and nothing loaded is lost."""

import gzip
import os
import time
import zipfile

import duckdb
import pytest

from etl import intake, nightly
from etl.feeds.feed import normalise
from etl.settings import Settings

LISTS = (
    "PUBLICATION,EXTRACT_DATE,TYPE,SUB_ICB_LOCATION_CODE,ONS_SUB_ICB_LOCATION_CODE,CODE,POSTCODE,SEX,AGE,"
    "NUMBER_OF_PATIENTS"
)


def row(code: str = "Z91001", patients: str = "5000", month: str = "2026-01-01") -> str:
    return f"GP_PRAC_PAT_LIST,{month},GP,9ZA,E38999999,{code},ZZ1 1ZZ,ALL,ALL,{patients}"


def lists(*rows: str) -> str:
    return "\n".join([LISTS, *rows]) + "\n"


def good(rows: int = 40) -> str:
    return lists(*[row(f"Z91{n:03d}") for n in range(rows)])


def night_of(home: Settings, name: str, content: bytes | str) -> nightly.Night:
    """Put one file in the inbox beside a good one, and run the night."""
    home.inbox.mkdir(exist_ok=True)
    (home.inbox / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (home.inbox / "zz-good.csv").write_text(good())
    return nightly.nightly(home)


def patients(home: Settings) -> int:
    with duckdb.connect(str(home.home / "warehouse.duckdb"), read_only=True) as con:
        return con.execute("SELECT count(*) FROM fact.registered_patients").fetchone()[0]  # type: ignore[index]


def zip_of(**members: str) -> bytes:
    import io

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "."), text)
    return out.getvalue()


def bomb() -> bytes:
    import io

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive, archive.open("x.csv", "w") as f:
        for _ in range(64):
            f.write(b"0" * 2**20)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cut.xlsx", zip_of(**{"xl/workbook__xml": "<workbook/>"})[:-30], "damaged or cut short"),
        ("not.xlsx", zip_of(**{"xl/workbook__xml": "<workbook/>"}), "damaged or cut short"),
        ("bomb.zip", bomb(), "far more than any such publication"),
        ("bomb.csv.gz", gzip.compress(b"0" * (64 * 2**20)), "far more than any such publication"),
        ("cut.csv.gz", gzip.compress(good().encode())[:-20], "damaged or cut short"),
        ("error.csv", "\n <!DOCTYPE html><html><body>503 Service Unavailable</body></html>", "a web page"),
        ("empty.csv", b"", "empty"),
        ("blank.csv", b"\n \n\n", "empty"),
        ("heading-only.csv", LISTS + "\n", "no rows"),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "old or password-protected Excel"),
        ("report.csv", b"%PDF-1.7\nstuff", "PDF"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "not a text file"),
        ("line.csv", (LISTS + "\n" + "x" * (2 * 2**20)).encode(), "a line of more than"),
        (
            "quote.csv",
            lists(row("Z91001"), 'GP_PRAC_PAT_LIST,"open', *[row(f"Z92{n:03d}") for n in range(30)]),
            "never",
        ),
        ("other.csv", "colour,shape\nred,round\n", "No feed knows this file. Its first line reads: colour, shape"),
        ("renamed.csv", good().replace("NUMBER_OF_PATIENTS", "HEADS"), "NUMBER_OF_PATIENTS"),
        ("mostly-bad.csv", lists(row(), *[row(patients="lots")] * 9), "more than the 5%"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole(home: Settings, name: str, content: bytes | str, said: str) -> None:
    night = night_of(home, name, content)
    assert [refused for refused, _ in night.refused] in ([name], [f"{name}/x.csv"])
    assert said in night.refused[0][1]
    assert "Traceback" not in night.refused[0][1]
    assert (home.rejected / name).is_file()
    assert said in (home.rejected / f"{name}.reason.txt").read_text()
    assert not (home.inbox / name).exists()
    # the night went on
    assert [load.file_name for load in night.loads] == ["zz-good.csv"]
    assert patients(home) == 40
    assert night.generation == "switchboard-000001.duckdb"


@pytest.mark.parametrize(
    ("bad", "column", "said"),
    [
        (row(patients="-5"), "NUMBER_OF_PATIENTS", "-5"),
        (row(patients="5.5"), "NUMBER_OF_PATIENTS", "5.5"),
        (row(month="2026-13-01"), "EXTRACT_DATE", "2026-13-01"),
        (row(month="01/31/2026"), "EXTRACT_DATE", "01/31/2026"),
        (row(month="2099-01-01"), "EXTRACT_DATE", "2099-01-01"),
        (row("NOTACODE!"), "CODE", "NOTACODE!"),
        (row() + ",more", "", "more columns than the heading"),
        ("GP_PRAC_PAT_LIST,2026-01-01", "", "fewer columns than the heading"),
    ],
)
def test_a_row_that_is_wrong_is_refused_with_its_line(home: Settings, bad: str, column: str, said: str) -> None:
    rows = [row(f"Z92{n:03d}") for n in range(60)]
    rows.insert(9, bad)  # line 11: the heading is line 1
    path = home.home / "lists.csv"
    path.write_text(lists(*rows))
    night = nightly.load_files(home, [path])
    assert (night.loads[0].rows_read, night.loads[0].rows_kept, night.loads[0].rows_refused) == (61, 60, 1)
    with duckdb.connect(str(home.home / "warehouse.duckdb")) as con:
        line, at, reason = con.execute("SELECT line_number, column_name, reason FROM ledger.rejected_row").fetchone()  # type: ignore[misc]
    assert line == 11
    assert normalise(at) == normalise(column)
    assert said in reason
    assert path.exists(), "load leaves files where they are"


def test_lines_are_right_after_a_record_that_cannot_be_read(home: Settings) -> None:
    rows = [row(f"Z92{n:03d}") for n in range(100)]
    rows[4] = "too,few"  # line 6
    rows[5] = "too,few"  # line 7
    rows[20] = row(patients="many")  # line 22
    rows[50] = row() + ",more"  # line 52
    rows[60] = row(patients="few")  # line 62
    path = home.home / "lists.csv"
    path.write_text(lists(*rows))
    home.maximum_rejected_share = 0.5
    nightly.load_files(home, [path])
    with duckdb.connect(str(home.home / "warehouse.duckdb")) as con:
        found = con.execute("SELECT line_number FROM ledger.rejected_row ORDER BY 1").fetchall()
    assert [line for (line,) in found] == [6, 7, 22, 52, 62]


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.replace(",", ";").encode(),
        lambda text: text.replace(",", "\t").encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: gzip.compress(text.encode()),
        lambda text: zip_of(lists__csv=text),
        lambda text: text.replace("ZZ1 1ZZ", "Z£1 1ZZ").encode("cp1252"),
    ],
    ids=["bom", "utf-16", "utf-16 no mark", "crlf", "cr", "semicolon", "tab", "no last newline", "gz", "zip", "cp1252"],
)
def test_the_same_table_in_every_wrapping(home: Settings, encode) -> None:  # type: ignore[no-untyped-def]
    path = home.home / "misnamed.dat"
    path.write_bytes(encode(good()))
    night = nightly.load_files(home, [path])
    assert not night.refused
    assert night.loads[0].rows_kept == 40


def test_a_late_byte_that_is_not_utf8(home: Settings) -> None:
    """The head of the file is plain, line 3,000 is not."""
    rows = [row(f"Z{n:05d}") for n in range(4000)]
    rows[3000] = rows[3000].replace("ZZ1 1ZZ", "Z£1 1ZZ")
    path = home.home / "lists.csv"
    path.write_bytes(lists(*rows).encode("cp1252"))
    night = nightly.load_files(home, [path])
    assert not night.refused
    assert night.loads[0].rows_kept + night.loads[0].rows_refused == 4000


def test_files_still_being_written_wait(home: Settings) -> None:
    home.inbox.mkdir()
    for name in ("a.part", "b.csv.tmp", "c.FilePart", ".hidden"):
        (home.inbox / name).write_text(good())
    (home.inbox / "fresh.csv").write_text(good())
    old = home.inbox / "old.csv"
    old.write_text(good())
    os.utime(old, (time.time() - 120, time.time() - 120))
    home.inbox_settle_seconds = 60
    assert [path.name for path in intake.waiting(home, time.time())] == ["old.csv"]


def test_the_same_bytes_again_are_a_no_op(home: Settings) -> None:
    first, again = home.home / "a.csv", home.home / "renamed.csv"
    first.write_text(good())
    again.write_text(good())
    nightly.load_files(home, [first])
    night = nightly.load_files(home, [again])
    assert (night.loads, night.unchanged, night.something_was_refused) == ([], ["renamed.csv"], False)
    assert patients(home) == 40


def test_a_reissue_replaces_only_what_it_covers(home: Settings) -> None:
    first, reissue = home.home / "a.csv", home.home / "b.csv"
    first.write_text(lists(row("Z91001", "100"), row("Z91002", "200"), row("Z91002", "190", "2025-12-01")))
    reissue.write_text(lists(row("Z91002", "222")))
    nightly.load_files(home, [first])
    night = nightly.load_files(home, [reissue])
    assert night.loads[0].supersedes == "1"
    with duckdb.connect(str(home.home / "warehouse.duckdb")) as con:
        found = con.execute(
            "SELECT organisation, period_start::VARCHAR, patients FROM fact.registered_patients ORDER BY ALL"
        ).fetchall()
    assert found == [("Z91001", "2026-01-01", 100), ("Z91002", "2025-12-01", 190), ("Z91002", "2026-01-01", 222)]


def test_what_was_loaded_is_archived_by_date_and_load(home: Settings) -> None:
    home.inbox.mkdir()
    (home.inbox / "lists.csv").write_text(good())
    nightly.nightly(home)
    assert [path.parent.name for path in home.archive.rglob("lists.csv")] == ["load-000001"]
    assert not list(home.inbox.iterdir())


def test_headings_are_compared_as_names() -> None:
    assert normalise("Practice to PCN\nRelationship\nStart Date ") == "practice_to_pcn_relationship_start_date"
    assert normalise("Submissions [7]") == normalise("Submissions [4, 5, 6]") == "submissions"
