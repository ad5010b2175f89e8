"""The counters of requests and work, which each process adds to; `/metrics/` shows their sum."""

import os
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from core.telemetry import slots

if slots.DIRECTORY in os.environ:
    values.ValueClass = values.MultiProcessValue(slots.current)  # type: ignore[no-untyped-call] # the library

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
REGISTRY = CollectorRegistry()
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10, 30)

REQUESTS = Counter(
    "mtp_requests",
    "Requests by route, method and status.",
    ["route", "method", "status"],
    registry=REGISTRY,
)
REQUEST_SECONDS = Histogram(
    "mtp_request_seconds",
    "Time to answer a request.",
    ["route"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
STATEMENTS = Histogram(
    "mtp_request_statements",
    "Statements of a request.",
    ["route"],
    buckets=(1, 2, 4, 6, 8, 10, 15, 20, 30, 50, 100),
    registry=REGISTRY,
)
REPLICA_READS = Counter(
    "mtp_replica_reads",
    "Pages for the replica: read there, or from the primary because it was late or away.",
    ["outcome"],
    registry=REGISTRY,
)
DELIVERIES = Counter(
    "mtp_outbox_deliveries",
    "Outbox messages that a worker took, by outcome: done, postponed, failed or dead.",
    ["lane", "topic", "outcome"],
    registry=REGISTRY,
)
DELIVERY_SECONDS = Histogram(
    "mtp_outbox_delivery_seconds",
    "Time of a worker for one outbox message.",
    ["lane"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
TASKS = Counter("mtp_tasks", "Celery tasks by final state.", ["task", "state"], registry=REGISTRY)
ROUNDS = Counter(
    "mtp_round_schemas",
    "Providers for which a scheduled round worked or failed.",
    ["round", "outcome"],
    registry=REGISTRY,
)
CHARGE_ATTEMPTS = Counter(
    "mtp_charge_attempts", "Charge attempts that reached a state.", ["state"], registry=REGISTRY
)
MONTHS_CLOSED = Counter("mtp_months_closed", "Months closed.", registry=REGISTRY)
SNAPSHOTS = Counter("mtp_snapshots", "Daily snapshots taken.", registry=REGISTRY)
PSA_RUNS = Counter(
    "mtp_psa_runs", "Runs of the PSA sync that ended.", ["outcome"], registry=REGISTRY
)


class _Read:
    """Metrics that were read for one answer."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> list[Metric]:
        return self._metrics


def exposition(metrics: Iterable[Metric] = ()) -> bytes:
    """The counters of this server's processes and these metrics, in Prometheus' text format."""
    counted = REGISTRY
    if slots.DIRECTORY in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call] # the library
    read = CollectorRegistry()
    read.register(_Read(metrics))
    return generate_latest(counted) + generate_latest(read)
