"""Operations' pages inside one provider: contracts, tax and verification."""

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.forms import ModelForm
from django.urls import reverse

from accounts.models import OPERATIONS_PROVIDER_KEY, Package
from billing.admin.contracts import ContractForm
from billing.contracts.contracts import agree_contract
from billing.invoicing.month_close import close_month
from billing.models import BillingProfile, Contract, Invoice, MonthClose
from core.months import Month
from core.schema import provider_schema
from tenants.models import AuditEntry, MeteringPolicy
from tests.billing.conftest import BILL, NOVEMBER
from tests.seen_forms import send_seen

PAGES = ("contract", "billingprofile", "invoice", "chargeattempt", "paymentmethod", "monthclose")


@pytest.fixture
def operations(client, people, scenario):
    """Staff signed in and working in north."""
    client.force_login(people.staff)
    session = client.session
    session[OPERATIONS_PROVIDER_KEY] = scenario.provider.pk
    session.save()
    return client


def contract(offered, **changes):
    return {
        "package": offered.pk,
        "kind": "pay_as_you_go",
        "term": "monthly",
        "unit_price": "8.25",
        "committed_quantity": "",
        "commitment_basis": "all_together",
        "starts_on": "2026-11-01",
        "ends_on": "",
        "invoice_agreement": "on",
        "automatic_limit": "4000",
        "payment_terms_days": "30",
        "closes_past_months": "on",
        **changes,
    }


def test_every_page_shows_its_records(operations, scenario):
    scenario.card()
    scenario.invoice()
    MonthClose.objects.create(month="2026-10-01", started_at=NOVEMBER)
    BillingProfile.objects.create(legal_name="Nordlicht", country="DE")

    for page in PAGES:
        answer = operations.get(reverse(f"admin:billing_{page}_changelist"))
        assert answer.status_code == 200, page
    with provider_schema(scenario.provider):
        invoice, agreed = Invoice.objects.get(), Contract.objects.get()
    for page, known in (("invoice", invoice), ("contract", agreed)):
        answer = operations.get(reverse(f"admin:billing_{page}_change", args=[known.pk]))
        assert answer.status_code == 200, page


def test_pages_outside_a_provider_are_refused(client, people):
    client.force_login(people.staff)

    for page in PAGES:
        assert client.get(reverse(f"admin:billing_{page}_changelist")).status_code == 403


def test_an_agreed_contract_copies_its_package_and_lifts_the_allowance(operations, scenario):
    package = Package.objects.create(name="Agreed", metric="greater", contents=["All"])

    answer = send_seen(operations, reverse("admin:billing_contract_add"), contract(package))

    assert answer.status_code == 302, answer.context["errors"]
    with provider_schema(scenario.provider):
        made = Contract.objects.get()
        assert (made.package_name, made.metric, made.currency) == ("Agreed", "greater", "USD")
        limits = MeteringPolicy.objects
        assert limits.free_user_limit_at(made.billed_from) is None
        assert limits.free_user_limit_at(made.billed_from - timedelta(microseconds=1)) == 10
        assert AuditEntry.objects.filter(action="contract.agreed").exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "committed"}, "committed_quantity"),
        ({"committed_quantity": "5"}, "committed_quantity"),
        ({"commitment_basis": "largest"}, "commitment_basis"),
        ({"starts_on": "2026-11-02"}, "starts_on"),
        ({"starts_on": "2026-10-01"}, "starts_on"),
        ({"starts_on": "soon"}, "starts_on"),
        ({"ends_on": "2026-11-01"}, "ends_on"),
        ({"ends_on": "2026-09-01"}, "ends_on"),
        ({"payment_terms_days": "2147483647"}, "payment_terms_days"),
        ({"unit_price": "-1"}, "unit_price"),
        ({"package": "0"}, "package"),
    ],
)
def test_an_invalid_contract_is_refused_at_its_field(operations, scenario, changes, field):
    package = Package.objects.create(name="Agreed")
    MonthClose.objects.create(month=date(2026, 10, 1), started_at=NOVEMBER)

    answer = operations.post(reverse("admin:billing_contract_add"), contract(package, **changes))

    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    with provider_schema(scenario.provider):
        assert Contract.objects.count() == 0


def test_the_tax_can_be_set_before_the_provider_saved_anything(operations, scenario):
    add = reverse("admin:billing_billingprofile_add")

    answer = send_seen(operations, add, {"tax_name": "VAT", "tax_rate": "19"})

    assert answer.status_code == 302, answer.context["errors"]
    with provider_schema(scenario.provider):
        profile = BillingProfile.objects.get()
        assert (profile.tax_name, profile.tax_rate) == ("VAT", 19)
        assert profile.legal_name == scenario.provider.name
        assert profile.contact_emails == [scenario.provider.contact_email]
        assert AuditEntry.objects.filter(action="billing_profile.tax_changed").exists()
    assert operations.get(add).status_code == 403


@time_machine.travel(datetime(2026, 11, 22, tzinfo=UTC), tick=False)
@pytest.mark.parametrize(
    ("starts_on", "expected"),
    [("2026-10-01", "the month that is over since 2026-10"), ("2024-01-01", "the 34 months")],
)
def test_a_contract_that_closes_past_months_needs_a_confirmation(
    operations, scenario, starts_on, expected
):
    package = Package.objects.create(name="Agreed")
    fields = contract(package, starts_on=starts_on, closes_past_months="")

    answer = send_seen(operations, reverse("admin:billing_contract_add"), fields)

    (error,) = answer.context["adminform"].form.errors["closes_past_months"]
    assert expected in error
    answer = send_seen(
        operations,
        reverse("admin:billing_contract_add"),
        {**fields, "closes_past_months": "on"},
    )
    assert answer.status_code == 302


@time_machine.travel(datetime(2026, 11, 22, tzinfo=UTC), tick=False)
def test_a_contract_from_this_month_on_needs_no_confirmation(operations, scenario):
    package = Package.objects.create(name="Agreed")

    for starts_on in ("2026-11-01", "2026-12-01"):
        fields = contract(package, starts_on=starts_on, closes_past_months="")
        assert (
            send_seen(operations, reverse("admin:billing_contract_add"), fields).status_code == 302
        )


def test_a_month_closed_while_the_form_was_open_is_an_error(operations, scenario, monkeypatch):
    package = Package.objects.create(name="Agreed")
    MonthClose.objects.create(month="2026-11-01", started_at=NOVEMBER, issued_at=NOVEMBER)
    monkeypatch.setattr(ContractForm, "clean", ModelForm.clean)

    add = reverse("admin:billing_contract_add")
    answer = send_seen(operations, add, contract(package))

    assert answer["Location"] == add
    assert "was closed meanwhile" in operations.get(add).content.decode()
    with provider_schema(scenario.provider):
        assert Contract.objects.count() == 0


def test_a_contract_and_a_close_wait_for_each_other(scenario):
    agreed = agree_contract(
        provider=scenario.provider,
        contract=Contract(
            kind="pay_as_you_go",
            unit_price=1,
            starts_on=date(2026, 11, 1),
            automatic_limit_minor=1,
            payment_terms_days=1,
        ),
        package=Package.objects.create(name="Agreed"),
        actor=BILL,
        now=NOVEMBER,
    )

    assert agreed.pk
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND mode = 'ExclusiveLock'"
            " AND locktype = 'advisory' AND objid = 'usage_usageevent'::regclass::oid"
        )
        assert cursor.fetchone() == (1,)


def test_a_closed_month_is_verified_by_operations(operations, scenario):
    scenario.contract()
    scenario.organization(users=3)
    with provider_schema(scenario.provider):
        run = close_month(provider=scenario.provider, month=Month(2026, 10), now=NOVEMBER)
    change = operations.get(reverse("admin:billing_monthclose_change", args=[run.pk]))
    address = reverse("admin:billing_monthclose_verify", args=[run.pk])
    assert address in change.content.decode()
    assert "Nothing differs." in operations.get(address).content.decode()

    with provider_schema(scenario.provider):
        Invoice.objects.update(subtotal_minor=1, total_minor=1)
    shown = operations.get(address).content.decode()
    assert "$33.00" in shown
    assert "$0.01" in shown


def test_a_month_that_is_not_closed_has_no_verification(operations, scenario):
    run = MonthClose.objects.create(month="2026-10-01", started_at=NOVEMBER)

    change = operations.get(reverse("admin:billing_monthclose_change", args=[run.pk]))
    assert "Verify this month" not in change.content.decode()
    address = reverse("admin:billing_monthclose_verify", args=[run.pk])
    assert operations.get(address).status_code == 404
    operations.logout()
    assert operations.get(address).status_code == 302
