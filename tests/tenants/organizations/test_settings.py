"""Tags and links of an organization, and the page from which it is archived."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import AuditEntry, ManagedUser, Organization
from tenants.organizations.tags import MOST_TAGS
from tests.personas import Personas

SignIn = Callable[..., Client]


@pytest.fixture
def acme(north: Provider) -> Organization:
    with provider_schema(north):
        return Organization.objects.create(name="Acme Nordlicht")


@pytest.fixture
def as_adam(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.adam)


def test_tags_are_added_listed_filtered_and_removed(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        Organization.objects.create(name="Other Nordlicht")
    address = f"/organizations/{acme.pk}/"
    assert as_adam.post(f"{address}tags/", {"tag": "  East  Coast "}).status_code == 302
    again = as_adam.post(f"{address}tags/", {"tag": "EAST COAST"})
    assert (again.status_code, "has this tag already" in again.text) == (422, True)
    listed = as_adam.get("/organizations/").text
    assert "East Coast" in listed
    assert '<option value="east coast">' in listed
    filtered = as_adam.get("/organizations/?tag=east+coast").text
    assert "Acme Nordlicht" in filtered
    assert "Other Nordlicht" not in filtered
    assert as_adam.get("/organizations/?tag=%00unknown&filter=x").status_code == 200
    as_adam.post(f"{address}tags/remove/", {"tag": "east coast"})
    as_adam.post(f"{address}tags/remove/", {"tag": "east coast"})
    assert (
        "East Coast"
        not in as_adam.get(f"{address}settings/").text.split("<main")[1].split("No tags")[-1]
    )
    with provider_schema(north):
        entries = AuditEntry.objects.order_by("pk").values_list("action", "before", "after")
        assert list(entries) == [
            ("organization.tagged", {}, {"tag": "East Coast"}),
            ("organization.untagged", {"tag": "East Coast"}, {}),
        ]


def test_an_organization_has_a_limited_number_of_tags(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        for number in range(MOST_TAGS):
            acme.tags.create(text=f"t{number}", key=f"t{number}")
    answer = as_adam.post(f"/organizations/{acme.pk}/tags/", {"tag": "one more"})
    assert (answer.status_code, "can have 20 tags" in answer.text) == (422, True)


@pytest.mark.parametrize("tag", ["", "x" * 41, "nul\x00", "\u202eevil"])
def test_an_invalid_tag_is_refused(as_adam: Client, acme: Organization, tag: str) -> None:
    assert as_adam.post(f"/organizations/{acme.pk}/tags/", {"tag": tag}).status_code == 422


@pytest.mark.parametrize(
    "url",
    ["", "javascript:alert(1)", "data:text/html,x", "ftp://x.example", "https://", "x" * 600],
)
def test_a_link_that_is_no_page_is_refused(
    as_adam: Client, north: Provider, acme: Organization, url: str
) -> None:
    answer = as_adam.post(f"/organizations/{acme.pk}/links/", {"label": "Wiki", "url": url})
    assert answer.status_code == 422
    with provider_schema(north):
        assert not acme.links.exists()


def test_links_are_added_and_removed(as_adam: Client, north: Provider, acme: Organization) -> None:
    address = f"/organizations/{acme.pk}/"
    form = {"label": "Wiki", "url": "https://wiki.example/acme?a=1&b=2"}
    as_adam.post(f"{address}links/", form)
    page = as_adam.get(f"{address}settings/").text
    assert 'href="https://wiki.example/acme?a=1&amp;b=2" rel="noopener noreferrer' in page
    with provider_schema(north):
        link = acme.links.get()
        other = Organization.objects.create(name="Other")
    assert as_adam.post(f"/organizations/{other.pk}/links/{link.pk}/remove/").status_code == 404
    as_adam.post(f"{address}links/{link.pk}/remove/")
    with provider_schema(north):
        assert not acme.links.exists()


def test_the_archive_page_refuses_an_organization_in_use_with_its_numbers(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    address = f"/organizations/{acme.pk}/archive/"
    with provider_schema(north):
        user = ManagedUser.objects.create(organization=acme, email="ann@acme.example")
    assert "has 1 user and 0 devices, which count" in as_adam.get(address).text
    assert as_adam.post(address).status_code == 409
    as_adam.post(f"/organizations/{acme.pk}/users/{user.pk}/remove/")
    done = as_adam.post(address, follow=True)
    assert "Acme Nordlicht was archived." in done.text
    assert "undo/" in done.text
    with provider_schema(north):
        assert Organization.objects.archived().get() == acme


def test_a_read_only_administrator_changes_no_settings(
    sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    rita = sign_in(Client(), people.rita)
    assert rita.get(f"/organizations/{acme.pk}/settings/").status_code == 403
    for step in ("tags/", "tags/remove/", "links/", "archive/", "restore/"):
        assert rita.post(f"/organizations/{acme.pk}/{step}").status_code == 403
