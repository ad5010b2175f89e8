"""What alerts say of active users: thresholds near and reached, the allowance near and exceeded."""

from datetime import UTC, datetime

import pytest

from billing.allowance_alerts import allowance
from tenants.models import Organization
from tests.billing.conftest import BillingScenario
from tests.billing.invoicing.test_pack_orders import active
from usage.active_users.alerts import thresholds

MID_OCTOBER = datetime(2026, 10, 20, tzinfo=UTC)


def causes(rule, now=MID_OCTOBER) -> list[tuple[str, str]]:
    return [(one.cause.split(":")[0], one.title) for one in rule(now=now)]


@pytest.mark.parametrize(
    ("threshold", "said"),
    [(None, ""), (13, ""), (12, "near"), (3, "near"), (2, "reached"), (1, "reached")],
)
def test_thresholds(scenario: BillingScenario, threshold: int | None, said: str) -> None:
    acme = scenario.organization(users=5)
    active(acme, 2)
    Organization.objects.update(mau_limit=threshold)
    assert [cause for cause, _ in causes(thresholds)] == ([f"active-users-{said}"] if said else [])
    assert causes(thresholds, datetime(2026, 11, 1, tzinfo=UTC)) == []


@pytest.mark.parametrize(
    ("number", "said"),
    [(18, []), (19, ["allowance-near"]), (20, ["allowance-near"]), (21, ["allowance-over"])],
)
def test_the_allowance(scenario: BillingScenario, number: int, said: list[str]) -> None:
    scenario.contract(metric="mau", kind="committed", committed_quantity=20)
    active(scenario.organization(users=30), number)
    assert [cause for cause, _ in causes(allowance)] == said


def test_without_an_allowance_nothing_is_said(scenario: BillingScenario) -> None:
    scenario.contract()
    active(scenario.organization(users=30), 30)
    assert causes(allowance) == []
