"""Which providers a scheduled round has to look at (docs/decisions/0044).

Those that changed since its last look, those for which an instant has come since, and those that
it never looked at. Nothing here enters a provider's schema.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from accounts.models import ChangeCount, Provider, ProviderChange, RoundLook
from accounts.rounds import Round
from core.servers import DIRECTORY, current_server, from_each_server, has_many

# One at a time. The setting is that of the trigger: a later change in the same transaction must
# be written again, because this one takes the row away.
_BEGIN = """
    SELECT pg_advisory_xact_lock('accounts_providerchange'::regclass::oid::bigint),
           set_config('mtp.changed', '', true)
"""
_TAKE = """
    WITH taken AS (DELETE FROM accounts_providerchange RETURNING schema_name)
    INSERT INTO accounts_changecount AS c (provider_id, changes)
    SELECT p.id, count(*) FROM taken JOIN accounts_provider p USING (schema_name)
    GROUP BY p.id ORDER BY p.id
    ON CONFLICT (provider_id) DO UPDATE SET changes = c.changes + excluded.changes
"""


@transaction.atomic
def take_changes() -> None:
    """Count the committed changes of each provider, and take their rows away."""
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN)
        cursor.execute(_TAKE)


def due_among(providers: QuerySet[Provider], *, round_: Round, now: datetime) -> QuerySet[Provider]:
    """Those of these providers that the round has to look at, by the changes taken so far."""
    is_unchanged = Q(provider__change_count=None) | Q(
        changes__gte=F("provider__change_count__changes")
    )
    is_early = Q(again_at=None) | Q(again_at__gt=now)
    done = RoundLook.objects.filter(
        is_unchanged, is_early, round=round_.name, provider=OuterRef("pk")
    )
    return providers.filter(~Exists(done))


def changes_of(provider_ids: Collection[int]) -> dict[int, int]:
    """The changes of these providers that were taken so far. Read it before looking at them."""
    counts = ChangeCount.objects.filter(pk__in=provider_ids).values_list("pk", "changes")
    return dict.fromkeys(provider_ids, 0) | dict(counts)


def record_looks(
    *, round_: Round, seen: Mapping[int, int], again_at: Mapping[int, datetime | None]
) -> None:
    """Record that the round looked at the providers of `again_at` when it had `seen` changes.

    A change that was taken after `seen` was read keeps its provider due.
    """
    looks = [
        RoundLook(provider_id=pk, round=round_.name, changes=seen[pk], again_at=at)
        for pk, at in sorted(again_at.items())
    ]
    RoundLook.objects.bulk_create(
        looks,
        update_conflicts=True,
        unique_fields=["round", "provider"],
        update_fields=["changes", "again_at"],
    )


def mark_changed(providers: QuerySet[Provider]) -> int:
    """Have every round look at these providers again; returns how many they are.

    Each is marked on its server; those of a server that does not answer are not.
    """
    return sum(from_each_server(partial(_mark_here, providers)).values())


def _mark_here(providers: QuerySet[Provider]) -> int:
    here = providers.filter(server=current_server())
    marks = [
        ProviderChange(schema_name=name) for name in here.values_list("schema_name", flat=True)
    ]
    return len(ProviderChange.objects.bulk_create(marks, batch_size=1000))


def forward_changes() -> None:
    """Take the directory's marks to the servers of their providers: logins change in the directory.

    First written there, then taken away here: a kill in between makes a round look once more.
    """
    if not has_many():
        return
    elsewhere = Provider.objects.exclude(server=DIRECTORY).values("schema_name")
    marks = ProviderChange.objects.filter(schema_name__in=elsewhere)
    found = dict(marks.values_list("pk", "schema_name"))
    if found:
        mark_changed(Provider.objects.filter(schema_name__in=set(found.values())))
        ProviderChange.objects.filter(pk__in=found).delete()
