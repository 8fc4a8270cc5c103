"""How this server itself does, counted where it happens."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

# They would double the lines of each counter.
disable_created_metrics()  # type: ignore[no-untyped-call]

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_LAGS = (0.5, 1, 2, 3, 5, 10, 30, 60, 120, 300, 600, 3600)


class Measures:
    """Counters of one server, since its start. `registry`: from which they are read."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.batches = Counter(
            "hopscope_batches", "Batches that agents sent, by what became of them: stored, or why they were refused.",
            ("outcome",), registry=self.registry,
        )  # fmt: skip
        self.replayed = Counter(
            "hopscope_batches_replayed", "Batches stored later from the spool.", registry=self.registry
        )
        self.bytes = Counter("hopscope_batch_bytes", "Bytes of the batches that came.", registry=self.registry)
        self.rows = Counter("hopscope_rows", "Rows stored, in all tables.", registry=self.registry)
        self.insert_seconds = Histogram(
            "hopscope_insert_seconds", "How long the store took for a batch.", buckets=_SECONDS, registry=self.registry
        )
        self.lag_seconds = Histogram(
            "hopscope_report_lag_seconds",
            "From the end of the second that a batch tells of, by the agent's clock, to its receipt, by ours.",
            buckets=_LAGS, registry=self.registry,
        )  # fmt: skip
        for outcome in ("stored", "malformed", "spool full", "store failed"):
            self.batches.labels(outcome)
