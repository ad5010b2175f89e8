"""The provider's own period until removed users are erased."""

from datetime import datetime

from django.db import transaction

from accounts.models import Provider
from core.actors import Actor
from tenants import audit


@transaction.atomic
def set_erasure_period(
    *, provider: Provider, days: int | None, actor: Actor, now: datetime
) -> None:
    """Erase users this many days after their removal; None: after `ERASE_AFTER_DAYS`."""
    former, provider.erase_after_days = provider.erase_after_days, days
    if former == days:
        return
    provider.save(update_fields=["erase_after_days"])
    audit.record(
        actor=actor,
        action="erasure_period.changed",
        subject=provider.name,
        before={"days": former},
        after={"days": days},
        now=now,
    )
