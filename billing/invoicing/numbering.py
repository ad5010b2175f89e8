"""Document numbers without gaps, and the public register of the documents that bear them."""

from collections.abc import Iterable

from django.db import connection

from accounts.models import IssuedDocument
from accounts.providers import current_provider
from billing.models import CreditNote, Invoice

INVOICE_NUMBERS = "invoice"
CREDIT_NOTE_NUMBERS = "credit_note"

TAKE_NUMBERS = """
    INSERT INTO billing_numbersequence AS s (name, last_number) VALUES (%(name)s, %(count)s)
    ON CONFLICT (name) DO UPDATE SET last_number = s.last_number + excluded.last_number
    RETURNING last_number
"""


def take_numbers(*, name: str, count: int) -> int:
    """Take `count` consecutive numbers of a kind of document; returns the first.

    The sequence is locked until the running transaction ends, so a rollback leaves no gap.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE_NUMBERS, {"name": name, "count": count})
        last: int = cursor.fetchone()[0]
    return last - count + 1


def register(*, series: str, first: int, documents: Iterable[Invoice | CreditNote]) -> None:
    """Enter documents that were just issued into the public register, in the same transaction.

    `first` is the position of the first one in its series. The register survives a restore of the
    provider's schema (docs/decisions/0027).
    """
    provider_id = current_provider().pk
    IssuedDocument.objects.bulk_create(
        IssuedDocument(
            provider_id=provider_id,
            series=series,
            position=position,
            number=document.number,
            kind=getattr(document, "kind", ""),
            month=getattr(document, "month", None),
            currency=document.currency,
            total_minor=document.total_minor,
            issued_at=document.issued_at,
        )
        for position, document in enumerate(documents, start=first)
    )
