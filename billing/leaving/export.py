"""The export of a provider's data: a ZIP file of CSV files and documents, built by a worker.

The file is stored in pieces, so neither building nor downloading it holds it in memory.
"""

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import IO, Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from billing import topics
from billing.documents.invoice_csv import plain_money
from billing.models import (
    Contract,
    ContractDocument,
    CreditNoteDocument,
    DataExport,
    DataExportPart,
    Invoice,
    InvoiceDocument,
    PaymentReceipt,
)
from billing.money import format_money
from core.actors import Actor
from core.csv_files import DEFAULT, CsvOptions, DecimalMark, Encoding, Separator
from core.outbox.delivery import enqueue
from core.table_cells import CannotHold, Cell, Instant
from core.table_files import FileFormat, write_table
from tenants import audit
from tenants.models import Device, ManagedUser, Organization
from usage.models import ActiveMonth, MonthlyUsage

PIECE_BYTES = 4 * 1024 * 1024
ROWS_AT_ONCE = 2_000

README = """Export of {name}

organizations.{ending}         every organization, removed ones included
users.{ending}, devices.{ending}   every user and device, removed ones included
usage_months.{ending}          high-water marks by organization, metric and month
active_users.{ending}          monthly active users by organization and month
contracts.{ending}             every contract
invoices.{ending}              every invoice, with what was paid and what is owed
documents/               each invoice as PDF and CSV, receipts, credit notes and contracts as PDF

Instants are in UTC{iso}. Months are those of the billing time zone {zone}.
"""
ANOTHER_ENCODING = "{name} is in UTF-8 with a byte order mark: {reason}\n"


@dataclass(frozen=True, slots=True)
class TableForm:
    """How the tables of an export are written."""

    file_format: FileFormat = FileFormat.CSV
    options: CsvOptions = DEFAULT

    def as_payload(self) -> dict[str, str]:
        """The texts in the outbox message."""
        return {
            "format": self.file_format.value,
            "separator": self.options.separator.value,
            "decimal_mark": self.options.decimal_mark.value,
            "encoding": self.options.encoding.value,
        }

    @classmethod
    def of_payload(cls, payload: Mapping[str, Any]) -> "TableForm":
        """As a message says it; the default for one of an earlier release."""
        options = CsvOptions(
            separator=Separator(payload.get("separator", DEFAULT.separator)),
            decimal_mark=DecimalMark(payload.get("decimal_mark", DEFAULT.decimal_mark)),
            encoding=Encoding(payload.get("encoding", DEFAULT.encoding)),
        )
        return cls(FileFormat(payload.get("format", FileFormat.CSV)), options)


def request_export(*, actor: Actor, now: datetime, form: TableForm = TableForm()) -> DataExport:
    """The export that is being built, or a new one for a worker to build."""
    with transaction.atomic():
        building = DataExport.objects.filter(finished_at=None).first()
        if building is not None:
            return building
        export = DataExport.objects.create(
            requested_by_id=actor.id, requested_by_name=actor.name[:200], requested_at=now
        )
        enqueue(
            topic=topics.EXPORT,
            key=f"export:{export.pk}",
            payload={"export_id": export.pk, **form.as_payload()},
            now=now,
        )
        audit.record(actor=actor, action="export.requested", subject=str(export), now=now)
        return export


def latest_export(*, now: datetime) -> DataExport | None:
    """The export that is being built, or the last finished one that can still be downloaded."""
    latest = DataExport.objects.order_by("-pk").first()
    if latest is None or (latest.expires_at is not None and latest.expires_at <= now):
        return None
    return latest


def build_export(
    *, export_id: int, name: str, zone: str, now: datetime, form: TableForm = TableForm()
) -> None:
    """Build and store the file, and remove expired ones; safe to repeat after a kill."""
    export = DataExport.objects.get(pk=export_id)
    if export.finished_at is not None:
        return
    DataExport.objects.filter(expires_at__lte=now).delete()
    tables = _tables(form)
    documents = list(_documents())
    DataExport.objects.filter(pk=export.pk).update(done=0, steps=len(tables) + len(documents) + 1)
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            notes = ""
            for number, (table, header, rows) in enumerate(tables, start=1):
                notes += _write(archive, table, header, rows, form)
                DataExport.objects.filter(pk=export.pk).update(done=number)
            for number, (path, content) in enumerate(documents, start=len(tables) + 1):
                archive.writestr(path, content())
                DataExport.objects.filter(pk=export.pk).update(done=number)
            archive.writestr("README.txt", _readme(name=name, zone=zone, form=form) + notes)
        _store(export, file, now=now)


def export_pieces(export: DataExport) -> Iterator[bytes]:
    """The pieces of a finished export, in order."""
    for content in export.parts.order_by("position").values_list("content", flat=True):
        yield bytes(content)


def _store(export: DataExport, file: Any, *, now: datetime) -> None:
    file.seek(0)
    sha256, size = hashlib.sha256(), 0
    with transaction.atomic():
        export.parts.all().delete()
        for position, piece in enumerate(iter(lambda: file.read(PIECE_BYTES), b"")):
            DataExportPart.objects.create(export=export, position=position, content=piece)
            sha256.update(piece)
            size += len(piece)
        export.refresh_from_db()
        export.done, export.finished_at = export.steps, now
        export.expires_at = now + timedelta(days=settings.EXPORT_DAYS)
        export.size, export.sha256 = size, sha256.hexdigest()
        export.save()


Rows = Callable[[], Iterable[tuple[Cell, ...]]]


def _tables(form: TableForm) -> list[tuple[str, tuple[str, ...], Rows]]:
    member = ("organization_id", "added_at", "added_by_name", "removed_at", "removed_by_name")
    return [
        _plain("organizations", Organization.objects.order_by("pk"),
               ("id", "name", "user_cap", "mau_limit", "created_at", "removed_at")),
        _plain("users", ManagedUser.objects.order_by("pk"),
               ("id", "external_id", "email", "name", "state", *member)),
        _plain("devices", Device.objects.order_by("pk"),
               ("id", "external_id", "name", "serial_number", *member)),
        _plain("usage_months",
               MonthlyUsage.objects.order_by("month", "organization_id", "metric"),
               ("month", "organization_id", "metric", "carried_in", "high_water_mark", "peak_at")),
        _plain("active_users", ActiveMonth.objects.order_by("month", "organization_id"),
               ("month", "organization_id", "count")),
        _plain("contracts", Contract.objects.order_by("starts_on"),
               ("id", "kind", "package_name", "metric", "currency", "unit_price",
                "committed_quantity", "starts_on", "ends_on", "billed_from", "agreed_at",
                "agreed_by_name")),
        ("invoices",
         ("number", "kind", "month", "issued_on", "due_date", "status", "currency", "billed",
          "paid", "owed"),
         partial(_invoices, _shown_money if form == TableForm() else plain_money)),
    ]  # fmt: skip


def _plain(
    name: str, rows: QuerySet[Any], fields: tuple[str, ...]
) -> tuple[str, tuple[str, ...], Rows]:
    def read() -> Iterator[tuple[object, ...]]:
        for values in rows.values_list(*fields).iterator(chunk_size=ROWS_AT_ONCE):
            yield tuple(_cell(value) for value in values)

    return name, fields, read


def _shown_money(minor: int, currency: str) -> Cell:
    """With the currency's sign, as every export had it before there were options."""
    return format_money(minor, currency)


def _invoices(money: Callable[[int, str], Cell]) -> Iterator[tuple[Cell, ...]]:
    for invoice in Invoice.objects.with_paid().order_by("pk").iterator(chunk_size=ROWS_AT_ONCE):
        amounts, currency = invoice.amounts, invoice.currency
        yield (
            *(invoice.number, invoice.kind, f"{invoice.month:%Y-%m}"),
            *(invoice.issued_on, invoice.due_date, amounts.status.label, currency),
            money(invoice.total_minor, currency),
            money(amounts.paid_minor, currency),
            money(amounts.owed_minor, currency),
        )


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return Instant(value, UTC)
    return "" if value is None else value


def _documents() -> Iterator[tuple[str, Callable[[], bytes]]]:
    for pk, number, kind in InvoiceDocument.objects.order_by("pk").values_list(
        "pk", "invoice__number", "format"
    ):
        yield f"documents/{number}.{kind}", _content(InvoiceDocument.objects.all(), pk)
    for pk, number in CreditNoteDocument.objects.order_by("pk").values_list(
        "pk", "credit_note__number"
    ):
        yield f"documents/{number}.pdf", _content(CreditNoteDocument.objects.all(), pk)
    for pk, number, payment_id in PaymentReceipt.objects.order_by("pk").values_list(
        "pk", "payment__invoice__number", "payment_id"
    ):
        yield (
            f"documents/receipt-{number}-{payment_id}.pdf",
            _content(PaymentReceipt.objects.all(), pk),
        )
    for pk, starts_on in ContractDocument.objects.order_by("pk").values_list(
        "pk", "contract__starts_on"
    ):
        yield (
            f"documents/contract-{starts_on:%Y-%m}.pdf",
            _content(ContractDocument.objects.all(), pk),
        )


def _content(stored: QuerySet[Any], pk: int) -> Callable[[], bytes]:
    def read() -> bytes:
        return bytes(stored.values_list("content", flat=True).get(pk=pk))

    return read


def _readme(*, name: str, zone: str, form: TableForm) -> str:
    is_csv = form.file_format is FileFormat.CSV
    return README.format(
        name=name, zone=zone, ending=form.file_format.value, iso=" (ISO 8601)" if is_csv else ""
    )


def _write(
    archive: zipfile.ZipFile, name: str, header: tuple[str, ...], rows: Rows, form: TableForm
) -> str:
    """Write a table into the archive; what its README says of it, mostly nothing.

    A table that the chosen encoding can't hold whole is written in UTF-8, and the README says so:
    no person is there to choose again.
    """
    file_name, note = f"{name}.{form.file_format.value}", ""
    with tempfile.TemporaryFile() as table:
        options = form.options
        try:
            _write_table(table, header, rows, form.file_format, options)
        except CannotHold as reason:
            if form.file_format is not FileFormat.CSV:
                file_name = f"{name}.{FileFormat.CSV.value}"
            note = ANOTHER_ENCODING.format(name=file_name, reason=reason)
            options = replace(options, encoding=Encoding.UTF_8_MARK)
            _write_table(table, header, rows, FileFormat.CSV, options)
        table.seek(0)
        with archive.open(file_name, "w") as member:
            shutil.copyfileobj(table, member)
    return note


def _write_table(
    table: IO[bytes],
    header: tuple[str, ...],
    rows: Rows,
    file_format: FileFormat,
    options: CsvOptions,
) -> None:
    table.seek(0)
    table.truncate()
    write_table(table, file_format=file_format, header=header, rows=rows(), options=options)
