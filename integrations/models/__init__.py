"""A provider's PSA: connection, mapping, runs, pushes, drift, tickets."""

from integrations.models.connection import AutotaskConnection
from integrations.models.drift import Drift
from integrations.models.mapping import ServiceMapping
from integrations.models.pushes import Push, PushAnswer, PushReading
from integrations.models.runs import ServiceCheck, SyncRun
from integrations.models.tickets import AlertTicket

__all__ = [
    "AlertTicket",
    "AutotaskConnection",
    "Drift",
    "Push",
    "PushAnswer",
    "PushReading",
    "ServiceCheck",
    "ServiceMapping",
    "SyncRun",
]
