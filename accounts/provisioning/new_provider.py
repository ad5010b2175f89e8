"""Making a new provider: its row at once, its schema by a task."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Provider
from accounts.provisioning.schema_migrations import ProviderMigrations, create_schema
from core.outbox.delivery import enqueue, try_again
from core.outbox.models import OutboxMessage
from core.outbox.topics import handler
from core.schema import provider_schema

logger = logging.getLogger(__name__)

PROVISION_TOPIC = "accounts.provision"
SchemaStep = Callable[[Provider, datetime], None]
_schema_steps: list[SchemaStep] = []


def on_new_provider(step: SchemaStep) -> SchemaStep:
    """Register rows that every new schema needs; the step runs inside the new schema.

    It runs in the transaction that makes the schema, so it may only touch the database.
    """
    _schema_steps.append(step)
    return step


def schema_name_of(*, invoice_prefix: str) -> str:
    """The schema of the provider with this prefix, which is unique and never changes."""
    return f"provider_{invoice_prefix.lower()}"


@transaction.atomic
def create_provider(
    *,
    name: str,
    invoice_prefix: str,
    contact_name: str,
    contact_email: str,
    billing_time_zone: str = "UTC",
    currency: str = "USD",
    organization_limit: int = 100,
    now: datetime,
) -> Provider:
    """Record a provider that is being set up, and the task that makes its schema.

    The schema's name comes from the invoice prefix, which is unique. Raises ValidationError with a
    message per field.
    """
    provider = Provider(
        schema_name=schema_name_of(invoice_prefix=invoice_prefix),
        name=name,
        invoice_prefix=invoice_prefix,
        contact_name=contact_name,
        contact_email=contact_email,
        billing_time_zone=billing_time_zone,
        currency=currency,
        organization_limit=organization_limit,
    )
    provider.full_clean(exclude=["schema_name"])
    provider.save()
    request_schema(provider=provider, now=now)
    return provider


def request_schema(*, provider: Provider, now: datetime) -> None:
    """Ask a worker to make the provider's schema; asking again changes nothing."""
    enqueue(topic=PROVISION_TOPIC, key=str(provider.pk), payload={"id": provider.pk}, now=now)


@transaction.atomic
def retry_schema(*, provider: Provider, now: datetime) -> None:
    """Ask again after it failed, also when the outbox has given up."""
    Provider.objects.filter(pk=provider.pk, state=Provider.State.FAILED).update(
        state=Provider.State.PROVISIONING
    )
    message = OutboxMessage.objects.filter(topic=PROVISION_TOPIC, key=str(provider.pk)).first()
    if message is None:
        request_schema(provider=provider, now=now)
    else:
        try_again(message=message, now=now)


def provision(*, provider: Provider, now: datetime) -> None:
    """Make the provider's schema by running the migrations in it, and open the provider.

    The schema, its first rows and the provider's state are one transaction: killed in the middle,
    the next run starts from nothing. Doing it twice, or in two workers at once, changes nothing.
    Raises what the database raises, also when the schema already exists.
    """
    with transaction.atomic():
        locked = Provider.objects.select_for_update().get(pk=provider.pk)
        if not locked.is_active:
            create_schema(schema=locked.schema_name)
            ProviderMigrations().apply_to(schema=locked.schema_name)
            with provider_schema(locked):
                for step in _schema_steps:
                    step(locked, now)
            locked.state = Provider.State.ACTIVE
            locked.state_detail = ""
            locked.save(update_fields=["state", "state_detail"])
    provider.state, provider.state_detail = locked.state, locked.state_detail


@handler(PROVISION_TOPIC, max_attempts=6)
def provision_by_task(payload: Mapping[str, Any], now: datetime) -> None:
    """Provision, and show operations why it failed; the outbox tries again."""
    provider = Provider.objects.get(pk=payload["id"])
    try:
        provision(provider=provider, now=now)
    except Exception as error:
        Provider.objects.filter(pk=provider.pk).exclude(state=Provider.State.ACTIVE).update(
            state=Provider.State.FAILED, state_detail=f"{type(error).__name__}: {error}"[:2000]
        )
        raise
