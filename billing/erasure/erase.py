"""Erasing removed users: on request, after the provider's period, and after a restore."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat

from accounts.models import ErasedUser, Provider
from accounts.providers import current_provider
from billing.erasure.copies import erase_copies
from billing.models import DataExport
from core.actors import SYSTEM_ACTOR, Actor
from core.metrics import Metric
from core.months import Month
from core.schema import require_provider_schema
from tenants import audit
from tenants.models import ImportRun, ManagedUser, MeteringPolicy, UserAlias
from usage.active_users.recording import HOLD_LEDGER_OPEN
from usage.models import OrganizationCounter, UsageEvent

UNDECIDED = (
    ImportRun.State.CHECKING,
    ImportRun.State.NOT_READABLE,
    ImportRun.State.CHECKED,
    ImportRun.State.APPLYING,
)


class CannotErase(Exception):
    """The user can't be erased now; the text says why, and what to do."""


@transaction.atomic
def erase_user(*, user: ManagedUser, actor: Actor, now: datetime) -> None:
    """Erase the name, address and external id of a removed user, and of its earlier stays.

    Earlier stays are removed users of the organization with the same address, or an earlier one.
    Every count, peak and invoice stays; the user is shown as "Erased user #id". Again, it changes
    nothing. Raises `CannotErase`.
    """
    _hold_counts([user.organization_id])
    user.refresh_from_db()
    stays = list(_stays_of(user))
    if reason := _refusal(user, stays):
        raise CannotErase(reason)
    _erase(stays, actor=actor, now=now)


def refusal(user: ManagedUser) -> str:
    """Why a user can't be erased now, and what to do; empty if it can."""
    return _refusal(user, list(_stays_of(user)))


def erasable_users(*, removed_before: datetime) -> QuerySet[ManagedUser]:
    """Users removed before an instant who can be erased, with all their stays before it."""
    require_provider_schema()
    events = _events_of_open_months().filter(
        organization=OuterRef("organization"), subject_id=OuterRef("pk")
    )
    stays = ManagedUser.objects.filter(
        organization=OuterRef("organization"), address_key=OuterRef("address_key")
    )
    renamed = UserAlias.objects.filter(
        organization=OuterRef("organization"),
        kind=UserAlias.Kind.ADDRESS,
        key=OuterRef("address_key"),
        ended_at=None,
        user__removed_at=None,
    )
    undecided = ImportRun.objects.filter(organization=OuterRef("organization"), state__in=UNDECIDED)
    users = ManagedUser.objects.filter(removed_at__lt=removed_before, erased_at=None)
    # One at a time: PostgreSQL joins them with a hash, and looks an OR of them up for each user.
    return (
        users.exclude(Exists(stays.filter(~Q(removed_at__lt=removed_before))))
        .exclude(Exists(renamed))
        .exclude(Exists(stays.filter(Exists(events))))
        .exclude(Exists(undecided))
        .exclude(Exists(DataExport.objects.filter(finished_at=None)))
    )


def erase_users(ids: Sequence[int], *, removed_before: datetime, now: datetime) -> int:
    """Erase those of `erasable_users` with these ids; returns their number. In a transaction."""
    _hold_counts(ManagedUser.objects.filter(pk__in=ids).values_list("organization", flat=True))
    erasable = erasable_users(removed_before=removed_before).filter(pk__in=ids)
    users = list(erasable.select_related("organization").order_by("pk"))
    _erase(users, actor=SYSTEM_ACTOR, now=now)
    return len(users)


@transaction.atomic
def erase_again(*, provider: Provider, now: datetime) -> list[int]:
    """Erase the registered users after a restore; returns the ids of those who are active in it."""
    ids = ErasedUser.objects.filter(provider=provider).values_list("user_id", flat=True)
    named = ManagedUser.objects.filter(pk__in=list(ids), erased_at=None)
    named = named.select_related("organization").order_by("pk")
    _erase([user for user in named if user.removed_at], actor=SYSTEM_ACTOR, now=now)
    return [user.pk for user in named if not user.removed_at]


def _stays_of(user: ManagedUser) -> QuerySet[ManagedUser]:
    """The users of its organization that have a name and share an address with it, or an alias."""
    addresses = UserAlias.objects.filter(kind=UserAlias.Kind.ADDRESS)
    keys = [user.address_key, *addresses.filter(user=user).values_list("key", flat=True)]
    known = addresses.filter(organization=user.organization_id, key__in=keys)
    users = ManagedUser.objects.filter(
        Q(address_key__in=keys) | Q(pk__in=known.values("user")),
        organization=user.organization_id,
        erased_at=None,
    )
    return users.select_related("organization").order_by("pk")


def _refusal(user: ManagedUser, stays: Sequence[ManagedUser]) -> str:
    if user.erased_at is not None:
        return ""
    return _still_counts(user, stays) or _in_unfinished_work(user)


def _still_counts(user: ManagedUser, stays: Sequence[ManagedUser]) -> str:
    if user.removed_at is None:
        return f"{user.email} is still active. Remove the user first."
    if any(stay.removed_at is None for stay in stays):
        return f"{user.email} was added again and is active. Remove the user first."
    events = _events_of_open_months().filter(
        organization=user.organization_id, subject_id__in=[stay.pk for stay in stays]
    )
    last = events.aggregate(last=Max("at"))["last"]
    if last is None:
        return ""
    month = Month.of(last, current_provider().billing_zone())
    return (
        f"{user.email} counts in {month.first_day:%B %Y}, which is not closed yet. "
        "Erase the user after that month is billed."
    )


def _in_unfinished_work(user: ManagedUser) -> str:
    if ImportRun.objects.filter(organization=user.organization_id, state__in=UNDECIDED).exists():
        return f"An import into {user.organization} is not finished. Import or discard it first."
    if DataExport.objects.filter(finished_at=None).exists():
        return "An export of your data is being built. Try again when it is finished."
    return ""


def _events_of_open_months() -> QuerySet[UsageEvent]:
    """Events of users recorded in a month that is not closed."""
    events = UsageEvent.objects.filter(metric=Metric.USERS)
    closed_through = MeteringPolicy.objects.current().closed_through
    return events if closed_through is None else events.filter(at__gte=closed_through)


def _hold_counts(organization_ids: Iterable[int]) -> None:
    """No month closes and no user is added to these organizations until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(HOLD_LEDGER_OPEN)
    counters = OrganizationCounter.objects.select_for_update().filter(metric=Metric.USERS)
    list(counters.filter(organization__in=organization_ids).order_by("organization"))


def _erase(users: Sequence[ManagedUser], *, actor: Actor, now: datetime) -> None:
    if not users:
        return
    provider = current_provider()
    aliases = UserAlias.objects.filter(user__in=users)
    texts_of: dict[int, list[str]] = {user.pk: [] for user in users}
    for user_id, text in aliases.values_list("user_id", "text"):
        texts_of[user_id].append(text)
    aliases.delete()
    ManagedUser.objects.filter(pk__in=[user.pk for user in users]).update(
        email=Concat(Value(ManagedUser.ERASED), Cast("pk", TextField())),
        address_key="",
        name="",
        external_id=None,
        erased_at=now,
    )
    erase_copies(users, texts_of=texts_of, now=now)
    ErasedUser.objects.bulk_create(
        [ErasedUser(provider=provider, user_id=user.pk, erased_at=now) for user in users],
        ignore_conflicts=True,
    )
    for user in users:
        audit.record(
            actor=actor,
            action="user.erased",
            subject=f"{ManagedUser.ERASED}{user.pk}",
            subject_id=user.pk,
            organization=user.organization,
            now=now,
        )
