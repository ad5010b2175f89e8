"""Keeps authentic events that match no provider, and alerts operations."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.urls import reverse
from django_tenants.utils import get_public_schema_name, schema_context

from core.operations.alerts import raise_alert, settle_alert
from core.operations.kinds import alert_kind
from core.operations.models import UnmatchedEvent

UNMATCHED = alert_kind(
    "operations.unmatched_event", title="Stripe's event matches no provider", settled_by_hand=True
)


def keep_unmatched(*, event_id: str, kind: str, object_id: str, reason: str, now: datetime) -> bool:
    """Keep an event once and raise the alert of its reason; returns whether it was new."""
    # The alert is the platform's: no provider is certain.
    with schema_context(get_public_schema_name()), transaction.atomic():
        _, is_new = UnmatchedEvent.objects.get_or_create(
            event_id=event_id,
            defaults={
                "type": kind,
                "object_id": object_id,
                "reason": reason,
                "received_at": now,
            },
        )
        if is_new:
            raise_alert(
                kind=UNMATCHED,
                key=reason,
                summary=f"{kind} of {object_id} ({event_id}): {reason}",
                next_step="Open the object in Stripe's dashboard. If it is a provider's, correct "
                "the provider and resend the event there. If it is not, for example on a shared "
                "Stripe account, settle the event in the list of unmatched events.",
                link=reverse("admin:operations_unmatchedevent_changelist"),
                now=now,
            )
    return is_new


def is_kept(*, event_id: str) -> bool:
    """Whether the event was kept and is not settled."""
    return UnmatchedEvent.objects.filter(event_id=event_id, settled_at=None).exists()


def settle_unmatched(*, event_ids: Collection[str], now: datetime) -> int:
    """Settle kept events, and the alerts of reasons without another open one; returns how many."""
    with schema_context(get_public_schema_name()), transaction.atomic():
        events = UnmatchedEvent.objects.filter(event_id__in=event_ids, settled_at=None)
        reasons = set(events.values_list("reason", flat=True))
        settled = events.update(settled_at=now)
        for reason in sorted(reasons):
            if not UnmatchedEvent.objects.filter(reason=reason, settled_at=None).exists():
                settle_alert(kind=UNMATCHED, key=reason, now=now)
    return settled
