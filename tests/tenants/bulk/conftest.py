"""An organization with five users and a contract, on a day in March."""

from collections.abc import Callable, Iterator

import pytest
import time_machine
from django.test import Client

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import Organization
from tests.cap_requests import contract
from tests.personas import Personas
from tests.tenants.bulk.stories import NOW, organization

SignIn = Callable[..., Client]


@pytest.fixture
def today() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def acme(today: None, north: Provider) -> Organization:
    with provider_schema(north):
        made = organization(users=5)
        contract().save()
        return made


@pytest.fixture
def as_bill(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.bill)
