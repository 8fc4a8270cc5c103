"""Does `/metrics` say what the server's own answers say, with few enough lines, whatever happens?"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as classic

from hopscope.agent.reporters.blocks import Blocks
from hopscope.server.query.windows import text

from .conftest import Server
from .profiles import HOST, profile
from .questions import EDGES
from .test_only_who_may_comes_in import create

Make = Callable[..., Server]
Samples = dict[str, dict[frozenset[tuple[str, str]], float]]


def scraped(server: Server, token: str | None = None, accept: str = "text/plain") -> Samples:
    """All samples by name and labels."""
    headers = {"accept": accept} | ({"authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(server.http.replace("/graphql", "/metrics"), headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        page, kind = answer.read().decode(), answer.headers["content-type"]
    found: Samples = defaultdict(dict)
    assert ("openmetrics" in accept) == ("openmetrics" in kind)
    for family in openmetrics(page) if "openmetrics" in kind else classic(page):
        for sample in family.samples:
            key = frozenset(sample.labels.items())
            assert key not in found[sample.name], (sample.name, sample.labels)
            found[sample.name][key] = sample.value
    return found


def one(samples: Samples, name: str, **labels: str) -> float:
    return samples[name][frozenset(labels.items())]


def send(server: Server, second: int, edges: int = 3, boot: int = 1) -> None:
    server.send(Blocks(boot, "1.0").batches(profile(second, edges=edges))[0][1].SerializeToString())


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text;version=1.0.0"])
def test_edges_equal_the_answer_of_the_same_window(server: Server, accept: str) -> None:
    send(server, int(time.time()) - 10)
    found = scraped(server, accept=accept)
    end = round(one(found, "hopscope_edges_window_end_timestamp_seconds"))
    answer = server.ask(EDGES, window={"from": text(end - 60), "to": text(end)})["edges"]
    assert answer["total"] == 3 == one(found, "hopscope_edges")
    wanted: Samples = defaultdict(dict)
    for edge in answer["edges"]:
        client, ends = edge["client"], edge["server"]
        labels = {
            "edge": edge["id"],
            "client": client["process"],
            "client_instance": client["instance"],
            "server": ends["process"],
            "server_instance": ends["instance"],
            "address": ends["address"],
            "label": edge["label"],
        }
        for reason in edge["connections"]["failed"]:
            key = frozenset({**labels, "reason": reason["reason"]}.items())
            wanted["hopscope_edge_failed_connects"][key] = reason["count"]
        for name in ("client", "server"):
            key = frozenset({**labels, "side": name}.items())
            for value in (edge[f"{name}Side"] or {}).get("metrics", ()):
                for metric, part, sample in (
                    ("write", "count", "hopscope_edge_writes"),
                    ("write", "bytes", "hopscope_edge_sent_bytes"),
                    ("read", "count", "hopscope_edge_reads"),
                    ("read", "bytes", "hopscope_edge_received_bytes"),
                    ("retransmit", "count", "hopscope_edge_retransmits"),
                ):
                    if value["metric"] == metric and value[part]:
                        wanted[sample][key] = value[part]
    assert len(wanted) == 6
    for name, samples in wanted.items():
        assert {key: value for key, value in found[name].items() if value} == samples, name


def test_no_more_edges_than_were_asked_for_and_the_rest_as_one(make_server: Make) -> None:
    server = make_server("--metrics-edges", "2").start()
    send(server, int(time.time()) - 10, edges=40)
    found = scraped(server)
    assert (one(found, "hopscope_edges"), one(found, "hopscope_edges_left_out")) == (40, 38)
    end = round(one(found, "hopscope_edges_window_end_timestamp_seconds"))
    edges = server.ask(EDGES, window={"from": text(end - 60), "to": text(end)})["edges"]["edges"]
    for sample, metric in (("hopscope_edge_sent_bytes", "write"), ("hopscope_edge_received_bytes", "read")):
        for side in ("client", "server"):
            of = {
                edge["id"]: next(
                    value["bytes"] for value in edge[f"{side}Side"]["metrics"] if value["metric"] == metric
                )
                for edge in edges
                if edge[f"{side}Side"]
            }
            got = {dict(key)["edge"]: value for key, value in found[sample].items() if dict(key)["side"] == side}
            assert len(got) <= 3 and got.pop("other") == sum(of.values()) - sum(of[edge] for edge in got)
            assert all(of[edge] == value for edge, value in got.items())


def test_batches_by_what_became_of_them(server: Server) -> None:
    second = int(time.time()) - 10
    batch = Blocks(1, "1.0").batches(profile(second))[0][1].SerializeToString()
    for _ in range(3):
        server.send(batch)
    with pytest.raises(grpc.RpcError):
        server.send(b"nothing of ours")
    found = scraped(server)
    assert one(found, "hopscope_batches_total", outcome="stored") == 3
    assert one(found, "hopscope_batches_total", outcome="malformed") == 1
    assert one(found, "hopscope_batches_total", outcome="store failed") == 0
    assert one(found, "hopscope_batch_bytes_total") == 3 * len(batch) + len(b"nothing of ours")
    # The second and the third time it is known without asking the engine.
    assert one(found, "hopscope_insert_seconds_count") == 1 and one(found, "hopscope_report_lag_seconds_count") == 3
    assert 3 * 8.9 < one(found, "hopscope_report_lag_seconds_sum") < 3 * 30
    assert one(found, "hopscope_report_lag_seconds_bucket", le="5.0") == 0
    assert 20 < one(found, "hopscope_rows_total") < 1000
    assert one(found, "hopscope_spool_batches") == one(found, "hopscope_spool_set_aside") == 0
    assert one(found, "hopscope_store_up") == 1 and one(found, "hopscope_store_refuses") == 0
    assert one(found, "hopscope_agents") == 1
    assert one(found, "hopscope_agent_last_second_timestamp_seconds", host=HOST) == second
    assert one(found, "hopscope_tasks", state="running") == 0


def test_it_is_locked_with_the_api_and_counts_who_was_not_let_in(server: Server) -> None:
    secret = create(server, "prometheus")
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError, match="401"):
            scraped(server)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        scraped(server, "hop_guessed")
    found = scraped(server, secret)
    assert one(found, "hopscope_not_let_in_total", door="http", cause="no token") == 2
    assert one(found, "hopscope_not_let_in_total", door="http", cause="unknown token") == 1


def test_a_label_cannot_break_the_page(server: Server) -> None:
    second = int(time.time()) - 10
    ((_, batch),) = Blocks(1, "1.0").batches(profile(second))
    odd = 'a "quoted\\ name\n# TYPE x counter'
    for process in batch.processes:
        process.name = odd
    server.send(batch.SerializeToString())
    found = scraped(server)
    assert {dict(key)["server"] for key in found["hopscope_edge_sent_bytes"]} >= {odd}


def test_what_waits_in_the_spool(make_server: Make, tmp_path: Path) -> None:
    from hopscope.server.spool import Received, Spool

    server = make_server().start()
    server.stop()
    spool = Spool(server.folder / "data" / "spool", 1 << 20)
    spool.write([Received((1, 1), 0, 0, b"not a batch")])
    batch = Blocks(2, "1").batches(profile(int(time.time()) - 60))[0][1].SerializeToString()
    spool.write([Received((2, 1), 0, 0, batch)])
    server.start()
    found = scraped(server)
    assert one(found, "hopscope_spool_set_aside") == 1
    assert one(found, "hopscope_batches_replayed_total") == 1
