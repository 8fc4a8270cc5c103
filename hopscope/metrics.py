"""The catalogue: every metric once. Columns, schema and documentation are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Part = Literal["count", "bytes", "time_ns", "call_ns", "queue_ns", "timed", "histogram", "reasons", "value"]
Merge = Literal["sum", "mean", "min", "max", "last"]
Where = Literal["side", "tcp", "connections", "listener"]
At = Literal["client", "server", "both"]
ABSENT = "absent"
"""The label of a row, on the wire and on disk, that counts the seconds in which a metric had no value."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `number` is its id on the wire and on disk and is never given to another.

    `where`: a key of SIDE, of SIDE's `tcp`, of `connections`, or of a listener in the JSON of a profile.
    `merge`: how its number joins over time and over edges; the parts of a side's metric are sums, histograms add up.
    `parts`: which fields its value may have; `value` alone: a plain number.
    """

    number: int
    name: str
    unit: str
    where: Where
    at: At
    merge: Merge
    parts: tuple[Part, ...]
    sentence: str


_TIMED: tuple[Part, ...] = ("timed", "histogram")
_VALUE: tuple[Part, ...] = ("value",)

METRICS: tuple[Metric, ...] = (
    Metric(1, "write", "calls", "side", "both", "sum", ("count", "bytes", "time_ns", "call_ns", *_TIMED),
           "Calls that gave bytes to the socket, and the bytes; time_ns inside the socket's send, "
           "call_ns the whole call with its waiting."),
    Metric(2, "read", "calls", "side", "both", "sum", ("count", "bytes", "time_ns", "call_ns", *_TIMED),
           "Calls that took bytes out of the socket (a peek does not), and the bytes; time_ns copying them "
           "without waiting, call_ns the whole call with its waiting."),
    Metric(3, "write_rtt", "samples", "side", "both", "sum", ("count", "time_ns", *_TIMED),
           "The connection's smoothed round trip time, read from its tcp_sock at one write in eight."),
    Metric(4, "connect", "connections", "side", "client", "sum", ("count", "time_ns", "call_ns", *_TIMED),
           "Connections that were established; time_ns from the SYN sent to established, call_ns the call."),
    Metric(5, "accept", "connections", "side", "server", "sum", ("count", "time_ns", "queue_ns", *_TIMED),
           "Connections that were accepted; time_ns from SYN-ACK to ACK, queue_ns the wait in the accept queue."),
    Metric(6, "close", "connections", "side", "both", "sum", ("count", "time_ns", "call_ns", *_TIMED),
           "Connections that ended; time_ns from the first FIN or RST to the final state, call_ns the call."),
    Metric(7, "retransmit", "segments", "side", "both", "sum", ("count", "bytes"),
           "Segments that were sent again, and their bytes, as the connection itself counts them."),
    Metric(8, "drop", "packets", "side", "both", "sum", ("count", "reasons"),
           "Packets that the kernel dropped, by its reason; what is only tidied up (tidy_up.*) is named, not counted."),
    Metric(9, "reset", "connections", "side", "both", "sum", ("count", "reasons"),
           "Connections that were reset, by who sent the RST: local application, local kernel, peer."),
    Metric(20, "srtt", "us", "tcp", "both", "mean", _VALUE,
           "Smoothed round trip time of the connections, their mean."),
    Metric(21, "min_rtt", "us", "tcp", "both", "min", _VALUE,
           "The shortest round trip that any of the connections saw lately."),
    Metric(22, "rttvar", "us", "tcp", "both", "mean", _VALUE,
           "Mean deviation of the round trip time of the connections, their mean."),
    Metric(23, "segments_out", "segments", "tcp", "both", "sum", _VALUE,
           "Segments that were sent, those sent again included."),
    Metric(24, "retransmitted", "segments", "tcp", "both", "sum", _VALUE,
           "Segments that were sent again."),
    Metric(25, "lost", "segments", "tcp", "both", "sum", _VALUE,
           "Segments that the sender took for lost."),
    Metric(26, "out_of_order", "segments", "tcp", "both", "sum", _VALUE,
           "Segments that arrived before an earlier one."),
    Metric(27, "busy", "us", "tcp", "both", "sum", _VALUE,
           "Time during which there was something to send or to acknowledge."),
    Metric(28, "rwnd_limited", "us", "tcp", "both", "sum", _VALUE,
           "Time during which the receiver's window held the sender back."),
    Metric(29, "sndbuf_limited", "us", "tcp", "both", "sum", _VALUE,
           "Time during which the sender's own buffer held it back."),
    Metric(30, "zero_window_probes", "probes", "tcp", "both", "sum", _VALUE,
           "Probes that were sent into a closed window."),
    Metric(40, "opened", "connections", "connections", "both", "sum", _VALUE,
           "Connections that were established in the window."),
    Metric(41, "closed", "connections", "connections", "both", "sum", _VALUE,
           "Connections that ended in the window."),
    Metric(42, "active", "connections", "connections", "both", "last", _VALUE,
           "Connections that were open at the end of the window."),
    Metric(43, "failed", "connects", "connections", "client", "sum", ("reasons",),
           "Connects that failed, by cause: refused, timed out, reset, unreachable, aborted."),
    Metric(50, "queue", "connections", "listener", "server", "last", _VALUE,
           "Connections that waited to be accepted at the end of the window."),
    Metric(51, "limit", "connections", "listener", "server", "last", _VALUE,
           "How many connections may wait to be accepted."),
    Metric(52, "overflows", "connections", "listener", "server", "sum", _VALUE,
           "Connections that the listener turned away in the window, most often because its queue was full."),
    Metric(53, "synacks_retransmitted", "segments", "listener", "server", "sum", _VALUE,
           "SYN-ACKs that were sent again in the window."),
)  # fmt: skip

BY_NAME = {metric.name: metric for metric in METRICS}
BY_NUMBER = {metric.number: metric for metric in METRICS}
SIDE = tuple(metric for metric in METRICS if metric.where == "side")
TCP = tuple(metric for metric in METRICS if metric.where == "tcp")
