"""How numbers are written: the same words and units in every table. Decimal prefixes, at most seven characters."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hopscope.edges.figures import Unit

NONE = "-"
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def _short(number: float) -> str:
    if number < 9.95 and number != int(number):
        return f"{number:.1f}"
    return f"{number:.0f}"


def _scaled(number: float, unit: str) -> str:
    step = 0
    while number >= 999.5 and step < len(_PREFIXES) - 1:
        number /= 1000
        step += 1
    return f"{_short(round(number, 1) if number < 9.95 else number)}{_PREFIXES[step]}{unit}"


def amount(number: float | None) -> str:
    """A count: `7`, `0.3`, `1.2k`, `34M`; what is above zero never reads as zero."""
    if number is None:
        return NONE
    if 0 < number < 0.05:
        return "<0.1"
    return _scaled(number, "")


def size(number: float | None) -> str:
    """Bytes: `512B`, `1.2kB`, `34MB`."""
    if number is None:
        return NONE
    if 0 < number < 0.5:
        return "<1B"
    return _scaled(round(number) if number < 999.5 else number, "B")


def duration(ns: float | None) -> str:
    """A time given in ns: `0.3µs`, `12µs`, `1.2ms`, `2.1s`."""
    if ns is None:
        return NONE
    for unit, length in (("µs", 1e3), ("ms", 1e6), ("s", 1e9)):
        if ns < 999.5 * length or unit == "s":
            return f"{_short(round(ns / length, 1)) if ns >= 50 or ns == 0 else '<0.1'}{unit}"
    raise AssertionError  # the loop always ends in seconds


def sparkline(counts: list[int]) -> str:
    """One character per count, the highest is the full block; what is above zero is never blank."""
    bars, top = "▁▂▃▄▅▆▇█", max(counts, default=0)
    return "".join(" " if not count else bars[min(7, count * 8 // (top + 1))] for count in counts)


def shorten(text: str, width: int) -> str:
    """The text in `width` characters, cut in the middle, for ends of names and ports tell more than middles."""
    if len(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    tail = (width - 1) // 2
    return text[: width - 1 - tail] + "…" + (text[-tail:] if tail else "")


WRITTEN: Mapping[Unit, Callable[[float | None], str]] = {"number": amount, "bytes": size, "ns": duration}
"""How a figure of each unit is written."""
