"""Figures for Prometheus, as its text format."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db.models import Count

from core.operations.heartbeats import ages
from core.operations.kinds import kinds
from core.operations.models import OperationsAlert
from core.operations.outbox_watch import outbox_state

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def gauge(name: str, about: str, samples: Iterable[tuple[Mapping[str, str], float]]) -> list[str]:
    """The lines of a gauge: each sample has its labels and its value."""
    lines = [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
    for labels, value in samples:
        named = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(f"{name}{{{named}}} {value:g}" if named else f"{name} {value:g}")
    return lines


def operations_gauges(*, now: datetime) -> list[str]:
    """The gauges of alerts, outbox and heartbeats; three statements."""
    counted = OperationsAlert.objects.open().values_list("kind").annotate(Count("pk")).order_by()
    open_alerts = dict.fromkeys(kinds(), 0) | dict(counted)
    outbox = outbox_state(now=now)
    return [
        *gauge(
            "mtp_operations_alerts_open",
            "Open operations alerts by kind.",
            [({"kind": kind}, count) for kind, count in sorted(open_alerts.items())],
        ),
        *gauge(
            "mtp_outbox_messages",
            "Unfinished outbox messages by state.",
            [
                ({"state": "pending"}, outbox.pending),
                ({"state": "due"}, outbox.due),
                ({"state": "dead"}, outbox.dead),
            ],
        ),
        *gauge(
            "mtp_outbox_oldest_due_seconds",
            "How long the oldest due message has been due.",
            [({}, outbox.oldest.total_seconds())],
        ),
        *gauge(
            "mtp_heartbeat_age_seconds",
            "Age of the last sign of life of the beat and of each queue's workers.",
            [({"name": name}, age.total_seconds()) for name, age in ages(now=now).items()],
        ),
    ]


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
