"""Delivers Stripe's events as an unreliable network does: some twice, in any order."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import stripe as sdk
from django.conf import settings
from django.test import Client

from core.outbox.models import OutboxMessage
from core.servers import from_each_server
from tests.proofs.run import Run
from tests.sandbox_fixtures import StripeStandIn


def send_events(run: Run, stripe: StripeStandIn, *, now: datetime) -> None:
    """Post the stand-in's latest events to the webhook, shuffled and half of them twice."""
    events = stripe.client().v1.events.list({"limit": 20}).to_dict()["data"]
    for event in run.dice.sample(events, len(events)) + run.dice.sample(events, len(events) // 2):
        status = post(event)
        run.counts["events"] += 1
        if status not in (200, 400):
            run.violations.append(f"an event was answered {status}")
    # The webhook stores the real time; the workers run at the simulated time.
    events_due = OutboxMessage.objects.filter(topic="billing.stripe_event", finished_at=None)
    from_each_server(lambda: events_due.update(due_at=now))


def post(event: Mapping[str, Any]) -> int:
    """Post one signed event to the webhook; returns the status of the response."""
    body = json.dumps(event)
    signature = sdk.WebhookSignature.generate_signature_header(body, settings.STRIPE_WEBHOOK_SECRET)
    answer = Client().post(
        "/webhooks/stripe/",
        body,
        content_type="application/json",
        headers={"stripe-signature": signature, "host": "localhost"},
        secure=True,
    )
    return int(answer.status_code)
