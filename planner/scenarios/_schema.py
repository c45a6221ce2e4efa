"""The JSON Schema of a scenario file, for editors that complete and check it while it is written.

It holds what TOML can say: tables where :class:`Scenario` has pairs, lists where it has tuples, and
no null. What only the whole of a scenario decides (a decay that must fall, premises that must
exist) is left to `planner check`.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from planner.assumptions import DEFAULTS
from planner.network import PROFILES
from planner.scenarios._scenario import Scenario
from planner.scenarios._words import SEVERAL, WORDS, origin
from planner.scores import CRITERIA

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_PAIR = 2


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario file, as :func:`read_scenarios` takes it.

    Returns
    -------
    dict[str, Any]
        Draft 2020-12; descriptions in French; the same every time.

    Examples
    --------
    >>> found = schema()
    >>> found["$defs"]["mesh_min"]["maximum"], found["additionalProperties"]
    (120, False)
    """
    keys = key_schemas()
    own: dict[str, Any] = {key: {"$ref": f"#/$defs/{key}"} for key in keys}
    own["sweep"] = {"$ref": "#/$defs/sweep"}
    change = {
        "type": "object",
        "properties": own,
        "required": ["name"],
        "additionalProperties": False,
    }
    changes = {
        "description": SEVERAL["scenario"],
        "type": "array",
        "items": change,
        "minItems": 1,
    }
    sweep = {
        "description": SEVERAL["sweep"],
        "type": "object",
        "properties": {
            key: _swept(one, f"#/$defs/{key}") for key, one in keys.items() if key != "name"
        },
        "additionalProperties": False,
    }
    return {
        "$schema": DRAFT,
        "$defs": {**keys, "sweep": sweep},
        "title": "Scénario de planner",
        "type": "object",
        "properties": {**own, "scenario": changes},
        "additionalProperties": False,
    }


def schema_text() -> str:
    """Return the JSON Schema of a scenario file as text, the same bytes every time."""
    return json.dumps(schema(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def key_schemas() -> dict[str, dict[str, Any]]:
    """Return what each key of a scenario takes in a file, by key."""
    shapes = {
        key: _in_toml(shape) for key, shape in Scenario.model_json_schema()["properties"].items()
    }
    shapes["profile"]["enum"] = list(PROFILES)
    share = {"type": "number", "minimum": 0}
    shapes["weights"]["additionalProperties"] = {
        "type": "object",
        "properties": dict.fromkeys(CRITERIA, share),
        "additionalProperties": False,
        "minProperties": 1,
    }
    shapes["decay_steps"]["items"]["prefixItems"] = [share, {**share, "maximum": 1}]
    for key, word in WORDS.items():
        unit = f" Unité : {word.unit}." if word.unit else ""
        argued = f" Fourchette : {origin(DEFAULTS[key])}." if key in DEFAULTS else ""
        shapes[key]["description"] = f"{word.sentence}{unit}{argued}"
    figures = {
        key: {"$ref": f"#/$defs/{key}"}
        if key in shapes
        else {
            "description": f"{row.label}. Unité : {row.unit}. Fourchette : {origin(row)}.",
            "type": "number",
            "minimum": 0,
            "default": row.value,
        }
        for key, row in DEFAULTS.items()
    }
    shapes["assumptions"] |= {"properties": figures, "additionalProperties": False}
    return shapes


def _in_toml(shape: Mapping[str, Any]) -> dict[str, Any]:
    """Return what TOML takes where pydantic takes JSON: no null, and tables for pairs."""
    found = {name: value for name, value in shape.items() if name != "title"}
    if "anyOf" in found:
        (kept,) = [one for one in found.pop("anyOf") if one["type"] != "null"]
        found |= kept
    if found.get("default", ...) is None:
        del found["default"]
    pair = found.get("items", {}).get("prefixItems", [])
    if len(pair) == _PAIR and pair[0]["type"] == "string":
        table = {"type": "object", "additionalProperties": _in_toml(pair[1])}
        return {**table, "default": {}} if "default" in found else table
    return found


def _swept(shape: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Return what a grid takes for a key: values of it, a range, or a grid of a table's keys."""
    values = {"type": "array", "items": {"$ref": at}, "minItems": 1}
    kind = shape.get("type")
    if kind in {"number", "integer"}:
        ends = {
            "from": {"$ref": at},
            "to": {"type": kind},
            "step": {"type": kind, "exclusiveMinimum": 0},
        }
        steps = {
            "type": "object",
            "properties": ends,
            "required": ["from", "to", "step"],
            "additionalProperties": False,
        }
        return {"anyOf": [values, steps]}
    if kind != "object":
        return values
    named = {
        key: _swept({"type": "number"}, one.get("$ref", f"{at}/properties/{quote(key)}"))
        for key, one in shape.get("properties", {}).items()
    }
    other = shape["additionalProperties"]
    grid = {
        "type": "object",
        "properties": named,
        "additionalProperties": other and _swept(other, f"{at}/additionalProperties"),
        "minProperties": 1,
    }
    return {"anyOf": [values, grid]}
