"""The warnings of a preview: unusual quantities, the card, missing checks."""

from datetime import UTC, datetime

import pytest

from billing.models import ChargeAttempt, PaymentMethod
from billing.preview.changes import unusual
from billing.preview.checks import CheckResult, Finding
from core.metrics import Metric
from tenants.models import MeteringPolicy
from tests.billing.preview.test_month_preview import previewed

MID_OCTOBER = datetime(2026, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("quantity", "before", "usual"),
    [
        (11, [5, 5, 5], 5),
        (10, [5, 5, 5], None),  # double is not more than double
        (9, [4, 4], 4),
        (8, [3, 3], 3),
        (7, [3, 3], None),  # less than five apart
        (2, [5, 5], None),
        (4, [9, 9], 9),
        (5, [10, 10], None),
        (0, [6, 6, 6], 6),
        (100, [0, 0, 0], None),  # nothing is usual yet
        (12, [0, 0, 5], 5),
    ],
)
def test_a_quantity_far_from_the_median_is_unusual(quantity, before, usual):
    assert unusual(quantity, before=before) == usual


def test_the_card_is_assessed_as_of_the_day_of_the_charge(scenario):
    card = scenario.card()
    scenario.organization(users=3)

    def risks(year, month, now=MID_OCTOBER):
        PaymentMethod.objects.filter(pk=card.pk).update(expiry_year=year, expiry_month=month)
        return previewed(scenario, now=now).card.risks

    assert risks(2026, 12) == ()
    assert "will have expired by 1 November 2026" in risks(2026, 10)[0]
    assert "expires in the month of the charge" in risks(2026, 11)[0]
    ChargeAttempt.objects.create(
        invoice=scenario.invoice(month="2026-09-01"),
        state="failed",
        idempotency_key="k",
        amount_minor=1,
        currency="USD",
        stripe_customer_id="c",
        stripe_payment_method_id=card.stripe_payment_method_id,
        decline_code="insufficient_funds",
        failure_message="The raw text of a bank.",
        created_at=MID_OCTOBER,
        finished_at=MID_OCTOBER,
    )
    assert risks(2030, 1) == (
        "The last charge of it, on 15 October 2026, was refused: Your card has insufficient funds.",
    )


def test_without_a_card_the_invoice_goes_by_mail(scenario):
    scenario.contract()
    scenario.organization(users=3)

    preview = previewed(scenario)

    assert (preview.card.card, preview.charged) == (None, [])
    assert preview.recipients == (scenario.provider.contact_email,)


def test_a_preview_names_the_free_allowance(scenario):
    scenario.contract()
    MeteringPolicy.objects.update(free_user_limit=10)
    scenario.organization(users=3)

    assert previewed(scenario).why_nothing == "Free allowance"


def test_a_preview_without_checks_says_so(scenario):
    scenario.contract()
    acme = scenario.organization(users=3)
    assert [result.is_connected for result in previewed(scenario).checks] == [False]

    def mapping(quantities, now):
        (billed,) = quantities
        assert (billed.organization_id, billed.organization_name) == (acme.pk, "Acme")
        assert (billed.quantity, billed.metric) == (3, Metric.USERS)
        return CheckResult("Autotask", is_connected=True, summary="", findings=(Finding("Acme"),))

    assert [
        finding.title for finding in previewed(scenario, checks=[mapping]).checks[0].findings
    ] == ["Acme"]
