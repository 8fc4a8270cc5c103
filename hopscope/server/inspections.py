"""What somebody looks at now in detail, and what agents say of it: rows in two tables, and nothing that they do not
hold."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hopscope.server.storage.native import Column
from hopscope.server.storage.store import Insert, Store
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

LASTS_MS, RENEWED_MS = 15_000, 10_000
"""How long the agents go on after the last question, and how much of that is left when a further one renews it."""
FRESH_MS = 400
"""How old what agents are told may be: each asks once a second."""
VALID_MS = 6_000
"""An answer that is older says nothing of now."""
MOST = 32
"""Edges and processes that are looked at at a time, by all who look."""
_SAID_MS = 3_000
_MOST_CONNECTIONS, _MOST_STATES, _LONGEST = 200, 16, 512
OLDER = "its agent is older than this server and lists no connections"


class Crowded(Exception):
    """More is looked at than agents are asked for."""


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """An edge or a process as one host knows it."""

    id: int
    process: bool
    host: int


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody looks at it: since when, and until when if nobody asks again. Unix ms."""

    since: int
    ends: int


@dataclass(frozen=True, slots=True)
class Said:
    """What an agent says of the connections of a side: 1 the client's, 2 the server's, 0 a process. `at`: Unix ms."""

    subject: Subject
    side: int
    at: int
    body: Mapping[str, Any]


class Inspections:
    """What is looked at in a store. Safe to use from several threads; each method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._guard = threading.Lock()
        self._read_ms = 0
        self._looks: dict[Subject, Look] = {}
        self._said: dict[Subject, int] = {}

    def ask(self, subjects: Collection[Subject], now: int) -> int:
        """Has agents say what there is of these, from now on for a while; returns since when they are asked, Unix ms.
        Raises Crowded."""
        running = self._running("id IN {ids:Array(UInt64)}", now, ids=sorted({it.id for it in subjects}))
        due = [it for it in subjects if it not in running or running[it].ends < now + RENEWED_MS]
        if due:
            others = {(it.id, it.process) for it in self._running("1", now)} - {(it.id, it.process) for it in subjects}
            if len(others) >= MOST:
                raise Crowded(f"{len(others)} lines and processes are looked at already, by all who look")
            since = {it: running[it].since if it in running else now for it in due}
            self._insert("inspection", due, ("since", "DateTime64(3)", since), now + LASTS_MS)
        return min((running[it].since for it in subjects if it in running), default=now)

    def said(self, subjects: Collection[Subject], now: int) -> list[Said]:
        """The last word on each from each of its agents, if it is of now."""
        rows = self._store.query(
            "SELECT id, process, host, side, toUnixTimestamp64Milli(at) AS ms, body FROM inspected FINAL"
            " WHERE id IN {ids:Array(UInt64)} AND at >= fromUnixTimestamp64Milli(toInt64({since:Int64}))",
            ids=sorted({it.id for it in subjects}), since=now - VALID_MS,
        )  # fmt: skip
        found = [_said(row) for row in rows]
        latest: dict[Subject, int] = {}
        for it in found:
            latest[it.subject] = max(it.at, latest.get(it.subject, 0))
        # A side that the agent no longer speaks of is gone.
        return [it for it in found if it.subject in subjects and it.at == latest[it.subject]]

    def reply(self, request: wire.TasksRequest, reply: wire.TasksReply) -> None:
        """Adds what an agent is to look at now; keeps what it says of that."""
        now = now_ms()
        with self._guard:
            if now - self._read_ms >= FRESH_MS:
                self._looks, self._read_ms = self._running("1", now), now
            mine = {subject: look for subject, look in self._looks.items() if subject.host == request.host}
        if not mine and not request.inspected:
            return
        read = (_read(it, request.host, now) for it in request.inspected)
        kept = [said for said in read if said is not None and said.subject in mine]
        if not request.inspects:
            kept = list(self._cannot(mine, now))
        self._keep(kept)
        for subject, look in mine.items():
            reply.inspections.append(wire.Inspection(id=subject.id, process=subject.process, ends_ms=look.ends))

    def _cannot(self, mine: Iterable[Subject], now: int) -> Iterable[Said]:
        for subject in mine:
            # Once in a while is enough; another receiver may say it, too.
            if now - self._said.get(subject, 0) >= _SAID_MS:
                self._said[subject] = now
                yield Said(subject, wire.SIDE_NONE, now, {"why_not": OLDER})
        self._said = {subject: at for subject, at in self._said.items() if now - at < _SAID_MS}

    def _running(self, condition: str, now: int, **parameters: Any) -> dict[Subject, Look]:
        rows = self._store.query(
            "SELECT id, process, host, toUnixTimestamp64Milli(since) AS since_ms, toUnixTimestamp64Milli(ends) AS"
            f" ends_ms FROM inspection FINAL WHERE {condition}"
            " AND ends > fromUnixTimestamp64Milli(toInt64({now:Int64}))",
            now=now, **parameters,
        )  # fmt: skip
        return {_subject(row): Look(row["since_ms"], row["ends_ms"]) for row in rows}

    def _insert(
        self, table: str, subjects: Sequence[Subject], more: tuple[str, str, Mapping[Subject, int]], ends: int
    ) -> None:
        name, kind, values = more
        columns = (
            *_subjects(subjects),
            Column(name, kind, [values[it] for it in subjects]),
            Column("ends", "DateTime64(3)", [ends] * len(subjects)),
            Column("last", "DateTime", [ends // 1000] * len(subjects)),
        )
        self._store.insert(Insert(table, columns, len(subjects)), f"look-{secrets.token_hex(8)}")
        with self._guard:
            self._read_ms = 0

    def _keep(self, said: Sequence[Said]) -> None:
        if not said:
            return
        columns = (
            *_subjects([it.subject for it in said]),
            Column("side", "UInt8", [it.side for it in said]),
            Column("at", "DateTime64(3)", [it.at for it in said]),
            Column("body", "String", [json.dumps(it.body, sort_keys=True) for it in said]),
            Column("last", "DateTime", [it.at // 1000 for it in said]),
        )
        self._store.insert(Insert("inspected", columns, len(said)), f"seen-{secrets.token_hex(8)}")


def now_ms() -> int:
    """Unix time in ms."""
    return time.time_ns() // 1_000_000


def _subject(row: Mapping[str, Any]) -> Subject:
    return Subject(row["id"], bool(row["process"]), row["host"])


def _subjects(subjects: Sequence[Subject]) -> tuple[Column, ...]:
    return (
        Column("id", "UInt64", [it.id for it in subjects]),
        Column("process", "UInt8", [int(it.process) for it in subjects]),
        Column("host", "UInt64", [it.host for it in subjects]),
    )


def _said(row: Mapping[str, Any]) -> Said:
    return Said(_subject(row), row["side"], row["ms"], json.loads(row["body"]))


def _read(it: wire.Inspected, host: int, now: int) -> Said | None:
    """What an agent says, no more of it than there may be; None: it says nothing that can be."""
    if it.side not in wire.Side.values() or not 0 < it.at_ms < 1 << 62:
        return None
    body = {
        "states": {state[:_LONGEST]: count for state, count in sorted(it.states.items())[:_MOST_STATES]},
        "closed": it.closed,
        "connections": [_plain(connection) for connection in it.connections[:_MOST_CONNECTIONS]],
        "why_not": it.why_not[:_LONGEST] or None,
    }
    # An agent whose clock runs ahead has not seen what is to come.
    return Said(Subject(it.id, it.process, host), it.side, min(it.at_ms, now), body)


def _plain(connection: wire.Connection) -> dict[str, Any]:
    """The fields of a connection by their names; what is not there is None."""
    found: dict[str, Any] = {}
    for part in wire.Connection.DESCRIPTOR.fields:
        value = getattr(connection, part.name)
        if part.has_presence and not connection.HasField(part.name):  # type: ignore[arg-type]
            value = None
        elif part.name == "troubles":
            value = [text[:_LONGEST] for text in value[:_MOST_STATES]]
        elif isinstance(value, str):
            value = value[:_LONGEST]
        found[part.name] = value
    return found
