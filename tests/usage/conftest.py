"""A provider's books, open and without a free allowance, to count in."""

from collections.abc import Iterator

import pytest

from accounts.models import Provider
from mtp.schema import provider_schema
from tenants.models import MeteringPolicy, Organization
from tests.usage.counting import set_policy


@pytest.fixture
def books(north: Provider) -> Iterator[MeteringPolicy]:
    """North's schema entered; months in UTC, no free allowance."""
    with provider_schema(north.schema_name):
        yield set_policy(billing_time_zone="UTC", free_user_limit=None)


@pytest.fixture
def acme(books: MeteringPolicy) -> Organization:
    """An organization without users."""
    return Organization.objects.create(name="Acme")
