"""An administrator's choice of mail about alerts."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction

from accounts.models import User
from core.actors import Actor
from tenants import audit
from tenants.models import AlertMailPreference, Severity


def preference_of(*, user_id: int, time_zone: str) -> AlertMailPreference:
    """The user's preference; unsaved, without mail and in `time_zone`, when there is none."""
    preference = AlertMailPreference.objects.filter(user_id=user_id).first()
    return preference or AlertMailPreference(user_id=user_id, time_zone=time_zone)


@transaction.atomic
def save_preference(
    *,
    person: User,
    delivery: AlertMailPreference.Delivery,
    minimum_severity: Severity,
    digest_hour: int,
    time_zone: str,
    now: datetime,
) -> AlertMailPreference:
    """Save the person's preference. The first digest is sent the next time that its hour comes.

    A day whose hour is over has no digest, and no day has two.
    """
    AlertMailPreference.objects.get_or_create(user_id=person.pk, defaults={"time_zone": time_zone})
    choice = AlertMailPreference.objects.select_for_update().get(user_id=person.pk)
    before = _chosen(choice)
    local = now.astimezone(ZoneInfo(time_zone))
    was_digest = choice.delivery == AlertMailPreference.Delivery.DIGEST
    if delivery == AlertMailPreference.Delivery.DIGEST:
        if not was_digest or choice.digested_at is None:
            choice.digested_at = now
        if local.hour >= digest_hour:
            choice.digested_on = max(choice.digested_on or local.date(), local.date())
    choice.delivery = delivery
    choice.minimum_severity = minimum_severity
    choice.digest_hour = digest_hour
    choice.time_zone = time_zone
    choice.save()
    audit.record(
        actor=Actor.of(person),
        action="alert_mail.changed",
        subject=person.name,
        subject_id=person.pk,
        before=before,
        after=_chosen(choice),
        now=now,
    )
    return choice


def _chosen(choice: AlertMailPreference) -> dict[str, Any]:
    names = ("delivery", "minimum_severity", "digest_hour", "time_zone")
    return {name: getattr(choice, name) for name in names}
