"""The demo's call logs, read again line by line by the plainest means, against the truth written beside them."""

import csv
import re
import shutil
import tomllib
from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import duckdb
import pytest

from etl.demo.files import write_demo
from etl.nightly import nightly
from etl.settings import load_settings

LONDON = ZoneInfo("Europe/London")
COUNTS = ("inbound", "answered", "ended_in_ivr", "callback_requested", "callback_made", "missed", "engaged", "unknown",
          "answered_within_60s", "answered_within_120s", "answered_within_300s", "wait_seconds", "talk_seconds",
          "repeat_calls")  # fmt: skip


# a month with an hour that comes twice, and one with an hour that never comes
@pytest.fixture(scope="module", params=[date(2026, 11, 21), date(2026, 4, 10)], ids=["October", "March"])
def home(request, tmp_path_factory):
    home = tmp_path_factory.mktemp("logs")
    write_demo(home, request.param, include={"calls"}, months=1)
    return home


@pytest.fixture(scope="module")
def sources(home):
    tables = tomllib.loads((home / "icb.toml").read_text())["telephony_source"]
    return {table["id"]: table for table in tables}


@pytest.fixture(scope="module")
def truth(home):
    rows = duckdb.sql(f"SELECT * FROM '{home / 'demo' / 'calls_half_hour.parquet'}'").df().to_dict("records")
    return {
        (r["practice_code"], str(r["local_date"])[:10], r["half_hour"]): {c: int(r[c]) for c in COUNTS} for r in rows
    }


def decoded(path):
    raw = path.read_bytes()
    return raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")


def practice_of(source, number):
    owner = source["numbers"].get(number)
    return "unassigned" if isinstance(owner, list) else owner


def e164(text):
    """A telephone number's last ten digits; None for what is no number."""
    digits = re.sub(r"[ +]", "", text)
    return digits[-10:] if re.fullmatch(r"(44|0)\d{10}", digits) else None


class Tally:
    """Half-hours counted one call at a time, in order of time."""

    def __init__(self):
        self.rows = defaultdict(Counter)
        self.seen = set()

    def add(self, practice, started, outcome, caller, wait=0, talk=0, made=False):
        local = started.astimezone(LONDON)
        row = self.rows[practice, f"{local:%Y-%m-%d}", local.hour * 2 + local.minute // 30]
        row[outcome] += 1
        row["inbound"] += outcome != "engaged"
        row["callback_made"] += made
        if outcome == "answered":
            for limit in (60, 120, 300):
                row[f"answered_within_{limit}s"] += wait <= limit
            row["wait_seconds"] += wait
            row["talk_seconds"] += talk
        if caller:
            key = (practice, local.date(), caller)
            row["repeat_calls"] += key in self.seen
            self.seen.add(key)

    def check(self, truth):
        practices = {key[0] for key in self.rows}
        expected = {key: row for key, row in truth.items() if key[0] in practices}
        assert len(practices) >= 7
        assert {key: {c: row[c] for c in COUNTS} for key, row in self.rows.items()} == expected


def test_canonical(home, truth):
    calls = {}
    for path in sorted((home / "inbox").glob("holtcall-*")):
        for row in csv.DictReader(decoded(path).splitlines()):
            if "E+" in (row["caller_number"] or "") or row["call_id"] == "End of report":
                continue
            times = {k: datetime.fromisoformat(row[k]) if row[k] else None
                     for k in ("started_at", "queue_entered_at", "answered_at", "ended_at")}  # fmt: skip
            if times["ended_at"] < times["started_at"]:
                continue
            if times["answered_at"] and (times["answered_at"] - times["queue_entered_at"]).seconds > 4 * 3600:
                continue
            calls[row["call_id"]] = (row, times)
    means = {"answered": "answered", "callback": "callback_requested", "engaged": "engaged", "unknown": "unknown",
             "voicemail": "missed", "abandoned_queue": "missed", "no_answer": "missed"}  # fmt: skip
    tally = Tally()
    for row, at in sorted(calls.values(), key=lambda call: (call[1]["started_at"], int(call[0]["call_id"][1:]))):
        wait = talk = 0
        if at["answered_at"]:
            wait = int((at["answered_at"] - at["queue_entered_at"]).total_seconds())
            talk = int((at["ended_at"] - at["answered_at"]).total_seconds())
        outcome = means.get(row["outcome"], "ended_in_ivr")
        made = row["callback_completed"] == "true"
        tally.add(row["practice_ods"], at["started_at"], outcome, e164(row["caller_number"]), wait, talk, made)
    tally.check(truth)


def test_three_cx(home, sources, truth):
    calls = defaultdict(list)
    for path in (home / "inbox").glob("beckvoice-*"):
        for line in decoded(path).splitlines():
            fields = line.split(",")
            if len(fields) == 27 and fields[20] == "Line" and fields[5] >= fields[3]:
                calls[fields[0]].append(fields)
    tally = Tally()

    def moment(text):
        return datetime.strptime(text, "%Y/%m/%d %H:%M:%S").replace(tzinfo=UTC)

    ordered = sorted(calls.values(), key=lambda legs: (min(leg[3] for leg in legs), int(legs[0][0][5:])))
    for legs in ordered:
        legs.sort(key=lambda leg: (leg[3], leg[5]))
        queued = [leg for leg in legs if leg[21] == "Queue"]
        person = [leg for leg in legs if leg[22] == "Extension"]
        outcome = "answered" if person else "missed" if queued else "ended_in_ivr"
        wait = talk = 0
        if person:
            wait = int((moment(person[0][4]) - moment(queued[0][3])).total_seconds())
            talk = int(sum((moment(leg[5]) - moment(leg[4])).total_seconds() for leg in person))
        practice = practice_of(sources["beckvoice"], legs[0][11])
        tally.add(practice, moment(legs[0][3]), outcome, e164(legs[0][7]), wait, talk)
    tally.check(truth)


def asterisk_legs(home):
    """Whole rows, each once, by linked call."""
    rows = {}
    for path in (home / "inbox").glob("larkline-*.csv"):
        for row in csv.reader(decoded(path).split("\n")):
            if len(row) == 21 and not row[16].startswith("x"):  # the marked rows have a time that never was
                rows[row[16], row[20]] = row
    calls = defaultdict(list)
    for row in rows.values():
        calls[row[19]].append(row)
    return calls


def test_asterisk(home, sources, truth):
    events = defaultdict(list)
    for path in (home / "inbox").glob("larkline-queue-log-*"):
        for line in decoded(path).splitlines():
            fields = line.split("|")
            events[fields[1]].append(fields)
    calls = asterisk_legs(home)
    source = sources["larkline"]
    rung = defaultdict(list)  # connected outbound calls, by practice and number
    for legs in calls.values():
        for leg in legs:
            if leg[6].startswith("PJSIP/trunk") and leg[14] == "ANSWERED":
                rung[practice_of(source, leg[1]), e164(leg[2])].append(leg)
    tally = Tally()
    for uid, legs in sorted(calls.items(), key=lambda call: (int(call[0].split(".")[0]), int(call[0].split(".")[1]))):
        inbound = [leg for leg in legs if leg[5].startswith("PJSIP/trunk") and practice_of(source, leg[2])]
        if not inbound:
            continue
        first = min(inbound, key=lambda leg: int(leg[20]))
        practice, caller = practice_of(source, first[2]), e164(first[1])
        started = datetime.fromtimestamp(int(uid.split(".")[0]), UTC)
        assert f"{started.astimezone(LONDON):%Y-%m-%d %H:%M:%S}" == first[9]
        log = {fields[4]: fields for fields in events[uid]}
        wait = talk = 0
        made = False
        if "CONNECT" in log:
            outcome, wait = "answered", int(log["CONNECT"][5])
            ended = next(log[e] for e in ("COMPLETEAGENT", "COMPLETECALLER", "BLINDTRANSFER") if e in log)
            talk = int(ended[8] if ended[4] == "BLINDTRANSFER" else ended[6])
            talk += sum(int(leg[13]) for leg in legs if leg[7] == "Dial")
        elif log.get("EXITWITHKEY", [""] * 6)[5] in source["callback_keys"]:
            outcome = "callback_requested"
            asked = datetime.fromtimestamp(int(log["EXITWITHKEY"][0]), UTC).astimezone(LONDON)
            later = [leg for leg in rung[practice, caller] if f"{asked:%Y-%m-%d %H:%M:%S}" <= leg[9]]
            later = [leg for leg in later if leg[9][:10] == f"{asked:%Y-%m-%d}"] if caller else []
            if later:
                made = True
                rung[practice, caller].remove(min(later, key=lambda leg: leg[9]))
        elif "ENTERQUEUE" in log:
            outcome = "missed"
        else:
            outcome = "engaged" if first[14] == "BUSY" else "ended_in_ivr"
        tally.add(practice, started, outcome, caller, wait, talk, made)
    tally.check(truth)
    practices = {key[0] for key in tally.rows}
    assert "unassigned" in practices
    assert "Z90035" not in practices


def test_clock_changes_are_in_the_window(home, truth):
    halves = defaultdict(set)
    for _, day, half_hour in truth:
        halves[day].add(half_hour)
    if "2026-10-25" in halves:
        twice = [row for legs in asterisk_legs(home).values() for row in legs if row[9].startswith("2026-10-25 01:")]
        offsets = {int(row[16].split(".")[0]) % 86400 // 3600 for row in twice}
        assert offsets == {0, 1}  # both passings of the hour: 00 and 01 UTC
    else:
        assert {0, 1, 4, 5} <= halves["2026-03-29"]
        assert halves["2026-03-29"].isdisjoint({2, 3})
        spring = "".join(path.read_text() for path in (home / "inbox").glob("larkline-spring-*"))
        assert spring.count('"2026-03-29 01:30:00"') == 3


def test_only_drama_numbers_and_no_practice_has_rows_on_its_silent_days(home, truth):
    allowed = re.compile(r"(1632960\d{3}|7700900\d{3}|2079460\d{3})")
    found = set()
    for path in (home / "inbox").glob("*line-*"):
        found |= {
            e164(n.replace(" ", "")) for n in re.findall(r"(?<![\d.])(?:\+44|44|0)[\d ]{10,11}(?!\d)", decoded(path))
        }
    for path in (home / "inbox").glob("holtcall-*"):
        rows = csv.DictReader(decoded(path).splitlines())
        found |= {e164(row["caller_number"] or "") for row in rows}
    found |= {e164(n) for n in re.findall(r"(?<!\d)0\d{10}(?!\d)", (home / "icb.toml").read_text())}
    found -= {None}
    assert len(found) > 2_000
    assert {number for number in found if not allowed.fullmatch(number)} == set()
    silent = {day for practice, day, _ in truth if practice == "Z90047"}
    assert silent
    assert {day[-2:] for day in silent}.isdisjoint({"10", "11"})


@pytest.mark.parametrize("home", [date(2026, 11, 21)], indirect=True, ids=["October"])
def test_the_same_logs_every_time(home, tmp_path):
    write_demo(tmp_path, date(2026, 11, 21), include={"calls"}, months=1)
    for path in sorted((home / "inbox").iterdir()):
        assert path.read_bytes() == (tmp_path / "inbox" / path.name).read_bytes(), path.name
    assert (home / "icb.toml").read_text() == (tmp_path / "icb.toml").read_text()


def test_the_night_counts_the_truth(home, tmp_path):
    """Every file through the product: half-hour by half-hour what was meant, in spite of every trap."""
    shutil.copytree(home, tmp_path / "night")
    for path in (tmp_path / "night" / "inbox").iterdir():
        if not any(part in path.name for part in ("line-", "beckvoice-", "holtcall-", "epraccur", "ePCN")):
            path.unlink()
    night = nightly(load_settings(home=tmp_path / "night", inbox_settle_seconds=0))
    columns = ", ".join(("practice_code", "local_date", "half_hour", *COUNTS))
    generation = tmp_path / "night" / "published" / night.generation
    with duckdb.connect(str(generation), read_only=True) as con:
        counted = f"SELECT {columns} FROM calls_half_hour"
        meant = f"SELECT {columns} FROM '{home / 'demo' / 'calls_half_hour.parquet'}'"
        assert con.execute(f"{counted} EXCEPT {meant}").fetchall() == []
        assert con.execute(f"{meant} EXCEPT {counted}").fetchall() == []
        assert con.execute(counted).fetchall()
    # the clock that is an hour out, and the one that is ahead
    assert {name.split("-")[0] for name, _ in night.refused} == {"driftline", "quarrline"}
    assert all(sum(load.rows_refused for load in night.loads if source in load.file_name)
               for source in ("larkline", "beckvoice", "holtcall"))  # fmt: skip
