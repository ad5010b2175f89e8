"""Loads the demo providers: their contracts, and their history month by month.

Users are added and removed through the counting triggers, at past instants. Each month is closed,
and its invoices are rendered and charged at Stripe (or its stand-in), as the schedule would do it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import groupby

from django.db import connection, transaction

from accounts.models import Package, PackagePrice, Provider, User
from accounts.provisioning.new_provider import create_provider, provision
from billing.choices import Collection
from billing.invoicing.month_close import close_month
from billing.models import Invoice, Payment
from core.actors import SYSTEM_ACTOR
from core.months import Month
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from mtp.demo.active_users import offer_packs, set_active_user_limits, simulate_activity
from mtp.demo.alerts import raise_alerts
from mtp.demo.arrears import days_to_pay, pass_time, unpaid_month
from mtp.demo.autotask import connect_autotask
from mtp.demo.companies import OPERATIONS, PASSWORD, PROVIDERS, DemoProvider
from mtp.demo.contracts import create_profile_and_contract, put_card_on_file
from mtp.demo.corrections import correct_invoices
from mtp.demo.late_usage import report_late_usage
from mtp.demo.locations import add_locations
from mtp.demo.population import Change, Move, Person, monthly_moves
from mtp.demo.support import add_support
from tenants import audit
from tenants.models import AuditEntry, Device, ManagedUser, Organization
from tenants.organizations.lifecycle import set_user_cap
from tenants.users.membership import Via
from usage.forecast.backtest import record_backtest

Report = Callable[[str], None]
LOADED = "demo.loaded"
ORGANIZATION_LIMIT = 50
# The schedule closes a month at this time on the 1st.
AFTER_MIDNIGHT = timedelta(minutes=5)
BEFORE_THE_NEXT_CLOSE = timedelta(days=5)


def load_demo(*, now: datetime, report: Report) -> None:
    """Create the demo providers that are missing; one that a kill left incomplete is recreated.

    `report` gets one line for each provider and closed month.
    """
    _offer_packages()
    offer_packs()
    if not User.objects.filter(email=OPERATIONS[1]).exists():
        name, email = OPERATIONS
        User.objects.create_superuser(email=email, password=PASSWORD, name=name)
    for plan in PROVIDERS:
        provider = Provider.objects.filter(invoice_prefix=plan.prefix).first()
        if provider is not None and _is_loaded(provider):
            continue
        if provider is not None:
            _delete(provider)
        report(f"{plan.name}: {len(plan.organizations)} organizations")
        _load(plan, now=now, report=report)


def logins() -> Iterable[tuple[str, str, str]]:
    """Role, e-mail address and provider of each login."""
    yield "Operations", OPERATIONS[1], "Django admin"
    for plan in PROVIDERS:
        provider = f"{plan.name} ({plan.arrears})" if plan.arrears else plan.name
        for login in plan.logins:
            yield login.role.label, login.email, provider


def _offer_packages() -> None:
    offers = {
        "Workforce": ["Directory and single sign-on", "Device management", "Multi-factor"],
        "Workforce Premium": ["Everything of Workforce", "Patch management", "Priority support"],
    }
    for name, contents in offers.items():
        package, _ = Package.objects.get_or_create(name=name, defaults={"contents": contents})
        for plan in PROVIDERS:
            if plan.package == name:
                PackagePrice.objects.get_or_create(
                    package=package,
                    currency=plan.currency,
                    valid_from="2020-01-01",
                    defaults={"unit_price": plan.unit_price},
                )


def _is_loaded(provider: Provider) -> bool:
    if provider.state != Provider.State.ACTIVE:
        return False
    with provider_schema(provider):
        return AuditEntry.objects.filter(action=LOADED).exists()


@transaction.atomic
def _delete(provider: Provider) -> None:
    OutboxMessage.objects.filter(schema_name=provider.schema_name).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            f"DROP SCHEMA IF EXISTS {connection.ops.quote_name(provider.schema_name)} CASCADE"
        )
    provider.users.all().delete()
    OutboxMessage.objects.filter(topic="accounts.provision", key=str(provider.pk)).delete()
    provider.delete()


def _months(plan: DemoProvider, *, now: datetime) -> list[Month]:
    months = [Month.of(now, plan.zone)]
    for _ in range(plan.months):
        months.insert(0, months[0].previous)
    return months


def _load(plan: DemoProvider, *, now: datetime, report: Report) -> None:
    zone = plan.zone
    months = _months(plan, now=now)
    started_at = months[0].starts_at(zone)
    provider = _create_provider(plan, now=started_at)
    with provider_schema(provider):
        days = days_to_pay(plan, months=months, now=now)
        create_profile_and_contract(
            plan, provider, first=months[0], days_to_pay=days, now=started_at
        )
        if plan.card:
            put_card_on_file(plan, provider, now=started_at)
        organizations = [
            Organization.objects.create(name=one.name, created_at=started_at)
            for one in plan.organizations
        ]
    _create_logins(plan, provider, organizations)
    histories = [
        monthly_moves(one, months=months, zone=zone, has_churn=plan.has_card, now=now)
        for one in plan.organizations
    ]
    unpaid = unpaid_month(plan, months=months, now=now)
    for month in months:
        with provider_schema(provider), transaction.atomic():
            if month == months[-2] and not plan.closes_last_month:
                report_late_usage(
                    organization=organizations[0],
                    month=month.previous,
                    zone=zone,
                    reported_by=plan.actors[0],
                )
            for organization, history in zip(organizations, histories, strict=True):
                _apply(next(history), organization, actors=plan.actors)
            simulate_activity(plan, provider, month=month, months=months, now=now)
        if month in months[:-2] or (month == months[-2] and plan.closes_last_month):
            _close(plan, provider, month, unpaid=unpaid, report=report)
            if plan.arrears:
                following = min(month.next.ends_at(zone), now)
                with provider_schema(provider):
                    pass_time(provider, since=month.ends_at(zone) + AFTER_MIDNIGHT, until=following)
    with provider_schema(provider):
        correct_invoices(plan, provider)
        connect_autotask(plan, provider, now=now, report=report)
        add_support(plan, provider, now=now)
        _finish(plan, organizations, now=now)
    while deliver_due(now=now, schema=provider.schema_name):
        pass


def _create_provider(plan: DemoProvider, *, now: datetime) -> Provider:
    provider = create_provider(
        name=plan.name,
        invoice_prefix=plan.prefix,
        contact_name=plan.contact.name,
        contact_email=plan.contact.email,
        billing_time_zone=plan.time_zone,
        currency=plan.currency,
        organization_limit=ORGANIZATION_LIMIT,
        now=now,
    )
    if not plan.closes_last_month:
        provider.closes_automatically = False
        provider.save(update_fields=["closes_automatically"])
    provision(provider=provider, now=now)
    return provider


def _create_logins(
    plan: DemoProvider, provider: Provider, organizations: list[Organization]
) -> None:
    ids = {organization.name: organization.pk for organization in organizations}
    for login in plan.logins:
        User.objects.create_user(
            email=login.email,
            password=PASSWORD,
            name=login.name,
            provider=provider,
            role=login.role,
            organization_id=ids.get(login.organization),
        )


def _apply(moves: list[Move], organization: Organization, *, actors: list[str]) -> None:
    for change, group in groupby(moves, key=lambda move: move.change):
        if change == Change.JOINED:
            _add(list(group), organization, actors=actors)
        else:
            for move in group:
                _remove(move, organization, actor=_actor(move.person, actors))


def _actor(person: Person, actors: list[str]) -> str:
    return actors[len(person.email) % len(actors)]


def _add(moves: list[Move], organization: Organization, *, actors: list[str]) -> None:
    ManagedUser.objects.bulk_create(
        [
            ManagedUser(
                organization=organization,
                email=move.person.email,
                name=move.person.name,
                added_at=move.at,
                added_by_name=_actor(move.person, actors),
                added_via=Via.DEMO,
            )
            for move in moves
        ]
    )
    Device.objects.bulk_create(
        [
            Device(
                organization=organization,
                name=f"{move.person.name.split()[0]}’s {'laptop' if number == 0 else 'phone'}",
                serial_number=serial_number,
                added_at=move.at,
                added_by_name=_actor(move.person, actors),
                added_via=Via.DEMO,
            )
            for move in moves
            for number, serial_number in enumerate(move.person.serial_numbers)
        ]
    )


def _remove(move: Move, organization: Organization, *, actor: str) -> None:
    present = {"organization": organization, "removed_at": None}
    removal = {"removed_at": move.at, "removed_by_name": actor}
    ManagedUser.objects.filter(email=move.person.email, **present).update(**removal)
    serial_numbers = move.person.serial_numbers
    Device.objects.filter(serial_number__in=serial_numbers, **present).update(**removal)


def _close(
    plan: DemoProvider, provider: Provider, month: Month, *, unpaid: Month | None, report: Report
) -> None:
    at = month.ends_at(plan.zone) + AFTER_MIDNIGHT
    with provider_schema(provider):
        _receive_transfers(at=at - BEFORE_THE_NEXT_CLOSE, unpaid=unpaid)
    run = close_month(provider=provider, month=month, now=at)
    while deliver_due(now=at):
        pass
    report(f"  {month} closed: {run.outcome}")


def _receive_transfers(*, at: datetime, unpaid: Month | None) -> None:
    """Pay mailed invoices within a month, because overdue ones would suspend the demo provider.

    Not those of `unpaid` and later months.
    """
    invoices = Invoice.objects.outstanding().filter(
        collection=Collection.BY_INVOICE, issued_at__lt=at
    )
    if unpaid is not None:
        invoices = invoices.filter(month__lt=unpaid.first_day)
    for invoice in invoices:
        Payment.objects.create(
            invoice=invoice,
            method=Payment.Method.BANK_TRANSFER,
            amount_minor=invoice.owed_minor,
            currency=invoice.currency,
            received_at=at,
        )


def _finish(plan: DemoProvider, organizations: list[Organization], *, now: datetime) -> None:
    for organization, one in zip(organizations, plan.organizations, strict=True):
        if one.users_below_cap is not None:
            cap = one.users_now + one.users_below_cap
            set_user_cap(organization=organization, cap=cap, actor=SYSTEM_ACTOR, now=now)
    set_active_user_limits(organizations, month=Month.of(now, plan.zone), now=now)
    add_locations(organizations)
    raise_alerts(plan, organizations, now=now)
    record_backtest(zone=plan.zone, now=now)
    audit.record(actor=SYSTEM_ACTOR, action=LOADED, subject=plan.name, now=now)
