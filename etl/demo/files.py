"""Writes a synthetic ICB into a home folder, as the files that suppliers would send, with the truth beside."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from etl.demo import appointments, online_requests, organisations, published_calls
from etl.demo.traffic import OUTCOMES, calls_of_month
from etl.demo.world import OWN_ICB, SEED, SHARED_ACCOUNT, UNMAPPED_ACCOUNT, World, make_world

Progress = Callable[[str, int, int], None]


def write_demo(
    home: Path, today: date | None = None, seed: int = SEED, progress: Progress | None = None
) -> dict[str, Any]:
    """Writes `<home>/inbox/*-synthetic.*`, `<home>/icb.toml` and `<home>/demo/manifest.json`.

    today: the last complete month before it ends the 24 (default: now). progress: called with what is being
    written, and how much of how much is done. Returns the manifest: the truth of every total.
    """
    world = make_world(today, seed)
    inbox, beside = home / "inbox", home / "demo"
    inbox.mkdir(parents=True, exist_ok=True)
    beside.mkdir(parents=True, exist_ok=True)
    steps = len(world.months) + 2
    report = progress or (lambda what, done, total: None)

    report("organisations, list sizes, deprivation", 0, steps)
    organisations.write_organisations(inbox, world)
    organisations.write_registered_patients(inbox, world)
    organisations.write_deprivation(inbox, world)
    report("appointments and online requests", 1, steps)
    booked = appointments.write_appointments(inbox, world)
    online = online_requests.write_online_requests(inbox, world)
    counts: list[published_calls.Counts] = []
    for month, first in enumerate(world.months):
        report(f"telephone calls of {first:%B %Y}", month + 2, steps)
        counts.append(published_calls.count_month(world, month, calls_of_month(world, month)))
        published_calls.write_month(inbox, world, month, counts)
    manifest = _manifest(world, counts, booked, online)
    (home / "icb.toml").write_text(_settings(), encoding="utf-8")
    (beside / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    report("done", steps, steps)
    return manifest


def _settings() -> str:
    return f'# a synthetic ICB, written by `icb-etl demo`\ncode = ["{OWN_ICB}"]\n'


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
    stories = world.practices[["code", "story", "live_on", "closed"]].astype({"live_on": str, "closed": str})
    return {
        "today": world.today.isoformat(),
        "seed": world.seed,
        "shared_accounts": {
            "Unassigned in a PCN": [world.practices.code[p] for p in SHARED_ACCOUNT],
            "Unmapped": [world.practices.code[p] for p in UNMAPPED_ACCOUNT],
        },
        "stories": stories[stories.story != "steady"].to_dict("records"),
        "months": months,
    }
