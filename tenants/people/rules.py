"""Rules for changes of people, and the exceptions whose texts are shown on pages."""

from django.db import transaction

from accounts.models import Invitation, Provider, User
from accounts.roles import LIMITABLE_ROLES, Role, may_grant
from accounts.user_rules import lock_people


class ChangeRefused(Exception):
    """The change is against a rule of docs/facts/product.md, People; the text says which."""


class RoleTooHigh(ChangeRefused):
    """The role is above the own role of the acting administrator."""

    def __init__(self) -> None:
        super().__init__("Your own role does not let you give or take this role.")


class AlreadyHere(ChangeRefused):
    """The provider has a login or an open invitation with this address."""


def begin(*, provider: Provider, by: User) -> User:
    """Lock the provider's people and return the acting user as stored now.

    Raises `RoleTooHigh` when the user is no longer active, and TransactionManagementError outside
    of a transaction.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("People are changed inside a transaction.")
    lock_people(provider_id=provider.pk)
    current = User.objects.filter(pk=by.pk, provider=provider, is_active=True).first()
    if current is None:
        raise RoleTooHigh
    return current


def check_grant(*, by: User, role: Role) -> None:
    """Raise `RoleTooHigh` unless the user may grant the role."""
    if not by.role or not may_grant(by=Role(by.role), role=role):
        raise RoleTooHigh


def limit_of(*, role: Role, limited_to: list[int] | None) -> list[int] | None:
    """The limit as stored: sorted, and None for roles that see all organizations.

    Raises `ChangeRefused` for an empty limit.
    """
    if role not in LIMITABLE_ROLES or limited_to is None:
        return None
    if not limited_to:
        raise ChangeRefused("Choose at least one organization, or all of them.")
    return sorted(set(limited_to))


def invitations_above(*, person: User, role: Role | None) -> list[Invitation]:
    """The person's open invitations that the new role (None: no login) could not grant.

    Call it after `begin`; the caller revokes them.
    """
    invitations = Invitation.objects.open().filter(
        provider=person.provider, invited_by_id=person.pk
    )
    return [
        invitation
        for invitation in invitations
        if role is None or not may_grant(by=role, role=Role(invitation.role))
    ]
