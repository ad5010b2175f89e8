"""Each form of operations that changes money, contracts, tax or prices, sent 20 times at once.

Over real connections and the real routes: what the form does is done once, and every other answer
says why nothing was done (docs/decisions/0033).
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse

from accounts.models import (
    OPERATIONS_PROVIDER_KEY,
    Offer,
    OfferPrice,
    Package,
    PackagePrice,
    SignInEvent,
    User,
)
from billing.corrections.line_disputes import open_dispute
from billing.corrections.refunds import order_refund
from billing.corrections.voids_and_write_offs import void_invoice
from billing.invoicing.month_close import close_month
from billing.models import (
    BillingProfile,
    Contract,
    CreditNote,
    Departure,
    Invoice,
    LineDispute,
    Payment,
    Refund,
    SuspensionDeferral,
)
from core.months import Month
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.billing.conftest import NOVEMBER, BillingScenario
from tests.billing.corrections.conftest import LATER, STAFF, pay, with_lines
from tests.personas import create_persona
from tests.seen_forms import seen_on

TIMES = 20
FORMSET = {"prices-INITIAL_FORMS": "0", "prices-TOTAL_FORMS": "1"}


@dataclass(frozen=True)
class Sent:
    """A form to send: its page, its fields, and the rows of which it makes exactly one."""

    address: str
    fields: dict[str, str]
    made: QuerySet[Any]


@pytest.fixture
def at_work(committed_scenario: BillingScenario) -> Iterator[tuple[BillingScenario, Client]]:
    """A committed provider, and staff at work in it."""
    scenario = committed_scenario
    staff = create_persona(provider=None, role="", name="Oona", email="oona@at-once.example")
    client = Client()
    client.force_login(staff)
    session = client.session
    session[OPERATIONS_PROVIDER_KEY] = scenario.provider.pk
    session.save()
    with time_machine.travel(LATER, tick=False):
        yield scenario, client
    connection.set_schema_to_public()
    with connection.cursor() as cursor:
        # The log of operations keeps its entries; a test takes them back all the same.
        cursor.execute("ALTER TABLE django_admin_log DISABLE TRIGGER accounts_log_append_only")
        LogEntry.objects.filter(user=staff).delete()
        cursor.execute("ALTER TABLE django_admin_log ENABLE TRIGGER accounts_log_append_only")
    SignInEvent.objects.filter(user=staff).delete()
    User.objects.filter(pk=staff.pk).delete()
    OfferPrice.objects.all().delete()
    Offer.objects.all().delete()
    PackagePrice.objects.all().delete()
    Package.objects.all().delete()


def page(model: str, verb: str, record: Any = None) -> str:
    return reverse(f"admin:billing_{model}_{verb}", args=[record.pk] if record else [])


def transfer(scenario: BillingScenario) -> Sent:
    fields = {"amount": "5.00", "received_on": "2026-11-02", "reference": "Statement 12"}
    address = page("invoice", "record_transfer", scenario.invoice())
    return Sent(address, fields, Payment.objects.all())


def credit(scenario: BillingScenario) -> Sent:
    address = page("invoice", "credit", scenario.invoice())
    return Sent(address, {"amount": "5.00", "reason": "Goodwill"}, CreditNote.objects.all())


def void(scenario: BillingScenario) -> Sent:
    entries = AuditEntry.objects.filter(action="invoice.voided")
    return Sent(page("invoice", "void", scenario.invoice()), {"reason": "Wrong"}, entries)


def write_off(scenario: BillingScenario) -> Sent:
    entries = AuditEntry.objects.filter(action="invoice.written_off")
    return Sent(page("invoice", "write_off", scenario.invoice()), {"reason": "Lost"}, entries)


def reissue(scenario: BillingScenario) -> Sent:
    scenario.contract()
    scenario.organization(users=3)
    close_month(provider=scenario.provider, month=Month(2026, 10), now=NOVEMBER)
    invoice = void_invoice(
        invoice_id=Invoice.objects.get().pk, reason="Wrong price", actor=STAFF, now=LATER
    )
    fields = {"unit_price": "9", "tax_rate": "0"}
    address = page("invoice", "reissue", invoice)
    return Sent(address, fields, Invoice.objects.filter(replaces=invoice))


def refund(scenario: BillingScenario) -> Sent:
    payment = pay(scenario, scenario.invoice()).payments.get()
    fields = {"amount": "5.00", "reason": "Agreed"}
    return Sent(page("payment", "refund", payment), fields, Refund.objects.all())


def payout(scenario: BillingScenario) -> Sent:
    payment = scenario.invoice().payments.create(
        method="bank_transfer", amount_minor=33_000, currency="USD", received_at=LATER
    )
    ordered = order_refund(
        payment=payment, amount_minor=500, reason="Agreed", actor=STAFF, now=LATER
    )
    entries = AuditEntry.objects.filter(action="refund.succeeded")
    return Sent(page("refund", "pay_out", ordered), {"reference": "SEPA 4711"}, entries)


def disputed(scenario: BillingScenario) -> LineDispute:
    line = with_lines(scenario, 20_000, 10_000).lines.get(position=2)
    return open_dispute(line=line, reason="They left", actor=STAFF, now=LATER)


def acceptance(scenario: BillingScenario) -> Sent:
    address = page("linedispute", "accept", disputed(scenario))
    return Sent(address, {"answer": "You are right"}, CreditNote.objects.all())


def refusal(scenario: BillingScenario) -> Sent:
    address = page("linedispute", "decline", disputed(scenario))
    entries = AuditEntry.objects.filter(action="dispute.declined")
    return Sent(address, {"answer": "They were there"}, entries)


def deferral(_scenario: BillingScenario) -> Sent:
    fields = {"last_day": "2026-12-31", "reason": "Transfer announced"}
    return Sent(page("suspensiondeferral", "add"), fields, SuspensionDeferral.objects.all())


def departure(_scenario: BillingScenario) -> Sent:
    fields = {"day": "2026-12-18", "reason": "Sold", "confirmed": "on"}
    return Sent(page("departure", "add"), fields, Departure.objects.all())


def contract(_scenario: BillingScenario) -> Sent:
    fields = {
        "package": str(Package.objects.create(name="Agreed").pk),
        "kind": "pay_as_you_go",
        "term": "monthly",
        "unit_price": "8.25",
        "commitment_basis": "all_together",
        "starts_on": "2026-11-01",
        "payment_terms_days": "30",
    }
    return Sent(page("contract", "add"), fields, Contract.objects.all())


def tax(_scenario: BillingScenario) -> Sent:
    entries = AuditEntry.objects.filter(action="billing_profile.tax_changed")
    fields = {"tax_name": "VAT", "tax_rate": "19"}
    return Sent(page("billingprofile", "add"), fields, entries)


FORMS = [
    transfer, credit, void, write_off, reissue, refund, payout, acceptance, refusal,
    deferral, departure, contract, tax,
]  # fmt: skip


def sent_at_once(
    client: Client, address: str, fields: dict[str, str], *, times: int = TIMES
) -> list[Any]:
    """Send the form from as many browsers of one person at the same instant."""
    barrier = Barrier(times)

    def send(_number: int) -> Any:
        browser = Client()
        browser.cookies = client.cookies
        try:
            barrier.wait(timeout=20)
            return browser.post(address, fields)
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as browsers:
        return list(browsers.map(send, range(times)))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_a_form_sent_20_times_at_once_is_done_once(
    form: Callable[[BillingScenario], Sent], at_work: tuple[BillingScenario, Client]
) -> None:
    scenario, client = at_work
    sent = form(scenario)
    fields = {**sent.fields, "seen": seen_on(client, sent.address), "confirmed": "1"}
    if "confirmed" in sent.fields:
        fields["confirmed"] = sent.fields["confirmed"]

    answers = sent_at_once(client, sent.address, fields)

    assert {answer.status_code for answer in answers} <= {200, 302, 403, 422}
    with provider_schema(scenario.provider):
        assert sent.made.count() == 1


def test_a_refund_sent_50_times_at_once_is_made_once(
    at_work: tuple[BillingScenario, Client],
) -> None:
    scenario, client = at_work
    sent = refund(scenario)
    fields = {**sent.fields, "seen": seen_on(client, sent.address), "confirmed": "1"}

    answers = sent_at_once(client, sent.address, fields, times=50)

    # Who waits for too long for the invoice is asked to come again.
    assert {answer.status_code for answer in answers} <= {302, 422, 503}
    with provider_schema(scenario.provider):
        assert sent.made.count() == 1


def price_of_a_package() -> Sent:
    package = Package.objects.create(name="Listed")
    fields = {
        "name": "Listed", "metric": "users", "contents": '["All"]', "is_offered": "on", **FORMSET,
        "prices-0-currency": "USD", "prices-0-unit_price": "9.50",
        "prices-0-valid_from": "2026-12-01",
    }  # fmt: skip
    address = reverse("admin:accounts_package_change", args=[package.pk])
    return Sent(address, fields, PackagePrice.objects.all())


def price_of_a_pack() -> Sent:
    fields = {
        "name": "Plus 100", "quantity": "100", "months": "12", "is_offered": "on", **FORMSET,
        "prices-0-currency": "USD", "prices-0-price": "950.00",
    }  # fmt: skip
    return Sent(reverse("admin:accounts_offer_add"), fields, OfferPrice.objects.all())


@pytest.mark.parametrize("form", [price_of_a_package, price_of_a_pack])
def test_a_price_sent_20_times_at_once_is_listed_once(
    form: Callable[[], Sent], at_work: tuple[BillingScenario, Client]
) -> None:
    _, client = at_work
    sent = form()

    answers = sent_at_once(client, sent.address, sent.fields)

    assert {answer.status_code for answer in answers} <= {200, 302}
    assert sent.made.count() == 1


def test_a_form_without_its_token_does_nothing(at_work: tuple[BillingScenario, Client]) -> None:
    scenario, client = at_work
    for form in (credit, deferral, contract, tax):
        with provider_schema(scenario.provider):
            sent = form(scenario)
        client.post(sent.address, {**sent.fields, "confirmed": "1"})
        with provider_schema(scenario.provider):
            assert not sent.made.exists(), form.__name__


def test_what_changed_since_the_form_was_opened_is_looked_at_again(
    at_work: tuple[BillingScenario, Client],
) -> None:
    scenario, client = at_work
    sent = reissue(scenario)
    fields = {**sent.fields, "seen": seen_on(client, sent.address), "confirmed": "1"}
    with provider_schema(scenario.provider):
        BillingProfile.objects.create(legal_name="Renamed GmbH", country="DE")

    answer = client.post(sent.address, fields)

    assert answer.status_code == 422
    assert "changed since this page was opened" in answer.content.decode()
    with provider_schema(scenario.provider):
        assert not sent.made.exists()
