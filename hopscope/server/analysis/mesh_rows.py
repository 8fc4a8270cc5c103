"""What the books of access logs are on the wire, and what that is in the tables. Pure.

Law: as for a batch of an agent, the same message gives the same rows, and one that cannot be stored whole gives none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hopscope.edges.histogram import BUCKETS, HIGHEST_OCTAVE, LOWEST_OCTAVE, PER_OCTAVE
from hopscope.server.analysis.mesh_books import Sum, Taken
from hopscope.server.analysis.mesh_entries import PARTS, UNKNOWN
from hopscope.server.analysis.mesh_proxies import place_of
from hopscope.server.storage.native import Coded, Column, Lists, lists
from hopscope.server.storage.store import Insert
from hopscope.wire.hopscope.v1 import mesh_pb2 as wire

_LAST_SECOND = (1 << 32) - 1
_LONGEST_TEXT = 4096
_MOST_SECONDS = 600
_HALF = ("side", "client", "server", "cluster", "protocol", "security", "principal")


def message(taken: Taken, seconds: float) -> wire.Mesh:
    """The books as they go to the spool; the receiver listened for so many seconds."""
    made = wire.Mesh(entries=taken.entries, seconds=seconds, amounts=dict(taken.amounts))
    for reporter in taken.proxies:
        proxy = reporter.proxy
        made.proxies.add(
            id=proxy.id, service=proxy.service, namespace=proxy.namespace, instance=proxy.instance, kind=proxy.kind,
            addresses=proxy.addresses, principal=reporter.principal, labels=dict(proxy.labels),
        )  # fmt: skip
    for owner, kept in taken.halves:
        made.halves.add(id=kept.id, proxy=owner, **kept.half._asdict())
    words: dict[str, int] = {}
    for half, second, held in taken.sums:
        for metric, label, count, total in _plain(held):
            _row(made, words, half, second, metric, label, count, total)
            made.filled.append(0)
    _times(made, words, taken.sums)
    made.labels.extend(words)
    return made


def _plain(held: Sum) -> Iterator[tuple[str, str, int, int]]:
    for label, count in held.answers.items():
        yield "answer", label, count, 0
    for label, count in held.connections.items():
        yield "connection", label, count, 0
    for metric, count, total in (("retry", held.retries, 0), ("in", 0, held.received), ("out", 0, held.sent)):
        if count or total:
            yield metric, "", count, total


def _row(
    made: wire.Mesh, words: dict[str, int], half: int, second: int, metric: str, label: str, count: int, total: int
) -> None:
    made.half.append(half)
    made.second.append(second)
    made.metric.append(words.setdefault(metric, len(words)))
    made.label.append(words.setdefault(label, len(words)))
    made.count.append(count)
    made.total.append(total)


def _times(made: wire.Mesh, words: dict[str, int], sums: Sequence[tuple[int, int, Sum]]) -> None:
    timed = [row for row in sums if row[2].times]
    if not timed:
        return
    values = np.array([times for _, _, held in timed for times in held.times], "i8")
    group = np.repeat(np.arange(len(timed)), [len(held.times) for _, _, held in timed])
    for place, part in enumerate(PARTS):
        known = values[:, place] != UNKNOWN
        if part == "unexplained":
            known &= values[:, place] > 0
        of, ns = group[known], values[known, place]
        if not len(of):
            continue
        total = np.zeros(len(timed), "i8")
        np.add.at(total, of, ns)
        # By group, then by bucket.
        cells, held_in = np.unique(of * BUCKETS + _buckets(ns), return_counts=True)
        filled = np.bincount(cells // BUCKETS, minlength=len(timed))
        count = np.bincount(of, minlength=len(timed))
        for index in np.flatnonzero(count):
            half, second, _ = timed[index]
            _row(made, words, half, second, part, "", int(count[index]), int(total[index]))
            made.filled.append(int(filled[index]))
        made.bucket.extend((cells % BUCKETS).tolist())
        made.held.extend(held_in.tolist())


def _buckets(ns: Any) -> Any:
    """The histogram's bucket of each duration: edges.histogram.index_of, for many at once."""
    octave = np.frexp(np.maximum(ns, 1).astype("f8"))[1] - 1
    octave = np.clip(octave, LOWEST_OCTAVE, HIGHEST_OCTAVE - 1)
    found = 1 + PER_OCTAVE * (octave - LOWEST_OCTAVE) + ((ns >> (octave - 3)) & 7)
    return np.where(ns < 1 << LOWEST_OCTAVE, 0, np.where(ns >= 1 << HIGHEST_OCTAVE, BUCKETS - 1, found))


def inserts(said: wire.Mesh, receiver: int, now: int) -> list[Insert]:
    """The rows of what a receiver said at a time, entities first. Raises ValueError."""
    made = [_proxies(said, now), _services(said, now), _halves(said, now), _numbers(said), _seen(said, receiver, now)]
    return [insert for insert in made if insert.rows]


def _text(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"a text of {len(text)} characters; at most {_LONGEST_TEXT}")
    return text


def _texts(things: Sequence[Any], *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, "String", [_text(getattr(thing, name)) for thing in things]) for name in names)


def _proxies(said: wire.Mesh, now: int) -> Insert:
    things = said.proxies
    labels = [item for thing in things for item in sorted(thing.labels.items())]
    ends = np.cumsum([len(thing.labels) for thing in things], dtype="<u8")
    columns = (
        Column("id", "UInt64", [thing.id for thing in things]),
        *_texts(things, "service", "namespace", "instance", "kind", "principal"),
        Column("addresses", "Array(String)", lists([[_text(each) for each in thing.addresses] for thing in things])),
        Column("labels", "Map(String, String)", Lists(ends, ([k for k, _ in labels], [_text(v) for _, v in labels]))),
        Column("last", "DateTime", [now] * len(things)),
    )
    return Insert("mesh_proxy", columns, len(things))


def _services(said: wire.Mesh, now: int) -> Insert:
    names = sorted({thing.service for thing in said.proxies})
    columns = (
        Column("id", "UInt64", [place_of(name) for name in names]),
        Column("first", "DateTime", [now] * len(names)),
        Column("last", "DateTime", [now] * len(names)),
    )
    return Insert("place", columns, len(names))


def _halves(said: wire.Mesh, now: int) -> Insert:
    things = said.halves
    columns = (
        Column("id", "UInt64", [thing.id for thing in things]),
        Column("proxy", "UInt64", [thing.proxy for thing in things]),
        *_texts(things, *_HALF),
        Column("last", "DateTime", [now] * len(things)),
    )
    return Insert("mesh_half", columns, len(things))


def _numbers(said: wire.Mesh) -> Insert:
    rows = len(said.half)
    if any(len(getattr(said, name)) != rows for name in ("second", "metric", "label", "count", "total", "filled")):
        raise ValueError("columns of access logs that are not of equal length")
    if not rows:
        return Insert("mesh_1s", (), 0)
    second, filled = np.array(said.second, "i8"), np.array(said.filled, "<u8")
    if second.min() <= 0 or second.max() > _LAST_SECOND:
        raise ValueError("access logs outside of time")
    if max(max(said.metric), max(said.label)) >= len(said.labels):
        raise ValueError("a metric or a label of access logs that there is not")
    if not len(said.bucket) == len(said.held) == int(filled.sum()):
        raise ValueError("a histogram of access logs that does not add up")
    if len(said.bucket) and max(said.bucket) >= BUCKETS:
        raise ValueError("a histogram of access logs with buckets that there are not")
    words = [_text(word) for word in said.labels]
    coded = "LowCardinality(String)"
    columns = (
        Column("ts", "DateTime", second),
        Column("half", "UInt64", np.array(said.half, "<u8")),
        Column("metric", coded, Coded(words, np.array(said.metric, "<u8"))),
        Column("label", coded, Coded(words, np.array(said.label, "<u8"))),
        Column("count", "UInt64", np.array(said.count, "<u8")),
        Column("total", "UInt64", np.array(said.total, "<u8")),
        Column(
            "histogram",
            "Map(UInt16, UInt64)",
            Lists(np.cumsum(filled, dtype="<u8"), (np.array(said.bucket, "<u4"), np.array(said.held, "<u8"))),
        ),
    )
    return Insert("mesh_1s", columns, rows)


def _seen(said: wire.Mesh, receiver: int, now: int) -> Insert:
    # A row for each second that it listened, the newest first, which holds the rest.
    names, amounts = [_text(name) for name in said.amounts], list(said.amounts.values())
    whole = min(int(said.seconds), _MOST_SECONDS) if said.seconds > 0 else 0
    rest = [0] * whole
    columns = (
        Column("ts", "DateTime", [max(1, now - ago) for ago in range(whole + 1)]),
        Column("receiver", "UInt64", [receiver] * (whole + 1)),
        Column("seconds", "Float64", [said.seconds - whole, *[1.0] * whole]),
        Column("entries", "UInt64", [said.entries, *rest]),
        Column("amounts", "Map(String, Float64)", Lists([len(names)] * (whole + 1), (names, amounts))),
    )
    return Insert("mesh_seen_1s", columns, whole + 1)
