"""Dash's callback endpoint: the body must have the shape of a callback this app has, before Dash sees it."""

import json
from typing import Any

from dash import Dash
from flask import abort, request

DEEPEST_JSON = 100


def read_body() -> dict[str, Any]:
    """The JSON object of this request. Aborts with 400 if it is none, or nested too deeply."""
    try:
        body = request.get_json()
    except RecursionError:
        abort(400, "The request is nested too deeply.")
    data = request.get_data()
    if data.count(b"[") + data.count(b"{") > DEEPEST_JSON and _depth(body) > DEEPEST_JSON:
        abort(400, "The request is nested too deeply.")
    if not isinstance(body, dict):
        abort(400, "The request is not a JSON object.")
    return body


def callback_of(app: Dash, body: dict[str, Any]) -> str | None:
    """The callback (its output id) a body is for; None if this app has no such callback.

    Aborts with 400 if the inputs or state are not the ones the callback declares.
    """
    output = body.get("output")
    if not isinstance(output, str) or app.callback_map.get(output, {}).get("callback") is None:
        return None
    declared = app.callback_map[output]
    inputs_fit = _fits(declared["inputs"], body.get("inputs", []))
    state_fits = _fits(declared["state"], body.get("state", []))
    changed = body.get("changedPropIds", [])
    changed_fits = isinstance(changed, list) and all(isinstance(item, str) for item in changed)
    if not (inputs_fit and state_fits and changed_fits and _outputs_fit(declared, output, body)):
        abort(400, "The request does not fit the callback it is for.")
    return output


def _outputs_fit(declared: dict[str, Any], output: str, body: dict[str, Any]) -> bool:
    """Whether `outputs` is what the callback's id says: `a.children`, or several as `..a.children...b.data..`."""
    if declared.get("no_output"):
        return not body.get("outputs")
    several = output.startswith("..") and output.endswith("..")
    names = [name.rpartition(".") for name in (output[2:-2].split("...") if several else [output])]
    wanted = [{"id": id_, "property": property_} for id_, _, property_ in names]
    given = body.get("outputs")
    return _fits(wanted, given if several else [given])


def _fits(declared: list[dict[str, Any]], given: Any) -> bool:
    if not isinstance(given, list) or len(given) != len(declared):
        return False
    return all(_same(want, got) for want, got in zip(declared, given, strict=True))


def _same(want: dict[str, Any], got: Any) -> bool:
    if not want["id"].startswith("{"):
        return isinstance(got, dict) and got.get("id") == want["id"] and _property(got) == _property(want)
    keys = json.loads(want["id"]).keys()  # pattern matching: one item, or a list of them
    return all(
        isinstance(item, dict)
        and isinstance(item.get("id"), dict)
        and item["id"].keys() == keys
        and _property(item) == _property(want)
        for item in (got if isinstance(got, list) else [got])
    )


def _property(item: dict[str, Any]) -> str:
    """Without the mark Dash adds to tell apart several callbacks that fill the same property."""
    return str(item.get("property")).partition("@")[0]


def _depth(value: Any) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        deepest = max(deepest, depth)
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        waiting.extend((child, depth + 1) for child in children)
    return deepest
