"""Numbers and ids of a restored schema, moved past the highest that were ever used."""

from django.db import connection, transaction
from psycopg import sql

from accounts.models import HighestId, Provider
from billing.invoicing.numbering import INVOICE_NUMBERS
from core.schema import provider_schema

# Where the earlier schema is gone, ids may have been given since the nightly run kept the highest.
# No provider inserts this many rows of one table in a day.
MARGIN = 1_000_000

_LAST_VALUES = """
    SELECT sequencename, max(last_value) FROM pg_sequences
    WHERE schemaname = %(schema)s OR starts_with(schemaname, %(parked)s)
    GROUP BY sequencename
"""
_NUMBERS = """
    INSERT INTO billing_numbersequence AS s (name, last_number)
    SELECT series, max(position) FROM (
        SELECT series, position FROM accounts_issueddocument WHERE provider_id = %(provider)s
        UNION ALL SELECT %(series)s, %(n)s WHERE %(n)s > 0
    ) known GROUP BY series
    ON CONFLICT (name) DO UPDATE SET last_number = greatest(s.last_number, excluded.last_number)
"""


@transaction.atomic
def move_past_the_highest(*, provider: Provider, is_parked: bool) -> int:
    """Move the schema's id sequences; returns how many have moved.

    The highest id is that of every parked schema, of the nightly run and of the backup; unless the
    schema that was replaced `is_parked`, `MARGIN` is added.
    """
    kept = dict(HighestId.objects.filter(provider=provider).values_list("sequence", "value"))
    margin = 0 if is_parked else MARGIN
    return _move_past(schema=provider.schema_name, kept=kept, margin=margin)


def move_public_ids() -> int:
    """Move the id sequences of the public schema by `MARGIN`; returns how many have moved."""
    return _move_past(schema="public", kept={}, margin=MARGIN)


def _move_past(*, schema: str, kept: dict[str, int], margin: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_LAST_VALUES, {"schema": schema, "parked": f"{schema}_parked_"})
        moved = 0
        for sequence, value in cursor.fetchall():
            highest = max(value or 0, kept.get(sequence, 0))
            if highest:
                name = sql.Identifier(schema, sequence).as_string(None)
                cursor.execute("SELECT setval(%s, %s)", [name, highest + margin])
                moved += 1
    return moved


def move_numbers(*, provider: Provider, at_least: int = 0) -> None:
    """Move the schema's document numbers past the public register, and invoices' to `at_least`."""
    with provider_schema(provider), connection.cursor() as cursor:
        cursor.execute(
            _NUMBERS, {"provider": provider.pk, "series": INVOICE_NUMBERS, "n": at_least}
        )
