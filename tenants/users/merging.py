"""Merging two rows of one person, by a person's decision; the history of both stays.

The later row stays, and the earlier one is removed right before the later was added: so the person
counts once at every instant that can still be corrected. A closed month stays as it was billed,
and rows that were added at one instant counted both then (docs/decisions/0016, 0049).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from core.actors import Actor
from tenants import audit
from tenants.models import ManagedUser, MeteringPolicy, UserAlias
from tenants.refusals import translated_refusals
from tenants.users.changes import Change, change_users
from tenants.users.doubles import Double, doubles
from tenants.users.identity import KnownUser

_SHORTEST = timedelta(microseconds=1)


class NoDoubles(Exception):
    """The two users are no doubles, or no more."""


@dataclass(frozen=True, slots=True)
class Merge:
    """The merge of a double; with `keeps_earlier_address`, the earlier row's address and name."""

    double: Double
    keeps_earlier_address: bool

    @property
    def removed_at(self) -> datetime:
        """The instant from which only the later row counts."""
        earlier, later = self.double.earlier, self.double.later
        closed_through = MeteringPolicy.objects.current().closed_through
        limits = [later.added_at, *([closed_through] if closed_through else [])]
        return max(max(limits) - _SHORTEST, earlier.added_at)


def merge_users(*, merge: Merge, actor: Actor, now: datetime) -> ManagedUser:
    """Remove the earlier row and give its names to the later one, which is returned.

    Raises `NoDoubles` when one of them was removed or changed meanwhile, `AlreadyThere` when a
    third user has the address that is kept, and `CountedRowChangeRefused`.
    """
    double = merge.double
    with translated_refusals():
        ids = [double.earlier.pk, double.later.pk]
        list(ManagedUser.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
        present = doubles(organization_id=double.later.organization_id)
        if ids not in [[one.earlier.pk, one.later.pk] for one in present]:
            raise NoDoubles
        removed_at = merge.removed_at
        ManagedUser.objects.filter(pk=double.earlier.pk).update(
            removed_at=removed_at, removed_by_id=actor.id, removed_by_name=actor.name
        )
        audit.record(
            actor=actor,
            action="user.merged",
            subject=double.earlier.email,
            organization=double.later.organization,
            before={"email": double.earlier.email, "name": double.earlier.name},
            after={"email": double.later.email, "counted_until": removed_at.isoformat()},
            now=now,
        )
        _take_names(merge, actor=actor, now=now)
    double.later.refresh_from_db()
    return double.later


def _take_names(merge: Merge, *, actor: Actor, now: datetime) -> None:
    """Give the later row the aliases, the address and the ids of the earlier one."""
    earlier, later = merge.double.earlier, merge.double.later
    _take_aliases(earlier, later)
    chosen = earlier if merge.keeps_earlier_address else later
    further_id = None if earlier.external_id == later.external_id else earlier.external_id
    name = chosen.name or later.name or earlier.name
    change = Change(KnownUser.of(later), chosen.email, name, further_id)
    if change.is_needed:
        change_users(organization=later.organization, changes=[change], actor=actor, now=now)


def _take_aliases(earlier: ManagedUser, later: ManagedUser) -> None:
    names = list(earlier.aliases.filter(ended_at=None).values_list("kind", "text", "key", "since"))
    if earlier.address_key != later.address_key:
        address = (UserAlias.Kind.ADDRESS, earlier.email, earlier.address_key, earlier.added_at)
        names.append(address)
    UserAlias.objects.bulk_create(
        [
            UserAlias(
                organization_id=later.organization_id,
                user=later,
                kind=kind,
                text=text,
                key=key,
                since=since,
            )
            for kind, text, key, since in names
            if key not in {later.address_key, later.external_id}
        ],
        ignore_conflicts=True,
    )
