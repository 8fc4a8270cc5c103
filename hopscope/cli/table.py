"""A profile as text: one line per edge, what is wrong, the listeners, how much was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from hopscope.cli import lines
from hopscope.cli.figures import amount, shorten
from hopscope.edges.model import Listener, Profile

STYLES = {"failing": "bold red", "slow": "yellow"}


def show(profile: Profile, console: Console) -> None:
    """Prints a profile."""
    width = console.width
    seconds = profile.window.seconds
    length = f"{seconds:.3g}" if seconds < 999.5 else f"{seconds:.0f}"
    console.print(Text(f"{profile.host}  {profile.window.start[:19]}Z  {length} s"), soft_wrap=True)
    found = lines.lines(profile.edges, profile.window.seconds)
    if found:
        for text in edges(found, width):
            console.print(text, soft_wrap=True)
    else:
        console.print("No TCP traffic in this window; --all shows idle connections, too.")
    for text in (*troubles(found), *listeners(profile.listeners)):
        console.print(text)
    console.print()
    for sentence in completeness(profile.completeness):
        console.print(Text(sentence))
    for metric, probe in profile.probes.items():
        # Of a metric that is measured, what it has no value for stands in the JSON.
        if probe.why_not and "." not in metric:
            console.print(Text(f"{metric} is not supported, because {probe.why_not}"))


def edges(found: list[lines.Line], width: int) -> Iterator[Text]:
    """Heading and lines of the table in `width` characters."""
    label = max(lines.LABEL_WIDTH, *(len(it.edge.label) for it in found)) if width >= 100 else lines.LABEL_WIDTH
    wish = max(len(lines.name(it.edge)) for it in found)
    columns, room = lines.fitting(width, label, wish)
    room = min(room, max(wish, 15))
    heads = " ".join(f"{column.heading:>{column.width}}" for column in columns)
    yield Text(f"{'CLIENT → SERVER':<{room}} {'LABEL':<{label}} {heads}", style="bold")
    for it in found:
        figures = " ".join(f"{column.text(it):>{column.width}}" for column in columns)
        name = f"{lines.name(it.edge, room):<{room}} {shorten(it.edge.label, label):<{label}}"
        yield Text(f"{name} {figures}", style=STYLES.get(it.state.name, ""))


def troubles(found: list[lines.Line]) -> Iterator[Text]:
    """A sentence for each edge that is not healthy."""
    names = Counter(lines.name(it.edge) for it in found)
    for it in found:
        if it.state.reasons:
            name = lines.name(it.edge)
            which = f" ({it.edge.server.address})" if names[name] > 1 else ""
            yield Text(f"{name}{which} is {it.state.name}: {'; '.join(it.state.reasons)}", STYLES[it.state.name])


def listeners(found: Sequence[Listener]) -> Iterator[Text]:
    """A sentence for each listener where somebody waits or was turned away, and how many there are besides."""
    busy = [it for it in found if it.queue or it.overflows]
    for it in sorted(busy, key=lambda it: (-it.overflows, -it.queue, it.address)):
        turned = f", {amount(it.overflows)} connections turned away" if it.overflows else ""
        who = f"{lines.who(it.process)} listens on {it.address}"
        yield Text(
            f"{who}: {it.queue} of {it.limit} waiting to be accepted{turned}",
            STYLES["failing" if it.overflows else "slow"],
        )
    if quiet := len(found) - len(busy):
        kind = f"{'other ' if busy else ''}listener{'s' if quiet != 1 else ''}"
        yield Text(f"{amount(quiet)} {kind}; nobody waits there.", "dim")


def completeness(seen: Mapping[str, Any]) -> list[str]:
    """How much was seen, in sentences."""
    parts = []
    if seconds := seen.get("seconds"):
        asked, recorded = seconds.get("asked", 0), seconds.get("recorded", 0)
        whole = "all" if recorded >= asked else f"{recorded:.1f} of"
        parts.append(f"{whole} {asked:.1f} seconds recorded")
    if connections := seen.get("connections"):
        parts.append(_in_detail(connections))
    lost = {place: number for place, number in (seen.get("lost") or {}).items() if number}
    parts.append("nothing lost" if not lost else "lost: " + ", ".join(f"{_words(it)} {n}" for it, n in lost.items()))
    sentences = ["Seen: " + "; ".join(part for part in parts if part) + "."]
    if rest := (seen.get("not_asked") or {}).get("edges"):
        names = ", ".join(seen["not_asked"]["processes"])
        sentences.append(f"{amount(rest)} other edge{'s' if rest != 1 else ''} not asked for: {names}.")
    not_traced = seen.get("not_traced") or {}
    for who, why in not_traced.items() if isinstance(not_traced, Mapping) else ((it, None) for it in not_traced):
        sentences.append(f"Not traced: {who}" + (f", because {why}" if why else ""))
    sentences += [f"Seen in part on {host}: {'; '.join(why)}." for host, why in (seen.get("missing") or {}).items()]
    known = {"seconds", "connections", "lost", "not_traced", "not_asked", "command", "missing"}
    sentences += [f"{_words(name)}: {value}." for name, value in seen.items() if name not in known and value]
    return sentences


def _in_detail(connections: Any) -> str:
    if not isinstance(connections, Mapping):
        return f"{amount(connections)} connections"
    numbers = {name: number for name, number in connections.items() if isinstance(number, int | float)}
    own, every = numbers.get("own_slot", numbers.get("own")), numbers.get("all", numbers.get("total"))
    if own is not None and every is not None:
        return f"{'all' if own >= every else f'{own} of'} {every} connections in detail"
    return ", ".join(f"{_words(name)} {number}" for name, number in numbers.items())


def _words(name: str) -> str:
    return name.replace("_", " ")
