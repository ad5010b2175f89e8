"""The columns of issued documents: fixed at issue, or changed by an entry of the audit log."""

from collections.abc import Iterator, Sequence

from accounts.models import IssuedDocument
from accounts.providers import current_provider
from billing.invoicing.numbering import issued_hashes
from billing.models import CreditNote, Invoice
from tenants.models import AuditEntry

# Columns that an action of operations sets, each the text or number that the action's entry has.
VOID = ("voided_at", "voided_by_id", "voided_by_name", "void_reason")
WRITE_OFF = ("written_off_at", "written_off_by_id", "written_off_by_name", "write_off_reason")
Changed = tuple[str, object, object]


def changed_columns(documents: Sequence[Invoice | CreditNote]) -> Iterator[tuple[str, *Changed]]:
    """The number of each changed document, what changed, the expected and the found value."""
    if not documents:
        return
    numbers = [document.number for document in documents]
    issued = dict(
        IssuedDocument.objects.filter(provider=current_provider(), number__in=numbers).values_list(
            "number", "sha256"
        )
    )
    hashes = issued_hashes(type(documents[0]), [document.pk for document in documents])
    for document in documents:
        expected, found = issued.get(document.number), hashes[document.pk]
        if expected != found:
            yield document.number, "issued columns (SHA-256)", expected, found


def changes_without_entry(invoice: Invoice) -> Iterator[Changed]:
    """What changed after issue without an entry of the audit log: void, write-off, replacement."""
    yield from _acted(invoice, "invoice.voided", VOID)
    yield from _acted(invoice, "invoice.written_off", WRITE_OFF)
    entry = _entry(invoice, "invoice.reissued")
    replaced = entry.before["invoice"] if entry else None
    found = invoice.replaces.number if invoice.replaces else None
    if replaced != found:
        yield "replaced invoice", replaced, found


def _acted(invoice: Invoice, action: str, columns: Sequence[str]) -> Iterator[Changed]:
    entry = _entry(invoice, action)
    expected: Sequence[object] = (None, None, "", "")
    if entry is not None:
        expected = (entry.at, entry.actor_id, entry.actor_name, entry.after["reason"])
    for column, value in zip(columns, expected, strict=True):
        found = getattr(invoice, column)
        if found != value:
            yield column.replace("_", " "), value, found


def _entry(invoice: Invoice, action: str) -> AuditEntry | None:
    return AuditEntry.objects.filter(action=action, subject=invoice.number).order_by("pk").last()
