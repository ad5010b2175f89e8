"""What stops a change of people, as exceptions whose texts a person can act on."""

from django.db import transaction

from accounts.models import Invitation, Provider, User
from accounts.roles import LIMITABLE_ROLES, Role, may_grant
from accounts.user_rules import lock_people


class ChangeRefused(Exception):
    """The change would break a rule of docs/facts/product.md, People; the text says which."""


class RoleTooHigh(ChangeRefused):
    """Nobody grants, takes or changes a role above their own."""

    def __init__(self) -> None:
        super().__init__("Your own role does not let you give or take this role.")


class AlreadyHere(ChangeRefused):
    """The provider has a login or an open invitation of this address."""


def begin(*, provider: Provider, by: User) -> User:
    """Lock the provider's people and read who acts anew: they may have lost their role meanwhile.

    Raises `RoleTooHigh` for somebody who is no longer active, TransactionManagementError outside
    of a transaction.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("People are changed inside a transaction.")
    lock_people(provider_id=provider.pk)
    fresh = User.objects.filter(pk=by.pk, provider=provider, is_active=True).first()
    if fresh is None:
        raise RoleTooHigh
    return fresh


def check_grant(*, by: User, role: Role) -> None:
    """Raises `RoleTooHigh` unless this person may give the role to others."""
    if not by.role or not may_grant(by=Role(by.role), role=role):
        raise RoleTooHigh


def limit_of(*, role: Role, limited_to: list[int] | None) -> list[int] | None:
    """The limit as it is kept: none for roles that see money, sorted otherwise.

    Raises `ChangeRefused` for a limit to no organization at all.
    """
    if role not in LIMITABLE_ROLES or limited_to is None:
        return None
    if not limited_to:
        raise ChangeRefused("Choose at least one organization, or all of them.")
    return sorted(set(limited_to))


def revoke_what_is_above(*, person: User, now_role: Role | None) -> list[Invitation]:
    """The person's open invitations that their present role (None: no login) could not grant.

    Call after `begin`; the caller revokes them.
    """
    theirs = Invitation.objects.open().filter(provider=person.provider, invited_by_id=person.pk)
    return [
        invitation
        for invitation in theirs
        if now_role is None or not may_grant(by=now_role, role=Role(invitation.role))
    ]
