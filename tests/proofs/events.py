"""Stripe's events as a bad network brings them: some twice, in any order."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import stripe as sdk
from django.conf import settings
from django.test import Client

from core.outbox.models import OutboxMessage
from tests.proofs.run import Run
from tests.sandbox_fixtures import StripeStandIn


def send_events(run: Run, stripe: StripeStandIn, *, now: datetime) -> None:
    """The stand-in's latest events, shuffled and half of them twice, through the portal's door."""
    found = stripe.client().v1.events.list({"limit": 20}).to_dict()["data"]
    for event in run.dice.sample(found, len(found)) + run.dice.sample(found, len(found) // 2):
        status = post(event)
        run.counts["events"] += 1
        if status not in (200, 400):
            run.violations.append(f"an event was answered {status}")
    # The door notes the real time; the workers live in the story's.
    OutboxMessage.objects.filter(topic="billing.stripe_event", finished_at=None).update(due_at=now)


def post(event: Mapping[str, Any]) -> int:
    """Deliver one event, signed; the status it was answered with."""
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
