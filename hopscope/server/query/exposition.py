"""What Prometheus reads at `/metrics`: how the server does, who reports, and the busiest edges."""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hopscope.edges.label import label
from hopscope.metrics import BY_NAME
from hopscope.server import VERSION
from hopscope.server.access.doors import Doors
from hopscope.server.analysis.entities import host_name
from hopscope.server.analysis.tasks import STATES
from hopscope.server.ingest import Ingest
from hopscope.server.query.edges import SIDES, ends_of
from hopscope.server.query.reader import Reader, Row
from hopscope.server.query.windows import Cut, Span
from hopscope.server.spool import Spool
from hopscope.server.storage.store import StoreError
from hopscope.server.storage.tables.kept import BY_STEP
from hopscope.server.tasks import Tasks

log = logging.getLogger(__name__)

WINDOW, DELAY = 60, 2
"""Seconds that the numbers of edges are of, and how old the last of them is: by then most agents have reported it."""
MOST_AGENTS = 1000
OTHER = "other"
_NAMES = ("edge", "client", "client_instance", "server", "server_instance", "address", "label")
_BYTES = {"write": "hopscope_edge_sent_bytes", "read": "hopscope_edge_received_bytes"}
_COUNTS = {
    "write": ("hopscope_edge_writes", "Calls that sent"),
    "read": ("hopscope_edge_reads", "Calls that received"),
    "retransmit": ("hopscope_edge_retransmits", "Segments sent again"),
}
_OF = f"in the last {WINDOW} seconds that ended at hopscope_edges_window_end_timestamp_seconds"


class Exposition:
    """Writes the page of metrics from its parts and from what was counted at work."""

    def __init__(self, parts: Iterable[Collector], ingest: Ingest) -> None:
        self._registry = ingest.measures.registry
        for part in parts:
            self._registry.register(part)

    def page(self, accept: str) -> tuple[bytes, str]:
        """The text and its type, in the form that is asked for."""
        encode, kind = choose_encoder(accept)
        return encode(self._registry), kind


class Own(Collector):
    """The server's queues and doors."""

    def __init__(self, spool: Spool, ingest: Ingest, doors: Doors) -> None:
        self._spool, self._ingest, self._doors = spool, ingest, doors

    def describe(self) -> list[Metric]:
        """Nothing is asked for before a scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Its metrics now."""
        batches, size = self._spool.waiting
        yield GaugeMetricFamily("hopscope_spool_batches", "Batches received and not stored yet.", batches)
        yield GaugeMetricFamily("hopscope_spool_bytes", "Bytes of them.", size)
        yield GaugeMetricFamily("hopscope_spool_set_aside", "Damaged spool files set aside.", self._spool.aside)
        yield GaugeMetricFamily(
            "hopscope_store_refuses", "1 if the store refused the last batch.", int(self._ingest.trouble is not None)
        )
        refused = CounterMetricFamily(
            "hopscope_not_let_in", "Requests of nobody we know, or not of the right role.", labels=("door", "cause")
        )
        for name, door in (("grpc", self._doors.grpc), ("http", self._doors.http)):
            for cause, count in door.refused.items():
                refused.add_metric((name, cause), count)
        yield refused
        about = GaugeMetricFamily("hopscope_build_info", "The version that runs.", labels=("version",))
        about.add_metric((VERSION,), 1)
        yield about


class Stored(Collector):
    """What the store knows: agents, what they dropped, tasks, and the `most` busiest edges with the sum of the others.
    While the store is away, only that it is."""

    def __init__(self, reader: Reader, tasks: Tasks, most: int) -> None:
        self._reader, self._tasks, self._most = reader, tasks, most

    def describe(self) -> list[Metric]:
        """Nothing is asked for before a scrape."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Its metrics now."""
        found: list[Metric] = []
        try:
            found = [*self._agents(), self._dropped(), self._tasked(), *self._edges()]
        except StoreError as error:
            log.error("/metrics goes without what is stored: %s", error)
        yield GaugeMetricFamily("hopscope_store_up", "1 if the store answers.", int(bool(found)))
        yield from found

    def _agents(self) -> Iterator[Metric]:
        rows = self._reader.store.query(
            "SELECT host AS id, max(state).1 AS second, max(skew).2 AS skew_ms, count() OVER () AS agents"
            " FROM seen_1h GROUP BY id ORDER BY second DESC LIMIT {most:UInt32}",
            most=MOST_AGENTS,
        )
        names = self._reader.hosts()
        last = GaugeMetricFamily(
            "hopscope_agent_last_second_timestamp_seconds", "The last second that an agent told of.", labels=("host",)
        )
        skew = GaugeMetricFamily(
            "hopscope_agent_clock_skew_seconds", "Our clock minus the agent's at its last report.", labels=("host",)
        )
        for row in rows:
            host = (host_name(row["id"], names),)
            last.add_metric(host, row["second"])
            skew.add_metric(host, row["skew_ms"] / 1000)
        count = rows[0]["agents"] if rows else 0
        yield GaugeMetricFamily("hopscope_agents", "Agents that ever reported, as far as it is kept.", count)
        yield last
        yield skew

    def _dropped(self) -> Metric:
        family = GaugeMetricFamily(
            "hopscope_agent_dropped_batches",
            "Batches that agents dropped, as far as it is kept.",
            labels=("cause",),
        )
        for row in self._reader.store.query("SELECT cause, sum(batches) AS dropped FROM gap GROUP BY cause"):
            family.add_metric((row["cause"],), row["dropped"])
        return family

    def _tasked(self) -> Metric:
        now = time.time_ns() // 1_000_000
        states = Counter(task.state(now) for task in self._tasks.all().values())
        family = GaugeMetricFamily("hopscope_tasks", "Profiling tasks, as far as they are kept.", labels=("state",))
        for state in STATES:
            family.add_metric((state,), states[state])
        return family

    def _edges(self) -> Iterator[Metric]:
        end = int(time.time()) - DELAY
        cut = Cut.one(BY_STEP["1s"], Span(end - WINDOW, end))
        hidden = "line IN (SELECT id FROM edge WHERE own = 0)"
        lines, total = self._reader.busiest(cut, hidden, self._most)
        yield GaugeMetricFamily("hopscope_edges", "Edges in the window.", total)
        yield GaugeMetricFamily("hopscope_edges_left_out", f"Those of them summed as {OTHER}.", total - len(lines))
        yield GaugeMetricFamily("hopscope_edges_window_end_timestamp_seconds", "Where the window of edges ends.", end)
        numbers = {BY_NAME[name].number: name for name in (*_COUNTS, "failed")}
        # Other labels are parts of a count: how many of the calls were timed.
        counted = "metric IN {metrics:Array(UInt32)} AND (label = '' OR metric = {failed:UInt32})"
        rows = self._reader.store.query(
            "SELECT if(line IN {lines:Array(UInt64)}, line, 0) AS line, side, metric,"
            " if(metric = {failed:UInt32}, label, '') AS reason, sum(m.count) AS count, sum(m.bytes) AS bytes"
            f" FROM {cut.rows('metric', f'{hidden} AND {counted}')} AS m"
            " GROUP BY line, side, metric, reason",
            lines=lines, metrics=list(numbers), failed=BY_NAME["failed"].number,
        )  # fmt: skip
        yield from _families(rows, numbers, self._names(lines))

    def _names(self, lines: list[int]) -> dict[int, tuple[str, ...]]:
        things = self._reader.entities("edge", lines)
        processes = self._reader.processes(things, ("client_process", "server_process"))
        return {0: (OTHER, "", "", "", "", "", ""), **{line: _named(rows, processes) for line, rows in things.items()}}


def _named(things: list[Row], processes: Mapping[int, Row]) -> tuple[str, ...]:
    ends = ends_of(things, processes)
    learned = next((thing for thing in things if thing["protocol"] != "unknown"), things[0])
    word = label(learned["transport"], learned["protocol"], learned["security"])
    client, server = ends["client"], ends["server"]
    return (
        f"{things[0]['id']:016x}", client["process"] or client["address"], client["instance"] or "",
        server["process"] or server["address"], server["instance"] or "", server["address"], word,
    )  # fmt: skip


def _families(
    rows: Iterable[Row], numbers: Mapping[int, str], names: Mapping[int, tuple[str, ...]]
) -> Iterator[Metric]:
    sides = {number: name for name, number in SIDES.items()}
    counts, sizes = defaultdict(list), defaultdict(list)
    failed = GaugeMetricFamily(
        "hopscope_edge_failed_connects",
        f"Connects that failed, {_OF.partition(', by')[0]}.",
        labels=(*_NAMES, "reason"),
    )
    for row in rows:
        metric, line = numbers[row["metric"]], names.get(row["line"])
        if line is None:
            # Told of no more since it was counted.
            continue
        if metric == "failed":
            failed.add_metric((*line, row["reason"]), row["count"])
            continue
        labels = (*line, sides[row["side"]])
        counts[metric].append((labels, row["count"]))
        if metric in _BYTES:
            sizes[metric].append((labels, row["bytes"]))
    for metric, (name, sentence) in _COUNTS.items():
        yield _family(name, f"{sentence} {_OF}.", counts[metric])
    for metric, name in _BYTES.items():
        yield _family(name, f"Bytes {'sent' if metric == 'write' else 'received'} {_OF}.", sizes[metric])
    yield failed


def _family(name: str, sentence: str, values: list[tuple[tuple[str, ...], int]]) -> Metric:
    family = GaugeMetricFamily(name, sentence, labels=(*_NAMES, "side"))
    for labels, value in values:
        family.add_metric(labels, value)
    return family
