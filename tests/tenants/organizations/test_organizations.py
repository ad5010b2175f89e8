"""The pages that create, rename, remove and impersonate organizations."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event

import pytest
from django.db import connection, transaction
from django.test import Client

from accounts.models import Provider
from accounts.roles import Role
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.models import AuditEntry, ManagedUser, MeteringPolicy, Organization
from tenants.organizations.lifecycle import (
    OrganizationLimitReached,
    create_organization,
    remove_organization,
)
from tests.personas import Personas, create_persona

SignIn = Callable[..., Client]
NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)


@pytest.fixture
def as_adam(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.adam)


def in_north(north: Provider, name: str = "Acme Nordlicht") -> Organization:
    with provider_schema(north):
        return create_organization(name=name, limit=1000, actor=SYSTEM_ACTOR, now=NOW)


def test_an_organization_is_created_with_an_audit_row(as_adam: Client, north: Provider) -> None:
    answer = as_adam.post("/organizations/new/", {"name": "Acme Nordlicht"}, follow=True)
    assert "Acme Nordlicht was created." in answer.content.decode()
    with provider_schema(north):
        created = Organization.objects.get(name="Acme Nordlicht")
        entry = AuditEntry.objects.get(action="organization.created")
    assert entry.organization_id == created.pk
    assert entry.actor_name == "Adam Nordlicht"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "This field is required."),
        ("x" * 10_000, "at most 200 characters"),
        ("nul\x00byte", "Null characters are not allowed."),
        ("exe.\u202efdp", "characters that can&#x27;t be seen (U+202E)"),
        ("\u200b\u200d", "nothing that can be seen"),
        ("bell\x07", "characters that can&#x27;t be seen (U+0007)"),
    ],
)
def test_an_invalid_name_is_refused_at_its_field(
    as_adam: Client, north: Provider, name: str, message: str
) -> None:
    answer = as_adam.post("/organizations/new/", {"name": name})
    assert answer.status_code == 422
    assert message in answer.content.decode()
    with provider_schema(north):
        assert not Organization.objects.exists()


@pytest.mark.parametrize("name", ["مؤسسة الشمال", "בית דפוס", "株式会社北光", "<b>Bold & Co</b>"])
def test_names_in_any_script_are_stored_and_escaped(as_adam: Client, name: str) -> None:
    as_adam.post("/organizations/new/", {"name": name})
    page = as_adam.get("/organizations/").content.decode()
    assert name.replace("<", "&lt;").replace(">", "&gt;").replace("&lt;", "&lt;")[:5] in page
    assert "<b>Bold" not in page


def test_a_name_of_another_living_organization_is_refused(as_adam: Client, north: Provider) -> None:
    in_north(north, "Acme")
    answer = as_adam.post("/organizations/new/", {"name": "ACME"})
    assert answer.status_code == 422
    assert "You already have an organization of this name." in answer.content.decode()


def test_the_providers_limit_is_refused_with_its_reason(as_adam: Client, north: Provider) -> None:
    Provider.objects.filter(pk=north.pk).update(organization_limit=1)
    in_north(north)
    answer = as_adam.post("/organizations/new/", {"name": "One too many"})
    assert answer.status_code == 422
    assert "All 1 organizations of your agreement are in use." in answer.content.decode()
    assert "Organization limit reached" in as_adam.get("/organizations/").content.decode()


def test_concurrent_creations_never_pass_the_limit(own_provider: Callable[..., Provider]) -> None:
    provider = own_provider()

    def create(number: int) -> bool:
        try:
            with provider_schema(provider):
                create_organization(name=f"Racer {number}", limit=3, actor=SYSTEM_ACTOR, now=NOW)
        except OrganizationLimitReached:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as racers:
        created = list(racers.map(create, range(16)))
    assert created.count(True) == 3
    with provider_schema(provider):
        assert Organization.objects.count() == 3


def test_a_removal_needs_the_typed_name_and_removes_the_members(
    as_adam: Client, north: Provider
) -> None:
    organization = in_north(north)
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        ManagedUser.objects.create(organization=organization, email="a@acme.example")
    address = f"/organizations/{organization.pk}/remove/"
    assert as_adam.post(address, {"typed_name": "acme"}).status_code == 422
    with provider_schema(north):
        assert Organization.objects.get().removed_at is None
    as_adam.post(address, {"typed_name": "Acme Nordlicht"})
    with provider_schema(north):
        assert Organization.objects.get().removed_at is not None
        assert not ManagedUser.objects.filter(removed_at=None).exists()
    assert as_adam.get(f"/organizations/{organization.pk}/").status_code == 404


def test_a_removal_concurrent_with_an_addition_is_refused(
    client: Client, own_provider: Callable[..., Provider]
) -> None:
    provider = own_provider()
    organization = in_north(provider)
    olive = create_persona(
        provider=provider, role=Role.OWNER, name="Olive", email="olive@own.example"
    )
    client.force_login(olive)
    is_added = Event()

    def add() -> None:
        try:
            with provider_schema(provider), transaction.atomic():
                ManagedUser.objects.create(organization=organization, email="a@acme.example")
                is_added.set()
                wait_until_blocked()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as adder:
        adding = adder.submit(add)
        assert is_added.wait(10)
        address = f"/organizations/{organization.pk}/remove/"
        answer = client.post(address, {"typed_name": organization.name})
        adding.result()

    assert answer.status_code == 422
    assert "Users or devices were added just now." in answer.content.decode()
    with provider_schema(provider):
        assert Organization.objects.get().removed_at is None
        assert ManagedUser.objects.get().removed_at is None


def wait_until_blocked() -> None:
    """Wait until another session of this database waits for a lock."""
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone():
                return
        time.sleep(0.02)
    raise AssertionError("No session waited for a lock.")


def test_the_admin_of_a_removed_organization_sees_whom_to_contact(
    client: Client, sign_in: SignIn, people: Personas, north: Provider
) -> None:
    otto = sign_in(client, people.otto)
    with provider_schema(north):
        remove_organization(organization=people.otto_organization, actor=SYSTEM_ACTOR, now=NOW)
    answer = otto.get("/", follow=True)
    assert answer.status_code == 403
    assert "Your organization is no longer in the portal." in answer.content.decode()
    assert north.contact_email in answer.content.decode()


def test_impersonation_keeps_the_identity_shows_a_bar_and_is_logged(
    as_adam: Client, north: Provider
) -> None:
    organization = in_north(north)
    answer = as_adam.post(f"/organizations/{organization.pk}/impersonate/", follow=True)
    page = answer.content.decode()
    assert answer.redirect_chain[-1][0] == "/organization/"
    assert "You are logged in to" in page
    assert "Adam Nordlicht" in page
    as_adam.post("/organization/users/add/", {"email": "new@acme.example", "name": "New"})
    left = as_adam.post("/organization/leave/")
    assert left["Location"] == f"/organizations/{organization.pk}/"
    assert as_adam.get("/organization/").status_code == 404
    with provider_schema(north):
        actions = list(AuditEntry.objects.order_by("id").values_list("action", "actor_name"))
    assert actions == [
        ("organization.created", "System"),
        ("organization.entered", "Adam Nordlicht"),
        ("user.added", "Adam Nordlicht"),
        ("organization.left", "Adam Nordlicht"),
    ]


def test_impersonation_needs_a_post_and_the_permission(
    client: Client, sign_in: SignIn, people: Personas, north: Provider
) -> None:
    organization = in_north(north)
    address = f"/organizations/{organization.pk}/impersonate/"
    assert sign_in(client, people.adam).get(address).status_code == 405
    assert sign_in(client, people.rita).post(address).status_code == 403
    assert sign_in(client, people.sofia).post(address).status_code == 404


def test_the_list_searches_sorts_and_pages(as_adam: Client, north: Provider) -> None:
    with provider_schema(north):
        Organization.objects.bulk_create(
            [Organization(name=f"Org {number:03d}") for number in range(120)]
        )
    page = as_adam.get("/organizations/?sort=-name&page=2").content.decode()
    assert "Org 069" in page
    assert "Org 119" not in page
    assert "51–100" in page
    found = as_adam.get("/organizations/?q=org+007").content.decode()
    assert "Org 007" in found
    assert "Org 008" not in found
    assert "No organization matches" in as_adam.get("/organizations/?q=zzz").content.decode()


@pytest.mark.parametrize(
    "query",
    ["q=%00", "q=" + "x" * 5000, "sort=password", "sort=-", "page=-1", "page=1e9", "page=%00",
     "filter=%00", "q=%25_%5C'\"", "sort=%00", "page=99999999999999999999"],
)  # fmt: skip
def test_any_query_is_answered(as_adam: Client, north: Provider, query: str) -> None:
    organization = in_north(north)
    for path in ("/organizations/", f"/organizations/{organization.pk}/users/"):
        assert as_adam.get(f"{path}?{query}").status_code == 200


def test_an_htmx_request_gets_only_the_table(as_adam: Client, north: Provider) -> None:
    in_north(north)
    headers = {"HX-Request": "true", "HX-Target": "organizations"}
    partial = as_adam.get("/organizations/", headers=headers).content.decode()
    assert "Acme Nordlicht" in partial
    assert "<html" not in partial
