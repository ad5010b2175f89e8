"""Adding and removing users and devices, and suspending users: every change that is counted.

The triggers of `usage/migrations/sql/0002_metering.sql` count, refuse above the cap and append to
the usage ledger.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from django.db import IntegrityError, transaction

from core.actors import Actor
from tenants import audit
from tenants.models import CountedRow, ManagedUser
from tenants.refusals import translated_refusals

UNIQUE_VIOLATION = "23505"

Member = TypeVar("Member", bound=CountedRow)


class Via(StrEnum):
    """The channel through which a member was added; stored with its event."""

    FORM = "form"
    IMPORT = "import"
    DEMO = "demo"
    API = "api"
    UNDO = "undo"
    MOVE = "move"


class AlreadyThere(Exception):
    """The organization has a living member with this e-mail, serial number or external id."""


@contextmanager
def refused_if_taken() -> Iterator[None]:
    """Raise `AlreadyThere` where the database refuses a name that another member has."""
    try:
        yield
    except IntegrityError as error:
        if getattr(error.__cause__, "sqlstate", "") != UNIQUE_VIOLATION:
            raise
        raise AlreadyThere from error


def add_member(*, member: Member, actor: Actor, via: Via, now: datetime) -> Member:
    """Save a new user or device, which counts from `now`, with its audit entry.

    Raises `UserCapReached` when the cap or the free allowance is used up, `AlreadyThere` and
    `OrganizationRemoved`.
    """
    member.added_at, member.added_via = now, via
    member.added_by_id, member.added_by_name = actor.id, actor.name
    with refused_if_taken(), translated_refusals():
        member.save(force_insert=True)
        _record(actor=actor, action="added", member=member, now=now)
    return member


def remove_member(*, member: CountedRow, actor: Actor, now: datetime) -> None:
    """Remove a user or device, which no longer counts from `now`; again, it changes nothing."""
    living = type(member).objects.living().filter(pk=member.pk)
    with translated_refusals():
        if living.update(removed_at=now, removed_by_id=actor.id, removed_by_name=actor.name):
            _record(actor=actor, action="removed", member=member, now=now)


@transaction.atomic
def set_user_state(
    *, user: ManagedUser, state: ManagedUser.State, actor: Actor, now: datetime
) -> None:
    """Suspend or reactivate. A suspended user still counts (docs/facts/product.md, What counts)."""
    living = ManagedUser.objects.living().filter(pk=user.pk)
    if living.exclude(state=state).update(state=state):
        _record(actor=actor, action=state, member=user, now=now)


def _record(*, actor: Actor, action: str, member: CountedRow, now: datetime) -> None:
    audit.record(
        actor=actor,
        action=f"{member.noun}.{action}",
        subject=member.key,
        subject_id=member.pk,
        organization=member.organization,
        now=now,
    )
