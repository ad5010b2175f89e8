"""Choosing whether and when alerts are mailed."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import transaction

from tenants.models import AlertMailPreference, Severity


def preference_of(*, user_id: int, time_zone: str) -> AlertMailPreference:
    """What the person chose; nothing is mailed to one who never did, whose zone is `time_zone`."""
    chosen = AlertMailPreference.objects.filter(user_id=user_id).first()
    return chosen or AlertMailPreference(user_id=user_id, time_zone=time_zone)


@transaction.atomic
def save_preference(
    *,
    user_id: int,
    delivery: AlertMailPreference.Delivery,
    minimum_severity: Severity,
    digest_hour: int,
    time_zone: str,
    now: datetime,
) -> AlertMailPreference:
    """Keep the choice. The first digest is that of the next time the hour comes.

    One that was due today and is over is not made up for, and a day never has two.
    """
    AlertMailPreference.objects.get_or_create(user_id=user_id, defaults={"time_zone": time_zone})
    choice = AlertMailPreference.objects.select_for_update().get(user_id=user_id)
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
    return choice
