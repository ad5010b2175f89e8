"""Deferrals: operations postpone a suspension, with a reason and a last day."""

from datetime import date, datetime

from django.db import transaction

from accounts.models import Provider
from billing.dunning.status import update_dunning
from billing.models import SuspensionDeferral
from billing.seen import ChangeRefused, require_seen, seen_token
from core.actors import Actor
from tenants import audit


class DeferralRefused(ChangeRefused):
    """The deferral is refused."""


def deferrals_token() -> str:
    """The token of the current provider's deferrals."""
    return seen_token("deferrals", SuspensionDeferral.objects.count())


@transaction.atomic
def defer_suspension(
    *,
    provider: Provider,
    reason: str,
    last_day: date,
    actor: Actor,
    now: datetime,
    seen: str | None = None,
) -> SuspensionDeferral:
    """Defer the suspension of the current provider through `last_day` of its billing time zone.

    Lifts a suspension at once. Of several deferrals the latest day counts; the steps before the
    suspension are not deferred. Raises `ChangedSince` after another deferral than those `seen`, and
    `DeferralRefused` without a reason or for a past day.
    """
    provider.refresh_from_db(from_queryset=Provider.objects.select_for_update(no_key=True))
    require_seen(seen, now=deferrals_token(), subject="The list of deferrals")
    if not reason.strip():
        raise DeferralRefused("Give the reason: it is kept in the provider's audit log.")
    if last_day < now.astimezone(provider.billing_zone()).date():
        raise DeferralRefused("This day is over already.")
    deferral = SuspensionDeferral.objects.create(
        reason=reason.strip(),
        last_day=last_day,
        made_by_id=actor.id,
        made_by_name=actor.name[:200],
        made_at=now,
    )
    _log(deferral, "suspension.deferred", actor=actor, now=now)
    update_dunning(now=now)
    return deferral


@transaction.atomic
def withdraw_deferral(*, deferral: SuspensionDeferral, actor: Actor, now: datetime) -> bool:
    """End a deferral; False if it was withdrawn already."""
    was_active = SuspensionDeferral.objects.filter(pk=deferral.pk, withdrawn_at=None).update(
        withdrawn_at=now
    )
    if was_active:
        _log(deferral, "suspension.deferral_withdrawn", actor=actor, now=now)
        update_dunning(now=now)
    return bool(was_active)


def _log(deferral: SuspensionDeferral, action: str, *, actor: Actor, now: datetime) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject=str(deferral),
        after={"last_day": deferral.last_day.isoformat(), "reason": deferral.reason},
        now=now,
    )
