"""The contract as its provider sees it: terms, course, document; and as operations agree on it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import pytest
import time_machine
from django.conf import settings
from django.urls import reverse
from pypdf import PdfReader

from accounts.models import Package
from billing.admin.contracts import ContractForm
from billing.choices import ContractKind
from billing.contracts.renewals import Span, TermEnd, is_whole_terms, renewal_of, term_of
from billing.customer.terms_of_use import accept_terms
from billing.documents.contract import render_contract_document
from billing.models import AgreementAcceptance, BillingProfile, Contract, ContractDocument
from core.actors import Actor
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tests.billing.conftest import NOVEMBER

COMMITTED = {
    "kind": ContractKind.COMMITTED,
    "term": Contract.Term.ANNUAL,
    "committed_quantity": 14,
    "package_contents": ["Directory", "Patch management"],
    "starts_on": date(2025, 2, 1),
}


@pytest.fixture
def bill(client, people, scenario):
    """Bill's browser."""
    client.force_login(people.bill)
    with time_machine.travel(NOVEMBER, tick=False):
        yield client


@pytest.mark.parametrize(
    ("today", "months", "term"),
    [
        (date(2025, 1, 20), 12, Span(date(2025, 2, 1), date(2026, 2, 1))),
        (date(2025, 2, 1), 12, Span(date(2025, 2, 1), date(2026, 2, 1))),
        (date(2026, 1, 31), 12, Span(date(2025, 2, 1), date(2026, 2, 1))),
        (date(2026, 2, 1), 12, Span(date(2026, 2, 1), date(2027, 2, 1))),
        (date(2026, 12, 31), 1, Span(date(2026, 12, 1), date(2027, 1, 1))),
    ],
)
def test_terms_follow_each_other_without_a_gap(today, months, term):
    assert term_of(starts_on=date(2025, 2, 1), months=months, today=today) == term


def test_an_annual_contract_ends_after_whole_years():
    begins = date(2025, 2, 1)
    assert is_whole_terms(starts_on=begins, ends_on=date(2027, 2, 1), months=12)
    assert not is_whole_terms(starts_on=begins, ends_on=date(2026, 12, 1), months=12)
    assert not is_whole_terms(starts_on=begins, ends_on=begins, months=12)


def test_a_contract_renews_ends_or_is_followed(scenario):
    contract = scenario.contract(**COMMITTED)
    today = date(2026, 11, 1)
    assert renewal_of(contract, today=today).on == date(2027, 2, 1)
    assert renewal_of(contract, today=today).outcome is TermEnd.RENEWS

    contract.ends_on = date(2027, 2, 1)
    contract.save()
    assert renewal_of(contract, today=today).outcome is TermEnd.ENDS

    next_one = scenario.contract(starts_on=date(2027, 2, 1))
    course = renewal_of(contract, today=today)
    assert (course.outcome, course.successor) == (TermEnd.FOLLOWED, next_one)


def test_the_page_shows_what_was_agreed(bill, scenario):
    scenario.contract(**COMMITTED)

    page = bill.get(reverse("contract")).content.decode()

    for said in ("14", "$11.00", "Annual", "renews automatically on 1 February 2027",
                 "Patch management",
                 "NORTH-C-2025-02", "1 February 2026 until 1 February 2027"):  # fmt: skip
        assert said in page


def test_without_a_contract_there_is_no_page(bill):
    assert bill.get(reverse("contract")).status_code == 404


def test_the_document_is_rendered_by_a_worker_and_kept(bill, scenario):
    contract = scenario.contract(**COMMITTED)
    BillingProfile.objects.create(
        legal_name="Nordlicht GmbH", address_lines=["Kai 1", "20457 Hamburg"], country="DE"
    )
    address = reverse("contract_pdf", args=[contract.pk])
    asked = bill.get(address)
    assert (asked.status_code, asked["Refresh"]) == (202, "3")
    deliver_due(now=NOVEMBER)

    answer = bill.get(address)

    assert answer["Content-Disposition"] == 'attachment; filename="NORTH-C-2025-02.pdf"'
    assert answer.content.startswith(b"%PDF")
    text = pdf_text(answer.content)
    for said in ("14 users at $11.00 per user per month", "Order form", "Notice period",
                 "Nordlicht GmbH", "20457 Hamburg", "Germany", "Annual",
                 "Patch management", "Renews automatically"):  # fmt: skip
        assert said in text
    with provider_schema(scenario.provider):
        kept = ContractDocument.objects.get()
        BillingProfile.objects.update(legal_name="Another Name")
        render_contract_document(contract=contract, provider=scenario.provider, now=NOVEMBER)
        assert bytes(ContractDocument.objects.get().content) == bytes(kept.content)


def pdf_text(content: bytes) -> str:
    import io

    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def test_the_same_contract_gives_the_same_bytes(scenario):
    contract = scenario.contract(**COMMITTED)
    contents = []
    for moment in (NOVEMBER, datetime(2027, 1, 1, tzinfo=UTC)):
        with time_machine.travel(moment, tick=False):
            render_contract_document(contract=contract, provider=scenario.provider, now=moment)
        contents.append(bytes(ContractDocument.objects.get().content))
        ContractDocument.objects.all().delete()

    assert contents[0] == contents[1]


def test_a_damaged_document_is_withheld(bill, scenario):
    contract = scenario.contract(**COMMITTED)
    render_contract_document(contract=contract, provider=scenario.provider, now=NOVEMBER)
    ContractDocument.objects.update(content=b"%PDF another")

    answer = bill.get(reverse("contract_pdf", args=[contract.pk]))

    assert answer.status_code == 409
    assert "withheld" in answer.content.decode()


def test_contracts_of_another_provider_do_not_exist(client, people, scenario):
    contract = scenario.contract(**COMMITTED)
    client.force_login(people.sofia)

    assert client.get(reverse("contract_pdf", args=[contract.pk])).status_code == 404
    assert client.get(reverse("contract")).status_code == 404


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"ends_on": "2027-11-01"}, "ends_on"),
        ({"ends_on": "2026-12-15"}, "ends_on"),
        ({"term": "weekly"}, "term"),
        ({}, None),
        ({"ends_on": "2028-12-01"}, None),
    ],
)
def test_operations_agree_on_whole_terms(scenario, changed, field):
    package = Package.objects.create(name="Complete", metric="users")
    form = ContractForm(
        {
            "package": package.pk,
            "kind": "committed",
            "term": "annual",
            "unit_price": Decimal("9.50"),
            "committed_quantity": 14,
            "commitment_basis": "all_together",
            "starts_on": "2026-12-01",
            "automatic_limit_minor": 400_000,
            "payment_terms_days": 30,
            **changed,
        }
    )
    assert list(form.errors) == ([field] if field else [])


def test_a_contract_that_a_card_began_prints_the_instant_of_its_beginning(bill, scenario):
    """Usage before the agreement is free: neither page nor PDF may say the 1st."""
    begun_at = datetime(2026, 10, 14, 10, 23, 5, tzinfo=UTC)
    contract = scenario.contract(starts_on=date(2026, 10, 1), billed_from=begun_at)

    page = bill.get(reverse("contract")).content.decode()

    began = page.partition("<dt>Began</dt>")[2].partition("</div>")[0]
    assert "14 Oct 2026, 10:23:05" in began
    assert "Earlier usage is free" in began
    with provider_schema(scenario.provider):
        render_contract_document(contract=contract, provider=scenario.provider, now=NOVEMBER)
        content = bytes(ContractDocument.objects.get().content)
    printed = " ".join(PdfReader(BytesIO(content)).pages[0].extract_text().split())
    assert "Begins on 14 October 2026, 10:23:05; earlier usage is free" in printed


def test_a_contract_of_the_first_instant_prints_its_day(bill, scenario):
    scenario.contract(starts_on=date(2026, 10, 1), billed_from=datetime(2026, 10, 1, tzinfo=UTC))
    page = bill.get(reverse("contract")).content.decode()
    assert "<dt>Began</dt><dd>1 October 2026</dd>" in page


def test_a_contract_without_a_card_says_what_it_waits_for(bill, scenario):
    scenario.contract(starts_on=date(2026, 10, 1))
    page = bill.get(reverse("contract")).content.decode()
    assert "Usage is billed from the moment a card is confirmed." in page


def test_the_document_says_who_accepted_it_when_and_which_terms(scenario):
    contract = scenario.contract(**COMMITTED)
    AgreementAcceptance.objects.create(
        stripe_setup_intent_id="seti_1", content={"package_name": "Complete"}, fingerprint="ab12",
        accepted_at=NOVEMBER, accepted_by_name="Bill Biller", contract=contract,
    )  # fmt: skip
    accept_terms(actor=Actor(id=7, name="Tina Terms"), now=NOVEMBER)
    render_contract_document(contract=contract, provider=scenario.provider, now=NOVEMBER)
    text = " ".join(pdf_text(bytes(ContractDocument.objects.get().content)).split())
    for said in (
        "Accepted by Bill Biller",
        "Accepted on 1 Nov 2026",
        "SHA-256 of what it showed ab12",
        f"Version {settings.TERMS_VERSION}, accepted by Tina Terms on 1 Nov 2026",
    ):
        assert said in text
