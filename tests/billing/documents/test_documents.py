"""The PDF of an invoice: its texts, its fonts, no fetched addresses, the same bytes."""

import hashlib
import io
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import weasyprint
from pypdf import PdfReader

from accounts.models import Provider
from billing.choices import Collection
from billing.documents.fingerprint import fingerprint
from billing.documents.fonts import printable_characters
from billing.documents.invoice_pdf import invoice_html, invoice_pdf
from billing.documents.periods import period_text, reached_text
from billing.documents.rendering import RefusedAddress, RefusingFetcher, pdf_of
from billing.documents.text_fitting import MISSING, fitted, is_monospaced, printable
from billing.formatting import instant_text, quantity_text
from billing.models import InvoiceDocument
from core.schema import provider_schema
from tests.billing.invoice_contents import UNUSUAL_NAMES, invoice_with

ROOT = Path(__file__).parents[3]


def read(content: bytes) -> PdfReader:
    return PdfReader(io.BytesIO(content))


def text_of(content: bytes) -> str:
    return "\n".join(page.extract_text() for page in read(content).pages)


def rendered(**kwargs: object) -> bytes:
    invoice, lines = invoice_with(**kwargs)
    return invoice_pdf(invoice=invoice, lines=lines)


def test_a_short_invoice_has_one_page() -> None:
    content = rendered(count=3, names=())
    text = " ".join(text_of(content).split())
    assert len(read(content).pages) == 1
    for said in (
        "Invoice number NORTH-000007",
        "Date of issue 1 November 2026",
        "Date due 1 December 2026",
        "Period 1–31 October 2026 (Central European Time)",
        "Organizations Users charged Subtotal Tax Total 3 51 $153.00 $29.07 $182.07",
        "PO-2026-118",
        "MTP Software Inc.",
        "Tax ID US 00-0000000",
        "Northwind Managed Services GmbH",
        "Musterstraße 12",
        "Germany",
        "Tax ID DE 123456789",
        "Organization 0001 Dental Care",
        "Reached 1 Oct 2026, 11:00:37 by Adam Administrator",
        "10 users $3.00 $30.00",
        "Subtotal $153.00",
        "VAT (19 %) $29.07",
        "Total $182.07",
        "Amount due $182.07 USD",
        "Please pay $182.07 by 1 December 2026 and quote NORTH-000007.",
        "Beneficiary MTP Software Inc.",
        "Reference NORTH-000007",
        "billing@mtp.example",
        "Page 1 of 1",
    ):
        assert said in text


def test_a_carried_in_quantity_has_a_note() -> None:
    text = text_of(rendered(count=9, names=()))
    assert "Carried in from the month before and not passed" in text


def test_a_charge_to_the_card_and_a_total_of_zero_have_their_own_texts() -> None:
    card = {"contract_summary": {"card": "Visa ending in 4242"}}
    automatic = text_of(rendered(count=1, collection=Collection.AUTOMATIC, **card))
    text = " ".join(automatic.split())
    assert "We will charge Visa ending in 4242 on 1 November 2026." in text
    # The mail of a declined charge attaches it too.
    assert "If the charge does not go through, please pay $35.70 another way" in text
    assert "do anything" not in text
    by_mail = " ".join(text_of(rendered(count=1)).split())
    assert "card on file" not in by_mail
    assert "We will charge" not in by_mail
    nothing = text_of(rendered(count=1, subtotal_minor=0, tax_minor=0, total_minor=0))
    assert "There is nothing to pay on this invoice." in nothing


def test_more_than_forty_lines_go_to_an_annex() -> None:
    table, annex = rendered(count=40, names=()), rendered(count=41, names=())
    whole = text_of(table)
    assert "Annex" not in whole
    pages = [page.extract_text() for page in read(annex).pages]
    assert "Highest number of users in 41 organizations" in pages[0]
    assert "Organization 0001" not in pages[0]
    assert "Annex: charges of 41 organizations" in pages[1]
    for number in range(1, 42):
        assert f"Organization {number:04d} Dental Care" in pages[1]
        assert f"Organization {number:04d} Dental Care" in whole or number == 41


def test_an_overage_lists_its_high_water_marks_without_a_price() -> None:
    text = text_of(rendered(count=3, kind="overage", names=()))
    assert "48 users above the 1 committed" not in text
    assert "users above the 1 committed" in text
    assert "What the quantity is based on" in text
    assert "$0.00" not in text.partition("What the quantity")[2]
    long = rendered(count=60, kind="overage", names=())
    assert "Annex: high-water marks of 60 organizations" in text_of(long)


def test_a_long_annex_has_numbered_pages_with_a_heading() -> None:
    content = rendered(count=500)
    pages = [page.extract_text() for page in read(content).pages]
    total = len(pages)
    assert 9 <= total <= 11
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {total}" in " ".join(page.split())
        if number > 1:
            assert "Invoice NORTH-000007 · October 2026" in page
            assert "Organization" in page
            assert "Unit price" in page
    assert "Invoice NORTH-000007 · October 2026" not in pages[0]
    assert "Subtotal" in pages[-1]
    assert "500 " in pages[-1]


def test_the_pdf_is_pdf_a_with_the_dates_of_the_invoice_and_no_attachment() -> None:
    reader = read(rendered(count=3))
    assert reader.metadata is not None
    assert reader.metadata.title == "Invoice NORTH-000007"
    assert reader.metadata.author == "MTP Software Inc."
    assert reader.metadata.creation_date == datetime(2026, 11, 1, 0, 5, tzinfo=UTC)
    xmp = reader.xmp_metadata
    assert xmp is not None
    assert (xmp.pdfaid_part, xmp.pdfaid_conformance) == ("3", "A")
    assert not reader.attachments
    assert "/OutputIntents" in reader.trailer["/Root"]
    for page in reader.pages:
        for font in page["/Resources"]["/Font"].values():
            descendant = font.get_object()["/DescendantFonts"][0].get_object()
            assert "/FontFile2" in descendant["/FontDescriptor"]


def test_bytes_are_the_same_in_another_process_with_other_fonts(tmp_path: Path) -> None:
    """A process with another hash seed, another clock and another font configuration."""
    (tmp_path / "fonts.conf").write_text("<fontconfig></fontconfig>")
    script = (
        "import django, hashlib; django.setup();"
        "from tests.billing.documents.test_documents import rendered;"
        "print(hashlib.sha256(rendered(count=3)).hexdigest(),"
        "hashlib.sha256(rendered(count=60)).hexdigest())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "mtp.settings",
            "PYTHONHASHSEED": "17",
            "TZ": "Pacific/Auckland",
            "FONTCONFIG_FILE": str(tmp_path / "fonts.conf"),
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert printed == [hashlib.sha256(rendered(count=count)).hexdigest() for count in (3, 60)]


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "http://127.0.0.1:1/", "data:text/plain,hello", "ftp://x/y"]
)
def test_the_fetcher_refuses_every_address(address: str) -> None:
    with pytest.raises(RefusedAddress):
        RefusingFetcher()(address)


def test_a_page_that_refers_to_a_file_does_not_embed_it(tmp_path: Path) -> None:
    """The default fetcher embeds it, which this test shows first."""
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    address = secret.as_uri()
    html = (
        f"<link rel=attachment href='{address}'><link rel=stylesheet href='{address}'>"
        f"<style>@import '{address}'; body {{ background: url({address}) }}</style>"
        f"<img src='{address}'><a href='{address}' rel=attachment>x</a><p>page"
    )
    assert "secret.txt" in read(weasyprint.HTML(string=html).write_pdf() or b"").attachments
    content = pdf_of(html=html, identifier="x")
    assert not read(content).attachments
    assert "page" in text_of(content)
    assert b"EmbeddedFile" not in content


def test_names_are_escaped() -> None:
    hostile = "<link rel=attachment href=file:///etc/passwd><b>&amp;</b>{{ seller }}"
    for count in (3, 45):
        invoice, lines = invoice_with(count=count, names=())
        lines[0].organization_name = lines[0].peak_actor_name = hostile
        invoice.seller["name"] = invoice.buyer["purchase_order"] = hostile
        html = invoice_html(invoice=invoice, lines=lines)
        assert "<link" not in html
        assert "&lt;link rel=attachment" in html
        content = invoice_pdf(invoice=invoice, lines=lines)
        assert not read(content).attachments
        assert "rel=attachment" in text_of(content)


@pytest.mark.parametrize("name", UNUSUAL_NAMES)
def test_every_script_is_printed_with_our_fonts(name: str) -> None:
    assert MISSING not in printable(name)
    for count in (1, 41):
        content = rendered(count=count, names=(), buyer={"name": name})
        fonts = {
            str(font.get_object()["/BaseFont"]).partition("+")[2]
            for page in read(content).pages
            for font in page["/Resources"]["/Font"].values()
        }
        assert all(font.startswith(("Inter", "Inconsolata", "Noto-Sans")) for font in fonts)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Acme\x00\x07 \r\n\tGmbH", "Acme GmbH"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a\u2066b\u200fc\ufeff", "abc"),
        ("Z" + "\u0301" * 50, "\u0179" + "\u0301" * 3),
        ("smile \U0001f600 \U00012000", f"smile \U0001f600 {MISSING}"),
        ("x" * 10_000, "x" * 119 + "…"),
        ("", ""),
    ],
)
def test_an_unprintable_character_is_dropped_or_marked(typed: str, shown: str) -> None:
    assert printable(typed) == shown


def test_the_replacement_character_has_a_glyph() -> None:
    assert MISSING in printable_characters()


def test_a_column_has_a_fixed_width() -> None:
    assert fitted("Acme", 6) == "Acme  "
    assert fitted("Acme Dental", 6) == "Acme …"
    assert is_monospaced("Müller…")
    assert not is_monospaced("株式会社")


def test_a_document_is_tagged() -> None:
    root = read(rendered(count=3)).trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert "/StructTreeRoot" in root


def test_a_tax_of_nothing_has_its_row() -> None:
    untaxed = {"tax_name": "", "tax_rate": Decimal(0), "tax_minor": 0, "total_minor": 15_300}
    assert "Tax $0.00" in " ".join(text_of(rendered(count=3, **untaxed)).split())
    exempt = untaxed | {"tax_name": "Exempt, certificate CO-118"}
    text = " ".join(text_of(rendered(count=3, **exempt)).split())
    assert "Exempt, certificate CO-118 $0.00" in text


@pytest.mark.parametrize(("country", "width"), [("US", 612), ("CA", 612), ("DE", 595), ("", 595)])
def test_the_paper_is_that_of_the_buyers_country(country: str, width: int) -> None:
    content = rendered(count=60, buyer={"name": "Westwind", "country": country})
    assert {round(page.mediabox.width) for page in read(content).pages} == {width}


def test_the_logo_takes_the_place_of_the_name(settings: Any, tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'/>")
    without, digest = rendered(count=1), fingerprint(InvoiceDocument.Format.PDF)
    settings.SELLER_LOGO = str(logo)
    with_logo = rendered(count=1)
    assert (
        text_of(with_logo).count("MTP Software Inc.")
        == text_of(without).count("MTP Software Inc.") - 1
    )
    assert fingerprint(InvoiceDocument.Format.PDF) != digest
    with pytest.raises(RefusedAddress):
        RefusingFetcher()(logo.as_uri())


def test_the_link_to_pay_is_in_the_pdf_and_its_code() -> None:
    invoice, lines = invoice_with(count=3)
    address = "http://testserver/pay/token/"
    content = invoice_pdf(invoice=invoice, lines=lines, pay_url=address)
    links = {
        annotation["/A"]["/URI"]
        for page in read(content).pages
        for annotation in page.get("/Annots", ())
        if "/A" in annotation
    }
    assert address in links
    assert "Scan to pay by card" in text_of(content)
    assert "Scan to pay by card" not in text_of(rendered(count=3))


def test_a_period_that_begins_inside_of_a_day_has_its_instants() -> None:
    zone = ZoneInfo("America/Denver")
    start, end = datetime(2026, 9, 14, 15, 30, tzinfo=UTC), datetime(2026, 10, 1, 6, tzinfo=UTC)
    assert period_text(start, end, zone) == (
        "14 Sep 2026, 09:30:00 to 1 Oct 2026, 00:00:00 (Mountain Time)"
    )
    assert period_text(datetime(2026, 8, 1, 6, tzinfo=UTC), end, zone) == (
        "1 August 2026 – 30 September 2026 (Mountain Time)"
    )


def test_a_period_is_written_as_in_the_providers_country(north: Provider) -> None:
    north.locale = "en_US"
    start, end = datetime(2026, 9, 1, 6, tzinfo=UTC), datetime(2026, 10, 1, 6, tzinfo=UTC)
    with provider_schema(north):
        shown = period_text(start, end, ZoneInfo("America/Denver"))
    assert shown == "September 1–30, 2026 (Mountain Time)"


def test_the_offset_of_an_instant_is_only_where_a_clock_shows_it_twice() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    twice = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert reached_text(twice, berlin) == "25 Oct 2026, 02:30:00 UTC+02:00"
    assert reached_text(twice + timedelta(hours=1), berlin) == "25 Oct 2026, 02:30:00 UTC+01:00"
    assert reached_text(twice + timedelta(hours=2), berlin) == "25 Oct 2026, 03:30:00"


def test_instants_are_in_the_billing_zone_with_their_offset() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    # In the repeated hour, only the offset differs.
    assert instant_text(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), berlin).endswith("UTC+02:00")
    assert instant_text(datetime(2026, 10, 25, 1, 30, tzinfo=UTC), berlin).endswith("UTC+01:00")
    kathmandu = ZoneInfo("Asia/Kathmandu")
    at = datetime(2026, 10, 31, 18, 15, tzinfo=UTC)
    assert instant_text(at, kathmandu) == "1 Nov 2026, 00:00:00 UTC+05:45"


def test_quantities_have_no_trailing_zeros() -> None:
    _, (line,) = invoice_with(count=1)
    assert quantity_text(line.quantity, "users") == "10 users"
    assert quantity_text(line.quantity * 100, "users") == "1,000 users"
    assert quantity_text(line.quantity / 10, "users") == "1 user"
    assert quantity_text(line.quantity / 8, "seats") == "1.25 seats"


def test_an_invoice_of_yen_has_no_decimals() -> None:
    text = text_of(rendered(count=1, currency="JPY", month=date(2026, 10, 1)))
    assert "¥3,000" in text
    assert "¥30.00" not in text


def test_more_than_five_thousand_lines_are_only_in_the_csv() -> None:
    for kind in ("usage", "overage"):
        content = rendered(count=5001, kind=kind, names=())
        text = " ".join(text_of(content).split())
        assert len(read(content).pages) == 1
        assert "Every organization is listed in this invoice’s CSV" in text
        assert "Organization 0001" not in text
