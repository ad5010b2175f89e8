"""The switcher of organizations: search, rights, and switching while logged in to one."""

import pytest
from django.test import Client

from accounts.models import User
from core.schema import provider_schema
from tenants.models import AuditEntry, Organization
from tests.personas import Personas

ADDRESS = "/organizations/switch/"


@pytest.fixture
def two(people: Personas) -> tuple[Organization, Organization]:
    with provider_schema(people.north):
        return (
            Organization.objects.create(name="Zürich Nord"),
            Organization.objects.create(name="Basel"),
        )


def test_it_finds_a_part_of_the_name_and_is_a_page_and_a_list(
    client: Client, people: Personas, two: tuple[Organization, Organization]
) -> None:
    client.force_login(people.rita)
    page = client.get(f"{ADDRESS}?organization=zürich").text
    assert f'href="/organizations/{two[0].pk}/"' in page
    assert "Basel" not in page
    part = client.get(ADDRESS, headers={"HX-Request": "true", "HX-Target": "switch-found"}).text
    assert "<html" not in part
    assert "Basel" in part
    assert "No organization has this" in client.get(f"{ADDRESS}?organization=%00xyz").text


def test_it_shows_no_organization_beyond_the_persons_limit(
    client: Client, people: Personas, two: tuple[Organization, Organization]
) -> None:
    User.objects.filter(pk=people.adam.pk).update(limited_to=[two[1].pk])
    client.force_login(people.adam)
    page = client.get(ADDRESS).text
    assert "Basel" in page
    assert "Zürich" not in page
    client.force_login(people.otto)
    assert client.get(ADDRESS).status_code == 403


def test_who_is_logged_in_to_one_switches_to_another_with_an_entry_in_the_log(
    client: Client, people: Personas, two: tuple[Organization, Organization]
) -> None:
    client.force_login(people.adam)
    client.post(f"/organizations/{two[0].pk}/impersonate/")
    page = client.get(ADDRESS).text
    assert f'action="/organizations/{two[1].pk}/impersonate/"' in page
    client.post(f"/organizations/{two[1].pk}/impersonate/")
    assert "Basel" in client.get("/organization/").text
    with provider_schema(people.north):
        actions = AuditEntry.objects.order_by("pk").values_list("action", "organization_id")
        assert list(actions) == [
            ("organization.entered", two[0].pk),
            ("organization.left", two[0].pk),
            ("organization.entered", two[1].pk),
        ]
