"""The first rows of a new provider's schema."""

from datetime import datetime

from django.conf import settings

from accounts.models import Provider
from accounts.provisioning.new_provider import on_new_provider
from tenants.models import MeteringPolicy


@on_new_provider
def begin_metering(provider: Provider, now: datetime) -> None:  # noqa: ARG001 - a step's shape
    """Store the billing zone for the triggers, and the free allowance until there is a card."""
    MeteringPolicy.objects.create(
        billing_time_zone=provider.billing_time_zone,
        free_user_limit=settings.FREE_USER_ALLOWANCE,
    )
