"""Alerts of active users: thresholds near and reached, allowance near and exceeded."""

from datetime import UTC, datetime

import pytest

from billing.alerts import allowance
from tenants.models import Organization
from tests.billing.conftest import BillingScenario
from tests.billing.invoicing.test_pack_orders import active
from usage.active_users.alerts import active_user_limits

MID_OCTOBER = datetime(2026, 10, 20, tzinfo=UTC)


def causes(rule, now=MID_OCTOBER) -> list[tuple[str, str]]:
    return [(one.cause.split(":")[0], one.title) for one in rule(now=now)]


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [(None, ""), (13, ""), (12, "near"), (3, "near"), (2, "reached"), (1, "reached")],
)
def test_a_threshold_alerts_when_near_and_when_reached(
    scenario: BillingScenario, threshold: int | None, expected: str
) -> None:
    acme = scenario.organization(users=5)
    active(acme, 2)
    Organization.objects.update(mau_limit=threshold)
    assert [cause for cause, _ in causes(active_user_limits)] == (
        [f"active-users-{expected}"] if expected else []
    )
    assert causes(active_user_limits, datetime(2026, 11, 1, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    ("number", "expected"),
    [(18, []), (19, ["allowance-near"]), (20, ["allowance-near"]), (21, ["allowance-over"])],
)
def test_an_allowance_alerts_when_near_and_when_exceeded(
    scenario: BillingScenario, number: int, expected: list[str]
) -> None:
    scenario.contract(metric="mau", kind="committed", committed_quantity=20)
    active(scenario.organization(users=30), number)
    assert [cause for cause, _ in causes(allowance)] == expected


def test_there_is_no_alert_without_an_allowance(scenario: BillingScenario) -> None:
    scenario.contract()
    active(scenario.organization(users=30), 30)
    assert causes(allowance) == []
