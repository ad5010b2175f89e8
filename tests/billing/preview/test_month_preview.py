"""The preview of a month: equal to the close, and without effect."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from billing.invoicing.month_close import close_month
from billing.models import BillingProfile, Invoice, InvoiceLine
from billing.preview.changes import Kind
from billing.preview.checks import CheckResult
from billing.preview.month_preview import CannotPreview, months_to_preview, preview_month
from core.months import Month
from core.schema import provider_schema
from tenants.models import ManagedUser, MeteringPolicy
from tests.billing.conftest import NOVEMBER
from tests.billing.schema_fingerprint import everything

OCTOBER = Month(2026, 10)
MID_OCTOBER = datetime(2026, 10, 15, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, 0, 10, tzinfo=UTC)


def previewed(scenario, month=OCTOBER, now=NOVEMBER, checks=()):
    return preview_month(provider=scenario.provider, month=month, now=now, checks=checks)


def close(scenario, month=OCTOBER, now=NOVEMBER):
    return close_month(provider=scenario.provider, month=month, now=now)


def add(organization, when, number):
    ManagedUser.objects.bulk_create(
        ManagedUser(organization=organization, email=f"{when:%m%d}.{n}@x.example", added_at=when)
        for n in range(number)
    )


def as_issued(invoice):
    """Return an invoice's amounts and lines in the form of `as_drafted`."""
    return (
        invoice.kind,
        invoice.collection,
        (invoice.subtotal_minor, invoice.tax_minor, invoice.total_minor),
        [
            (
                *(line.kind, line.description, line.organization_id, line.organization_name),
                *(line.metric, int(line.quantity), line.unit_price, line.amount_minor),
                *(line.peak_event_id, line.peak_at, line.peak_count_before),
                *(line.peak_subject_name, line.peak_actor_name),
                *(line.adjusted_month, line.adjusted_from, line.reason),
            )
            for line in invoice.lines.order_by("position")
        ],
    )


def as_drafted(draft):
    return (
        draft.kind.value,
        draft.collection.value,
        (draft.subtotal_minor, draft.tax_minor, draft.total_minor),
        [
            (
                *(line.kind.value, line.description, line.organization_id),
                *(line.organization_name, line.metric, line.quantity, line.unit_price),
                *(line.amount_minor, line.peak.event_id, line.peak.at, line.peak.count_before),
                *(line.peak.subject_name, line.peak.actor_name),
                *(line.adjusted_month, line.adjusted_from, line.reason),
            )
            for line in draft.lines
        ],
    )


KINDS = {"pay_as_you_go": {}, "committed": {"kind": "committed", "committed_quantity": 9}}


@pytest.fixture(params=KINDS)
def two_months(scenario, request):
    """October is closed, some of its usage was reported late, and November is over."""
    scenario.contract(**KINDS[request.param])
    BillingProfile.objects.create(
        legal_name="North GmbH",
        country="DE",
        contact_emails=["pay@north.example"],
        tax_name="VAT",
        tax_rate=Decimal("19.000"),
    )
    acme = scenario.organization(users=7, name="Acme")
    scenario.organization(users=4, name="Bolt")
    close(scenario)
    add(acme, datetime(2026, 10, 9, tzinfo=UTC), 2)
    add(acme, datetime(2026, 11, 20, tzinfo=UTC), 3)
    return scenario


def test_the_close_issues_exactly_the_previewed_invoices(two_months):
    plan = previewed(two_months, OCTOBER.next, DECEMBER).plan
    drafts = [as_drafted(draft) for draft in plan.drafts]

    run = close(two_months, OCTOBER.next, DECEMBER)

    issued = Invoice.objects.filter(month="2026-11-01").order_by("number")
    assert [as_issued(invoice) for invoice in issued] == drafts
    assert run.total_minor == plan.total_minor
    assert InvoiceLine.objects.filter(kind="adjustment").exists()


def test_a_preview_changes_nothing(two_months):
    schema = two_months.provider.schema_name
    before = everything(schema)

    previewed(two_months, OCTOBER.next, DECEMBER)
    previewed(two_months, OCTOBER.next, datetime(2026, 11, 15, tzinfo=UTC))

    assert everything(schema) == before
    # The next transaction can write again.
    assert close(two_months, OCTOBER.next, DECEMBER).issued_at


def test_the_database_refuses_writes_of_a_preview(scenario):
    scenario.contract()
    scenario.organization(users=3)

    def writes(organizations, now):
        MeteringPolicy.objects.update(free_user_limit=1)
        return CheckResult("PSA", is_connected=True, summary="")

    with pytest.raises(DatabaseError, match="read-only"):
        previewed(scenario, checks=[writes])


def test_a_preview_of_the_current_month_has_its_usage_so_far(scenario):
    scenario.contract()
    scenario.organization(users=3)

    running = previewed(scenario, now=MID_OCTOBER)

    assert (running.is_running, running.plan.total_minor) == (True, 3_300)
    assert (running.charge_day.isoformat(), running.due_day.isoformat()) == (
        "2026-11-01",
        "2026-12-01",
    )


def test_months_to_preview_are_the_open_ones_and_the_current_one(scenario):
    scenario.contract(starts_on="2026-10-01")
    scenario.organization(users=3)
    ask = {"provider": scenario.provider, "now": DECEMBER}
    with provider_schema(scenario.provider):
        assert [str(month) for month in months_to_preview(**ask)] == [
            "2026-10",
            "2026-11",
            "2026-12",
        ]
    close(scenario)
    with provider_schema(scenario.provider):
        assert [str(month) for month in months_to_preview(**ask)] == ["2026-11", "2026-12"]


@pytest.mark.parametrize(
    ("month", "expected"),
    [
        (OCTOBER, "is closed: 1 invoice"),
        (Month(2019, 1), "nothing to close in 2019-01"),
        (Month(2027, 1), "has not begun"),
    ],
)
def test_a_closed_or_future_month_is_not_previewed(scenario, month, expected):
    scenario.contract()
    scenario.organization(users=3)
    close(scenario)

    with pytest.raises(CannotPreview, match=expected):
        previewed(scenario, month)


def test_each_organization_is_compared_with_last_month(scenario):
    scenario.contract()
    stays = scenario.organization(users=3, name="Stays")
    grows = scenario.organization(users=3, name="Grows")
    leaves = scenario.organization(users=6, name="Leaves")
    shrinks = scenario.organization(users=6, name="Shrinks")
    close(scenario)
    ManagedUser.objects.filter(organization=leaves).update(removed_at=NOVEMBER)
    ManagedUser.objects.filter(organization=shrinks, email__lt="user2").update(removed_at=NOVEMBER)
    close(scenario, OCTOBER.next, DECEMBER)
    add(grows, datetime(2026, 12, 5, tzinfo=UTC), 4)
    add(scenario.organization(users=0, name="New"), datetime(2026, 12, 5, tzinfo=UTC), 2)

    preview = previewed(scenario, Month(2026, 12), DECEMBER + timedelta(days=20))

    assert {
        change.name: (change.kind, change.before, change.now) for change in preview.changes
    } == {
        "Grows": (Kind.MORE, 3, 7),
        "Leaves": (Kind.GONE, 6, 0),
        "New": (Kind.NEW, 0, 2),
        "Shrinks": (Kind.LESS, 6, 4),
        "Stays": (Kind.SAME, 3, 3),
    }
    money = {change.name: change.more_minor for change in preview.changes}
    assert (money["Grows"], money["Leaves"], money["Stays"]) == (4_400, -6_600, 0)
    assert preview.last_total_minor == (3 + 3 + 6 + 6) * 1_100
    assert stays.pk in {change.organization_id for change in preview.changes}


def test_the_command_prints_the_preview_and_changes_nothing(scenario):
    scenario.contract()
    scenario.organization(users=3)
    before, out = everything(scenario.provider.schema_name), StringIO()

    call_command(
        "preview_close", provider=scenario.provider.invoice_prefix, month="2026-10", stdout=out
    )

    assert "$33.00" in out.getvalue()
    assert "new" in out.getvalue()
    assert everything(scenario.provider.schema_name) == before
    with pytest.raises(CommandError, match="not a month"):
        call_command("preview_close", month="October")
    with pytest.raises(CommandError, match="no provider"):
        call_command("preview_close", provider="unknown")
