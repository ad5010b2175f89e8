"""New providers: the row at once, the schema by a task."""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.db import OperationalError, transaction

from accounts.models import Provider
from accounts.provisioning.schema_migrations import (
    ProviderMigrations,
    create_schema,
    schema_exists,
)
from core.outbox.delivery import enqueue, try_again
from core.outbox.lanes import Lane
from core.outbox.models import OutboxMessage
from core.outbox.topics import handler
from core.postgresql.addresses import own_session
from core.schema import provider_schema
from core.servers import DIRECTORY, joined_to_directory

logger = logging.getLogger(__name__)

PROVISION_TOPIC = "accounts.provision"
_PROVISIONED = ("state", "state_detail", *Provider.STEPS)
REPLICA_SECONDS = 10.0
SchemaStep = Callable[[Provider, datetime], None]
_schema_steps: list[SchemaStep] = []


def on_new_provider(step: SchemaStep) -> SchemaStep:
    """Register a step that adds the first rows of each new schema.

    It runs inside the schema, in the transaction that creates it, so it may only use the database.
    """
    _schema_steps.append(step)
    return step


def schema_name_of(*, invoice_prefix: str) -> str:
    """The schema name of the provider with this prefix, which is unique and never changes."""
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
    """Create a provider, and the task that creates its schema.

    Raises ValidationError with messages by field.
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
    """Enqueue the creation of the provider's schema; doing it twice changes nothing."""
    enqueue(topic=PROVISION_TOPIC, key=str(provider.pk), payload={"id": provider.pk}, now=now)


@transaction.atomic
def retry_schema(*, provider: Provider, now: datetime) -> None:
    """Enqueue the creation again after a failure, even if the outbox has given up."""
    Provider.objects.filter(pk=provider.pk, state=Provider.State.FAILED).update(
        state=Provider.State.PROVISIONING
    )
    message = OutboxMessage.objects.filter(topic=PROVISION_TOPIC, key=str(provider.pk)).first()
    if message is None:
        request_schema(provider=provider, now=now)
    else:
        try_again(message=message, now=now)


@own_session()
def provision(*, provider: Provider, now: datetime) -> None:
    """Create the provider's schema with its migrations and first rows, and activate the provider.

    All of it is one transaction, so after a kill the next run starts from nothing. Doing it twice,
    or in two workers at once, changes nothing. Raises the database's error, also if the schema
    already exists.
    """
    with transaction.atomic():
        locked = Provider.objects.select_for_update().get(pk=provider.pk)
        if locked.state != Provider.State.ACTIVE:
            locked.set_at_this_release()
            with joined_to_directory(locked.server):
                _make_schema(locked, now=now)
            locked.state = Provider.State.ACTIVE
            locked.state_detail = ""
            locked.save(update_fields=_PROVISIONED)
    for name in _PROVISIONED:
        setattr(provider, name, getattr(locked, name))


def _make_schema(provider: Provider, *, now: datetime) -> None:
    migrations = ProviderMigrations()
    schema = provider.schema_name
    # Another server commits it before the directory: then a kill leaves a schema that is complete.
    is_elsewhere = provider.server != DIRECTORY
    if is_elsewhere and schema_exists(schema=schema) and not migrations.missing_in(schema=schema):
        return
    _wait_for_row(provider)
    create_schema(schema=schema)
    migrations.apply_to(schema=schema)
    with provider_schema(provider):
        for step in _schema_steps:
            step(provider, now)


def _wait_for_row(provider: Provider) -> None:
    """Wait until the entered server has its copy of the provider's row, to which others refer."""
    deadline = time.monotonic() + REPLICA_SECONDS
    while not Provider.objects.filter(pk=provider.pk).exists():
        if time.monotonic() > deadline:
            raise OperationalError(f"Server {provider.server} does not follow the directory.")
        time.sleep(0.02)


@handler(PROVISION_TOPIC, lane=Lane.PROVISIONING, max_attempts=6)
def provision_by_task(payload: Mapping[str, Any], now: datetime) -> None:
    """Provision; store a failure for the operations admin. The outbox tries again."""
    provider = Provider.objects.get(pk=payload["id"])
    try:
        provision(provider=provider, now=now)
    except Exception as error:
        Provider.objects.filter(pk=provider.pk).exclude(state=Provider.State.ACTIVE).update(
            state=Provider.State.FAILED, state_detail=f"{type(error).__name__}: {error}"[:2000]
        )
        raise
