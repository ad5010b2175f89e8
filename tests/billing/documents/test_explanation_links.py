"""Links from lines of an organization to the explanation, on the page, in CSV and PDF."""

import csv
import io
from typing import Any

import time_machine
from django.test import Client
from pypdf import PdfReader

from accounts.models import Provider
from billing.documents.invoice_csv import invoice_csv
from billing.documents.invoice_pdf import invoice_html, invoice_pdf
from core.schema import provider_schema
from tenants.models import Organization
from tests.billing.invoice_contents import invoice_with, issued
from tests.personas import Personas
from tests.usage.counting import at

SITE = "https://portal.example"


def links_of_pdf(content: bytes) -> list[str]:
    return [
        annotation.get_object()["/A"]["/URI"]
        for page in PdfReader(io.BytesIO(content)).pages
        for annotation in page.get("/Annots", [])
    ]


def test_documents_link_to_the_page_at_the_sites_address(settings: Any) -> None:
    settings.SITE_URL = SITE
    invoice, lines = invoice_with(count=2, names=())
    lines[1].metric = "devices"
    expected = [
        f"{SITE}/account/usage/1/why/2026-10/",
        f"{SITE}/account/usage/2/why/2026-10/?metric=devices",
    ]
    assert links_of_pdf(invoice_pdf(invoice=invoice, lines=lines)) == expected
    text = invoice_csv(invoice=invoice, lines=lines).decode("utf-8-sig")
    *of_lines, of_tax = csv.DictReader(io.StringIO(text))
    assert [row["Why this number"] for row in of_lines] == expected
    assert of_tax["Why this number"] == ""


def test_a_line_without_an_organization_has_no_link(settings: Any) -> None:
    settings.SITE_URL = SITE
    invoice, lines = invoice_with(count=1, kind="overage", names=())
    links = links_of_pdf(invoice_pdf(invoice=invoice, lines=lines))
    assert links == [f"{SITE}/account/usage/2/why/2026-10/"]


def test_the_same_site_gives_the_same_bytes(settings: Any) -> None:
    invoice, lines = invoice_with(count=3)
    settings.SITE_URL = SITE
    first = invoice_pdf(invoice=invoice, lines=lines)
    assert first == invoice_pdf(invoice=invoice, lines=lines)
    settings.SITE_URL = "https://another.example"
    assert first != invoice_pdf(invoice=invoice, lines=lines)


def test_the_page_of_an_invoice_links_to_the_explanation(
    client: Client, people: Personas, north: Provider
) -> None:
    client.force_login(people.bill)
    with time_machine.travel(at("2026-11-20"), tick=False):
        with provider_schema(north):
            invoice = issued(count=2, names=())
            gone = Organization.objects.create(name="Gone", removed_at=at("2026-11-02"))
            invoice.lines.filter(position=1).update(organization_id=gone.pk)
        page = client.get(f"/account/payments/{invoice.pk}/").text
        address = f"/account/usage/{gone.pk}/why/2026-10/"
        assert f'href="{address}"' in page
        # The explanation is available after the organization is removed.
        assert client.get(address).status_code == 200


def test_only_a_short_annex_has_links() -> None:
    invoice, lines = invoice_with(count=60)
    assert invoice_html(invoice=invoice, lines=lines).count("/why/2026-10/") == 60

    invoice, lines = invoice_with(count=401)
    assert "/why/" not in invoice_html(invoice=invoice, lines=lines)
