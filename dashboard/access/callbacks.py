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
    outputs_fit = isinstance(body.get("outputs", []), list | dict)
    inputs_fit = _fits(declared["inputs"], body.get("inputs", []))
    state_fits = _fits(declared["state"], body.get("state", []))
    changed = body.get("changedPropIds", [])
    changed_fits = isinstance(changed, list) and all(isinstance(item, str) for item in changed)
    if not (outputs_fit and inputs_fit and state_fits and changed_fits and _outputs_fit(output, body)):
        abort(400, "The request does not fit the callback it is for.")
    return output


def _outputs_fit(output: str, body: dict[str, Any]) -> bool:
    """Whether `outputs` names what `output` does; pattern-matching ids differ from call to call."""
    given = body.get("outputs")
    if not given or "{" in output:
        return True
    several = output.startswith("..") and output.endswith("..")
    names = output[2:-2].split("...") if several else [output]
    items = given if isinstance(given, list) else [given]
    if several != isinstance(given, list):
        return False
    return [_name(item) for item in items] == [name.partition("@")[0] for name in names]


def _name(item: Any) -> str | None:
    return f"{item.get('id')}.{str(item.get('property')).partition('@')[0]}" if isinstance(item, dict) else None


def _fits(declared: list[dict[str, Any]], given: Any) -> bool:
    if not isinstance(given, list) or len(given) != len(declared):
        return False
    return all(_same(want, got) for want, got in zip(declared, given, strict=True))


def _same(want: dict[str, Any], got: Any) -> bool:
    if want["id"].startswith("{"):  # pattern matching: one item, or a list of them
        items = got if isinstance(got, list) else [got]
        keys = json.loads(want["id"]).keys()
        return all(
            isinstance(item, dict)
            and isinstance(item.get("id"), dict)
            and item["id"].keys() == keys
            and item.get("property") == want["property"]
            for item in items
        )
    return isinstance(got, dict) and got.get("id") == want["id"] and got.get("property") == want["property"]


def _depth(value: Any) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        deepest = max(deepest, depth)
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        waiting.extend((child, depth + 1) for child in children)
    return deepest
