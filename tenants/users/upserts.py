"""Users that a provider's own system adds or changes by the external id that it gives to them.

A system that received no answer sends the request again: a user with the same external id is then
returned instead of added. An id decides before an address, so a user with the id and another
address is the same person, who was renamed (docs/decisions/0049).
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from core.actors import Actor
from tenants import audit
from tenants.models import ManagedUser, Organization
from tenants.users.bulk_membership import NewMember, add_members
from tenants.users.changes import Change, change_users
from tenants.users.directory_ids import are_two_accounts
from tenants.users.external_ids import Conflicts, Ensured
from tenants.users.identity import Entry, KnownUser, known_users
from tenants.users.membership import AlreadyThere, Via, add_member


def ensure_user(
    *, organization: Organization, entry: NewMember, actor: Actor, now: datetime
) -> tuple[ManagedUser, bool]:
    """Return the user that the entry means and False, or add it and return True.

    With an external id, the user gets the entry's address, its name unless that is empty, and the
    id unless it has one. Raises `AlreadyThere` when another user has the address, or without an
    external id when any has; and what `add_member` raises.
    """
    known = _known(organization, [entry]).get(0)
    if known is None:
        user = ManagedUser(
            organization=organization,
            email=entry.key,
            name=entry.name,
            external_id=entry.external_id,
        )
        try:
            return add_member(member=user, actor=actor, via=Via.API, now=now), True
        except AlreadyThere:
            # The same request may have been sent twice at once, and the other one was first.
            known = _known(organization, [entry]).get(0)
    if known is None or entry.external_id is None:
        raise AlreadyThere
    change_users(organization=organization, changes=_needed([(known, entry)]), actor=actor, now=now)
    user = ManagedUser.objects.get(pk=known.id)
    user.organization = organization
    return user, False


@transaction.atomic
def ensure_users(
    *, organization: Organization, entries: Sequence[NewMember], actor: Actor, now: datetime
) -> Ensured[ManagedUser]:
    """Add in one statement the users that do not exist, change the others; all or none.

    Those without an external id are left unchanged. Raises `Conflicts` where two entries mean one
    user, `AlreadyThere` when another user has an address, `UserCapReached` when the new ones would
    pass the cap, and `OrganizationRemoved`.
    """
    _refuse_duplicates(entries)
    known = _known(organization, entries)
    _refuse_same_user(known)
    changes = _needed([(user, entries[position]) for position, user in known.items()])
    change_users(organization=organization, changes=changes, actor=actor, now=now)
    new = [entry for position, entry in enumerate(entries) if position not in known]
    added = 0
    if new:
        added = len(
            add_members(
                model=ManagedUser,
                organization=organization,
                members=new,
                actor=actor,
                via=Via.API,
                now=now,
            )
        )
    if added:
        audit.record(
            actor=actor,
            action="users.added",
            subject=organization.name,
            organization=organization,
            after={"added": added},
            now=now,
        )
    return Ensured(rows=_in_order(organization, entries), added=added)


def _known(organization: Organization, entries: Sequence[NewMember]) -> dict[int, KnownUser]:
    return known_users(
        organization=organization,
        entries=[Entry(entry.key, entry.external_id) for entry in entries],
    )


def _needed(meant: Sequence[tuple[KnownUser, NewMember]]) -> list[Change]:
    changes = (
        Change(user, entry.key, entry.name, entry.external_id)
        for user, entry in meant
        if entry.external_id is not None
    )
    return [change for change in changes if change.is_needed]


def _refuse_duplicates(entries: Sequence[NewMember]) -> None:
    ids: set[str] = set()
    ids_of_address: dict[str, list[str | None]] = {}
    positions = []
    for position, entry in enumerate(entries):
        others = ids_of_address.setdefault(entry.address_key, [])
        if entry.external_id in ids or not all(
            are_two_accounts(entry.external_id, other) for other in others
        ):
            positions.append(position)
        others.append(entry.external_id)
        if entry.external_id is not None:
            ids.add(entry.external_id)
    if positions:
        raise Conflicts(positions)


def _refuse_same_user(known: dict[int, KnownUser]) -> None:
    first: dict[int, int] = {}
    positions = [
        position
        for position, user in known.items()
        if first.setdefault(user.id, position) != position
    ]
    if positions:
        raise Conflicts(positions)


def _in_order(organization: Organization, entries: Sequence[NewMember]) -> list[ManagedUser]:
    known = _known(organization, entries)
    missing = [position for position in range(len(entries)) if position not in known]
    if missing:
        raise Conflicts(missing)
    rows = ManagedUser.objects.in_bulk([user.id for user in known.values()])
    return [rows[known[position].id] for position in range(len(entries))]
