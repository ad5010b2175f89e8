"""Verifies the usage ledger: replays the events and compares all projections with them."""

from dataclasses import dataclass

from django.db import connection

from core.metrics import Metric
from core.schema import require_provider_schema
from usage.sql import statement

REPLAYED = statement("replayed")
VERIFY_LEDGER = REPLAYED + statement("verify_ledger")


@dataclass(frozen=True, slots=True)
class Difference:
    """A stored value that differs from the replayed events."""

    organization_id: int
    metric: Metric
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"organization {self.organization_id}, {self.metric.value}, {self.what}: "
            f"expected {self.expected}, found {self.found}"
        )


def verify_ledger() -> list[Difference]:
    """Every difference in the current provider's usage ledger; empty when it is correct.

    Replays all events and compares counts, instants, counters, months with their peaks, and the
    rows of users and devices. Changes nothing. One statement reads one state of the database, so it
    is safe while people work.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(VERIFY_LEDGER)
        return [
            Difference(organization_id, Metric(metric), what, expected, found)
            for organization_id, metric, what, expected, found in cursor.fetchall()
        ]
