"""Adding, removing and reading what is counted, as short as the tests want it."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import Provider
from accounts.providers import current_provider
from core.metrics import Metric
from tenants.models import Device, ManagedUser, MeteringPolicy, Organization
from usage.models import MonthlyUsage, OrganizationCounter, UsageEvent

_numbers = itertools.count(1)


def at(text: str) -> datetime:
    """An instant of UTC: "2026-10-03" or "2026-10-03 14:30"."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def set_policy(**fields: Any) -> MeteringPolicy:
    """The schema's metering policy with these fields; a zone is the provider's too."""
    if zone := fields.get("billing_time_zone"):
        current_provider().billing_time_zone = zone
        Provider.objects.filter(pk=current_provider().pk).update(billing_time_zone=zone)
    policy, _ = MeteringPolicy.objects.update_or_create(id=1, defaults=fields)
    return policy


def new_user(organization: Organization, when: datetime, **fields: Any) -> ManagedUser:
    """A user that is not saved yet."""
    fields.setdefault("email", f"user{next(_numbers)}@acme.example")
    return ManagedUser(organization=organization, added_at=when, **fields)


def add(organization: Organization, *whens: datetime) -> list[ManagedUser]:
    """One user added at each instant, in one statement."""
    return ManagedUser.objects.bulk_create([new_user(organization, when) for when in whens])


def add_devices(organization: Organization, *whens: datetime) -> list[Device]:
    """One device added at each instant, in one statement."""
    return Device.objects.bulk_create(
        Device(organization=organization, added_at=when, name="Laptop", serial_number=str(number))
        for when, number in zip(whens, _numbers, strict=False)
    )


def remove(users: Iterable[ManagedUser], when: datetime) -> None:
    """Remove users in one statement."""
    ManagedUser.objects.filter(pk__in=[user.pk for user in users]).update(removed_at=when)


def count_of(organization: Organization, metric: Metric = Metric.USERS) -> int:
    """The counter of an organization."""
    return OrganizationCounter.objects.get(organization=organization, metric=metric).count


def events_of(
    organization: Organization, metric: Metric = Metric.USERS
) -> list[tuple[datetime, int, int]]:
    """The log: (instant, delta, count after)."""
    events = UsageEvent.objects.filter(organization=organization, metric=metric).order_by("id")
    return list(events.values_list("at", "delta", "count_after"))


def months_of(organization: Organization) -> dict[str, tuple[int, int, datetime | None]]:
    """The months of users with a row: (carried in, peak, instant of the peak)."""
    rows = MonthlyUsage.objects.filter(organization=organization, metric=Metric.USERS)
    return {
        f"{row.month:%Y-%m}": (row.carried_in, row.high_water_mark, row.peak_at) for row in rows
    }


@contextmanager
def refused(sqlstate: str) -> Iterator[list[psycopg.Error]]:
    """The block is refused by the database with this SQLSTATE; the refusal is put in the list."""
    found: list[psycopg.Error] = []
    # COPY goes past Django, which wraps the errors of everything else.
    with pytest.raises((DatabaseError, psycopg.Error)) as caught, transaction.atomic():
        yield found
    cause = caught.value.__cause__ or caught.value
    assert isinstance(cause, psycopg.Error)
    assert cause.sqlstate == sqlstate, cause
    found.append(cause)


def execute(statement: str, *params: Any) -> None:
    """Run a statement, whole as it is written."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params or None)
