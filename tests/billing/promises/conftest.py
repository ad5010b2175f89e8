"""Fixtures of the promises: no month waits to be closed."""

from datetime import UTC, datetime

import pytest

from billing.models import (
    MonthClose,
)
from tests.billing.conftest import BillingScenario

CLOSED = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def months_are_closed(scenario: BillingScenario) -> None:
    """The months of 2026 that are over are closed."""
    MonthClose.objects.bulk_create(
        MonthClose(month=f"2026-{number:02}-01", started_at=CLOSED, issued_at=CLOSED)
        for number in range(1, 11)
    )
