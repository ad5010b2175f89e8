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
from billing.leaving.export import build_export, export_pieces, latest_export, request_export
from billing.models import DataExport, Invoice
from core.months import Month
from core.outbox.models import OutboxMessage
from tenants.models import Organization
from tests.billing.conftest import BILL, NOVEMBER


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
