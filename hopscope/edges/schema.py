"""The JSON Schema of a profile, version 1, made from the model's fields and the catalogue. Pure.

`profile.schema.json` beside this file is what it says; a test compares the two.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from hopscope.edges import model
from hopscope.metrics import SIDE, TCP, Metric

COUNT = {"type": "integer", "minimum": 0}
NUMBER = {"type": "number"}
TEXT = {"type": "string"}
NULLABLE = {"type": ["string", "null"]}
COUNTS = {"type": "object", "additionalProperties": COUNT}
_PARTS: dict[str, Any] = {
    "histogram": {"type": "array", "items": {"type": "array", "items": COUNT, "minItems": 3, "maxItems": 3}},
    "reasons": COUNTS,
}
_END = {
    "id": NULLABLE, "process": NULLABLE, "service": NULLABLE, "instance": NULLABLE, "container": NULLABLE,
    "pids": {"type": "array", "items": COUNT}, "address": TEXT, "listen": TEXT, "cgroup": TEXT,
    "layer": TEXT, "labels": {"type": "object", "additionalProperties": TEXT},
}  # fmt: skip
_PROBE = {"rung": NULLABLE, "hook": NULLABLE, "why_not": TEXT}


def _object(kind: type, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An object with the fields of a dataclass; those without a default are always there."""
    names = {held.name for held in fields(kind)}
    assert names == set(properties), f"{kind.__name__}: {names ^ set(properties)}"
    required = [held.name for held in fields(kind) if held.default is held.default_factory is MISSING]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False, **more}


def _metric(metric: Metric) -> dict[str, Any]:
    parts = {part: _PARTS.get(part, COUNT) for part in ("count", *metric.parts)}
    return {
        "description": metric.sentence,
        "type": "object",
        "properties": parts,
        "required": ["count"],
        "additionalProperties": False,
    }


def _side() -> dict[str, Any]:
    tcp = {metric.name: {**NUMBER, "description": f"{metric.sentence} Unit: {metric.unit}."} for metric in TCP}
    truths = {"type": "object", "properties": tcp, "additionalProperties": False}
    return {
        "type": ["object", "null"],
        "properties": {**{metric.name: _metric(metric) for metric in SIDE}, "tcp": truths},
        "required": ["tcp"],
        "additionalProperties": False,
    }


def schema() -> dict[str, Any]:
    """The schema."""
    end, side = {"$ref": "#/$defs/end"}, {"$ref": "#/$defs/side"}
    connections = _object(model.Connections, {"opened": COUNT, "closed": COUNT, "active": COUNT, "failed": COUNTS})
    edge = {
        "id": TEXT, "client": end, "server": end, "transport": TEXT, "protocol": TEXT, "security": TEXT, "label": TEXT,
        "connections": connections, "client_side": side, "server_side": side,
        "tls": {"type": "object", "additionalProperties": {"type": "array", "items": TEXT}}, "own": {"const": True},
    }  # fmt: skip
    listener = {
        "process": end, "address": TEXT, "queue": COUNT, "limit": COUNT, "overflows": COUNT,
        "synacks_retransmitted": COUNT,
    }  # fmt: skip
    profile = {
        "version": {"const": model.VERSION},
        "host": TEXT,
        "window": _object(model.Window, {"start": TEXT, "seconds": NUMBER}),
        "edges": {"type": "array", "items": _object(model.Edge, edge)},
        "listeners": {"type": "array", "items": _object(model.Listener, listener)},
        "completeness": {"type": "object"},
        "probes": {"type": "object", "additionalProperties": {"$ref": "#/$defs/probe"}},
    }
    whole = _object(model.Profile, profile)
    whole["required"] = list(profile)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "hopscope profile, version 1",
        **whole,
        "$defs": {
            "end": _object(model.End, _END),
            "side": _side(),
            "probe": {**_object(model.Probe, _PROBE), "required": ["rung", "hook"]},
        },
    }


if __name__ == "__main__":
    import json
    import sys

    json.dump(schema(), sys.stdout, indent=2)
    print()
