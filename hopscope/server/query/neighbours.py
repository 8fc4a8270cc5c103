"""All lines that an instance ever had, with who is at both ends, read from the tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hopscope.server.analysis.entities import Name, name_of
from hopscope.server.analysis.halves import Halves
from hopscope.server.analysis.topology import Peer, Places, Where, host_of, own_address, resolved
from hopscope.server.query.reader import MOMENTS, Reader, Row
from hopscope.server.query.windows import Span

MOST_LINES = 20_000
"""Lines of an instance that have a place, those seen last."""
_NEAR = 120
"""Seconds between the words of two hosts on the same connection: each tells once a minute."""
_MOST_ADDRESSES = 2000
_CONNECTS_FROM = "SELECT client_address AS address, client_process AS process FROM edge WHERE client_process != 0"
# Of a line that began on the same host this may be the address of a service, which is of nobody.
_DIALED_AT = (
    "SELECT trim(BOTH '[]' FROM replaceRegexpOne(server_address, ':[0-9]+$', '')) AS address, server_process AS process"
    " FROM edge WHERE server_process != 0 AND client_process = 0"
)
_ENDS: tuple[Where, Where] = ("client", "server")
TABLES = ("edge", "process", "agent", "place", "witness")
"""That all here is read from."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The lines of an instance. `things`: what each host told of a line, the latest first; `first`: when a line was
    first told of; `halves`: what joins lines of several hosts; `at`: whose address an IP is."""

    name: Name
    own: Mapping[int, Row]
    things: Mapping[int, list[Row]]
    halves: Halves
    processes: Mapping[int, Row]
    called: Mapping[int, str]
    names: Mapping[int, Name]
    at: Mapping[str, frozenset[Name]]
    first: Mapping[int, int]

    def process_at(self, line: int, end: Where) -> int:
        """The process at an end of a line, as its own hosts know it; 0: none of theirs."""
        found: int = next((row[f"{end}_process"] for row in self.things[line] if row[f"{end}_process"]), 0)
        return found

    def end_of(self, line: int, end: Where) -> int:
        """The process at an end of a line, whoever knows it; 0: nobody, or several are."""
        found = self._behind(line, end, self.process_at(line, end)) - {0}
        return found.pop() if len(found) == 1 else 0

    def whole(self, line: int) -> tuple[int, int]:
        """A line as its client's half and its server's half; both are the line where it was not joined."""
        other = self.halves.other(line)
        if other is None or other not in self.things:
            return line, line
        return (line, other) if self.process_at(line, "client") else (other, line)

    def peer(self, line: int, end: Where) -> Peer:
        """Whom an end of a line could be resolved to."""
        address = self.things[line][0][f"{end}_address"]
        found = self._behind(line, end, self.process_at(line, end))
        at = self.at.get(host_of(address), frozenset())
        return resolved(address, found, self.names, self.called, at)

    def places(self) -> tuple[Places, dict[int, tuple[str, str]], int]:
        """All nodes, for each line those at its two ends, and how many places there are inside."""
        places = Places()
        ends: dict[int, tuple[str, str]] = {}
        for line in self.mine:
            first = self.first.get(line, 0)
            nodes = []
            for end in _ENDS:
                process = self.process_at(line, end)
                if process in self.own:
                    node = places.inside(process, self.called.get(process, "?"), self.name, first, end)
                else:
                    node = places.outside(self.peer(line, end), first, end)
                nodes.append(node.id)
            ends[line] = nodes[0], nodes[1]
        return places, ends, places.finish()

    @property
    def mine(self) -> list[int]:
        """The lines with an end inside, the earliest first."""
        mine = [line for line in self.things if {self.process_at(line, end) for end in _ENDS} & self.own.keys()]
        return sorted(mine, key=lambda line: (self.first.get(line, 0), line))

    def _behind(self, line: int, end: Where, process: int) -> set[int]:
        if process:
            return {process}
        return {self.process_at(half, end) for half in self.halves.at_the_other_end_of(line) if half in self.things}


def neighbours(reader: Reader, name: Name, span: Span, ours: bool) -> Neighbours:
    """The lines of an instance with its processes; witnesses of a window; `ours`: also hopscope's own. Raises
    StoreError."""
    near = minutes_near(span)

    def read() -> Neighbours:
        own = reader.processes_of(name)
        things = _things(
            reader,
            "(client_process IN {ids:Array(UInt64)} OR server_process IN {ids:Array(UInt64)}) AND own <= {own:UInt8}",
            sorted(own),
            own=int(ours),
        )
        return _completed(reader, name, own, things, near, True)

    return reader.remembered.read(("neighbours", name, near, ours), TABLES, read, _rows)


def named(reader: Reader, lines: Iterable[int], span: Span, peers: bool = False) -> Neighbours:
    """Some lines, whosever they are, in the same form, without places; `peers`: also whose addresses are at their ends.
    Raises StoreError."""
    near, ids = minutes_near(span), sorted(lines)

    def read() -> Neighbours:
        things = _things(reader, "id IN {ids:Array(UInt64)}", ids)
        return _completed(reader, Name("", ""), {}, things, near, peers)

    return reader.remembered.read(("named", tuple(ids), near, peers), TABLES, read, _rows)


def _rows(known: Neighbours) -> int:
    return len(known.things) + len(known.processes) + len(known.first)


def minutes_near(span: Span) -> Span:
    """The whole minutes of which witnesses may be of connections in a window."""
    return Span(span.start - _NEAR, span.end + _NEAR).widened(60)


def _completed(
    reader: Reader, name: Name, own: Mapping[int, Row], things: dict[int, list[Row]], span: Span, peers: bool
) -> Neighbours:
    open_ends = [line for line, rows in things.items() if not all(_known(rows, end) for end in _ENDS)]
    halves = Halves.of(_pairs(reader, open_ends, span))
    beyond = {other for line in open_ends for other in halves.at_the_other_end_of(line)} - things.keys()
    # Whether a half is shared is known from its own witnesses only.
    halves = Halves.of(_pairs(reader, [*open_ends, *beyond], span)) if beyond else halves
    strange = [(things[line], end) for line in open_ends for end in _ENDS if not _known(things[line], end)]
    ips = {host_of(rows[0][f"{end}_address"]) for rows, end in strange}
    things |= _things(reader, "id IN {ids:Array(UInt64)}", sorted(beyond))
    processes = _processes(reader, {row[f"{end}_process"] for rows in things.values() for row in rows for end in _ENDS})
    hosts = reader.hosts()
    names = {number: name_of(row, hosts) for number, row in processes.items()}
    owners = _owners(reader, ips, hosts) if peers else {}
    first = reader.first(things) if own else {}
    called = {number: row["name"] for number, row in processes.items()}
    return Neighbours(name, own, things, halves, processes, called, names, owners, first)


def _known(rows: list[Row], end: str) -> bool:
    return any(row[f"{end}_process"] for row in rows)


def _things(reader: Reader, condition: str, ids: list[int], **more: int) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    if ids:
        for row in reader.store.query(
            f"SELECT * FROM edge WHERE {condition} ORDER BY last DESC LIMIT 1 BY id, host"
            f" LIMIT {MOST_LINES}",
            ids=ids, **more,
        ):  # fmt: skip
            found[row["id"]].append(row)
    return dict(found)


def _pairs(reader: Reader, lines: list[int], span: Span) -> list[tuple[int, int]]:
    """The ends of the same connections, of which one is on a line: the initiator's first."""
    if not lines:
        return []
    near = f"ts >= toDateTime({span.start}) AND ts < toDateTime({span.end})"
    rows = reader.store.query(
        "SELECT DISTINCT if(mine.initiator = 1, mine.edge, theirs.edge) AS client,"
        " if(mine.initiator = 1, theirs.edge, mine.edge) AS server FROM"
        f" (SELECT edge, initiator, client, ts, 1 - initiator AS opposite FROM witness"
        f" WHERE {near} AND edge IN {{ids:Array(UInt64)}}) AS mine"
        f" JOIN (SELECT edge, initiator, client, ts FROM witness WHERE {near}) AS theirs"
        " ON mine.client = theirs.client AND mine.opposite = theirs.initiator"
        f" WHERE abs(toInt64(toUnixTimestamp(mine.ts)) - toInt64(toUnixTimestamp(theirs.ts))) <= {_NEAR}",
        ids=lines,
    )
    return [(row["client"], row["server"]) for row in rows]


def _processes(reader: Reader, ids: Iterable[int]) -> dict[int, Row]:
    found = reader.store.query(
        f"SELECT *, {MOMENTS} FROM process WHERE id IN {{ids:Array(UInt64)}} ORDER BY last DESC LIMIT 1 BY id",
        ids=sorted(set(ids) - {0}),
    )
    return {row["id"]: row for row in found}


def _owners(reader: Reader, ips: set[str], hosts: Mapping[int, str]) -> dict[str, frozenset[Name]]:
    """Whose addresses are: of processes that connect from them, or whose sockets were dialed at them from elsewhere."""
    asked = sorted(ip for ip in ips if own_address(ip))[:_MOST_ADDRESSES]
    if not asked:
        return {}
    rows = reader.store.query(
        f"SELECT DISTINCT address, host, service, instance FROM ({_CONNECTS_FROM} UNION ALL {_DIALED_AT}) AS ends"
        " JOIN (SELECT id, host, service, instance FROM process FINAL) AS p ON ends.process = p.id"
        " WHERE has(splitByChar(',', {ips:String}), address)",
        ips=",".join(asked),
    )
    found: dict[str, set[Name]] = defaultdict(set)
    for row in rows:
        found[row["address"]].add(name_of(row, hosts))
    return {ip: frozenset(names) for ip, names in found.items()}
