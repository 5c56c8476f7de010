"""Writes a synthetic ICB into a home folder, as the files that suppliers would send, with the truth beside."""

import json
from collections.abc import Callable, Collection
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from etl.demo import (
    appointments,
    call_logs,
    navigation,
    online_requests,
    organisations,
    places,
    published_calls,
    rollout,
)
from etl.demo.traffic import OUTCOMES, calls_of_month
from etl.demo.world import (
    GO_LIVE_MISSED_FACTOR,
    GO_LIVE_WAIT_FACTOR,
    LATEST,
    MONTHS,
    OWN_ICB,
    SEED,
    SHARED_ACCOUNT,
    SWITCHERS,
    UNMAPPED_ACCOUNT,
    World,
    make_world,
)

Progress = Callable[[str, int, int], None]
PARTS = ("calls", "rollout", "navigation")
LOGGED_MONTHS = {"full": call_logs.FULL_MONTHS, "recent": call_logs.RECENT_MONTHS, "none": 0}
_SETTINGS = f'# a synthetic ICB, written by `icb-etl demo`\ncode = ["{OWN_ICB}"]\n'


def write_demo(
    home: Path,
    today: date | None = None,
    seed: int = SEED,
    progress: Progress | None = None,
    calls: Literal["full", "recent", "none"] = "recent",
    include: Collection[str] = PARTS,
    months: int = MONTHS,
) -> dict[str, Any]:
    """Writes `<home>/inbox/*-synthetic.*`, `<home>/reference/`, `<home>/icb.toml` and `<home>/demo/manifest.json`.

    today: the last complete month before it ends the 24 (default: now). progress: called with what is being
    written, and how much of how much is done. calls: call logs of thirteen months (over two million calls),
    of three, or none. include: which of PARTS to write beside the publications. months: how many, at
    most 24; fewer are the newest of the same.
    Returns the manifest: the truth of every total, and `files`, the names of what was written.
    """
    world = make_world(today, seed, months)
    inbox, beside = home / "inbox", home / "demo"
    inbox.mkdir(parents=True, exist_ok=True)
    beside.mkdir(parents=True, exist_ok=True)
    steps = len(world.months) + 2
    report = progress or (lambda what, done, total: None)

    report("organisations, list sizes, deprivation", 0, steps)
    organisations.write_organisations(inbox, world)
    organisations.write_registered_patients(inbox, world)
    organisations.write_ages(inbox, world)
    organisations.write_deprivation(inbox, world)
    report("appointments and online requests", 1, steps)
    booked = appointments.write_appointments(inbox, world)
    online = online_requests.write_online_requests(inbox, world)
    counts: list[published_calls.Counts] = []
    logged: dict[int, pd.DataFrame] = {}
    months_logged = LOGGED_MONTHS[calls] if "calls" in include else 0
    for month, first in enumerate(world.months):
        report(f"telephone calls of {first:%B %Y}", month + 2, steps)
        rung = calls_of_month(world, month)
        counts.append(published_calls.count_month(world, month, rung))
        published_calls.write_month(inbox, world, month, counts)
        if month >= len(world.months) - months_logged:
            logged[month] = call_logs.choose(world, month, rung)
    manifest = _manifest(world, counts, booked, online)
    settings = _SETTINGS
    if logged:
        report("call logs", steps - 1, steps)
        manifest["call_logs"] = call_logs.write_calls(home, world, logged)
        settings += call_logs.settings(world)
    if "rollout" in include:
        manifest["rollout"] = rollout.write_rollout(inbox, world)
        places.write_places(home, world)
    if "navigation" in include:
        manifest["navigation"] = navigation.write_navigation(home, world, logged)
    manifest["files"] = sorted(path.name for path in inbox.glob("*-synthetic*"))
    (home / "icb.toml").write_text(settings, encoding="utf-8")
    (beside / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    report("done", steps, steps)
    return manifest


def _manifest(
    world: World, counts: list[published_calls.Counts], booked: list[np.ndarray], online: list[np.ndarray]
) -> dict[str, Any]:
    """Every total, practice by month, as it was meant."""
    months = []
    for month, first in enumerate(world.months):
        own, areas = counts[month], world.areas(first)
        totals = {
            "patients": world.patients[month],
            **{name: own.outcomes[:, place] for place, name in enumerate(OUTCOMES)},
            "inbound": own.inbound,
            "callback_made": own.made,
            "answered_within_120s": own.answered_wait[:, :2].sum(axis=1),
            **{f"online_{name}": online[month][:, place] for place, name in enumerate(online_requests.TYPES)},
            **appointments.summary(booked[month]),
        }
        months.append(
            {
                "month": first.isoformat(),
                "england": {name: int(values.sum()) for name, values in totals.items()},
                "practices": [
                    {
                        "practice": area.code,
                        "pcn": area.pcn,
                        "sub_icb": area.sub_icb,
                        "icb": area.icb,
                        "collected": bool(own.collected[position]),
                        **{name: int(values[position]) for name, values in totals.items()},
                    }
                    for position, area in enumerate(areas.itertuples())
                    if world.patients[month][position]
                ],
            }
        )
    return {
        "today": world.today.isoformat(),
        "seed": world.seed,
        "shared_accounts": {
            "Unassigned in a PCN": [world.practices.code[p] for p in SHARED_ACCOUNT],
            "Unmapped": [world.practices.code[p] for p in UNMAPPED_ACCOUNT],
        },
        "stories": [
            {"practice": row.code, "story": row.story, "live_on": _day(row.live_on), "closed": _day(row.closed)}
            for row in world.practices.itertuples()
            if row.story != "steady"
        ],
        "went_live": {
            "practices": [world.practices.code[p] for p in SWITCHERS + LATEST],
            "missed_share_multiplied_by": GO_LIVE_MISSED_FACTOR,
            "waits_multiplied_by": GO_LIVE_WAIT_FACTOR,
        },
        "months": months,
    }


def _day(moment: Any) -> str | None:
    return None if pd.isna(moment) else moment.date().isoformat()
