"""The export of a provider's data."""

import csv
import hashlib
import io
import zipfile
from datetime import timedelta

import pytest

from billing.documents.store import render_documents
from billing.invoicing.month_close import close_month
from billing.leaving import export as exports
from billing.leaving.export import (
    TableForm,
    build_export,
    export_pieces,
    latest_export,
    request_export,
)
from billing.models import DataExport, Invoice
from core.csv_files import CsvOptions, DecimalMark, Encoding, Separator
from core.months import Month
from core.outbox.models import OutboxMessage
from core.table_files import FileFormat
from tenants.models import Organization
from tests.billing.conftest import BILL, NOVEMBER
from tests.spreadsheets import sheet_rows


@pytest.fixture
def built(scenario):
    """An export after one closed month, and its archive."""
    scenario.contract()
    scenario.organization(users=3)
    Organization.objects.create(name="=Formula", removed_at=NOVEMBER)
    close_month(provider=scenario.provider, month=Month(2026, 10), now=NOVEMBER)
    render_documents(invoice=Invoice.objects.get(), now=NOVEMBER)
    return build(scenario)


def build(scenario):
    export = request_export(actor=BILL, now=NOVEMBER)
    build_export(export_id=export.pk, name=scenario.provider.name, zone="UTC", now=NOVEMBER)
    export.refresh_from_db()
    return export


def rows(archive, name):
    text = archive.read(name).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_it_holds_every_table_and_document(scenario, built):
    content = b"".join(export_pieces(built))
    archive = zipfile.ZipFile(io.BytesIO(content))

    assert archive.testzip() is None
    assert (built.size, built.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert [row["name"] for row in rows(archive, "organizations.csv")] == ["Acme", "'=Formula"]
    assert len(rows(archive, "users.csv")) == 3
    (month,) = [
        row
        for row in rows(archive, "usage_months.csv")
        if row["metric"] == "users" and row["high_water_mark"] != "0"
    ]
    assert (month["month"], month["high_water_mark"]) == ("2026-10-01", "3")
    (invoice,) = rows(archive, "invoices.csv")
    number = Invoice.objects.get().number
    assert (invoice["number"], invoice["billed"]) == (number, "$33.00")
    assert archive.read(f"documents/{number}.pdf").startswith(b"%PDF-")
    assert {"devices.csv", "active_users.csv", "contracts.csv", "README.txt"} <= set(
        archive.namelist()
    )


def test_progress_reaches_its_steps(built):
    assert built.done == built.steps > 7
    assert built.percent == 100
    assert built.expires_at == NOVEMBER + timedelta(days=30)


def test_it_is_stored_in_pieces(scenario, built, monkeypatch):
    monkeypatch.setattr(exports, "PIECE_BYTES", 500)
    DataExport.objects.all().delete()
    again = build(scenario)
    assert again.parts.count() > 3
    assert b"".join(export_pieces(again))[:2] == b"PK"


def test_one_is_built_at_a_time_and_a_repeated_build_changes_nothing(scenario):
    first = request_export(actor=BILL, now=NOVEMBER)
    assert request_export(actor=BILL, now=NOVEMBER) == first
    queued = OutboxMessage.objects.filter(
        topic="billing.export", schema_name=scenario.provider.schema_name
    )
    assert queued.count() == 1
    build(scenario)
    sha256 = DataExport.objects.get().sha256
    build_export(export_id=first.pk, name="Other", zone="UTC", now=NOVEMBER)
    assert DataExport.objects.get().sha256 == sha256


def test_an_expired_export_is_not_offered_and_the_next_one_removes_it(scenario):
    build(scenario)
    later = NOVEMBER + timedelta(days=30)
    assert latest_export(now=later - timedelta(seconds=1)) is not None
    assert latest_export(now=later) is None
    export = request_export(actor=BILL, now=later)
    build_export(export_id=export.pk, name="North", zone="UTC", now=later)
    assert list(DataExport.objects.values_list("pk", flat=True)) == [export.pk]


GERMAN = CsvOptions(Separator.SEMICOLON, DecimalMark.COMMA, Encoding.WINDOWS_1252)


def archive_of(scenario, form):
    export = request_export(actor=BILL, now=NOVEMBER, form=form)
    payload = OutboxMessage.objects.get(topic="billing.export").payload
    assert TableForm.of_payload(payload) == form
    build_export(
        export_id=export.pk,
        name="North",
        zone="UTC",
        now=NOVEMBER,
        form=TableForm.of_payload(payload),
    )
    return zipfile.ZipFile(io.BytesIO(b"".join(export_pieces(export))))


def test_a_message_of_an_earlier_release_means_the_form_it_knew():
    assert TableForm.of_payload({"export_id": 1}) == TableForm()


def test_its_tables_can_be_excel_files(scenario):
    scenario.contract()
    scenario.organization(users=3)
    close_month(provider=scenario.provider, month=Month(2026, 10), now=NOVEMBER)
    archive = archive_of(scenario, TableForm(FileFormat.XLSX))
    names = [name for name in archive.namelist() if not name.startswith("documents/")]
    assert {name.rpartition(".")[2] for name in names} == {"xlsx", "txt"}
    header, invoice = sheet_rows(archive.read("invoices.xlsx"))
    billed = invoice[[each.text for each in header].index("billed")]
    assert (billed.number, billed.shown) == (33, "0.00")


def test_its_csv_files_have_the_options_and_a_table_beyond_the_encoding_says_so(scenario):
    scenario.contract()
    scenario.organization(users=3)
    close_month(provider=scenario.provider, month=Month(2026, 10), now=NOVEMBER)
    Organization.objects.create(name="Жанна", removed_at=NOVEMBER)
    archive = archive_of(scenario, TableForm(options=GERMAN))
    (invoice,) = csv.DictReader(
        io.StringIO(archive.read("invoices.csv").decode("cp1252")), delimiter=";"
    )
    assert invoice["billed"] == "33,00"
    assert archive.read("organizations.csv").decode("utf-8-sig").endswith("\r\n")
    assert "Жанна" in archive.read("organizations.csv").decode("utf-8-sig")
    readme = archive.read("README.txt").decode()
    assert "organizations.csv is in UTF-8 with a byte order mark: Windows-1252 can’t hold" in readme
    assert "users.csv is in UTF-8" not in readme
