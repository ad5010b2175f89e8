"""The rows of a provider in the public schema of its server, which move with it."""

from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import ErasedUser, HighestId, IssuedDocument, Provider
from accounts.models.provider import SERVER_COLUMNS
from core.operations.models import OperationsAlert
from core.outbox.models import OutboxMessage
from core.servers import on_server

ROWS = 1_000


def rows_of(provider: Provider) -> list[QuerySet[Any]]:
    """The provider's rows on the entered server, by table."""
    schema = provider.schema_name
    return [
        OutboxMessage.objects.filter(schema_name=schema),
        OperationsAlert.objects.filter(schema_name=schema),
        IssuedDocument.objects.filter(provider_id=provider.pk),
        HighestId.objects.filter(provider_id=provider.pk),
        ErasedUser.objects.filter(provider_id=provider.pk),
    ]


def copy_rows(*, provider: Provider, to: int) -> int:
    """Copy the rows with their ids, and the columns that the server changes; returns their number.

    Those of an earlier attempt were deleted when it was taken back. What the server has all the
    same, as an open alert of the same cause, is left as it is.
    """
    with on_server(provider.server, whole=True):
        found = [(rows.model, list(rows.order_by("pk"))) for rows in rows_of(provider)]
        columns = Provider.objects.filter(pk=provider.pk).values(*SERVER_COLUMNS).get()
    with on_server(to, whole=True), transaction.atomic():
        for model, rows in found:
            QuerySet(model).bulk_create(rows, batch_size=ROWS, ignore_conflicts=True)
        Provider.objects.filter(pk=provider.pk).update(**columns)
    return sum(len(rows) for _, rows in found)


def delete_copied_rows(*, provider: Provider, left: int) -> int:
    """Delete from the server that it left the rows that its server has; returns their number.

    A message that came after the copy stays: it is delivered from there.
    """
    deleted = 0
    with on_server(provider.server, whole=True):
        copied = [set(rows.values_list("pk", flat=True)) for rows in rows_of(provider)]
    with on_server(left, whole=True):
        for rows, known in zip(rows_of(provider), copied, strict=True):
            here = [pk for pk in rows.values_list("pk", flat=True) if pk in known]
            for start in range(0, len(here), ROWS):
                deleted += rows.filter(pk__in=here[start : start + ROWS]).delete()[0]
    return deleted
