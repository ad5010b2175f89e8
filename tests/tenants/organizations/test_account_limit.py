"""The most users of a provider on each way in, and as operations set it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import OPERATIONS_PROVIDER_KEY, Provider
from core.schema import provider_schema
from tenants.imports.remaining_seats import remaining_user_seats
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tenants.refusals import Because
from tests.api_client import System, problem
from tests.personas import Personas

SignIn = Callable[..., Client]


@pytest.fixture
def full(north: Provider, people: Personas) -> Organization:
    """Otto's organization with one user; another has the second and last of the provider."""
    own = people.otto_organization
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None, account_limit=2)
        other = Organization.objects.create(name="Acme")
        for each in (own, other):
            ManagedUser.objects.create(
                organization=each, email=f"a@{each.pk}.example", added_at=datetime.now(UTC)
            )
    return own


def test_the_form_says_whom_to_ask(
    client: Client, people: Personas, north: Provider, full: Organization
) -> None:
    Provider.objects.filter(pk=north.pk).update(
        account_manager_name="Ana Manager", account_manager_email="ana@seller.example"
    )
    new = {"email": "b@x.example", "name": "B"}
    client.force_login(people.bill)
    page = client.post(f"/organizations/{full.pk}/users/add/", new).content.decode()
    assert "All organizations together have 2 users, and your agreement allows 2." in page
    assert "contact your account manager, Ana Manager" in page
    client.force_login(people.adam)
    page = client.post(f"/organizations/{full.pk}/users/add/", new).content.decode()
    assert north.contact_email in page
    client.force_login(people.otto)
    page = client.post("/organization/users/add/", new).content.decode()
    assert "No more users can be added at present" in page
    assert "2 users" not in page
    with provider_schema(north):
        assert ManagedUser.objects.count() == 2


def test_the_api_and_the_import_refuse_too(
    north: Provider, people: Personas, full: Organization
) -> None:
    answer = System.of(north).post(f"/organizations/{full.pk}/users", {"email": "b@x.example"})
    refused = problem(answer, 409)
    assert (refused["code"], refused["limit"], refused["count"]) == ("account-limit-reached", 2, 2)
    with provider_schema(north):
        seats = remaining_user_seats(organization=full, now=datetime.now(UTC))
    assert (seats.left, seats.because) == (0, Because.ACCOUNT_LIMIT)


def test_operations_set_it_and_the_dashboard_shows_it(
    client: Client, people: Personas, north: Provider, full: Organization
) -> None:
    client.force_login(people.staff)
    session = client.session
    session[OPERATIONS_PROVIDER_KEY] = north.pk
    session.save()
    page = reverse("admin:tenants_meteringpolicy_change", args=[1])
    for wrong in ("0", "-1", "abc", "10000001"):
        assert client.post(page, {"account_limit": wrong}).status_code == 200, wrong
    assert client.post(page, {"account_limit": "1500"}).status_code == 302
    with provider_schema(north):
        assert MeteringPolicy.objects.get().account_limit == 1_500
    client.force_login(people.bill)
    assert "<small>of 1,500</small>" in client.get("/dashboard/").content.decode()
