"""From the ledger's books to the edges that are shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hopscope.agent.connections import CLIENT, SERVER, Connection, EdgeBook, Owner, Side, Timing, address_text
from hopscope.edges import model
from hopscope.edges.histogram import triples
from hopscope.edges.identity import edge_id
from hopscope.edges.label import label


def end(owner: Owner | None, pids: Iterable[int], address: str, listen: str | None = None) -> model.End:
    """One end of a line."""
    if owner is None:
        return model.End(None, None, None, None, None, (), address, listen)
    where = owner.service, owner.instance, owner.container
    return model.End(owner.id, owner.name, *where, tuple(sorted(pids)), address, listen, owner.cgroup)


def _timed(timing: Timing | None, field: str) -> dict[str, object]:
    if timing is None or not timing.timed:
        return {}
    return {field: timing.ns, "timed": timing.timed, "histogram": triples(timing.buckets)}


def _side(side: Side | None, time_field: str, hertz: int) -> model.Side | None:
    if side is None or not side.seen:
        return None
    t = side.timings
    metrics = {
        "write": model.Value(side.write_calls, side.write_bytes, **_timed(t.get("write"), time_field)),  # type: ignore[arg-type]
        "read": model.Value(side.read_calls, side.read_bytes, **_timed(t.get("read"), time_field)),  # type: ignore[arg-type]
        "close": model.Value(side.closed, **_timed(t.get("close"), "time_ns")),  # type: ignore[arg-type]
        "retransmit": model.Value(side.retransmitted, side.retransmitted_bytes),
        "drop": model.Value(side.drops.total(), reasons=dict(side.drops) or None),
        "reset": model.Value(side.resets.total(), reasons=dict(side.resets) or None),
    }
    opening = "connect" if side.role == CLIENT else "accept"
    metrics[opening] = model.Value(side.opened, **_timed(t.get(opening), "time_ns"))  # type: ignore[arg-type]
    rtt = t.get("write_rtt")
    metrics["write_rtt"] = model.Value(rtt.timed if rtt else 0, **_timed(rtt, "time_ns"))  # type: ignore[arg-type]
    return model.Side(metrics, _truths(side, hertz))


def _truths(side: Side, hertz: int) -> dict[str, float]:
    tcp: dict[str, float] = {}
    for name, key in (("srtt", "srtt_us"), ("rttvar", "rttvar_us"), ("min_rtt", "min_rtt_us")):
        if key in side.gauges:
            total, number, least = side.gauges[key]
            tcp[name] = least if name == "min_rtt" else total / number
    for name in ("segments_out", "retransmitted", "lost", "out_of_order", "zero_window_probes"):
        tcp[name] = side.sums[name]
    for name in ("busy", "rwnd_limited", "sndbuf_limited"):
        tcp[name] = side.sums[name] * 1_000_000 / hertz
    return tcp


def edge(book: EdgeBook, active: int, protocols: Mapping[int, str], time_field: str, hertz: int) -> model.Edge | None:
    """The edge of a book; None when nothing happened on it and nothing is open."""
    client, server = book.sides.get(CLIENT), book.sides.get(SERVER)
    sides = [side for side in (client, server) if side is not None]
    if not active and not any(side.seen for side in sides):
        return None
    opened = client if client is not None and client.seen else server
    name = protocols.get(book.protocol, "unknown")
    security = "tls" if name == "tls" else "unknown" if name == "unknown" else "none"
    protocol = "unknown" if name == "tls" else name
    failed: dict[str, int] = dict(client.failed) if client else {}
    return model.Edge(
        edge_id(book.client_key, book.server_key, book.port),
        end(book.client, client.pids if client else (), book.client_address),
        end(book.server, server.pids if server else (), book.dialed, book.listen),
        "tcp",
        protocol,
        security,
        label("tcp", protocol, security),
        model.Connections(opened.opened if opened else 0, opened.closed if opened else 0, active, failed),
        _side(client, time_field, hertz),
        _side(server, time_field, hertz),
        {"sni": tuple(sorted(book.sni)), "alpn": tuple(sorted(book.alpn))} if book.sni or book.alpn else None,
        any(owner is not None and owner.own for owner in (book.client, book.server)),
    )


def listener(connection: Connection, queue: int, limit: int, overflows: int) -> model.Listener:
    """A listening socket."""
    address = address_text(connection.local, connection.local_port)
    process = end(connection.owner, {connection.tgid} if connection.tgid else (), address)
    return model.Listener(process, address, queue, limit, overflows)
