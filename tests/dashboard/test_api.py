"""`/api/v1/measures.csv` and `.json`: the rows, their order, who may ask, and what is refused in words."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from dash import Dash
from flask.testing import FlaskClient

from dashboard.access import accounts, audit
from tests.dashboard.access.house import form_token
from tests.dashboard.conftest import build, signed_in
from tests.dashboard.generation import ICB, NAME, PCNS, PRACTICES, publish

Clients = Callable[[str], FlaskClient]
CSV = "/api/v1/measures.csv"


def rows_of(client: FlaskClient, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"{CSV}{query}")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_rows_are_those_of_the_generation_unrounded_and_in_order(dashboard: Dash, client_for: Clients) -> None:
    rows = rows_of(client_for("icb"), "?measure=calls_missed,calls_answered&level=practice&from=2026-08&to=2026-09-01")
    reader = dashboard.server.extensions["switchboard_reader"]
    everything = reader.records("SELECT * FROM measure_value")
    wanted = [
        row
        for row in everything
        if row["measure"] in ("calls_missed", "calls_answered")
        and row["level"] == "practice"
        and row["period_start"].isoformat() in ("2026-08-01", "2026-09-01")
    ]
    wanted.sort(
        key=lambda row: (row["measure"], row["level"], row["organisation"], row["period_kind"], row["period_start"])
    )
    assert [(row["measure"], row["organisation_code"], row["period_start"]) for row in rows] == [
        (row["measure"], row["organisation"], row["period_start"].isoformat()) for row in wanted
    ]
    assert [float(row["value"]) for row in rows] == [row["value"] for row in wanted]
    assert [float(row["numerator"]) for row in rows] == [row["numerator"] for row in wanted]
    assert rows[0]["organisation_name"] == "Aldermere Surgery"


def test_json_has_the_same_rows(client_for: Clients) -> None:
    query = f"?measure=calls_missed&organisation={ICB}"
    answer = json.loads(client_for("icb").get(f"/api/v1/measures.json{query}").text)
    assert answer["generation"] == NAME
    assert [row["value"] for row in answer["rows"]] == [
        float(row["value"]) for row in rows_of(client_for("icb"), query)
    ]
    assert len(answer["rows"]) == 30


def test_more_rows_than_a_batch_are_all_there(dashboard: Dash, client_for: Clients) -> None:
    reader = dashboard.server.extensions["switchboard_reader"]
    (count,) = reader.records("SELECT count(*) AS rows FROM measure_value")
    assert len(rows_of(client_for("icb"))) == count["rows"] > 10_000


@pytest.mark.parametrize("who", ["practice", "pcn"])
def test_a_narrower_scope_gets_its_own_and_the_totals_above(client_for: Clients, who: str) -> None:
    rows = rows_of(client_for(who), "?measure=calls_missed")
    own = {PRACTICES[0]} if who == "practice" else {*PRACTICES[::4], PCNS[0]}
    assert {row["organisation_code"] for row in rows if row["level"] in ("practice", "pcn")} == own
    # a sub-ICB location's total is not shared: the ICB's less the others' would tell it where it hides too few
    assert {row["level"] for row in rows} - {"practice", "pcn"} == {"icb", "england"}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?nonsense=1", "Unknown parameter `nonsense`"),
        ("?measure=calls_lost", "Unknown measure `calls_lost`"),
        ("?measure=", "`measure` is empty"),
        ("?level=village", "Unknown level `village`"),
        ("?period_kind=year", "Unknown period_kind `year`"),
        ("?from=yesterday", "`from` is `yesterday`"),
        ("?from=2026-13", "write a day as"),
        ("?to=2026-02-30", "write a day as"),
        ("?from=2026-10&to=2026-09", "`from` is after `to`"),
        ("?measure='%3B+DROP+TABLE+measure_value%3B--", "Unknown measure"),
        ("?level=<script>", "Unknown level `?script?`"),
        ("?organisation=" + ",".join(f"A{number:05}" for number in range(600)), "at most 500"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(client_for: Clients, query: str, says: str) -> None:
    answer = client_for("practice").get(CSV + query)
    assert answer.status_code == 400
    assert says in answer.text
    assert answer.content_type.startswith("text/plain")
    assert "<" not in answer.text


@pytest.mark.parametrize("form", ["csv", "json"])
def test_out_of_scope_and_unknown_are_the_same_bytes(client_for: Clients, form: str) -> None:
    answers = [
        client_for("practice").get(f"/api/v1/measures.{form}?organisation={code}")
        for code in (PRACTICES[1], PCNS[0], "A99999", "' OR 1=1 --", f"{PRACTICES[0]},{PRACTICES[1]}")
    ]
    assert {each.status_code for each in answers} == {404}
    assert len({each.data for each in answers}) == 1


def test_etag_saves_asking_again_until_a_new_generation(tmp_path: Path) -> None:
    publish(tmp_path / "published")
    app = build(tmp_path)
    icb, manager = signed_in(app, "icb"), signed_in(app, "practice")
    first = icb.get(CSV + "?measure=calls_missed")
    etag = first.headers["ETag"]
    again = icb.get(CSV + "?measure=calls_missed", headers={"If-None-Match": etag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
    for client, query in ((manager, "?measure=calls_missed"), (icb, "?measure=calls_answered"), (icb, "")):
        answer = client.get(CSV + query, headers={"If-None-Match": etag})
        assert answer.status_code == 200
        assert answer.headers["ETag"] != etag
    publish(tmp_path / "published", "switchboard-000002.duckdb")
    assert icb.get(CSV + "?measure=calls_missed", headers={"If-None-Match": etag}).status_code == 200
    assert "no-store" not in first.headers["Cache-Control"]
    assert "private" in first.headers["Cache-Control"]
    app.server.extensions["access"].engine.dispose()


def test_text_that_a_spreadsheet_would_run_is_guarded_and_numbers_are_not(tmp_path: Path) -> None:
    path = publish(tmp_path / "published")
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE organisation SET name = '=cmd|''/c calc''!A1' WHERE code = ?", [PRACTICES[3]])
        connection.execute("UPDATE measure_value SET lower_limit = -0.25 WHERE organisation = ?", [PRACTICES[3]])
    app = build(tmp_path)
    rows = rows_of(signed_in(app, "icb"), f"?organisation={PRACTICES[3]}&measure=calls_missed")
    assert {row["organisation_name"] for row in rows} == {"'=cmd|'/c calc'!A1"}
    assert {row["lower_limit"] for row in rows} == {"-0.25"}
    app.server.extensions["access"].engine.dispose()


def test_a_token_is_enough_and_each_answer_is_in_the_audit(dashboard: Dash) -> None:
    database = dashboard.server.extensions["access"]
    token = accounts.create_token(database, "practice", "Excel", 5)
    client = dashboard.server.test_client()
    assert client.get(CSV).status_code == 401
    answer = client.get(CSV + "?level=practice", headers={"Authorization": f"Bearer {token.secret}"})
    assert {line.split(",")[3] for line in answer.text.splitlines()[1:]} == {PRACTICES[0]}
    (event,) = audit.recent(database, 1)
    assert (event.event, event.user_name) == ("export", "practice")
    assert json.loads(event.detail) == {"query": "level=practice", "what": "api/v1/measures.csv"}


def test_the_documentation_names_every_parameter_column_and_measure(client_for: Clients) -> None:
    client = client_for("practice")
    text = client.get("/api").text
    header = client.get(CSV + "?measure=calls_missed").text.splitlines()[0].split(",")
    for name in [
        *header,
        "measure",
        "level",
        "organisation",
        "from",
        "to",
        "period_kind",
        "appointments_dna",
        "Bearer",
    ]:
        assert f"{name}" in text
    assert "<script" not in text


def test_people_make_and_revoke_their_own_tokens(dashboard: Dash) -> None:
    client = signed_in(dashboard, "practice")
    csrf = form_token(client.get("/api"))
    page = client.post("/api/tokens", data={"csrf_token": csrf, "label": "<b>Excel</b>", "days": "30"})
    (secret,) = re.findall(r"<code>(icb_[\w-]+)</code>", page.text)
    assert "&lt;b&gt;Excel&lt;/b&gt;" in page.text
    assert secret not in client.get("/api").text, "it is shown once"
    bearer, excel = {"Authorization": f"Bearer {secret}"}, dashboard.server.test_client()
    answer = excel.get(CSV + "?level=practice", headers=bearer)
    assert {line.split(",")[3] for line in answer.text.splitlines()[1:]} == {PRACTICES[0]}
    for days in ("0", "367", "", "x", "-1", "٣"):
        assert client.post("/api/tokens", data={"csrf_token": csrf, "days": days}).status_code == 400, days
    assert client.post("/api/tokens", data={"days": "30"}).status_code == 403, "forged"
    # who has found a token, and has an account too, makes no other of it
    other = signed_in(dashboard, "icb")
    data = {"csrf_token": form_token(other.get("/api")), "label": "stolen", "days": "30"}
    made = other.post("/api/tokens", data=data, headers=bearer)
    assert "stolen" in made.text
    assert "stolen" not in client.get("/api").text
    *_, number = re.findall(r"/api/tokens/(\d+)/revoke", client.get("/api").text)
    assert other.post(f"/api/tokens/{number}/revoke", data=data).status_code == 404, "another's"
    assert excel.post(f"/api/tokens/{number}/revoke", headers=bearer).status_code == 401
    assert excel.get(CSV, headers=bearer).status_code == 200
    assert client.post(f"/api/tokens/{number}/revoke", data={"csrf_token": csrf}).status_code == 303
    assert excel.get(CSV, headers=bearer).status_code == 401


def test_before_the_first_night_it_says_so(tmp_path: Path) -> None:
    app = build(tmp_path)
    client = signed_in(app, "icb")
    answer = client.get(CSV)
    assert (answer.status_code, "No data has been published" in answer.text) == (503, True)
    assert client.get("/api").status_code == 200
    app.server.extensions["access"].engine.dispose()
