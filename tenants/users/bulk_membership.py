"""Many users or devices in one statement, counted and capped like single additions and removals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from core.actors import Actor
from core.addresses import address_key
from tenants import audit
from tenants.models import CountedRow, ManagedUser, Organization
from tenants.refusals import translated_refusals
from tenants.users.membership import Via, refused_if_taken

# The triggers append to the ledger in the order of the list. A member that exists is left out.
_INSERT = """
    INSERT INTO {table} (organization_id, added_at, added_by_id, added_by_name, added_via,
                         {columns})
    SELECT %s, %s, %s, %s, %s, {columns}
    FROM unnest({arrays}) WITH ORDINALITY AS m ({columns}, position)
    ORDER BY position
    ON CONFLICT DO NOTHING
    RETURNING {key}, external_id
"""


@dataclass(frozen=True, slots=True)
class NewMember:
    """A user or device to be added: `key` is the clean e-mail or the serial number.

    `state` is for users only.
    """

    key: str
    name: str
    external_id: str | None = None
    state: ManagedUser.State = ManagedUser.State.ACTIVE

    @property
    def address_key(self) -> str:
        """The key of a user's e-mail."""
        return address_key(self.key)


def add_members(
    *,
    model: type[CountedRow],
    organization: Organization,
    members: Sequence[NewMember],
    actor: Actor,
    via: Via,
    now: datetime,
) -> set[tuple[str, str | None]]:
    """Add the members in one statement, in their order; returns key and external id of each added.

    A member whose key or external id exists is left out. Raises `UserCapReached` and adds none when
    the others would pass the cap or the free allowance, `AlreadyThere` when a user is known by an
    address in a way that leaves open whether it is the same person, and `OrganizationRemoved`. The
    caller writes the audit entry.
    """
    statement = _INSERT.format(
        table=model._meta.db_table,
        columns=", ".join(model.columns),
        arrays=", ".join(["%s::text[]"] * len(model.columns)),
        key=model.key_field,
    )
    attributes = ["key" if column == model.key_field else column for column in model.columns]
    arrays = [[getattr(member, attribute) for member in members] for attribute in attributes]
    with refused_if_taken(), translated_refusals(), connection.cursor() as cursor:
        cursor.execute(statement, [organization.pk, now, actor.id, actor.name, via.value, *arrays])
        return set(cursor.fetchall())


def remove_members(
    *,
    model: type[CountedRow],
    organization: Organization,
    ids: Sequence[int],
    actor: Actor,
    now: datetime,
) -> int:
    """Remove the living members of these ids in one statement, each with its audit entry.

    They no longer count from `now`. Returns how many there were; those removed before are left out.
    """
    living = model.objects.living().filter(organization=organization, pk__in=ids)
    with translated_refusals():
        rows = living.select_for_update().order_by("pk")
        keys = list(rows.values_list("pk", model.key_field))
        removed = living.update(removed_at=now, removed_by_id=actor.id, removed_by_name=actor.name)
        audit.record_all(
            entries=[
                audit.entry_of(
                    now=now,
                    actor=actor,
                    action=f"{model.noun}.removed",
                    organization=organization,
                    subject=key,
                    subject_id=pk,
                )
                for pk, key in keys
            ]
        )
    return int(removed)
