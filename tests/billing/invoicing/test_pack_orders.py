"""Months billed by active users, and orders of packs."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import connection

from accounts.models import Offer, Provider
from billing.choices import ContractKind, InvoiceKind
from billing.contracts.prepaid import prepaid_active_users
from billing.corrections.voids_and_write_offs import void_invoice
from billing.invoicing.month_close import close_month
from billing.invoicing.pack_allowance import allowance_months
from billing.invoicing.pack_orders import (
    AlreadyOrdered,
    Confirmed,
    NotOffered,
    OfferChanged,
    OrderRefused,
    order_pack,
    quote,
)
from billing.models import (
    BillingProfile,
    Invoice,
    InvoiceLine,
    MonthClose,
    NumberSequence,
    PackOrder,
    Payment,
)
from billing.payments.balance_lock import CorrectionRefused
from billing.verification.verify import verify_month
from core.months import Month
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.models import AuditEntry, ManagedUser, MeteringPolicy, Organization
from tests.billing.conftest import BILL, NOVEMBER, BillingScenario
from tests.usage.sightings import report

OCTOBER, SEEN = Month(2026, 10), datetime(2026, 10, 14, 9, tzinfo=UTC)
MID_OCTOBER = datetime(2026, 10, 15, 9, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, 1, tzinfo=UTC)


def active(
    organization: Organization, number: int, at: datetime = SEEN, now: datetime = NOVEMBER
) -> None:
    """Report `number` active users of the organization at `now`."""
    users = ManagedUser.objects.filter(organization=organization).order_by("pk")[:number]
    report(organization, *[(user, at) for user in users], now=max(at, now))


@pytest.fixture
def pack(db: None) -> Offer:
    """100 more active users for a year, for 240 dollars."""
    return _pack()


def _pack() -> Offer:
    offer = Offer.objects.create(name="Pack of 100", quantity=100, months=12)
    offer.prices.create(currency="USD", price=Decimal("240.00"))
    return offer


def confirmation(scenario: BillingScenario, offer: Offer, now: datetime = MID_OCTOBER) -> Confirmed:
    """The values that the page shows for confirmation."""
    return quote(provider=scenario.provider, offer_id=offer.pk, now=now).to_be_confirmed


def order(
    scenario: BillingScenario,
    offer: Offer,
    confirmed: Confirmed | None = None,
    now: datetime = MID_OCTOBER,
) -> PackOrder:
    return order_pack(
        provider=scenario.provider,
        offer_id=offer.pk,
        confirmed=confirmed or confirmation(scenario, offer, now),
        actor=BILL,
        now=now,
    )


def lines(month: str = "2026-10-01", kind: str = "usage") -> list[tuple[str, str, int, int]]:
    found = InvoiceLine.objects.filter(invoice__month=month, invoice__kind=kind)
    return [
        (line.kind, line.organization_name, int(line.quantity), line.amount_minor)
        for line in found.order_by("position")
    ]


def test_only_active_users_are_billed(scenario):
    scenario.contract(metric="mau")
    acme, bolt = (
        scenario.organization(users=9, name="Acme"),
        scenario.organization(users=5, name="Bolt"),
    )
    scenario.organization(users=4, name="Calm")
    active(acme, 3)
    active(acme, 2, datetime(2026, 10, 31, 23, 59, tzinfo=UTC))
    active(bolt, 2)
    active(bolt, 5, datetime(2026, 11, 1, tzinfo=UTC))

    close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)

    assert lines() == [("usage", "Acme", 3, 3_300), ("usage", "Bolt", 2, 2_200)]
    line = InvoiceLine.objects.get(organization_name="Acme")
    assert (line.description, line.peak_at) == ("Acme: monthly active users, October 2026", SEEN)


def test_the_commitment_and_packs_cover_all_organizations_together(scenario, pack):
    scenario.contract(
        metric="mau", kind=ContractKind.COMMITTED, committed_quantity=5, invoice_agreement=True
    )
    Offer.objects.update(quantity=2)
    order(scenario, pack)
    acme, bolt = (
        scenario.organization(users=9, name="Acme"),
        scenario.organization(users=5, name="Bolt"),
    )
    active(acme, 6)
    active(bolt, 4)

    close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)

    overage = lines(kind="overage")
    assert overage == [("overage", "", 3, 3_300), ("basis", "Acme", 6, 0), ("basis", "Bolt", 4, 0)]
    text = InvoiceLine.objects.get(kind="overage").description
    assert text == (
        "3 monthly active users above the 7 committed and prepaid, October 2026 (all together: 10)"
    )


def test_a_pack_covers_active_users_of_pay_as_you_go(scenario, pack):
    scenario.contract(metric="mau", invoice_agreement=True)
    order(scenario, pack)
    acme = scenario.organization(users=30)
    active(acme, 30)
    close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)
    assert lines() == []
    assert Invoice.objects.get().kind == InvoiceKind.ORDER


def test_activity_reported_after_the_close_is_adjusted_once_on_the_next_invoice(scenario):
    scenario.contract(metric="mau")
    acme = scenario.organization(users=6)
    active(acme, 2)
    close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)
    active(acme, 5, now=datetime(2026, 11, 2, tzinfo=UTC))
    active(acme, 1, datetime(2026, 11, 3, tzinfo=UTC))
    close_month(provider=scenario.provider, month=Month(2026, 11), now=DECEMBER)
    close_month(
        provider=scenario.provider, month=Month(2026, 12), now=datetime(2027, 1, 1, tzinfo=UTC)
    )

    assert lines() == [("usage", "Acme", 2, 2_200)]
    assert lines("2026-11-01") == [("usage", "Acme", 1, 1_100), ("adjustment", "Acme", 3, 3_300)]
    assert lines("2026-12-01") == []
    for month in (OCTOBER, Month(2026, 11), Month(2026, 12)):
        found = verify_month(provider=scenario.provider, month=month, renders=False)
        assert found.differences == []


def test_an_order_is_invoiced_charged_and_active_at_once(scenario, pack):
    scenario.contract(metric="mau")
    scenario.card()
    placed = order(scenario, pack)

    invoice = placed.invoice
    assert (invoice.kind, invoice.number) == ("order", "NORTH-000001")
    assert (invoice.total_minor, invoice.collection) == (24_000, "automatic")
    assert invoice.period_ends_at == datetime(2027, 10, 1, tzinfo=UTC)
    assert prepaid_active_users(month=OCTOBER) == 100
    assert prepaid_active_users(month=Month(2027, 9)) == 100
    assert prepaid_active_users(month=Month(2027, 10)) == 0
    assert AuditEntry.objects.get(action="allowance.extended").actor_name == "Bill"
    while deliver_due(now=MID_OCTOBER):
        pass
    assert Payment.objects.get().amount_minor == 24_000
    assert set(invoice.documents.values_list("format", flat=True)) == {"pdf", "csv"}
    line = invoice.lines.get()
    assert line.description == (
        "Pack of 100: 100 monthly active users more, October 2026 to September 2027"
    )


def test_the_confirmed_total_includes_tax(scenario, pack):
    scenario.contract(metric="mau", invoice_agreement=True)
    BillingProfile.objects.create(
        legal_name="North", country="DE", tax_name="VAT", tax_rate=Decimal(19)
    )
    assert confirmation(scenario, pack).total_minor == 28_560
    assert order(scenario, pack).invoice.tax_minor == 4_560


def test_the_same_confirmation_orders_once(scenario, pack):
    scenario.contract(metric="mau", invoice_agreement=True)
    confirmed = confirmation(scenario, pack)
    placed = order(scenario, pack, confirmed)
    with pytest.raises(AlreadyOrdered) as caught:
        order(scenario, pack, confirmed)
    assert caught.value.order == placed
    assert order(scenario, pack).pk != placed.pk
    assert Invoice.objects.count() == 2


def test_two_orders_in_a_month_have_two_invoices_besides_the_months_own(scenario, pack):
    scenario.contract(
        metric="mau", kind=ContractKind.COMMITTED, committed_quantity=5, invoice_agreement=True
    )
    order(scenario, pack)
    order(scenario, pack)
    close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)
    kinds = Invoice.objects.order_by("number").values_list("kind", flat=True)
    assert list(kinds) == ["order", "order", "commitment"]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"quantity": 90}, OfferChanged),
        ({"months": 1}, OfferChanged),
        ({"price": "241.00"}, OfferChanged),
        ({"is_offered": False}, NotOffered),
    ],
)
def test_a_changed_offer_must_be_confirmed_again(scenario, pack, changes, refusal):
    scenario.contract(metric="mau", invoice_agreement=True)
    confirmed = confirmation(scenario, pack)
    if "price" in changes:
        pack.prices.update(**changes)
    else:
        Offer.objects.filter(pk=pack.pk).update(**changes)
    with pytest.raises(refusal):
        order(scenario, pack, confirmed)
    assert not Invoice.objects.exists()


def test_a_pack_confirmed_before_midnight_and_sent_after_it_covers_no_other_month(scenario, pack):
    scenario.contract(metric="mau", invoice_agreement=True)
    before = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    after = datetime(2026, 12, 1, 0, 1, tzinfo=UTC)
    confirmed = confirmation(scenario, pack, before)
    with pytest.raises(OfferChanged) as refused:
        order(scenario, pack, confirmed, after)
    assert str(refused.value).startswith("December 2026 has begun since you looked")
    assert not Invoice.objects.exists()
    assert order(scenario, pack, now=after).starts_on == date(2026, 12, 1)


def test_an_order_without_a_card_or_agreement_is_refused(scenario, pack):
    with pytest.raises(OrderRefused):
        confirmation(scenario, pack)
    scenario.contract(metric="mau")
    with pytest.raises(OrderRefused):
        confirmation(scenario, pack)


def test_a_pack_whose_invoice_is_void_covers_nothing(scenario, pack):
    scenario.contract(metric="mau", invoice_agreement=True)
    placed = order(scenario, pack)
    Invoice.objects.filter(pk=placed.invoice_id).update(voided_at=NOVEMBER)
    assert prepaid_active_users(month=OCTOBER) == 0


def test_a_pack_is_not_voided_once_a_month_that_it_covered_is_closed(scenario, pack):
    scenario.contract(metric="mau", invoice_agreement=True)
    placed = order(scenario, pack)

    def void():
        invoice_id = placed.invoice_id
        return void_invoice(invoice_id=invoice_id, reason="Wrong", actor=BILL, now=NOVEMBER)

    close = MonthClose(month="2027-09-01", started_at=NOVEMBER, issued_at=NOVEMBER)
    close.save()
    with pytest.raises(CorrectionRefused, match=r"September 2027 was closed .* Issue a credit"):
        void()
    close.issued_at = None
    close.save()
    # The month before its first, and the one after its last.
    for month in ("2026-09-01", "2027-10-01"):
        MonthClose.objects.create(month=month, started_at=NOVEMBER, issued_at=NOVEMBER)
    assert void().voided_at == NOVEMBER


def test_the_allowance_is_listed_by_month(scenario, pack):
    scenario.contract(
        metric="mau", kind=ContractKind.COMMITTED, committed_quantity=5, invoice_agreement=True
    )
    order(scenario, pack)
    months = [Month(2026, 9), OCTOBER, Month(2027, 10)]
    found = allowance_months(months=months, active=[8, 8, 5])
    assert [(one.allowance, one.overage) for one in found] == [(5, 3), (105, 0), (5, 0)]


def test_without_an_allowance_there_is_no_overage(scenario):
    scenario.contract()
    (month,) = allowance_months(months=[OCTOBER], active=[8])
    assert (month.allowance, month.overage) == (0, 0)


@pytest.mark.proof
def test_concurrent_confirmations_order_once(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider()
    offer = _pack()
    try:
        _race(provider, offer)
    finally:
        offer.delete()


def _race(provider: Provider, offer: Offer) -> None:
    tabs = 4
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        scenario = BillingScenario(provider=provider, stripe=None)
        scenario.contract(metric="mau", invoice_agreement=True)
        confirmed = confirmation(scenario, offer)
    barrier, refused = Barrier(tabs), list[AlreadyOrdered]()

    def confirm() -> None:
        try:
            with provider_schema(provider):
                barrier.wait()
                order(scenario, offer, confirmed)
        except AlreadyOrdered as already:
            refused.append(already)
        finally:
            connection.close()

    threads = [Thread(target=confirm) for _ in range(tabs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with provider_schema(provider):
        placed = PackOrder.objects.get()
        assert [already.order for already in refused] == [placed] * (tabs - 1)
        assert Invoice.objects.count() == 1
        assert NumberSequence.objects.get(name="invoice").last_number == 1
        assert placed.starts_on == date(2026, 10, 1)
    documents = OutboxMessage.objects.filter(
        schema_name=provider.schema_name, topic="billing.documents"
    )
    assert documents.count() == 1
