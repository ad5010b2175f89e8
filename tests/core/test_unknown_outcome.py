"""After the database was lost while a change was saved, no answer says that nothing was changed."""

import time
from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Provider
from accounts.roles import Role
from core.schema import provider_schema
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.api_client import System, problem
from tests.held_locks import connected_by, line_to_database
from tests.personas import create_persona

USER = {"email": "a@acme.example", "external_id": "a"}


@pytest.fixture
def provider(own_provider: Callable[..., Provider]) -> Provider:
    """A committed provider with an organization."""
    provider = own_provider(canary="Lost", prefix="LOST")
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        Organization.objects.create(name="Acme")
    return provider


def page_of(provider: Provider) -> str:
    with provider_schema(provider):
        return f"/organizations/{Organization.objects.get().pk}/users"


def users_of(provider: Provider) -> int:
    with provider_schema(provider):
        return int(ManagedUser.objects.count())


def users_once_committed(provider: Provider) -> int:
    """The number of users, after PostgreSQL has finished the commit whose answer was lost."""
    ends = time.monotonic() + 10
    while not (users := users_of(provider)) and time.monotonic() < ends:
        time.sleep(0.05)
    return users


def test_the_api_says_that_a_change_may_have_been_made_and_repeating_adds_once(
    provider: Provider,
) -> None:
    system, path = System.of(provider), page_of(provider)
    # The use of the key is noted once a minute, with a commit.
    assert system.get(path).status_code == 200
    with line_to_database(cut_after=b"COMMIT") as line, connected_by(line):
        lost = system.post(path, USER)
    assert problem(lost, 503)["code"] == "outcome-unknown"
    assert "Nothing was changed" not in lost.content.decode()
    assert int(lost["Retry-After"]) > 0
    assert users_once_committed(provider) == 1

    assert system.post(path, USER).status_code == 200
    assert users_of(provider) == 1


def test_a_change_that_was_lost_before_its_commit_was_not_made(provider: Provider) -> None:
    system, path = System.of(provider), page_of(provider)
    with line_to_database(cut_after=b"INSERT INTO") as line, connected_by(line):
        lost = system.post(path, USER)
    assert problem(lost, 503)["code"] == "database-away"
    assert "Nothing was changed" in lost.content.decode()
    assert users_of(provider) == 0


def test_a_page_says_that_a_change_may_have_been_saved(provider: Provider) -> None:
    owner = create_persona(
        provider=provider, role=Role.OWNER, name="Olive", email="olive@lost.example"
    )
    client = Client(raise_request_exception=False)
    client.force_login(owner)
    page = f"{page_of(provider)}/add/"
    with line_to_database(cut_after=b"COMMIT") as line, connected_by(line):
        lost = client.post(page, {"email": "a@acme.example", "name": "Ann"})
    assert lost.status_code == 503
    assert "not known whether your change was saved" in lost.content.decode()
    assert lost["X-Outcome"] == "unknown"
    assert users_once_committed(provider) == 1
