"""Lines of telephone systems' logs, and a home folder that loads them. Numbers are Ofcom's for drama."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from etl.nightly import Night, load_files
from etl.settings import Settings

LONDON = ZoneInfo("Europe/London")
RIVERSIDE: dict[str, Any] = {
    "id": "riverside",
    "platform": "asterisk",
    "files": "riverside-*",
    "timezone": "Europe/London",
    "callback_keys": ["1"],
    "numbers": {
        "01632960001": "Y99901",
        "01632960002": "Y99902",
        "01632960009": ["Y99901", "Y99902"],
        "nav": "Y99901",
    },
}
THREE_CX: dict[str, Any] = {
    "id": "beck",
    "platform": "three_cx",
    "files": "beck-*",
    "timezone": "UTC",
    "numbers": {"01632960001": "Y99901", "80002": "Y99902"},
}
CANONICAL: dict[str, Any] = {
    "id": "holt",
    "platform": "mapped_csv",
    "files": "holt-*",
    "timezone": "Europe/London",
    "profile": "canonical",
}
CANONICAL_HEADING = (
    "call_id,practice_ods,started_at,queue_entered_at,answered_at,ended_at,outcome,queue_position_announced,"
    "callback_requested,callback_completed,caller_number"
)
CALLER = "07700900123"


def epoch(text: str) -> int:
    """UNIX seconds of a London time, 2026-06-01 08:00:12; add `+1` for the second passing of a repeated hour."""
    local = datetime.fromisoformat(text.removesuffix("+1")).replace(fold=int(text.endswith("+1")), tzinfo=LONDON)
    return int(local.timestamp())


def london(seconds: int, zone: str = "Europe/London") -> str:
    """A time as Asterisk writes it."""
    return datetime.fromtimestamp(seconds, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def cdr(start: int, duration: int = 60, **fields: object) -> str:
    """A 21-field call detail record. Fields: src, dst, app, data, peer, channel, billsec, disposition, uid, linked,
    seq, name, context, zone."""
    get = fields.get
    uid = get("uid", f"{start}.1")
    disposition = get("disposition", "ANSWERED")
    billsec = get("billsec", duration - 1 if disposition == "ANSWERED" else 0)
    zone = str(get("zone", "Europe/London"))
    answer = f'"{london(start + duration - int(str(billsec)), zone)}"' if disposition == "ANSWERED" else ""
    return (
        f'"","{get("src", CALLER)}","{get("dst", "01632960001")}","{get("context", "ext-queues")}",'
        f'"""{get("name", "Ottoline Pomfret")}"" <{get("src", CALLER)}>","{get("channel", "PJSIP/trunk-00000a1")}",'
        f'"{get("peer", "")}","{get("app", "Queue")}","{get("data", "nav,t,,")}","{london(start, zone)}",{answer},'
        f'"{london(start + duration, zone)}",{duration},{billsec},"{disposition}","DOCUMENTATION","{uid}","","",'
        f'"{get("linked", uid)}",{get("seq", 1)}'
    )


def event(at: int, uid: str, name: str, *data: object, queue: str = "nav", agent: str = "NONE") -> str:
    """A line of queue_log."""
    return "|".join(str(part) for part in (at, uid, queue, agent, name, *data))


def segment(start: int, end: int, **fields: object) -> str:
    """27 fields of 3CX, in UTC. Fields: history, callid, answered, reason, src, to, dial, from_type, to_type,
    final_type, name, missed."""
    get = fields.get

    def utc(seconds: object) -> str:
        return "" if seconds is None else datetime.fromtimestamp(int(str(seconds)), UTC).strftime("%Y/%m/%d %H:%M:%S")

    to = str(get("to", "Ext.80002"))
    parts = [
        get("history", "Call 1"), get("callid", "89d3af2d8f010000_1"), "00:00:00",
        utc(start), utc(get("answered")), utc(end), get("reason", "TerminatedBySrc"),
        get("src", CALLER), to, "10000", to.removeprefix("Ext."), get("dial", "01632960001"),
        "", to, to.removeprefix("Ext."), "", "", "", "", "Chain: x;", get("from_type", "Line"), get("to_type", "Queue"),
        get("final_type", "Queue"), get("name", "Ottoline Pomfret"), "Desk", "Desk", get("missed", ""),
    ]  # fmt: skip
    return ",".join(str(part) for part in parts)


class Home:
    """A home folder with telephony sources, into which files are loaded night by night."""

    def __init__(self, settings: Settings, *sources: dict[str, Any], **changes: Any) -> None:
        self.settings = settings.model_copy(update={"telephony_source": list(sources), **changes})
        self.inbox = settings.home / "inbox"
        self.inbox.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, lines: Sequence[str] | str | bytes) -> Path:
        """Put a file in the inbox; lines get a line end each."""
        path = self.inbox / name
        if isinstance(lines, bytes):
            path.write_bytes(lines)
        else:
            path.write_text(lines if isinstance(lines, str) else "".join(f"{line}\n" for line in lines), "utf-8")
        return path

    def load(self, name: str, lines: Sequence[str] | str | bytes) -> Night:
        """Write and load one file."""
        return load_files(self.settings, [self.write(name, lines)])

    def rows(self, select: str) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        with duckdb.connect(str(self.settings.home / "warehouse.duckdb"), read_only=True) as con:
            return con.execute(select).fetchall()

    def calls(self, columns: str = "outcome") -> list[Any]:
        """Columns of every call, by start; bare values when it is one column."""
        found = self.rows(f"SELECT {columns} FROM fact.call ORDER BY started_at, native_call_id")
        return [row[0] for row in found] if "," not in columns else found

    def reasons(self) -> list[tuple[int, str]]:
        """Line and reason of every refused row."""
        return self.rows("SELECT line_number, reason FROM ledger.rejected_row ORDER BY load_id, line_number")
