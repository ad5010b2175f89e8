"""Operations inside one provider: contracts and tax by hand, the rest to look at."""

from datetime import date

import pytest
from django.urls import reverse

from accounts.models import OPERATIONS_PROVIDER_KEY, Package
from billing.models import BillingProfile, Contract, Invoice, MonthClose
from mtp.schema import provider_schema
from tenants.models import AuditEntry, MeteringPolicy
from tests.billing.conftest import NOVEMBER

PAGES = ("contract", "billingprofile", "invoice", "chargeattempt", "paymentmethod", "monthclose")


@pytest.fixture
def operations(client, people, books):
    """Staff signed in and working in north."""
    client.force_login(people.staff)
    session = client.session
    session[OPERATIONS_PROVIDER_KEY] = books.provider.pk
    session.save()
    return client


def contract(offered, **changes):
    return {
        "package": offered.pk,
        "kind": "pay_as_you_go",
        "unit_price": "8.25",
        "committed_quantity": "",
        "starts_on": "2026-11-01",
        "ends_on": "",
        "invoice_agreement": "on",
        "automatic_limit_minor": "400000",
        "payment_terms_days": "30",
        **changes,
    }


def test_every_page_shows_what_is_there(operations, books):
    books.card()
    books.invoice()
    MonthClose.objects.create(month="2026-10-01", started_at=NOVEMBER)
    BillingProfile.objects.create(legal_name="Nordlicht", country="DE")

    for page in PAGES:
        answer = operations.get(reverse(f"admin:billing_{page}_changelist"))
        assert answer.status_code == 200, page
    with provider_schema(books.provider.schema_name):
        invoice, agreed = Invoice.objects.get(), Contract.objects.get()
    for page, known in (("invoice", invoice), ("contract", agreed)):
        answer = operations.get(reverse(f"admin:billing_{page}_change", args=[known.pk]))
        assert answer.status_code == 200, page


def test_outside_a_provider_there_is_nothing(client, people):
    client.force_login(people.staff)

    for page in PAGES:
        assert client.get(reverse(f"admin:billing_{page}_changelist")).status_code == 403


def test_an_agreed_contract_copies_its_package_and_lifts_the_allowance(operations, books):
    package = Package.objects.create(name="Agreed", metric="greater", contents=["All"])

    answer = operations.post(reverse("admin:billing_contract_add"), contract(package))

    assert answer.status_code == 302, answer.context["errors"]
    with provider_schema(books.provider.schema_name):
        made = Contract.objects.get()
        assert (made.package_name, made.metric, made.currency) == ("Agreed", "greater", "USD")
        assert MeteringPolicy.objects.get().free_user_limit is None
        assert AuditEntry.objects.filter(action="contract.agreed").exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "committed"}, "committed_quantity"),
        ({"committed_quantity": "5"}, "committed_quantity"),
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
def test_a_contract_that_makes_no_sense_is_refused_by_its_field(operations, books, changes, field):
    package = Package.objects.create(name="Agreed")
    MonthClose.objects.create(month=date(2026, 10, 1), started_at=NOVEMBER)

    answer = operations.post(reverse("admin:billing_contract_add"), contract(package, **changes))

    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors
    with provider_schema(books.provider.schema_name):
        assert Contract.objects.count() == 0


def test_the_tax_can_be_set_before_the_provider_saved_anything(operations, books):
    add = reverse("admin:billing_billingprofile_add")

    answer = operations.post(add, {"tax_name": "VAT", "tax_rate": "19"})

    assert answer.status_code == 302, answer.context["errors"]
    with provider_schema(books.provider.schema_name):
        profile = BillingProfile.objects.get()
        assert (profile.tax_name, profile.tax_rate) == ("VAT", 19)
        assert profile.legal_name == books.provider.name
        assert profile.contact_emails == [books.provider.contact_email]
        assert AuditEntry.objects.filter(action="billing_profile.tax_changed").exists()
    assert operations.get(add).status_code == 403
