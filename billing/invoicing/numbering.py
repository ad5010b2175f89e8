"""Document numbers without gaps, and the public register of the documents that bear them."""

from collections.abc import Sequence

from django.db import connection
from psycopg import sql

from accounts.providers import current_provider
from billing.models import CreditNote, Invoice

INVOICE_NUMBERS = "invoice"
CREDIT_NOTE_NUMBERS = "credit_note"
# The columns that are fixed at issue; a change of the others is in the audit log.
_SHARED = (
    "number", "currency", "subtotal_minor", "tax_name", "tax_rate", "tax_minor", "total_minor",
    "issued_at", "billing_time_zone", "seller", "buyer",
)  # fmt: skip
ISSUED_COLUMNS: dict[type[Invoice | CreditNote], tuple[str, ...]] = {
    Invoice: (
        *_SHARED, "kind", "month", "collection", "carried_in_minor", "due_date",
        "period_starts_at", "period_ends_at", "contract_summary",
    ),
    CreditNote: (*_SHARED, "invoice_id", "reason", "issued_by_id", "issued_by_name"),
}  # fmt: skip

TAKE_NUMBERS = """
    INSERT INTO billing_numbersequence AS s (name, last_number) VALUES (%(name)s, %(count)s)
    ON CONFLICT (name) DO UPDATE SET last_number = s.last_number + excluded.last_number
    RETURNING last_number
"""
REGISTER = sql.SQL("""
    INSERT INTO accounts_issueddocument
        (provider_id, series, position, number, kind, month, currency, total_minor, issued_at,
         sha256)
    SELECT %(provider)s, %(series)s, %(first)s + listed.ordinality - 1, document.number, {kind},
           {month}, document.currency, document.total_minor, document.issued_at, {sha256}
    FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY AS listed (id, ordinality)
    JOIN {table} document ON document.id = listed.id
""")


def take_numbers(*, name: str, count: int) -> int:
    """Take `count` consecutive numbers of a kind of document; returns the first.

    The sequence is locked until the running transaction ends, so a rollback leaves no gap.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE_NUMBERS, {"name": name, "count": count})
        last: int = cursor.fetchone()[0]
    return last - count + 1


def register(*, series: str, first: int, documents: Sequence[Invoice | CreditNote]) -> None:
    """Enter documents that were just issued into the public register, in the same transaction.

    `first` is the position of the first one in its series. The register survives a restore of the
    provider's schema (docs/decisions/0027), and shows any later change of an issued column.
    """
    model = type(documents[0])
    has_month = model is Invoice
    statement = REGISTER.format(
        kind=sql.SQL("kind" if has_month else "''"),
        month=sql.SQL("month" if has_month else "NULL::date"),
        sha256=_hash_of(model),
        table=sql.Identifier(model._meta.db_table),
    )
    parameters = {
        "provider": current_provider().pk,
        "series": series,
        "first": first,
        "ids": [document.pk for document in documents],
    }
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(None), parameters)


def issued_hashes(model: type[Invoice | CreditNote], ids: Sequence[int]) -> dict[int, str]:
    """The SHA-256 (hex) of the issued columns of these documents, as they are stored now."""
    statement = sql.SQL("SELECT id, {} FROM {} WHERE id = ANY (%s)").format(
        _hash_of(model), sql.Identifier(model._meta.db_table)
    )
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(None), [list(ids)])
        return dict(cursor.fetchall())


def _hash_of(model: type[Invoice | CreditNote]) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, ISSUED_COLUMNS[model]))
    return sql.SQL("encode(sha256(convert_to(jsonb_build_array({})::text, 'UTF8')), 'hex')").format(
        columns
    )
