"""A provider whose ledger is open, without a free allowance, to count in."""

from collections.abc import Iterator

import pytest
import time_machine
from django.test import Client

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import MeteringPolicy, Organization
from tests.personas import Personas
from tests.usage.counting import set_policy
from tests.usage.explain_story import History, at


@pytest.fixture
def policy(north: Provider) -> Iterator[MeteringPolicy]:
    """North's schema entered; months in UTC, no free allowance."""
    with provider_schema(north):
        yield set_policy(billing_time_zone="UTC", free_user_limit=None)


@pytest.fixture
def acme(policy: MeteringPolicy) -> Organization:
    """An organization without users."""
    return Organization.objects.create(name="Acme")


@pytest.fixture
def on_20_march() -> Iterator[None]:
    """The pages are looked at on 20 March 2026 at noon, UTC."""
    with time_machine.travel(at("2026-03-20 12:00"), tick=False):
        yield


@pytest.fixture
def as_rita(client: Client, people: Personas) -> Client:
    """A read-only administrator."""
    client.force_login(people.rita)
    return client


@pytest.fixture
def bakery(north: Provider) -> Organization:
    """Acme of north since January, without a free allowance; its schema is left again."""
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        return Organization.objects.create(name="Acme", created_at=at("2026-01-10"))


@pytest.fixture
def history(north: Provider, bakery: Organization) -> History:
    """What happens in it."""
    return History(north, bakery)
