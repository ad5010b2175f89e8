"""Agreement before money: the first card, a contract's end, and an agreement for a later month.

The numbers are those of docs/decisions/0031; T13, T14 and M11 are cases of the review.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import Package, PackagePrice
from billing.contracts.billed_periods import adopt_earlier_agreement, periods_of
from billing.contracts.contracts import MonthsClosed, agree_contract
from billing.contracts.offers import current_offer
from billing.gateway import client as gateway
from billing.invoicing.month_close import close_month
from billing.invoicing.month_plan import plan_month
from billing.models import (
    AgreementAcceptance,
    BillingProfile,
    Contract,
    Invoice,
    PaymentMethod,
)
from billing.payments.cards import CardNotAccepted, adopt_card, begin_paying_card_setup
from billing.planning.forecast import line_forecast
from billing.preview.month_preview import preview_month
from billing.rating.first_bill import first_bill
from billing.verification.verify import verify_month
from core.metrics import Metric
from core.months import Month
from core.outbox.models import OutboxMessage
from tenants.models import AuditEntry, BilledPeriod, ManagedUser, MeteringPolicy, Organization
from tests.billing.conftest import BILL
from tests.usage.counting import add, refused, remove
from usage.explain.peaks import explain_month
from usage.forecast.months import forecast_month
from usage.ledger.verify import verify_ledger

NOVEMBER, DECEMBER, JANUARY = Month(2026, 11), Month(2026, 12), Month(2027, 1)
AGREED = datetime(2026, 11, 14, 10, 23, 5, 123456, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.fixture
def price(north):
    """Workforce at 10.50 dollars."""
    package = Package.objects.create(name="Workforce", metric="users", contents=["Everything"])
    return PackagePrice.objects.create(
        package=package, currency="USD", unit_price=Decimal("10.50"), valid_from=date(2026, 1, 1)
    )


@pytest.fixture
def acme(scenario):
    """Nine users until the eve of the agreement, four of them at its instant."""
    organization = Organization.objects.create(name="Acme", created_at=at("2026-10-01"))
    users = add(organization, *[at("2026-11-02 08:00")] * 9)
    remove(users[:4], at("2026-11-10"))
    remove(users[4:5], AGREED - MICROSECOND)
    return organization


def submit(scenario, *, now=AGREED, offer=None, card="pm_card_visa"):
    """What the card page does: accept the offer, let Stripe confirm the card, come back."""
    offer = offer or current_offer(provider=scenario.provider, now=now)
    secret = begin_paying_card_setup(provider=scenario.provider, offer=offer, actor=BILL, now=now)
    intent = secret.partition("_secret_")[0]
    gateway.client().v1.setup_intents.confirm(intent, {"payment_method": card})
    return adopt_card(provider=scenario.provider, setup_intent_id=intent, now=now)


def agreed(scenario, *, now, **changes):
    """A contract that operations agree at `now`: 500 users committed by invoice, with `changes`."""
    fields = {
        "kind": "committed",
        "committed_quantity": 500,
        "unit_price": Decimal("8.0000"),
        "starts_on": date(2027, 1, 1),
        "invoice_agreement": True,
        "automatic_limit_minor": 400_000,
        "payment_terms_days": 30,
        **changes,
    }
    package, _ = Package.objects.get_or_create(name="Agreed", defaults={"metric": "users"})
    return agree_contract(
        provider=scenario.provider,
        contract=Contract(**fields),
        package=package,
        actor=BILL,
        now=now,
    )


def test_usage_before_the_first_card_is_not_billed(scenario, price, acme):
    submit(scenario)
    add(acme, at("2026-11-20"), at("2026-11-21"))

    run = close_month(provider=scenario.provider, month=NOVEMBER, now=at("2026-12-01 00:10"))

    invoice = Invoice.objects.get()
    assert run.outcome == "1 invoice, $63.00"
    (line,) = invoice.lines.all()
    assert (line.quantity, invoice.total_minor) == (6, 6_300)
    assert (invoice.period_starts_at, invoice.period_ends_at) == (AGREED, at("2026-12-01"))
    assert line.peak_at == at("2026-11-21")
    verified = verify_month(provider=scenario.provider, month=NOVEMBER, renders=False)
    assert verified.differences == []
    assert verify_ledger() == []


def test_every_place_counts_the_first_month_from_the_agreement(scenario, price, acme):
    submit(scenario)
    add(acme, at("2026-11-20"))
    now, zone = at("2026-11-22 12:00"), scenario.provider.billing_zone()

    plan = plan_month(month=NOVEMBER)
    preview = preview_month(provider=scenario.provider, month=NOVEMBER, now=now)
    forecast = forecast_month(at=now, zone=zone, basis=Metric.USERS, free_user_limit=None)
    bill = line_forecast(forecast=forecast, terms=plan.terms)
    explanation = explain_month(
        organization_id=acme.pk, metric=Metric.USERS, month=NOVEMBER, zone=zone
    )

    assert [each.quantity for each in plan.quantities] == [5]
    assert plan.total_minor == preview.plan.total_minor == bill.locked_in_minor == 5_250
    assert explanation.high_water_mark == 5
    assert (explanation.carried_in, explanation.starts_at) == (4, AGREED)


def test_the_month_after_is_billed_as_a_whole(scenario, price, acme):
    submit(scenario)
    close_month(provider=scenario.provider, month=NOVEMBER, now=at("2026-12-01 00:10"))
    add(acme, at("2026-12-01 00:20"))
    close_month(provider=scenario.provider, month=DECEMBER, now=at("2027-01-01 00:10"))

    december = Invoice.objects.get(month=DECEMBER.first_day)
    assert (december.total_minor, december.period_starts_at) == (5_250, at("2026-12-01"))


def test_the_estimate_that_was_shown_is_the_least_that_is_billed(scenario, price, acme):
    shown = first_bill(offer=current_offer(provider=scenario.provider, now=AGREED))

    submit(scenario)
    close_month(provider=scenario.provider, month=NOVEMBER, now=at("2026-12-01 00:10"))

    assert (shown.quantity, shown.total_minor) == (4, 4_200)
    assert Invoice.objects.get().total_minor == shown.total_minor


def test_the_tax_is_part_of_the_offer_and_its_estimate(scenario, price, acme):
    BillingProfile.objects.create(
        legal_name="North", country="DE", tax_name="VAT", tax_rate=Decimal(19)
    )
    offer = current_offer(provider=scenario.provider, now=AGREED)
    assert (offer.tax_name, offer.content()["tax_rate"]) == ("VAT", "19")
    assert first_bill(offer=offer).total_minor == 4_998


def test_the_acceptance_is_kept_with_the_contract_and_audited(scenario, price, acme):
    submit(scenario)

    acceptance = AgreementAcceptance.objects.get()
    contract = Contract.objects.get()
    assert acceptance.contract == contract
    assert (contract.billed_from, contract.starts_on) == (AGREED, date(2026, 11, 1))
    assert (contract.agreed_at, contract.agreed_by_name) == (AGREED, "Bill")
    assert (acceptance.accepted_by_name, acceptance.accepted_at) == ("Bill", AGREED)
    assert acceptance.content["unit_price"] == "10.5"
    assert acceptance.content["terms_version"]
    entry = AuditEntry.objects.get(action="agreement.accepted")
    assert (entry.actor_name, entry.after["unit_price"]) == ("Bill", "10.5")


def test_the_agreement_is_mailed_once_with_a_text_part(scenario, price, acme):
    BillingProfile.objects.create(
        legal_name="North", country="US", contact_emails=["pay@north.example"]
    )
    card = submit(scenario)
    adopt_card(provider=scenario.provider, setup_intent_id=card.stripe_setup_intent_id, now=AGREED)

    (mail,) = [
        message.payload for message in OutboxMessage.objects.filter(key__startswith="agreement:")
    ]
    assert mail["to"] == ["pay@north.example"]
    for part in (mail["text"], mail["html"]):
        for said in ("Workforce", "$10.50", "USD", "$42.00", "14 November 2026, 10:23"):
            assert said in part
        assert "1 December 2026" in part
        assert "$4,000.00" in part


def test_a_price_that_changed_after_it_was_shown_refuses_the_card(scenario, price, acme):
    shown = current_offer(provider=scenario.provider, now=AGREED)
    PackagePrice.objects.filter(pk=price.pk).update(unit_price=Decimal("12.00"))

    with pytest.raises(CardNotAccepted, match="has changed"):
        submit(scenario, offer=shown)

    assert not PaymentMethod.objects.exists()
    assert not Contract.objects.exists()
    assert not BilledPeriod.objects.exists()


def test_a_first_card_without_an_acceptance_is_refused(scenario, price):
    setup = gateway.create_setup_intent(
        customer_id=scenario.customer(),
        provider_id=str(scenario.provider.provider_id),
        actor_id=7,
        actor_name="Bill",
    )
    intent = setup.partition("_secret_")[0]
    gateway.client().v1.setup_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    with pytest.raises(CardNotAccepted, match="Read it again"):
        adopt_card(provider=scenario.provider, setup_intent_id=intent, now=AGREED)
    assert not PaymentMethod.objects.exists()


def test_a_contract_of_operations_is_offered_as_agreed_and_billed_from_the_card(
    scenario, price, acme
):
    contract = agreed(
        scenario,
        now=at("2026-11-03"),
        kind="pay_as_you_go",
        committed_quantity=None,
        invoice_agreement=False,
        starts_on=date(2026, 11, 1),
        unit_price=Decimal("7.0000"),
    )
    assert contract.billed_from is None
    assert MeteringPolicy.objects.free_user_limit_at(AGREED) == 10

    submit(scenario)

    assert Contract.objects.get().billed_from == AGREED
    assert plan_month(month=NOVEMBER).total_minor == 4 * 700


def test_a_card_on_file_needs_no_agreement_again(scenario, price, acme):
    submit(scenario)
    assert current_offer(provider=scenario.provider, now=AGREED) is None


def test_t13_a_contract_that_ended_puts_the_free_allowance_back(scenario, acme):
    """505 users with a card on file: billed until the end, no user added after it."""
    scenario.card()
    MeteringPolicy.objects.update(free_user_limit=10)
    Contract.objects.all().delete()
    agreed(scenario, now=at("2026-11-02"), starts_on=date(2026, 11, 1), ends_on=date(2026, 12, 1))
    add(acme, *[at("2026-11-20")] * 501)
    end = at("2026-12-01")

    add(acme, end - MICROSECOND)
    with refused("MT001"):
        add(acme, end)

    run = close_month(provider=scenario.provider, month=NOVEMBER, now=at("2026-12-01 00:10"))
    commitment, overage = Invoice.objects.order_by("pk")
    assert (commitment.total_minor, overage.lines.first().quantity) == (500 * 800, 6)
    assert run.invoices == 2
    assert ManagedUser.objects.living().count() == 506
    later = close_month(provider=scenario.provider, month=DECEMBER, now=at("2027-01-01 00:10"))
    assert later.outcome == "No active contract, nothing to invoice"
    remove(ManagedUser.objects.living()[:496], at("2027-01-02"))
    with refused("MT001"):
        add(acme, at("2027-01-02"))
    remove(ManagedUser.objects.living()[:1], at("2027-01-02"))
    add(acme, at("2027-01-02"))


def test_t14_an_agreement_for_a_later_month_lifts_nothing_before(scenario, acme):
    """500 users two months before it begins: capped at the allowance until its first instant."""
    agreed(scenario, now=at("2026-11-03"))
    start = at("2027-01-01")

    with refused("MT001"):
        add(acme, *[at("2026-11-20")] * 500)
    with refused("MT001"):
        add(acme, *[start - MICROSECOND] * 7)
    add(acme, *[start] * 500)

    assert plan_month(month=NOVEMBER).contract is None
    assert plan_month(month=DECEMBER).contract is None
    assert plan_month(month=JANUARY).overage_minor == 4 * 800


def test_a_commitment_without_a_card_is_not_held_at_the_allowance(scenario, acme):
    """S37 of the review: fourteen committed, seventeen imported, no card."""
    agreed(
        scenario,
        now=at("2026-11-03"),
        starts_on=date(2026, 11, 1),
        committed_quantity=14,
        invoice_agreement=False,
    )
    add(acme, *[at("2026-11-20")] * 13)
    assert plan_month(month=NOVEMBER).overage_minor == 3 * 800


def test_billing_begins_again_after_a_gap_from_the_new_card_on(scenario, price, acme):
    agreed(scenario, now=at("2026-11-02"), starts_on=date(2026, 11, 1), ends_on=date(2026, 12, 1))
    close_month(provider=scenario.provider, month=NOVEMBER, now=at("2026-12-01 00:10"))
    again = at("2026-12-20 09:00")
    users = add(acme, *[at("2026-12-05")] * 5)
    remove(users, at("2026-12-06"))

    submit(scenario, now=again)

    assert [period.starts_at for period in BilledPeriod.objects.order_by("starts_at")] == [
        at("2026-11-01"),
        again,
    ]
    assert plan_month(month=DECEMBER).total_minor == 4 * 1_050
    verified = verify_month(provider=scenario.provider, month=NOVEMBER, renders=False)
    assert verified.differences == []


def test_a_provider_agreed_before_billed_periods_gets_them_once(scenario, acme):
    """Its months stay billed as they were: from the first of the month in which it was lifted."""
    contract = scenario.contract(starts_on="2026-10-01", ends_on=date(2026, 12, 1))
    MeteringPolicy.objects.update(free_user_limit=None, free_until=AGREED)

    for _ in range(2):
        adopt_earlier_agreement(provider=scenario.provider, now=at("2026-11-20"))

    contract.refresh_from_db()
    period = BilledPeriod.objects.get()
    assert contract.billed_from == period.starts_at == at("2026-11-01")
    assert period.ends_at == at("2026-12-01")
    assert plan_month(month=NOVEMBER).total_minor == 9 * 1_100
    assert plan_month(month=Month(2026, 10)).contract is None
    with refused("MT001"):
        add(acme, *[at("2026-12-01")] * 7)


def test_a_contract_in_a_closed_month_is_refused(scenario, acme):
    close_month(provider=scenario.provider, month=NOVEMBER, now=at("2026-12-01 00:10"))
    with pytest.raises(MonthsClosed):
        agreed(scenario, now=at("2026-12-02"), starts_on=date(2026, 11, 1))


def test_contracts_that_touch_are_one_period(scenario):
    zone = scenario.provider.billing_zone()

    def contract(start, end=None, billed=True):
        first = Month.parse(start)
        return Contract(
            starts_on=first.first_day,
            ends_on=Month.parse(end).first_day if end else None,
            billed_from=first.starts_at(zone) if billed else None,
        )

    periods = periods_of(
        [
            contract("2026-01"),
            contract("2026-03", "2026-05"),
            contract("2026-06", billed=False),
            contract("2026-08", "2026-10"),
        ],
        zone=zone,
    )
    assert periods == {
        at("2026-01-01"): at("2026-05-01"),
        at("2026-08-01"): at("2026-10-01"),
    }
