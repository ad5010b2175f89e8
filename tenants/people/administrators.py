"""Changes of an administrator's role, limit and access.

Each call first locks the provider's people: of two changes at once that would leave it without an
Owner, the second is refused. Roles are read with every request, so a change applies to the next.
A person who may do less than before is signed out for good (docs/decisions/0072).
"""

from datetime import datetime
from typing import Any

from accounts.models import User
from accounts.roles import EXTENDING_ROLES, RANKS, Role
from accounts.security.sessions import end_all
from accounts.user_rules import refuse_losing_the_last
from core.actors import Actor
from core.servers import with_directory
from tenants import audit
from tenants.people.rules import (
    ChangeRefused,
    RoleTooHigh,
    begin,
    check_grant,
    invitations_above,
    limit_of,
)

CHANGED = ("role", "limited_to", "may_extend_allowance")


@with_directory()
def change_administrator(
    *,
    administrator: User,
    role: Role,
    limited_to: list[int] | None,
    may_extend: bool = False,
    by: User,
    now: datetime,
) -> User:
    """Change an administrator's role and limit (organization ids; None for all).

    `may_extend` allows ordering packs for the allowance; only an administrator who sees all
    organizations can have it. Raises `RoleTooHigh`, and `ChangeRefused` when the provider would
    lose its last Owner or Administrator with Billing.
    """
    by, current = _locked(administrator, by=by)
    if Role.ORGANIZATION_ADMIN in {role, current.role}:
        raise ChangeRefused("An organization admin is invited for that organization.")
    check_grant(by=by, role=role)
    limit = limit_of(role=role, limited_to=limited_to)
    before = _state(current)
    _refuse_losing_the_last(current, role=role, is_active=True)
    current.role, current.limited_to = role, limit
    current.may_extend_allowance = may_extend and role in EXTENDING_ROLES and limit is None
    current.save(update_fields=CHANGED)
    if _state(current) != before:
        if _may_do_less(before, current):
            end_all(current)
        _record(by, "administrator.changed", current, before=before, after=_state(current), now=now)
        _withdraw_invitations(current, role=role, by=by, now=now)
    return current


@with_directory()
def remove_administrator(*, administrator: User, by: User, now: datetime) -> None:
    """End a login, which can be reinstated; its sessions end and stay ended.

    A second removal changes nothing. Raises `RoleTooHigh` and `ChangeRefused`.
    """
    by, current = _locked(administrator, by=by)
    if not current.is_active:
        return
    _refuse_losing_the_last(current, role=Role(current.role), is_active=False)
    current.is_active = False
    current.save(update_fields=["is_active"])
    end_all(current)
    _record(by, "administrator.removed", current, before=_state(current), now=now)
    _withdraw_invitations(current, role=None, by=by, now=now)


@with_directory()
def reinstate_administrator(*, administrator: User, by: User, now: datetime) -> None:
    """Reinstate a removed login with its role and password. Raises `RoleTooHigh`."""
    by, current = _locked(administrator, by=by)
    if current.is_active:
        return
    current.is_active = True
    current.save(update_fields=["is_active"])
    _record(by, "administrator.reinstated", current, after=_state(current), now=now)


@with_directory()
def transfer_ownership(*, successor: User, by: User, now: datetime) -> None:
    """Make an administrator the Owner; the former Owner becomes Administrator with Billing.

    Raises `RoleTooHigh` unless `by` is Owner, and `ChangeRefused` unless the successor is another
    active administrator.
    """
    by, current = _locked(successor, by=by)
    if by.role != Role.OWNER:
        raise RoleTooHigh
    if current.pk == by.pk or not current.is_active or current.role == Role.ORGANIZATION_ADMIN:
        raise ChangeRefused("Ownership goes to another active administrator.")
    before = _state(current)
    current.role, current.limited_to = Role.OWNER, None
    current.may_extend_allowance = False
    current.save(update_fields=CHANGED)
    by.role = Role.BILLING_ADMIN
    by.save(update_fields=["role"])
    end_all(by)
    _record(by, "ownership.transferred", current, before=before, after=_state(current), now=now)
    _withdraw_invitations(by, role=Role.BILLING_ADMIN, by=by, now=now)


def _locked(person: User, *, by: User) -> tuple[User, User]:
    """Lock the provider's people; return the acting and the changed user as they are now."""
    if by.provider is None or person.provider_id != by.provider_id:
        raise RoleTooHigh
    by = begin(provider=by.provider, by=by)
    current = User.objects.get(pk=person.pk)
    check_grant(by=by, role=Role(current.role))
    return by, current


def _refuse_losing_the_last(person: User, *, role: Role, is_active: bool) -> None:
    after = {"role": role, "is_active": is_active}
    for text in refuse_losing_the_last(before=person, after=after).values():
        raise ChangeRefused(text)


def _withdraw_invitations(person: User, *, role: Role | None, by: User, now: datetime) -> None:
    for invitation in invitations_above(person=person, role=role):
        invitation.revoked_at = now
        invitation.save(update_fields=["revoked_at"])
        audit.record(
            actor=Actor.of(by), action="invitation.revoked", subject=invitation.email, now=now
        )


def _may_do_less(before: dict[str, Any], person: User) -> bool:
    """Whether the role fell, or organizations or a right were taken away."""
    former: list[int] | None = before["limited_to"]
    is_narrower = person.limited_to is not None and (
        former is None or not set(former) <= set(person.limited_to)
    )
    is_lower = RANKS.index(Role(person.role)) < RANKS.index(Role(before["role"]))
    return is_lower or is_narrower or before["may_extend_allowance"] > person.may_extend_allowance


def _state(person: User) -> dict[str, Any]:
    return {
        "role": str(person.role),
        "limited_to": person.limited_to,
        "may_extend_allowance": person.may_extend_allowance,
    }


def _record(by: User, action: str, person: User, *, now: datetime, **states: Any) -> None:
    subject = f"{person.name} <{person.email}>"
    audit.record(
        actor=Actor.of(by),
        action=action,
        subject=subject,
        subject_id=person.pk,
        organization=person.organization_id,
        now=now,
        **states,
    )
