"""Each place that shows what the running month costs shows the same amount."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing.invoicing.month_close import close_month
from billing.models import BillingProfile
from core.months import Month
from tenants.models import ManagedUser
from tests.billing.conftest import NOVEMBER

OCTOBER = Month(2026, 10)
TODAY = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.mark.parametrize("committed", [None, 4, 7])
@pytest.mark.parametrize("reported", ["", "added", "removed"])
def test_one_question_has_one_answer(
    scenario: Any, people: Any, committed: int | None, reported: str
) -> None:
    """Bill so far, next invoice, forecast, caps and statement; with an adjustment and without.

    A credit is on the invoice of the commitment where there is no overage, as with 7 of 7.
    """
    kind = "pay_as_you_go" if committed is None else "committed"
    scenario.contract(kind=kind, unit_price=Decimal("2.3333"), committed_quantity=committed)
    BillingProfile.objects.create(legal_name="N", country="DE", tax_name="VAT", tax_rate=19)
    acme = scenario.organization(users=3, name="Acme")
    scenario.organization(users=5, name="Bolt")
    if reported:
        close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)
    if reported == "removed":
        first = ManagedUser.objects.get(email="user0@acme.example")
        gone_at = datetime(2026, 10, 5, 9, 0, 30, tzinfo=UTC)
        ManagedUser.objects.filter(pk=first.pk).update(removed_at=gone_at)
    if reported == "added":
        ManagedUser.objects.create(
            organization=acme,
            email="late@acme.example",
            added_at=datetime(2026, 10, 20, tzinfo=UTC),
        )
    bill = Client()
    bill.force_login(people.bill)
    with time_machine.travel(TODAY, tick=False):
        contexts = {
            path: bill.get(path).context
            for path in (
                "/dashboard/",
                "/account/usage/forecast/",
                "/account/next-invoice/?month=2026-11",
                "/integrations/autotask/statement/?month=2026-11",
                "/account/cap-simulation/",
            )
        }
    dashboard, forecast, preview, statement, caps = contexts.values()
    so_far = dashboard["bill"].total_minor
    assert so_far > 0
    assert forecast["bill"].locked_in_minor == so_far
    assert forecast["bill"].expected_minor == so_far
    assert preview["preview"].plan.total_minor == so_far
    assert statement["statement"].charges.total_minor == so_far
    assert caps["exposure_now"].total_minor == so_far
    lines = preview["preview"].adjustments
    assert bool(lines) is bool(reported)
