"""Changing addresses, names, external ids and states of users, who stay the same and counted.

The earlier address becomes an alias, in the database (usage/migrations/sql/0011_identities.sql).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from core.actors import Actor
from core.addresses import address_key
from tenants import audit
from tenants.models import AuditEntry, ManagedUser, Organization, UserAlias
from tenants.users.identity import KnownUser
from tenants.users.membership import refused_if_taken

_CHANGE = """
    UPDATE tenants_manageduser m
    SET email = c.email, address_key = c.key, name = c.name,
        external_id = CASE WHEN c.replaces_id THEN c.external_id
                           ELSE coalesce(m.external_id, c.external_id) END,
        state = coalesce(c.state, m.state),
        is_double = m.is_double AND m.address_key = c.key
    FROM unnest(%(ids)s::bigint[], %(emails)s::text[], %(keys)s::text[], %(names)s::text[],
                %(external_ids)s::text[], %(replace_ids)s::boolean[], %(states)s::text[])
        AS c (id, email, key, name, external_id, replaces_id, state)
    WHERE m.id = c.id AND m.removed_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Change:
    """What a user is to be. An empty name, and an id or state of None, leave the present one.

    With `replaces_id`, the directory created the account again: its new id takes the place of the
    old one, which is kept beside it.
    """

    user: KnownUser
    email: str
    name: str = ""
    external_id: str | None = None
    state: ManagedUser.State | None = None
    replaces_id: bool = False

    @property
    def key(self) -> str:
        """The key of the new address."""
        return address_key(self.email)

    @property
    def is_rename(self) -> bool:
        """Whether the user gets another address."""
        return self.key != self.user.address_key

    @property
    def is_of_names(self) -> bool:
        """Whether an address, a name or an id differs."""
        return (
            self.is_rename
            or self.name not in {"", self.user.name}
            or (self.external_id is not None and not self.user.is_by_id)
        )

    @property
    def is_of_state(self) -> bool:
        """Whether the user is suspended or reactivated."""
        return self.state is not None and self.state != self.user.state

    @property
    def is_needed(self) -> bool:
        """Whether anything differs."""
        return self.is_of_names or self.is_of_state


def change_users(
    *, organization: Organization, changes: Sequence[Change], actor: Actor, now: datetime
) -> None:
    """Make the changes in one statement, each with its audit entries; all or none.

    An id of a further directory is kept beside the first. Raises `AlreadyThere` if another person
    has one of the addresses or ids.
    """
    if not changes:
        return
    with refused_if_taken(), transaction.atomic():
        _write(changes)
        _keep_further_ids(organization, changes)
        named = [one for one in changes if one.is_of_names]
        entries = [_entry(organization, one, actor, now) for one in named]
        entries += [
            _entry_of_state(organization, one, actor, now) for one in changes if one.is_of_state
        ]
        audit.record_all(entries=entries)


def change_user(*, user: ManagedUser, email: str, name: str, actor: Actor, now: datetime) -> None:
    """Give a living user this address and name; a removed user is left unchanged.

    Raises `AlreadyThere` if another user has the address.
    """
    change = Change(KnownUser.of(user), email, name)
    if (email, name) == (user.email, user.name) or user.removed_at is not None:
        return
    change_users(organization=user.organization, changes=[change], actor=actor, now=now)
    user.refresh_from_db(fields=["email", "address_key", "name"])


def end_alias(*, alias: UserAlias, actor: Actor, now: datetime) -> None:
    """Let another person have an earlier address of a user, or an id; again, it changes nothing."""
    with transaction.atomic():
        current = UserAlias.objects.filter(pk=alias.pk, ended_at=None)
        if current.update(ended_at=now):
            audit.record(
                actor=actor,
                action="user.alias_ended",
                subject=alias.user.email,
                subject_id=alias.user_id,
                organization=alias.user.organization,
                before={"alias": alias.text},
                now=now,
            )


def _write(changes: Sequence[Change]) -> None:
    parameters: dict[str, Any] = {
        "ids": [one.user.id for one in changes],
        "emails": [one.email for one in changes],
        "keys": [one.key for one in changes],
        "names": [one.name or one.user.name for one in changes],
        "external_ids": [one.external_id for one in changes],
        "replace_ids": [one.replaces_id for one in changes],
        "states": [one.state for one in changes],
    }
    with connection.cursor() as cursor:
        cursor.execute(_CHANGE, parameters)


def _keep_further_ids(organization: Organization, changes: Sequence[Change]) -> None:
    UserAlias.objects.bulk_create(
        [
            UserAlias(
                organization=organization,
                user_id=one.user.id,
                kind=UserAlias.Kind.EXTERNAL_ID,
                text=further_id,
                key=further_id,
            )
            for one in changes
            if one.external_id and one.user.external_id and not one.user.is_by_id
            for further_id in [one.user.external_id if one.replaces_id else one.external_id]
        ],
        ignore_conflicts=True,
    )


def _entry(organization: Organization, change: Change, actor: Actor, now: datetime) -> AuditEntry:
    user = change.user
    before = {"email": user.email, "name": user.name}
    after = {"email": change.email, "name": change.name or user.name}
    if change.external_id and not user.is_by_id:
        before["external_id"], after["external_id"] = user.external_id or "", change.external_id
    return audit.entry_of(
        now=now,
        actor=actor,
        action="user.changed",
        organization=organization,
        subject=change.email,
        subject_id=user.id,
        before={key: value for key, value in before.items() if value != after[key]},
        after={key: value for key, value in after.items() if value != before[key]},
    )


def _entry_of_state(
    organization: Organization, change: Change, actor: Actor, now: datetime
) -> AuditEntry:
    """The entry that `tenants.users.membership.set_user_state` writes."""
    return audit.entry_of(
        now=now,
        actor=actor,
        action=f"user.{change.state}",
        organization=organization,
        subject=change.email,
        subject_id=change.user.id,
    )
