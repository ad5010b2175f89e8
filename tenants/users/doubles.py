"""Living users of one organization who are one person: rows from before decision 0049.

Since then the database refuses a second row for a mailbox, so no new ones arise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.db import connection

from core.schema import require_provider_schema
from tenants.models import ManagedUser
from tenants.users.directory_ids import are_two_accounts

_PAIRS = """
    WITH living AS MATERIALIZED (
        SELECT id, organization_id, address_key,
               CASE WHEN external_id ~* '^[ {]*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}[ }]*$'
                    THEN lower(btrim(external_id, ' {}')) ELSE btrim(external_id) END AS id_key
        FROM tenants_manageduser
        WHERE removed_at IS NULL
            AND (%(organization)s::bigint IS NULL OR organization_id = %(organization)s)
    ), alias AS MATERIALIZED (
        SELECT user_id, organization_id, kind, key FROM tenants_useralias WHERE ended_at IS NULL
    ), pair AS (
        SELECT a.id AS one, b.id AS other, 'mailbox' AS reason
        FROM living a JOIN living b USING (organization_id, address_key) WHERE a.id < b.id
        UNION ALL
        SELECT a.id, b.id, 'external_id'
        FROM living a JOIN living b USING (organization_id, id_key) WHERE a.id < b.id
        UNION ALL
        SELECT least(l.user_id, b.id), greatest(l.user_id, b.id), 'alias'
        FROM alias l JOIN living a ON a.id = l.user_id
        JOIN living b ON b.organization_id = l.organization_id AND b.id <> l.user_id
            AND ((l.kind = 'address' AND b.address_key = l.key)
                 OR (l.kind = 'external_id' AND b.id_key = l.key))
    )
    SELECT one, other, min(reason) FROM pair GROUP BY one, other ORDER BY one, other
"""


class SharedName(StrEnum):
    """What two rows of one person have in common."""

    MAILBOX = "mailbox"
    EXTERNAL_ID = "external_id"
    ALIAS = "alias"

    @property
    def text(self) -> str:
        """In words."""
        return {
            SharedName.MAILBOX: "The same mailbox",
            SharedName.EXTERNAL_ID: "The same external ID",
            SharedName.ALIAS: "An earlier address or ID of the other",
        }[self]


@dataclass(frozen=True, slots=True)
class Double:
    """Two rows of one person. `earlier` was added first, `later` second."""

    earlier: ManagedUser
    later: ManagedUser
    shared: SharedName


def doubles(*, organization_id: int | None = None) -> list[Double]:
    """The doubles of one organization, or of all of the current provider; two statements.

    Two accounts of one directory that share a mailbox are none.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(_PAIRS, {"organization": organization_id})
        pairs = cursor.fetchall()
    ids = {user_id for one, other, _ in pairs for user_id in (one, other)}
    users = ManagedUser.objects.select_related("organization").in_bulk(ids)
    return list(_doubles(pairs, users))


def _doubles(pairs: list[tuple[int, int, str]], users: dict[int, ManagedUser]) -> Iterator[Double]:
    for one, other, reason in pairs:
        earlier, later = sorted(
            (users[one], users[other]), key=lambda user: (user.added_at, user.pk)
        )
        shared = SharedName(reason)
        if shared is SharedName.EXTERNAL_ID or not are_two_accounts(
            earlier.external_id, later.external_id
        ):
            yield Double(earlier, later, shared)
