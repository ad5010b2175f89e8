"""Figures for Prometheus that are read from the database."""

from collections.abc import Mapping
from datetime import datetime

from django.db import Error
from prometheus_client.metrics_core import Metric

from core.clock import machine_now
from core.operations.heartbeats import ages
from core.operations.kinds import kinds
from core.operations.open_alerts import open_alerts
from core.operations.outbox_watch import lane_states
from core.replica import NoReplica, replica_lag


def gauge(
    name: str, about: str, values: Mapping[tuple[str, ...], float], *, labels: tuple[str, ...] = ()
) -> Metric:
    """A gauge with its values by those of the labels."""
    metric = Metric(name, about, "gauge")
    for label_values, value in values.items():
        metric.add_sample(name, dict(zip(labels, label_values, strict=True)), value)
    return metric


def operations_gauges(*, now: datetime) -> list[Metric]:
    """The gauges of alerts, outbox and heartbeats, and of a replica.

    Three statements, those of alerts and outbox for each server.
    """
    counted = {each.kind: each.count for each in open_alerts()}
    open_by_kind = dict.fromkeys(kinds(), 0) | counted
    lanes = lane_states(now=now)
    return [
        gauge(
            "mtp_operations_alerts_open",
            "Open operations alerts by kind.",
            {(kind,): count for kind, count in sorted(open_by_kind.items())},
            labels=("kind",),
        ),
        gauge(
            "mtp_outbox_messages",
            "Unfinished outbox messages by lane and state.",
            {
                (lane, name): count
                for lane, state in lanes.items()
                for name, count in (
                    ("pending", state.pending),
                    ("due", state.due),
                    ("dead", state.dead),
                )
            },
            labels=("lane", "state"),
        ),
        gauge(
            "mtp_outbox_oldest_due_seconds",
            "How long the oldest due message of a lane has been due.",
            {(lane,): state.oldest.total_seconds() for lane, state in lanes.items()},
            labels=("lane",),
        ),
        gauge(
            "mtp_heartbeat_age_seconds",
            "Age of the last sign of life of the beat and of each queue's workers.",
            {(name,): age.total_seconds() for name, age in ages(now=machine_now()).items()},
            labels=("name",),
        ),
        *_replica_gauges(),
    ]


def _replica_gauges() -> list[Metric]:
    """The replica's lag; without a value where there is none, and while it does not answer."""
    is_up: dict[tuple[str, ...], float] = {}
    in_bytes: dict[tuple[str, ...], float] = {}
    in_seconds: dict[tuple[str, ...], float] = {}
    try:
        if lag := replica_lag():
            is_up[()], in_bytes[()], in_seconds[()] = 1.0, float(lag.bytes_of_log), lag.seconds
    except (Error, NoReplica):
        is_up[()] = 0.0
    return [
        gauge("mtp_replica_up", "Whether the replica answers.", is_up),
        gauge("mtp_replica_lag_bytes", "Log that the replica has not replayed.", in_bytes),
        gauge("mtp_replica_lag_seconds", "Age of what the replica replayed last.", in_seconds),
    ]
