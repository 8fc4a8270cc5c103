"""Durations as they are typed: a number and a unit."""

from __future__ import annotations

import re
from typing import Any

import click

_LONGEST = 3650 * 86400
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604_800}


def seconds_of(pattern: str, text: str) -> int | None:
    """The seconds that a text means; None where it does not fit the pattern, whose groups are the number and the unit,
    or means none."""
    found = re.fullmatch(pattern, text)
    return int(found[1]) * _SECONDS[found[2]] or None if found else None


class Duration(click.ParamType[int]):
    """So many seconds: `90`, `90s`, `5m`, `2h`, `1d`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds."""
        if isinstance(value, int):
            return value
        seconds = seconds_of(r"(\d+)([smhd]?)", value)
        if seconds is None:
            self.fail(f"{value!r} is no duration; for example 90s, 5m, 2h, 1d", param, ctx)
        if seconds > _LONGEST:
            self.fail(f"{value!r} is longer than ten years", param, ctx)
        return seconds
