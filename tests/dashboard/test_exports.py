"""The pages of exports and what people may do there, over files that the real scheduler made."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from dash import Dash
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.access import Scope, accounts, without_rule
from dashboard.access.audit import recent
from dashboard.access.tables import Database
from dashboard.app import create_app
from dashboard.pages.exports import receipt, sent
from dashboard.queries.exports import compare
from etl.exports.history import History
from etl.exports.schedule import look
from etl.settings import Settings
from tests.dashboard import conftest
from tests.dashboard.access.house import PASSWORD, settings_for, sign_in
from tests.dashboard.one_app import keep_pages
from tests.etl.exports.conftest import OCTOBER, publish
from tests.etl.exports.test_commands import run

PEOPLE = {
    "viewer": ("viewer", "icb"),
    "exporter": ("exporter", "icb"),
    "administrator": ("administrator", "icb"),
    "pcn-exporter": ("exporter", "pcn:U99901"),
}
MONTHS = [date(2026, 9, 1), OCTOBER]
BEGAN, DUE = datetime(2026, 11, 1, 9, tzinfo=UTC), datetime(2026, 11, 11, 9, tzinfo=UTC)
MISSING = "A99004"
FIRST, SECOND = (f"telephony_adoption_qzz_2026-10_month_v{number}.csv" for number in (1, 2))
HELD = "care_navigation"


@dataclass
class House:
    """An app over a home, with people, on a clock that stands still."""

    app: Dash
    home: Settings

    @property
    def history(self) -> History:
        """The record, read by its own means."""
        return History(self.home.home)

    @property
    def exports(self) -> Path:
        """Where the files are."""
        return self.home.home / "exports"

    def client(self, name: str) -> FlaskClient:
        """Somebody, signed in."""
        client = self.app.server.test_client()
        assert sign_in(client, name).status_code in (302, 303)
        return client

    def look(self) -> None:
        """One look of the scheduler."""
        look(self.home, lambda: DUE, None, lambda outcome: None)

    def events(self) -> list[tuple[str, str | None, dict[str, Any]]]:
        """The audit log, newest first."""
        return [
            (event.event, event.user_name, json.loads(event.detail))
            for event in recent(self.app.server.extensions["access"])
        ]


def house(home: Path, now: Callable[[], datetime] = lambda: DUE) -> House:
    """The app over a home, with PEOPLE; `now` is its clock."""
    app = keep_pages(create_app(Settings(home=home, code=("QZZ",)), settings_for(home)))
    database: Database = app.server.extensions["access"]
    app.server.extensions["access"] = database = Database(database.engine, database.settings, now)
    for name, (role, scope) in PEOPLE.items():
        accounts.add(database, name, role, Scope.parse(scope), PASSWORD)
    return House(app, Settings(home=home, code=("QZZ",)))


def exported(home: Path, now: Callable[[], datetime] = lambda: DUE) -> House:
    """A home whose October has gone, but for what is held because a practice is missing."""
    publish(home / "published", months=MONTHS, missing=((MISSING, OCTOBER),))
    made = house(home, now)
    made.history.begin(BEGAN)
    made.look()
    return made


@pytest.fixture
def october(tmp_path: Path) -> Iterator[House]:
    """`exported`, for a test of its own."""
    made = exported(tmp_path)
    yield made
    made.app.server.extensions["access"].engine.dispose()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """`exported`, for tests that change nothing."""
    made = exported(tmp_path_factory.mktemp("exported"))
    yield made
    made.app.server.extensions["access"].engine.dispose()


def page(client: FlaskClient, path: str) -> str:
    """A page's contents as text, with nothing escaped but quotation marks."""
    return json.dumps(json.loads(conftest.page(client, path)), ensure_ascii=False)


def token(client: FlaskClient, path: str = "/exports") -> str:
    """The token of the forms on a page."""
    found = re.search(r'"value": "([0-9a-f]{64})"', page(client, path))
    assert found
    return found.group(1)


def ask(client: FlaskClient, path: str, **data: str) -> Any:
    """Press a button."""
    return client.post(path, data={"csrf_token": token(client), **data})


def test_nothing_exported_yet(tmp_path: Path) -> None:
    publish(tmp_path / "published", months=MONTHS)
    made = house(tmp_path)
    text = page(made.client("viewer"), "/exports")
    assert "Nothing has been exported yet" in text
    assert "Digital telephony" in text  # the calendar is there from the first day
    assert not (tmp_path / "exports").exists()  # looking begins no record
    assert made.client("exporter").get(f"/exports/telephony_adoption/{FIRST}").status_code == 404
    assert ask(made.client("exporter"), "/exports/telephony_adoption/release", period="2026-10").status_code == 404
    made.app.server.extensions["access"].engine.dispose()


def test_every_route_page_and_callback_has_a_rule(seen: House) -> None:
    assert without_rule(seen.app) == []


def test_the_page_says_what_went_what_goes_and_who_is_missing(seen: House) -> None:
    text = page(seen.client("viewer"), "/exports")
    made = seen.history.versions()
    assert made
    for version in made:
        assert version["file"] in text
        assert version["sha256"] in text
        assert f"{version['export']}/{version['file']}" in text  # the receipt
    assert [hold["export"] for hold in seen.history.holds()].count(HELD) == 1
    assert MISSING in text
    assert "3 Dec 2026" in text  # third working day of December: November's telephony
    assert "4 Nov 2026" in text


@pytest.mark.parametrize("who", ["viewer", "exporter", "administrator"])
def test_where_on_the_server_is_for_administrators(seen: House, who: str) -> None:
    client = seen.client(who)
    for path in ("/exports", f"/exports/{FIRST}"):
        text = page(client, path)
        assert f"telephony_adoption/{FIRST}" in text
        assert (str(seen.home.home) in text) == (who == "administrator")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Permission denied: /srv/board/exports/a_v1.csv", "Permission denied: exports/a_v1.csv"),
        (
            "SFTP failed: [Errno 2] No such file: '/srv/board/secrets/id_ed25519'.",
            "SFTP failed: [Errno 2] No such file: 'secrets/id_ed25519'.",
        ),
        ("no certificate (/srv/board/secrets/mesh.pem)", "no certificate (secrets/mesh.pem)"),
        ("sftp://files.example:22/inbox/a_v1.csv", "sftp://files.example:22/inbox/a_v1.csv"),
        ("/srv/our board/exports/a_v1.csv", "exports/a_v1.csv"),
    ],
)
def test_a_path_within_a_reason_loses_its_folders(said: str, shown: str) -> None:
    """SFTP names a missing key within quotation marks. An address at the receiver stays."""
    assert receipt({"receipt": said}) == shown
    assert sent({"sent_at": None, "trouble": said}) == f"Not sent: {shown}"


@pytest.mark.parametrize("who", ["viewer", "exporter"])
def test_only_exporters_are_offered_files_and_forms(seen: House, who: str) -> None:
    client = seen.client(who)
    text = page(client, "/exports") + page(client, f"/exports/{FIRST}")
    offered = [
        f'"href": "/exports/telephony_adoption/{FIRST}"',
        f'"action": "/exports/{HELD}/release"',
        '"action": "/exports/telephony_adoption/resubmit"',
    ]
    assert [each in text for each in offered] == [who == "exporter"] * 3


def test_the_preview_is_the_first_rows_of_the_file(seen: House) -> None:
    content = (seen.exports / "telephony_adoption" / FIRST).read_bytes().decode("utf-8")
    rows = list(csv.reader(io.StringIO(content, newline="")))
    text = page(seen.client("viewer"), f"/exports/{FIRST}").replace('\\"', '"')  # the table is JSON within JSON
    cells = [cell for row in rows[1:21] for cell in row if cell]
    assert cells
    assert [cell for cell in cells if json.dumps(cell, ensure_ascii=False) not in text] == []
    assert len(rows) < 22 or f"The first 20 of {len(rows) - 1:,} rows" in text


@pytest.mark.parametrize("who", ["exporter", "administrator"])
def test_download_is_the_exact_bytes_and_audited(seen: House, who: str) -> None:
    client, folder = seen.client(who), seen.exports / "telephony_adoption"
    for name in (FIRST, f"{FIRST}-metadata.json", "manifest.json", "SHA256SUMS"):
        answer = client.get(f"/exports/telephony_adoption/{name}")
        assert answer.status_code == 200
        assert answer.data == (folder / name).read_bytes()
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
        event, user, detail = seen.events()[0]
        assert (event, user, detail["what"]) == ("export", who, f"exports/telephony_adoption/{name}")
        assert detail["sha256"] == hashlib.sha256(answer.data).hexdigest()


@pytest.mark.parametrize(
    "path",
    [
        "/exports/telephony_adoption/nothing.csv",
        f"/exports/measures_long/{FIRST}",
        f"/exports/nothing/{FIRST}",
        "/exports/../exports.sqlite",
        "/exports/%2e%2e/icb.toml",
        "/exports/telephony_adoption/..%2fexports.sqlite",
        "/exports/telephony_adoption/%2e%2e%2fexports.sqlite",
        "/exports/telephony_adoption/..%5cexports.sqlite",
        "/exports/telephony_adoption/../../published/CURRENT",
        "/exports/./exports.sqlite",
        "/exports/telephony_adoption/release",
        "/exports/nothing.csv",
        "/exports/..%2fpublished%2fCURRENT",
    ],
)
def test_unknown_names_are_not_found(seen: House, path: str) -> None:
    (seen.home.home / "icb.toml").touch()
    client = seen.client("administrator")
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.data == client.get("/nowhere").data


def test_who_may_not(seen: House) -> None:
    anonymous = seen.app.server.test_client()
    assert anonymous.get("/exports").headers["Location"] == "/login?next=/exports"
    for who in ("viewer", "pcn-exporter"):
        client = seen.client(who)
        assert client.get("/exports").status_code == (200 if who == "viewer" else 404)
        assert client.get(f"/exports/{FIRST}").status_code == (200 if who == "viewer" else 404)
        assert client.get(f"/exports/telephony_adoption/{FIRST}").status_code == 403
        assert seen.events()[0][:2] == ("refused", who)
    sealed = seen.client("viewer")
    for kind in ("release", "resubmit"):
        assert (
            sealed.post(
                f"/exports/{HELD}/{kind}", data={"csrf_token": token(sealed), "period": "2026-10", "reason": "x"}
            ).status_code
            == 403
        )
    assert seen.history.requests() == []


def test_forms_want_their_token(seen: House) -> None:
    answer = seen.client("exporter").post(f"/exports/{HELD}/release", data={"period": "2026-10"})
    assert answer.status_code == 403
    assert seen.history.requests() == []


@pytest.mark.parametrize(
    ("path", "data", "code"),
    [
        ("telephony_adoption/resubmit", {"period": "2026-10"}, 400),
        ("telephony_adoption/resubmit", {"period": "2026-10", "reason": " \n "}, 400),
        ("telephony_adoption/resubmit", {"period": "2026-10", "reason": "x" * 501}, 400),
        ("telephony_adoption/resubmit", {"period": "2026-13", "reason": "x"}, 400),
        ("telephony_adoption/resubmit", {"period": "2026-01", "reason": "x"}, 409),
        ("telephony_adoption/release", {"period": "2026-10"}, 409),
        ("nothing/release", {"period": "2026-10"}, 404),
        ("telephony_adoption/release", {}, 400),
    ],
)
def test_what_cannot_be_asked_for_is_refused(seen: House, path: str, data: dict[str, str], code: int) -> None:
    assert ask(seen.client("exporter"), f"/exports/{path}", **data).status_code == code
    assert seen.history.requests() == []


def test_release_is_asked_once_and_carried_out_by_the_schedule(october: House) -> None:
    client = october.client("exporter")
    for _ in range(2):
        answer = ask(client, f"/exports/{HELD}/release", period="2026-10")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/exports")
    (asked,) = october.history.requests()
    assert (asked["kind"], asked["export"], asked["period"], asked["who"]) == ("release", HELD, "2026-10", "exporter")
    assert ("export.release", "exporter", {"what": HELD, "period": "2026-10"}) in october.events()
    assert "Release asked for by exporter" in page(client, "/exports")
    october.look()
    (made,) = [row for row in october.history.versions() if row["export"] == HELD]
    assert made["status"] == "provisional"
    text = page(client, "/exports")
    assert "Provisional" in text
    assert "asked for" not in text


def test_resubmission_makes_a_version_whose_changes_are_shown(october: House) -> None:
    client = october.client("exporter")
    assert "first version of the period" in page(client, f"/exports/{FIRST}")
    publish(october.home.published, number=2, months=MONTHS, name_of_first="Aldermere Surgery (new)")
    answer = ask(client, "/exports/telephony_adoption/resubmit", period="2026-10", reason="A practice\r\n was renamed")
    assert answer.status_code == 303
    assert "Resubmission asked for by exporter" in page(client, f"/exports/{FIRST}")
    october.look()
    text = page(client, f"/exports/{SECOND}")
    entry = json.loads((october.exports / "telephony_adoption" / "manifest.json").read_text())["files"][-2]
    assert (entry["name"], entry["reason"]) == (SECOND, "A practice was renamed")
    assert "A practice was renamed" in text
    assert "Aldermere Surgery (new)" in text
    one, two = (
        (october.exports / "telephony_adoption" / name).read_text(encoding="utf-8").splitlines()
        for name in (FIRST, SECOND)
    )
    altered = sum(before != after for before, after in zip(one, two, strict=True))
    assert altered
    assert f"{altered} rows changed, 0 added and 0 removed" in text


def test_a_period_that_went_early_is_not_announced_again(october: House) -> None:
    client = october.client("viewer")
    assert "6 Jan 2027" not in page(client, "/exports")  # the third working day after New Year
    publish(october.home.published, number=2, months=[*MONTHS, date(2026, 11, 1)])
    assert run(october.home, "export", HELD, "--period", "2026-11") == 0
    assert run(october.home, "export", "demand_and_capacity", "--period", "2026-10") == 0
    assert "6 Jan 2027" in page(client, "/exports")


def test_a_file_that_was_touched_is_not_passed_off(october: House) -> None:
    path = october.exports / "telephony_adoption" / FIRST
    path.write_bytes(path.read_bytes() + b"\r\n")
    answer = october.client("exporter").get(f"/exports/telephony_adoption/{FIRST}")
    assert answer.status_code == 409
    assert "SHA-256" in answer.text
    assert october.events()[0][0] == "export.failed"
    assert "cannot be shown" in page(october.client("viewer"), f"/exports/{FIRST}")


def test_what_cannot_be_read_is_said(october: House) -> None:
    (october.exports / "definitions").mkdir()
    (october.exports / "definitions" / "own.toml").write_text("title = ")
    text = page(october.client("viewer"), "/exports")
    assert "definitions/own.toml cannot be read" in text
    assert FIRST in text  # the others are there all the same
    (october.exports / "definitions" / "own.toml").unlink()
    (october.exports / "telephony_adoption" / "manifest.json").write_text("{")
    assert "cannot be understood" in page(october.client("viewer"), f"/exports/{FIRST}")
    (october.exports / "exports.sqlite").write_bytes(b"not a database" * 100)
    assert "record of exports cannot be used" in page(october.client("viewer"), "/exports")
    exporter = october.client("exporter")
    answer = exporter.get(f"/exports/telephony_adoption/{FIRST}")
    assert (answer.status_code, "Traceback" in answer.text) == (409, False)


CELLS = st.sampled_from(["", "1", "2"])
FILES = st.dictionaries(st.tuples(st.sampled_from("ab"), st.sampled_from("cd")), st.tuples(CELLS, CELLS))


def rows_of(cells: dict[tuple[str, str], tuple[str, str]]) -> list[dict[str, str]]:
    return [{"k": k, "l": second, "x": x, "y": y} for (k, second), (x, y) in cells.items()]


@settings(max_examples=60, deadline=None)
@given(old=FILES, new=FILES)
def test_changes_agree_with_looking_at_every_cell(old: Any, new: Any) -> None:
    header = ["k", "l", "x", "y"]
    found = compare(header, rows_of(old), header, rows_of(new), ["k", "l"])
    assert found.added == len(set(new) - set(old))
    assert found.removed == len(set(old) - set(new))
    assert found.changed == sum(old[key] != new[key] for key in set(old) & set(new))
    assert found.none == (old == new)
    listed = {(line["key"], line["column"], line["before"], line["after"]) for line in found.lines if line["column"]}
    assert listed == {
        (" · ".join(key), column, old[key][place], new[key][place])
        for key in set(old) & set(new)
        for place, column in enumerate("xy")
        if old[key][place] != new[key][place]
    }


def test_rows_that_no_key_tells_apart_are_counted() -> None:
    same = {"k": "a", "x": "1"}
    found = compare(["k", "x"], [same, same], ["k", "x"], [same, same, same], ["k"])
    assert (found.added, found.removed, found.changed) == (1, 0, 0)


def test_columns_that_came_and_went_are_named() -> None:
    found = compare(["k", "x"], [{"k": "a", "x": "1"}], ["k", "z"], [{"k": "a", "z": "1"}], ["k"])
    assert (found.columns_added, found.columns_removed, found.lines) == (["z"], ["x"], [])
    assert not found.none
