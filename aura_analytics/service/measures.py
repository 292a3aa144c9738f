"""What is measured of a service, as Prometheus reads it; nothing in it names a person."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["Measures"]

_LATENCIES = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Measures:
    """The counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("aura_requests", "Requests answered", labels, registry=self.registry)
        self.seconds = Histogram(
            "aura_request_seconds", "Seconds until the answer began", ("route",), registry=self.registry, buckets=_LATENCIES
        )
        self.ledger = Gauge("aura_ledger_events", "Events in the ledger", registry=self.registry)
        self.behind = Gauge("aura_live_lag_events", "Events that live readers have not been told of", registry=self.registry)
        self.mirror = Gauge("aura_mirror_lag_events", "Events that are not in the Parquet mirror yet", registry=self.registry)
        self.waiting = Gauge("aura_outbox_waiting", "Messages that are due and not sent", registry=self.registry)
        self.oldest = Gauge("aura_outbox_lag_seconds", "Age of the oldest message that is due", registry=self.registry)
        self.live = Gauge("aura_live_readers", "Live connections", registry=self.registry)

    def text(self) -> bytes:
        """In the format that Prometheus reads."""
        return generate_latest(self.registry)
