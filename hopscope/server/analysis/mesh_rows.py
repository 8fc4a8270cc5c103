"""What the books of access logs are on the wire, and what that is in the tables. Pure.

Law: as for a batch of an agent, the same message gives the same rows, and one that cannot be stored whole gives none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hopscope.edges.histogram import BUCKETS, HIGHEST_OCTAVE, LOWEST_OCTAVE, PER_OCTAVE
from hopscope.server.analysis.mesh_books import MOST, Taken
from hopscope.server.analysis.mesh_entries import MOMENTS, UNKNOWN, times
from hopscope.server.analysis.mesh_proxies import place_of
from hopscope.server.storage.native import Column, Lists, lists
from hopscope.server.storage.store import Insert
from hopscope.server.storage.tables.mesh import PARTS
from hopscope.wire.hopscope.v1 import mesh_pb2 as wire

_LAST_SECOND = (1 << 32) - 1
_LONGEST_TEXT = 4096
_MOST_SECONDS = 600
_SUMS = ("retries", "received", "sent")
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
        made.half.append(half)
        made.second.append(second)
        made.retries.append(held.retries)
        made.received.append(min(held.received, MOST))
        made.sent.append(min(held.sent, MOST))
        made.answers.append(len(held.answers))
        made.answer.extend(words.setdefault(label, len(words)) for label in held.answers)
        made.answered.extend(held.answers.values())
        made.connections.append(len(held.connections))
        made.connection.extend(words.setdefault(label, len(words)) for label in held.connections)
        made.connected.extend(held.connections.values())
    made.labels.extend(words)
    _times(made, len(taken.sums), taken.noted)
    return made


def _times(made: wire.Mesh, rows: int, noted: bytes) -> None:
    row, *moments = np.frombuffer(noted, "i8").reshape(-1, 1 + MOMENTS).T
    for values in times(np.stack(moments, 1)):
        known = values != UNKNOWN
        of, ns = row[known], values[known]
        total = np.zeros(rows, "u8")
        np.add.at(total, of, ns.astype("u8"))
        # By row, then by bucket.
        cells, held_in = np.unique(of * BUCKETS + _buckets(ns), return_counts=True)
        made.parts.add(
            count=np.bincount(of, minlength=rows).tolist(),
            total=total.tolist(),
            filled=np.bincount(cells // BUCKETS, minlength=rows).tolist(),
            bucket=(cells % BUCKETS).tolist(),
            held=held_in.tolist(),
        )


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
    if not rows:
        return Insert("mesh_1s", (), 0)
    columns = {name: _column(said, name, rows) for name in ("second", *_SUMS)}
    if columns["second"].min() <= 0 or columns["second"].max() > _LAST_SECOND:
        raise ValueError("access logs outside of time")
    if len(said.parts) != len(PARTS):
        raise ValueError(f"access logs with {len(said.parts)} parts of the time, not {len(PARTS)}")
    made = [Column("ts", "DateTime", columns["second"]), Column("half", "UInt64", np.array(said.half, "<u8"))]
    made += [Column(name, "UInt64", columns[name]) for name in _SUMS]
    words = [_text(word) for word in said.labels]
    for name, label, count in (
        ("answers", said.answer, said.answered),
        ("connections", said.connection, said.connected),
    ):
        ends, labels = _ends(said, name, rows, label, count), [words[index] for index in _below(label, len(words))]
        made.append(Column(name, "Map(String, UInt64)", Lists(ends, (labels, np.array(count, "<u8")))))
    for name, part in zip(PARTS, said.parts, strict=True):
        made += [Column(f"{name}_{what}", "UInt64", _column(part, what, rows)) for what in ("count", "total")]
        ends = _ends(part, "filled", rows, part.bucket, part.held)
        buckets = (np.array(_below(part.bucket, BUCKETS), "<u4"), np.array(part.held, "<u8"))
        made.append(Column(f"{name}_histogram", "Map(UInt16, UInt64)", Lists(ends, buckets)))
    return Insert("mesh_1s", tuple(made), rows)


def _column(said: Any, name: str, rows: int) -> Any:
    values = np.array(getattr(said, name), "i8" if name == "second" else "<u8")
    if len(values) != rows:
        raise ValueError(f"access logs: the column {name} is not as long as the others")
    return values


def _ends(said: Any, name: str, rows: int, *flat: Sequence[int]) -> Any:
    """Where each row's values end, of columns that hold the values of all rows."""
    ends = np.cumsum(_column(said, name, rows), dtype="<u8")
    if any(len(values) != int(ends[-1]) for values in flat):
        raise ValueError(f"access logs: the column {name} does not add up")
    return ends


def _below(indices: Sequence[int], limit: int) -> Sequence[int]:
    if len(indices) and max(indices) >= limit:
        raise ValueError("access logs: a label or a bucket that there is not")
    return indices


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
