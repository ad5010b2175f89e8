"""Which living user an entry of a directory, a file or a request means (docs/decisions/0049).

The external id decides, then the present address, then an earlier one.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from core.addresses import address_key
from tenants.models import ManagedUser, Organization, UserAlias
from tenants.users.directory_ids import are_two_accounts

# Everyone who is known by an entry's id (rank 1 and 2) or address (3 and 4), the surest first.
_KNOWN_BY = """
    WITH entry AS MATERIALIZED (
        SELECT * FROM unnest(%(external_ids)s::text[], %(keys)s::text[]) WITH ORDINALITY
            AS e (external_id, key, position)
    ), alias AS MATERIALIZED (
        SELECT kind, key, user_id FROM tenants_useralias
        WHERE organization_id = %(organization)s AND ended_at IS NULL
    ), living AS (
        SELECT id, external_id, address_key FROM tenants_manageduser
        WHERE organization_id = %(organization)s AND removed_at IS NULL
    ), found AS (
        SELECT e.position, 1 AS rank, m.id FROM entry e JOIN living m USING (external_id)
        UNION ALL
        SELECT e.position, 2, a.user_id FROM entry e
            JOIN alias a ON a.kind = 'external_id' AND a.key = e.external_id
        UNION ALL
        SELECT e.position, 3, m.id FROM entry e JOIN living m ON m.address_key = e.key
        UNION ALL
        SELECT e.position, 4, a.user_id FROM entry e
            JOIN alias a ON a.kind = 'address' AND a.key = e.key
    )
    SELECT f.position - 1, m.id, m.email, m.address_key, m.name, m.external_id, f.rank <= 2,
           m.state
    FROM found f JOIN tenants_manageduser m ON m.id = f.id AND m.removed_at IS NULL
    ORDER BY f.position, f.rank, m.id
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A person as a directory, a file or a request names them; the address and id are clean."""

    email: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class KnownUser:
    """The living user that an entry means; `is_by_id` if its external id says so."""

    id: int
    email: str
    address_key: str
    name: str
    external_id: str | None
    is_by_id: bool
    state: str

    @classmethod
    def of(cls, user: ManagedUser) -> "KnownUser":
        """The user of a row, which no entry named."""
        return cls(
            user.pk,
            user.email,
            user.address_key,
            user.name,
            user.external_id,
            is_by_id=False,
            state=user.state,
        )


def known_users(*, organization: Organization, entries: Sequence[Entry]) -> dict[int, KnownUser]:
    """The user that each entry means, by the entry's position; missing where it is a new person.

    An entry with an id means no user of the same address who has another id of the same directory:
    these are two accounts that share a mailbox. Two statements.
    """
    found = possible_users(organization=organization, entries=entries)
    more_ids = further_ids(organization) if found else {}
    return {
        position: user
        for position, users in found.items()
        if (user := _meant(entries[position], users, more_ids)) is not None
    }


def possible_users(
    *, organization: Organization, entries: Sequence[Entry]
) -> dict[int, list[KnownUser]]:
    """Everyone whom each entry may mean, by its position, the surest first. One statement."""
    found: defaultdict[int, list[KnownUser]] = defaultdict(list)
    for position, *values in _found(organization, entries):
        found[position].append(_shared(KnownUser(*values), entries[position]))
    return found


def _shared(user: KnownUser, entry: Entry) -> KnownUser:
    """The same user, with each text in memory once: of many users, most have equal ones."""
    email = entry.email if user.email == entry.email else user.email
    return replace(
        user,
        email=email,
        address_key=email if user.address_key == email else user.address_key,
        external_id=(
            entry.external_id if user.external_id == entry.external_id else user.external_id
        ),
        state=sys.intern(user.state),
    )


def _meant(
    entry: Entry, users: Iterable[KnownUser], more_ids: dict[int, list[str]]
) -> KnownUser | None:
    for user in users:
        ids = [user.external_id, *more_ids.get(user.id, [])]
        if user.is_by_id or not any(are_two_accounts(entry.external_id, one) for one in ids):
            return user
    return None


def _found(organization: Organization, entries: Sequence[Entry]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(
            _KNOWN_BY,
            {
                "organization": organization.pk,
                "external_ids": [entry.external_id for entry in entries],
                "keys": [address_key(entry.email) for entry in entries],
            },
        )
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def further_ids(organization: Organization) -> dict[int, list[str]]:
    """The ids that users have beside their first one, such as in further directories."""
    ids: defaultdict[int, list[str]] = defaultdict(list)
    aliases = UserAlias.objects.filter(
        organization=organization, kind=UserAlias.Kind.EXTERNAL_ID, ended_at=None
    )
    for user_id, key in aliases.values_list("user_id", "key"):
        ids[user_id].append(key)
    return ids
