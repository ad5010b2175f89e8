"""Verification of closed months: each manipulated value is a difference."""

import hashlib
import re
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing.corrections.reissue import reissue, terms_as_issued
from billing.corrections.voids_and_write_offs import void_invoice
from billing.documents.fingerprint import fingerprint
from billing.documents.store import render_documents, rendered
from billing.invoicing.month_close import close_month
from billing.models import Invoice, InvoiceDocument
from billing.verification.verify import NotClosed, closed_months, verify_month
from core.months import Month
from tenants.models import ManagedUser
from tests.billing.conftest import BILL, NOVEMBER
from tests.billing.schema_fingerprint import everything

OCTOBER = Month(2026, 10)
DECEMBER = datetime(2026, 12, 1, 0, 10, tzinfo=UTC)
COMMITTED = {"kind": "committed", "committed_quantity": 5}
PARTS = {
    "@last": "WHERE id = (SELECT max(id) FROM usage_usageevent WHERE at < '2026-11-01')",
    "@october": "invoice_id = (SELECT min(id) FROM billing_invoice)",
}


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def verify(scenario, month=OCTOBER, *, renders=False):
    return verify_month(provider=scenario.provider, month=month, renders=renders)


def texts(verification):
    return [str(difference) for difference in verification.differences]


def tamper(statement, *tables):
    """Change rows as only a superuser can, with triggers disabled."""
    for name, part in PARTS.items():
        statement = statement.replace(name, part)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        assert cursor.rowcount > 0


def add(organization, when, number=1):
    ManagedUser.objects.bulk_create(
        ManagedUser(
            organization=organization, email=f"x{when:%m%d}.{n}@x", added_at=when, added_by_name="A"
        )
        for n in range(number)
    )


def two_months(scenario, terms):
    """October is closed, some of its usage was reported late, and November is closed."""
    scenario.contract(**terms)
    acme = scenario.organization(users=3, name="Acme")
    scenario.organization(users=5, name="Bolt")
    close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)
    add(acme, at("2026-10-20"), 2)
    add(acme, at("2026-11-20"))
    close_month(provider=scenario.provider, month=OCTOBER.next, now=DECEMBER)
    return scenario


@pytest.fixture
def closed(scenario):
    return two_months(scenario, {})


@pytest.fixture
def committed(scenario):
    return two_months(scenario, COMMITTED)


def render_documents_of_invoice(invoice):
    """Store the real CSV, and a short text in place of the PDF."""
    content = {
        "csv": rendered(InvoiceDocument.Format.CSV, invoice=invoice, lines=invoice.lines.all())
    }
    for document_format in InvoiceDocument.Format:
        stored = content.get(document_format, b"%PDF")
        InvoiceDocument.objects.create(
            invoice=invoice,
            format=document_format,
            content=stored,
            sha256=hashlib.sha256(stored).hexdigest(),
            fingerprint=fingerprint(InvoiceDocument.Format.CSV),
            rendered_at=NOVEMBER,
        )


@pytest.mark.parametrize("terms", [{}, COMMITTED])
def test_an_unchanged_month_has_no_difference(scenario, terms):
    closed = two_months(scenario, terms)
    for invoice in Invoice.objects.all():
        render_documents(invoice=invoice, now=NOVEMBER)
    before = everything(closed.provider.schema_name)

    for month in closed_months(provider=closed.provider):
        result = verify(closed, month, renders=True)
        assert texts(result) == []
        assert result.remarks == []
        assert result.checked["documents"] == result.checked["renderings"] > 0
        assert result.checked["lines"] > 1

    assert everything(closed.provider.schema_name) == before


def test_usage_reported_after_the_close_is_no_difference(closed):
    acme = closed.organization(users=0, name="Calm")
    add(acme, at("2026-10-02"), 4)

    assert texts(verify(closed)) == texts(verify(closed, OCTOBER.next)) == []


# Statement, and what the verification says then; the table is the one it names first.
TAMPERED = {
    "an event's direction": (
        "UPDATE usage_usageevent SET delta = -1 @last",
        "high water mark: expected 4, found 5",
    ),
    "an event's instant": (
        "UPDATE usage_usageevent SET at = at + interval '1 minute' @last",
        "instant of the peak",
    ),
    "an event's author": (
        "UPDATE usage_usageevent SET actor_name = 'Eve' @last",
        "added by: expected Eve, found Adam",
    ),
    "a monthly row": (
        "UPDATE usage_monthlyusage SET high_water_mark = 9 WHERE month = '2026-10-01'",
        "high water mark: expected 5, found 9",
    ),
    "a monthly row gone": (
        "DELETE FROM usage_monthlyusage WHERE month = '2026-10-01' AND high_water_mark = 5",
        "monthly row: expected one, found nothing",
    ),
    "a line's quantity": (
        "UPDATE billing_invoiceline SET quantity = 6 WHERE quantity = 5 AND @october",
        "quantity: expected 5, found 6",
    ),
    "a line's amount": (
        "UPDATE billing_invoiceline SET amount_minor = amount_minor + 1 WHERE @october",
        "amount in minor units: expected",
    ),
    "a line gone": (
        "DELETE FROM billing_invoiceline WHERE organization_name = 'Bolt' AND @october",
        "Bolt, line: expected 5, found nothing",
    ),
    "a line more": (
        "UPDATE billing_invoiceline SET organization_id = 1 WHERE quantity = 5 AND @october",
        "expected nothing, found",
    ),
    "a total": (
        "UPDATE billing_invoice SET subtotal_minor = 1, total_minor = 1",
        "total: expected $88.00, found $0.01",
    ),
    "a tax": (
        "UPDATE billing_invoice SET tax_minor = 1, total_minor = total_minor + 1",
        "tax: expected $0.00, found $0.01",
    ),
    "the close's sum": (
        "UPDATE billing_monthclose SET total_minor = 5",
        "the close, total: expected 8800, found 5",
    ),
    "the contract": (
        "UPDATE billing_contract SET unit_price = 12",
        "contract's unit price: expected 12.0000, found 11.0000",
    ),
    "a document's bytes": (
        "UPDATE billing_invoicedocument SET content = 'other' WHERE format = 'pdf'",
        "PDF, SHA-256: expected",
    ),
    "a document and its hash": (
        "UPDATE billing_invoicedocument SET content = 'x', sha256 = encode(sha256('x'), 'hex')",
        "CSV, rendered again: expected",
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_manipulated_value_is_a_difference(closed, what):
    statement, named = TAMPERED[what]
    for invoice in Invoice.objects.filter(month="2026-10-01"):
        render_documents_of_invoice(invoice)
    assert texts(verify(closed)) == []

    tamper(statement, re.search(r"(?:usage|billing)_[a-z]+", statement)[0])

    result = texts(verify(closed))
    assert any(named in difference for difference in result), result


def test_a_manipulated_adjustment_is_a_difference(closed):
    tamper(
        "UPDATE billing_invoiceline SET quantity = 1 WHERE kind = 'adjustment'",
        "billing_invoiceline",
    )

    assert any(
        "quantity: expected 2, found 1" in text for text in texts(verify(closed, OCTOBER.next))
    )


def test_a_manipulated_effective_instant_is_a_difference(closed):
    tamper(
        "UPDATE usage_usageevent SET effective_at = NULL WHERE effective_at IS NOT NULL",
        "usage_usageevent",
    )

    result = texts(verify(closed, OCTOBER.next))
    assert any("instead of" in text or "more above" in text for text in result), result


def test_a_missing_invoice_is_a_difference(closed):
    tamper("DELETE FROM billing_invoiceline", "billing_invoiceline")
    tamper("DELETE FROM billing_invoice", "billing_invoice")

    assert any(
        "invoice, issued: expected one, found nothing" in text for text in texts(verify(closed))
    )


def test_voided_and_reissued_invoices_have_no_difference(committed):
    closed = committed
    invoice = Invoice.objects.filter(month="2026-11-01").latest("pk")
    void_invoice(invoice_id=invoice.pk, reason="wrong address", actor=BILL, now=DECEMBER)
    assert texts(verify(closed, OCTOBER.next)) == []

    invoice.refresh_from_db()
    reissue(invoice_id=invoice.pk, corrected=terms_as_issued(invoice), actor=BILL, now=DECEMBER)

    assert texts(verify(closed, OCTOBER.next)) == []


def test_a_document_of_another_layout_version_is_a_remark(closed):
    render_documents_of_invoice(Invoice.objects.get(month="2026-10-01"))
    InvoiceDocument.objects.update(fingerprint="other")

    result = verify(closed, renders=True)

    assert (texts(result), result.checked["renderings"]) == ([], 0)
    assert "another layout version" in result.remarks[0]


def test_an_open_month_is_not_verified(scenario):
    with pytest.raises(NotClosed, match=r"2026-10 of .* is not closed"):
        verify(scenario)


def test_the_command_prints_what_it_checked_and_fails_on_a_difference(closed):
    name, out = closed.provider.invoice_prefix, StringIO()
    call_command("verify_month", provider=name, no_render=True, stdout=out)
    assert "Nothing differs in 2 months" in out.getvalue()

    tamper("UPDATE billing_monthclose SET invoices = 9", "billing_monthclose")
    err = StringIO()
    with pytest.raises(CommandError, match="2 differences in 2 months"):
        call_command("verify_month", provider=name, no_render=True, stdout=out, stderr=err)
    assert "the close, invoices" in err.getvalue()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "--all"),
        ({"provider": "unknown"}, "no provider"),
        ({"provider": "{}", "month": "May"}, "not a month"),
        ({"provider": "{}", "month": "2020-01"}, "is not closed"),
        ({"provider": "{}"}, "nothing was verified"),
    ],
)
def test_the_command_refuses_invalid_arguments(scenario, options, message):
    options = {
        name: value.format(scenario.provider.invoice_prefix) for name, value in options.items()
    }
    with pytest.raises(CommandError, match=message):
        call_command("verify_month", **options, stdout=StringIO())


# A column, and another value of its kind.
OTHER_VALUES = {
    "CharField": "'x'",
    "DateField": "'2001-01-01'",
    "DateTimeField": "'2001-01-01 00:00Z'",
    "JSONField": """'{"x": 1}'""",
    "BigIntegerField": "77",
    "DecimalField": "0.5",
    "OneToOneField": "(SELECT max(id) FROM billing_invoice)",
}


@pytest.mark.parametrize(
    "column", [field.attname for field in Invoice._meta.concrete_fields if not field.primary_key]
)
def test_every_changed_column_of_an_invoice_is_a_difference(closed, column):
    assert texts(verify(closed)) == []
    field = next(each for each in Invoice._meta.concrete_fields if each.attname == column)
    value = OTHER_VALUES[field.get_internal_type()]
    also = ", subtotal_minor = subtotal_minor + tax_minor - 77" if column == "tax_minor" else ""
    also = ", total_minor = 77 + tax_minor" if column == "subtotal_minor" else also
    also = ", subtotal_minor = 77 - tax_minor" if column == "total_minor" else also

    changed = f"{column} = {value}{also}"
    tamper(f"UPDATE billing_invoice SET {changed} WHERE month = '2026-10-01'", "billing_invoice")  # noqa: S608 - columns of the model

    found = texts(verify(closed)) + texts(verify(closed, OCTOBER.next))
    assert found
