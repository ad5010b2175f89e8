"""Stored documents: rendered once, downloaded unchanged."""

import csv
import hashlib
import io
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from pypdf import PdfReader

from accounts.models import Provider
from billing.documents import store
from billing.models import Invoice, InvoiceDocument
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.billing.invoice_contents import issued
from tests.personas import Personas
from tests.spreadsheets import sheet_rows

SignIn = Callable[..., Client]
NOW = datetime(2026, 11, 1, 0, 6, tzinfo=UTC)
LATER = datetime(2026, 11, 9, tzinfo=UTC)


@pytest.fixture
def in_north(north: Provider) -> Iterator[Provider]:
    with provider_schema(north):
        yield north


@pytest.fixture
def as_bill(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.bill)


def address(invoice: Invoice, kind: str) -> str:
    return f"/account/payments/{invoice.pk}/invoice.{kind}"


def invoice_with_documents(provider: Provider, **changes: object) -> Invoice:
    with provider_schema(provider):
        invoice = issued(**changes)
        store.render_documents(invoice=invoice, now=NOW)
    return invoice


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_pdf_and_csv_are_stored_once_with_their_hash(in_north: Provider) -> None:
    invoice = issued()
    store.render_documents(invoice=invoice, now=NOW)
    first = {kept.format: kept for kept in invoice.documents.all()}
    assert set(first) == {"pdf", "csv"}
    for kept in first.values():
        assert hashlib.sha256(kept.content).hexdigest() == kept.sha256
        assert kept.rendered_at == NOW
    # A later change of the row does not change the documents.
    invoice.buyer["name"] = "Another name"
    invoice.save()
    store.render_documents(invoice=invoice, now=LATER)
    again = {kept.format: kept for kept in invoice.documents.all()}
    assert {name: (kept.pk, kept.sha256) for name, kept in again.items()} == {
        name: (kept.pk, kept.sha256) for name, kept in first.items()
    }


def test_a_lost_document_is_rendered_to_the_same_bytes(in_north: Provider) -> None:
    invoice = issued()
    store.render_documents(invoice=invoice, now=NOW)
    before = dict(invoice.documents.values_list("format", "sha256"))
    invoice.documents.filter(format="pdf").delete()
    store.render_documents(invoice=Invoice.objects.get(pk=invoice.pk), now=LATER)
    assert dict(invoice.documents.values_list("format", "sha256")) == before


def test_concurrent_workers_store_each_document_once(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider()
    with provider_schema(provider):
        invoice = issued()

    def render(_: int) -> None:
        try:
            with provider_schema(provider):
                store.render_documents(invoice=Invoice.objects.get(pk=invoice.pk), now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(render, range(4)))
    with provider_schema(provider):
        assert sorted(invoice.documents.values_list("format", flat=True)) == ["csv", "pdf"]


def test_the_outbox_renders_once_for_two_requests(in_north: Provider) -> None:
    invoice = issued()
    store.request_documents(invoice=invoice, now=NOW)
    store.request_documents(invoice=invoice, now=NOW)
    messages = OutboxMessage.objects.filter(topic="billing.documents", finished_at=None)
    assert [message.payload for message in messages] == [{"invoice_id": invoice.pk}]
    deliver_due(now=NOW)
    assert invoice.documents.count() == 2
    assert not messages.all().exists()


@pytest.mark.parametrize(
    ("kind", "content_type"), [("pdf", "application/pdf"), ("csv", "text/csv; charset=utf-8")]
)
def test_a_download_has_the_stored_bytes(
    north: Provider, as_bill: Client, kind: str, content_type: str
) -> None:
    invoice = invoice_with_documents(north)
    with provider_schema(north):
        kept = invoice.documents.get(format=kind)
    response = as_bill.get(address(invoice, kind))
    assert response.status_code == 200
    assert response.content == bytes(kept.content)
    assert response["Content-Type"] == content_type
    assert response["Content-Disposition"] == f'attachment; filename="NORTH-000007.{kind}"'
    assert response["ETag"] == f'"{kept.sha256}"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "private, no-cache"
    unchanged = as_bill.get(address(invoice, kind), headers={"If-None-Match": response["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert as_bill.post(address(invoice, kind)).status_code == 405


@pytest.mark.parametrize("kind", ["pdf", "csv"])
def test_a_damaged_document_is_withheld_and_logged(
    north: Provider, as_bill: Client, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    invoice = invoice_with_documents(north)
    with provider_schema(north):
        kept = invoice.documents.get(format=kind)
        content = bytearray(kept.content)
        content[len(content) // 2] ^= 1
        InvoiceDocument.objects.filter(pk=kept.pk).update(content=bytes(content))
    with caplog.at_level(logging.ERROR):
        response = as_bill.get(address(invoice, kind))
    assert response.status_code == 409
    assert "This document is withheld" in response.content.decode()
    assert bytes(content) not in response.content
    assert "is damaged" in caplog.text
    with provider_schema(north), pytest.raises(store.DocumentDamaged):
        store.document_bytes(document_id=kept.pk)
    assert "NORTH-000007" in caplog.text
    assert kept.sha256 in caplog.text


def test_a_document_that_is_not_rendered_is_requested(north: Provider, as_bill: Client) -> None:
    with provider_schema(north):
        invoice = issued()
    response = as_bill.get(address(invoice, "pdf"))
    assert response.status_code == 202
    assert response["Refresh"] == "3"
    assert "is being prepared" in response.content.decode()
    assert as_bill.get(address(invoice, "pdf")).status_code == 202
    orders = OutboxMessage.objects.filter(
        schema_name=north.schema_name, topic="billing.documents", finished_at=None
    )
    assert orders.count() == 1
    deliver_due(now=LATER.replace(year=2036))
    assert as_bill.get(address(invoice, "pdf")).content.startswith(b"%PDF")


def test_before_the_cutoff_the_page_shows_an_address(north: Provider, as_bill: Client) -> None:
    """1 January 2022 begins an hour earlier in Berlin than in UTC."""
    before = invoice_with_documents(
        north, issued_at=datetime(2021, 12, 31, 22, 59, 59, tzinfo=UTC), number="NORTH-1"
    )
    after = invoice_with_documents(
        north,
        issued_at=datetime(2021, 12, 31, 23, tzinfo=UTC),
        number="NORTH-2",
        month=date(2021, 12, 1),
    )
    for kind in ("pdf", "csv"):
        response = as_bill.get(address(before, kind))
        page = response.content.decode()
        assert response.status_code == 410
        assert "finalized before 1 January 2022" in page
        assert "support@mtp.example" in page
        assert as_bill.get(address(after, kind)).status_code == 200
    assert address(before, "pdf") not in as_bill.get("/account/payments/").content.decode()
    assert address(before, "pdf") not in (
        as_bill.get(f"/account/payments/{before.pk}/").content.decode()
    )


def test_other_roles_and_providers_cannot_download(
    client: Client, sign_in: SignIn, people: Personas, north: Provider
) -> None:
    invoice = invoice_with_documents(north)
    for kind in ("pdf", "csv"):
        assert client.get(address(invoice, kind)).status_code == 302
    for person in (people.adam, people.rita, people.otto):
        signed_in = sign_in(Client(), person)
        for kind in ("pdf", "csv"):
            refused = signed_in.get(address(invoice, kind))
            assert refused.status_code == 403
            assert not refused.content.startswith(b"%PDF")
    sofia = sign_in(Client(), people.sofia)
    for kind in ("pdf", "csv"):
        theirs = sofia.get(address(invoice, kind))
        missing = sofia.get(f"/account/payments/999999999/invoice.{kind}")
        assert (theirs.status_code, theirs.content) == (404, missing.content)
        assert sofia.get(f"/account/payments/{10**30}/invoice.{kind}").status_code == 404


def test_the_csv_has_every_line_and_adds_up(in_north: Provider) -> None:
    invoice = issued(count=45)
    store.render_documents(invoice=invoice, now=NOW)
    content = store.document(invoice=invoice, format="csv").content
    assert content.startswith(b"\xef\xbb\xbfInvoice,Month,Line,")
    assert content.count(b"\r\n") == 45 + 2
    rows = rows_of(content)
    lines = list(invoice.lines.order_by("position"))
    assert sum(Decimal(row["Amount"]) for row in rows) * 100 == invoice.total_minor
    assert rows[-1]["Kind"] == "tax"
    assert rows[-1]["Description"] == "VAT (19 %)"
    for row, line in zip(rows, lines, strict=False):
        assert row["Invoice"] == "NORTH-000007"
        assert row["Month"] == "2026-10"
        assert row["Currency"] == "USD"
        assert row["Organization"] == line.organization_name
        assert int(row["Quantity"]) == line.quantity
        assert row["Unit price"] == "3.00"
        assert Decimal(row["Amount"]) * 100 == line.amount_minor
        if line.peak_at is None:
            assert row["Peak reached at"] == row["Peak event ID"] == row["Count before"] == ""
        else:
            assert datetime.fromisoformat(row["Peak reached at"]) == line.peak_at
            assert row["Peak reached at"].endswith(("+02:00", "+01:00"))
            assert int(row["Peak event ID"]) == line.peak_event_id
            assert int(row["Count after"]) - int(row["Count before"]) == 1
            assert row["Added by"] == line.peak_actor_name


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_a_name_is_not_a_formula_in_the_csv(in_north: Provider, name: str) -> None:
    invoice = issued(count=1, names=())
    invoice.lines.update(organization_name=name, peak_actor_name=name, peak_subject_name=name)
    store.render_documents(invoice=invoice, now=NOW)
    content = store.document(invoice=invoice, format="csv").content
    row = rows_of(content)[0]
    for column in ("Organization", "Added by", "Who was added"):
        assert row[column][0] not in "=+-@\t\r＝"


def test_the_quantity_of_a_credit_is_a_number_in_the_csv(in_north: Provider) -> None:
    invoice = issued(count=1, names=())
    invoice.lines.update(kind="adjustment", quantity=-2, amount_minor=-600)
    store.render_documents(invoice=invoice, now=NOW)
    row = rows_of(store.document(invoice=invoice, format="csv").content)[0]
    assert (row["Quantity"], row["Amount"]) == ("-2", "-6.00")


def test_the_csv_has_names_of_every_script_in_full(in_north: Provider) -> None:
    invoice = issued(count=1, names=())
    name = 'Müller, "株式会社" ' + "x" * 150
    invoice.lines.update(organization_name=name)
    store.render_documents(invoice=invoice, now=NOW)
    assert rows_of(store.document(invoice=invoice, format="csv").content)[0]["Organization"] == name


def test_the_stored_pdf_belongs_to_the_invoice(in_north: Provider) -> None:
    invoice = issued(count=2, names=())
    store.render_documents(invoice=invoice, now=NOW)
    content = store.document(invoice=invoice, format="pdf").content
    text = PdfReader(io.BytesIO(content)).pages[0].extract_text()
    assert "NORTH-000007" in text
    assert "Organization 0002" in text


def test_another_form_of_the_csv_is_a_conversion_of_the_stored_bytes(
    north: Provider, as_bill: Client
) -> None:
    invoice = invoice_with_documents(north)
    with provider_schema(north):
        stored = bytes(invoice.documents.get(format="csv").content)
    options = {"csv_separator": "semicolon", "csv_decimal_mark": "comma", "csv_encoding": "utf-16"}
    assert as_bill.post("/profile/csv/", options).status_code == 302
    assert as_bill.get(address(invoice, "csv")).content == stored, "whatever the options"
    before = list(csv.DictReader(io.StringIO(stored.decode("utf-8-sig"), newline="")))
    converted = as_bill.get(f"{address(invoice, 'csv')}?format=csv").content.decode("utf-16")
    after = list(csv.DictReader(io.StringIO(converted, newline=""), delimiter=";"))
    decimals = ("Quantity", "Unit price", "Amount")
    for one in before:
        one.update({name: one[name].replace(".", ",") for name in decimals})
    assert after == before
    response = as_bill.get(f"{address(invoice, 'csv')}?format=xlsx")
    assert response["Content-Disposition"] == 'attachment; filename="NORTH-000007.xlsx"'
    header, *rows = sheet_rows(response.content)
    names = [cell.text for cell in header if cell]
    assert names == list(before[0])
    amounts = [row[names.index("Amount")] for row in rows]
    assert [f"{cell.number:.2f}" for cell in amounts if cell] == [
        one["Amount"].replace(",", ".") for one in before
    ]
    assert {cell.shown for cell in amounts if cell} == {"0.00"}
