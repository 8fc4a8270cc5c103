"""Writes the examples of profile.md again, from a real run: `sudo .venv/bin/python docs/examples.py`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import hopscope

HERE = Path(__file__).parent
SHOWN = 3
"""Triples of a histogram; the rest would only make it longer."""


def shorter(value: Any) -> Any:
    """The same with short histograms."""
    if isinstance(value, dict):
        return {name: it[:SHOWN] if name == "histogram" else shorter(it) for name, it in value.items()}
    return value


def text(value: Any) -> str:
    """JSON with each list on a line."""
    wide = json.dumps(shorter(value), indent=2)
    for inner in (r"\[[^\[\]{}]*\]", r"\[(?:\s*\[[^\[\]]*\],?)*\s*\]"):
        wide = re.sub(inner, lambda it: re.sub(r"\s+", " ", it[0]).replace("[ ", "[").replace(" ]", "]"), wide)
    return wide


def main() -> None:
    """Profiles a small client and server and puts what was seen into the page."""
    talk = [sys.executable, str(HERE.parent / "tests" / "talk.py"), "23", "101", "1009"]
    seen = json.loads(hopscope.profile(command=talk, command_stdout=sys.stderr).to_json())
    for end in (seen["edges"][0]["client"], seen["edges"][0]["server"]):
        end["instance"], end["cgroup"] = "host-1", "/user.slice"
    page = HERE / "profile.md"
    words = page.read_text()
    for name, value in (("edge", seen["edges"][0]), ("probes", seen["probes"])):
        words = re.sub(
            rf"(<!-- example: {name} -->\n```json\n).*?```",
            lambda it, value=value: f"{it[1]}{text(value)}\n```",
            words,
            flags=re.DOTALL,
        )
    page.write_text(words)


main()
