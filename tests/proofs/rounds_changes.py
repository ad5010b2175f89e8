"""The changes of a history: everything that alerts, dunning, reminders and snapshots read.

Rows are written as they are, not by the pages' functions: what a round must notice is the row,
whichever code wrote it.
"""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from django.db import connection

from accounts.models import Provider, User
from billing.models import (
    ChargeAttempt,
    Contract,
    CreditNote,
    Invoice,
    PackOrder,
    Payment,
    PaymentMethod,
    SuspensionDeferral,
)
from billing.models.chargebacks import Chargeback
from core.months import Month
from integrations.models import AutotaskConnection, Drift, ServiceMapping, SyncRun
from tenants.models import Alert, AlertMailPreference, BilledPeriod, MeteringPolicy
from tests.proofs.rounds_history import History

REPORT_ACTIVE = """
    INSERT INTO usage_activeuser (organization_id, month, user_id, first_seen_at, reported_at)
    SELECT organization_id, %s, id, %s, %s FROM tenants_manageduser
    WHERE removed_at IS NULL ORDER BY id LIMIT %s
    ON CONFLICT DO NOTHING
"""


def users_come(history: History) -> None:
    organization = history.organization()
    count = history.dice.randint(1, 3)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tenants_manageduser (organization_id, email, added_at) SELECT %s,"
            " %s || '.' || n || '@client.example', %s FROM generate_series(1, %s) n",
            [organization.pk, history.serial, history.now, count],
        )


def users_leave(history: History) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tenants_manageduser SET removed_at = %s WHERE id IN (SELECT id FROM"
            " tenants_manageduser WHERE removed_at IS NULL ORDER BY id LIMIT 2)",
            [history.now],
        )


def users_are_active(history: History) -> None:
    month = Month.of(history.now, history.provider.billing_zone()).first_day
    with connection.cursor() as cursor:
        cursor.execute(REPORT_ACTIVE, [month, history.now, history.now, history.dice.randint(1, 9)])


def caps_change(history: History) -> None:
    organization = history.organization()
    organization.user_cap = history.dice.choice((None, 2, 5, 13))
    organization.mau_limit = history.dice.choice((None, 1, 8))
    organization.save()


def allowance_changes(history: History) -> None:
    MeteringPolicy.objects.update(free_user_limit=history.dice.choice((None, 2, 5, 50)))


def usage_is_billed(history: History) -> None:
    last = BilledPeriod.objects.order_by("starts_at").last()
    free_from = max(history.now, last.ends_at or history.now) if last else history.now
    starts_at = free_from + timedelta(hours=history.dice.randint(1, 90))
    BilledPeriod.objects.create(
        starts_at=starts_at, ends_at=starts_at + timedelta(days=history.dice.randint(1, 40))
    )


def contract_comes(history: History) -> None:
    committed = history.dice.choice((None, 2, 6))
    starts_on = history.first_of_month(ahead=3)
    months = history.dice.choice((None, 1, 2, 12))
    Contract.objects.create(
        kind="committed" if committed else "pay_as_you_go",
        committed_quantity=committed,
        term=history.dice.choice(Contract.Term.values),
        package_id=1,
        package_name=f"Package {history.serial}",
        metric=history.dice.choice(("users", "mau")),
        currency="USD",
        unit_price=Decimal(5),
        starts_on=starts_on,
        ends_on=months and Month.of_day(starts_on).plus(months=months).first_day,
        automatic_limit_minor=400_000,
        payment_terms_days=30,
    )


def contract_ends(history: History) -> None:
    contract = Contract.objects.order_by("starts_on").last()
    if contract is not None:
        first = max(contract.starts_on, history.first_of_month(ahead=4))
        contract.ends_on = Month.of_day(first).next.first_day
        contract.save()


def card_changes(history: History) -> None:
    PaymentMethod.objects.filter(replaced_at=None).update(replaced_at=history.now)
    if history.dice.random() < 0.2:
        return
    expires = Month.of_day(history.first_of_month(ahead=3))
    PaymentMethod.objects.create(
        stripe_payment_method_id=f"pm_{history.serial}",
        stripe_setup_intent_id=f"seti_{history.serial}",
        brand="visa",
        last_four="4242",
        expiry_month=expires.month,
        expiry_year=expires.year,
        became_default_at=history.now,
    )


def invoice_is_issued(history: History) -> Invoice:
    zone = history.provider.billing_zone()
    month = Month.of(history.now, zone).previous
    total = history.dice.choice((20, 9_000, 33_000))
    return Invoice.objects.create(
        number=f"{history.provider.invoice_prefix}-{history.serial:06d}",
        kind="order",
        month=month.first_day,
        collection=history.dice.choice(("automatic", "by_invoice")),
        currency="USD",
        subtotal_minor=total,
        tax_rate=0,
        tax_minor=0,
        total_minor=total,
        issued_at=history.now,
        due_date=history.some_day(40),
        period_starts_at=month.starts_at(zone),
        period_ends_at=month.ends_at(zone),
        billing_time_zone=zone.key,
        seller={"name": "Seller", "email": "billing@seller.example"},
        buyer={"name": history.provider.name, "emails": [history.provider.contact_email]},
        contract_summary={},
    )


def an_invoice(history: History) -> Invoice:
    """An issued invoice; a new one if there is none."""
    invoices = list(Invoice.objects.filter(voided_at=None).order_by("pk"))
    return history.dice.choice(invoices) if invoices else invoice_is_issued(history)


def invoice_is_paid(history: History) -> None:
    invoice = an_invoice(history)
    Payment.objects.create(
        invoice=invoice,
        method=Payment.Method.BANK_TRANSFER,
        amount_minor=history.dice.choice((invoice.total_minor, 1 + invoice.total_minor // 2)),
        currency="USD",
        received_at=history.now,
    )


def payment_is_taken_back(history: History) -> None:
    payment = Payment.objects.order_by("-pk").first()
    if payment is not None:
        Chargeback.objects.create(
            payment=payment,
            stripe_dispute_id=f"dp_{history.serial}",
            amount_minor=payment.amount_minor,
            currency="USD",
            state="lost",
            opened_at=history.now,
            closed_at=history.now,
        )


def charge_fails(history: History) -> None:
    card = PaymentMethod.objects.current()
    if card is not None:
        ChargeAttempt.objects.create(
            invoice=an_invoice(history),
            cause=f"cause:{history.serial}",
            state=ChargeAttempt.State.FAILED,
            idempotency_key=f"key_{history.serial}",
            amount_minor=100,
            currency="USD",
            stripe_customer_id="cus_1",
            stripe_payment_method_id=card.stripe_payment_method_id,
            stripe_payment_intent_id=f"pi_{history.serial}",
            decline_code="insufficient_funds",
            created_at=history.now,
            finished_at=history.now,
        )


def invoice_is_credited(history: History) -> None:
    invoice = an_invoice(history)
    amount = 1 + invoice.total_minor // 2
    CreditNote.objects.create(
        number=f"{history.provider.invoice_prefix}-C{history.serial:05d}",
        invoice=invoice,
        currency="USD",
        subtotal_minor=amount,
        tax_rate=0,
        tax_minor=0,
        total_minor=amount,
        reason="a correction",
        issued_at=history.now,
        billing_time_zone=invoice.billing_time_zone,
        seller={},
        buyer={},
        issued_by_name="Stella",
    )


def invoice_is_void(history: History) -> None:
    Invoice.objects.filter(pk=an_invoice(history).pk).update(voided_at=history.now)


def suspension_is_deferred(history: History) -> None:
    if history.dice.random() < 0.4:
        SuspensionDeferral.objects.update(withdrawn_at=history.now)
        return
    SuspensionDeferral.objects.create(
        reason="a promise",
        last_day=history.some_day(50),
        made_at=history.now,
        made_by_name="Stella",
    )


def pack_is_ordered(history: History) -> None:
    starts_on = history.first_of_month(ahead=0)
    months = history.dice.randint(1, 3)
    PackOrder.objects.create(
        invoice=invoice_is_issued(history),
        follows=history.serial,
        offer_id=1,
        offer_name="Pack",
        quantity=history.dice.randint(1, 6),
        months=months,
        starts_on=starts_on,
        ends_on=Month.of_day(starts_on).plus(months=months).first_day,
        ordered_at=history.now,
        ordered_by_name="Olive",
    )


def alert_is_acknowledged(history: History) -> None:
    first = Alert.objects.waiting().order_by("pk").values("pk")[:1]
    Alert.objects.filter(pk__in=first).update(acknowledged_at=history.now)


def mail_is_chosen(history: History) -> None:
    AlertMailPreference.objects.update_or_create(
        user_id=history.dice.choice(history.readers).pk,
        defaults={
            "delivery": history.dice.choice(("digest", "digest", "off", "at_once")),
            "digest_hour": history.dice.randrange(24),
            "time_zone": history.dice.choice(("UTC", "Europe/Berlin", "America/Los_Angeles")),
            "minimum_severity": 1,
        },
    )


def login_changes(history: History) -> None:
    reader = history.dice.choice(history.readers)
    User.objects.filter(pk=reader.pk).update(is_active=history.dice.random() < 0.6)


def psa_is_connected(history: History) -> None:
    AutotaskConnection.objects.update_or_create(
        pk=1,
        defaults={
            "credentials": history.dice.choice(("", "secret", "secret", "secret")),
            "connected_at": history.now,
            "problem": history.dice.choice(("", "", "The password is wrong.")),
        },
    )
    organization = history.organization()
    ServiceMapping.objects.update_or_create(
        organization=organization,
        removed_at=None,
        defaults={
            **dict.fromkeys(("company_id", "contract_id", "service_id"), organization.pk),
            **dict.fromkeys(("company_name", "contract_name", "service_name"), "One"),
            "contract_service_id": organization.pk,
            "first_month": history.first_of_month(ahead=0),
            "created_at": history.now,
            "last_outcome": history.dice.choice(("", "refused", "unchanged")),
        },
    )


def psa_runs(history: History) -> None:
    SyncRun.objects.create(
        kind=SyncRun.Kind.NIGHTLY,
        day=history.today() - timedelta(days=1),
        created_at=history.now,
        finished_at=history.now,
        failure=history.dice.choice(("", "", "Autotask is away.")),
    )


def psa_drifts(history: History) -> None:
    Drift.objects.update(decided_at=history.now)
    mapping = ServiceMapping.objects.living().first()
    if mapping is not None and history.dice.random() < 0.7:
        units = dict.fromkeys(("expected_units", "persons_units", "desired_units"), 3)
        Drift.objects.create(
            mapping=mapping,
            month=history.first_of_month(ahead=0),
            observed_units=history.serial,
            detected_at=history.now,
            **units,
        )


def provider_leaves(history: History) -> None:
    leaves_at = history.now + timedelta(days=history.dice.randint(1, 9))
    is_kept = history.dice.random() < 0.7
    Provider.objects.filter(pk=history.provider.pk).update(leaves_at=None if is_kept else leaves_at)
    MeteringPolicy.objects.update(nothing_added_from=None if is_kept else leaves_at)


CHANGES: list[Callable[[History], object]] = [
    users_come,
    users_come,
    users_leave,
    users_are_active,
    caps_change,
    allowance_changes,
    usage_is_billed,
    contract_comes,
    contract_ends,
    card_changes,
    invoice_is_issued,
    invoice_is_paid,
    payment_is_taken_back,
    charge_fails,
    invoice_is_credited,
    invoice_is_void,
    suspension_is_deferred,
    pack_is_ordered,
    alert_is_acknowledged,
    mail_is_chosen,
    login_changes,
    psa_is_connected,
    psa_runs,
    psa_drifts,
    provider_leaves,
]
