"""The page that erases a user, the period of the provider, and the API: rights and messages."""

import pytest
from django.test import Client

from accounts.models import Provider
from accounts.roles import PERMISSIONS, Permission, Role
from core.schema import provider_schema
from tenants.models import AuditEntry, ManagedUser
from tests.api_client import System, problem
from tests.billing.conftest import BILL
from tests.billing.erasure.conftest import PERSONAL, add_ann, at, named_in
from tests.personas import Personas


@pytest.fixture
def browser(client: Client, people: Personas):
    def sign_in(name: str) -> Client:
        client.force_login(getattr(people, name))
        return client

    return sign_in


def address_of(user: ManagedUser, provider: Provider) -> str:
    with provider_schema(provider):
        return str(ManagedUser.objects.values_list("email", flat=True).get(pk=user.pk))


def page_of(user: ManagedUser) -> str:
    return f"/organizations/{user.organization_id}/users/{user.pk}/erase/"


def users_page(user: ManagedUser, query: str) -> str:
    return f"/organizations/{user.organization_id}/users/?filter=removed&{query}"


def test_who_may_erase() -> None:
    may = {role for role in Role if Permission.ERASE_USERS in PERMISSIONS[role]}
    assert may == {Role.OWNER, Role.BILLING_ADMIN}


@pytest.mark.parametrize("name", ["adam", "rita", "otto"])
def test_others_neither_see_the_page_nor_erase(scenario, ann, browser, name):
    client = browser(name)
    assert client.get(page_of(ann)).status_code == 403
    assert client.post(page_of(ann), {"confirmed": "on"}).status_code == 403
    assert client.post("/account/erasure/", {"days": "30"}).status_code == 403
    assert address_of(ann, scenario.provider) == PERSONAL[0]
    if name != "otto":
        assert page_of(ann) not in client.get(users_page(ann, "")).text


def test_a_user_of_another_provider_is_not_found(scenario, ann, browser):
    client = browser("sofia")
    assert client.get(page_of(ann)).status_code == 404
    assert client.post(page_of(ann), {"confirmed": "on"}).status_code == 404
    assert address_of(ann, scenario.provider) == PERSONAL[0]


def test_the_page_says_that_it_is_final_and_erases_once_confirmed(scenario, ann, browser):
    client = browser("bill")
    assert page_of(ann) in client.get(users_page(ann, "q=baker")).text
    page = client.get(page_of(ann)).text
    assert "can’t be undone" in page
    assert f"Erased user #{ann.pk}" in page

    refused = client.post(page_of(ann), {})
    assert (refused.status_code, "Confirm that the name" in refused.text) == (422, True)
    assert address_of(ann, scenario.provider) == PERSONAL[0]

    done = client.post(page_of(ann), {"confirmed": "on"}, follow=True)
    assert f"The name and address are erased: now Erased user #{ann.pk}." in done.text
    assert "No user matches" in client.get(users_page(ann, "q=ann.baker")).text
    assert page_of(ann) not in client.get(users_page(ann, "")).text
    assert "were erased on" in client.get(page_of(ann)).text
    # Sessions and messages of this test included.
    assert named_in(scenario.provider) == set()


def test_the_page_says_why_a_user_can_not_be_erased(scenario, ann, browser):
    add_ann(ann.organization, at("2026-11-02"))
    client = browser("olive")
    assert "was added again and is active" in client.get(page_of(ann)).text
    refused = client.post(page_of(ann), {"confirmed": "on"})
    assert (refused.status_code, "Remove the user first" in refused.text) == (409, True)
    assert address_of(ann, scenario.provider) == PERSONAL[0]


def test_the_provider_sets_its_own_period(scenario, browser):
    client, provider = browser("olive"), scenario.provider
    assert "1,130 days" in client.get("/account/").text
    for days, message in (("29", "30"), ("3651", "3650"), ("x", "whole number")):
        refused = client.post("/account/erasure/", {"days": days})
        assert (refused.status_code, message in refused.text) == (422, True)
    assert "after 90 days" in client.post("/account/erasure/", {"days": "90"}, follow=True).text
    provider.refresh_from_db()
    assert (provider.erase_after_days, provider.erased_after) == (90, 90)
    with provider_schema(provider):
        entry = AuditEntry.objects.get(action="erasure_period.changed")
    assert (entry.before, entry.after) == ({"days": None}, {"days": 90})
    client.post("/account/erasure/", {"days": ""})
    provider.refresh_from_db()
    assert provider.erased_after == 1_130


def test_by_api(scenario, ann, south: Provider):
    path = f"/organizations/{ann.organization_id}/users/{ann.pk}/erase"
    assert System.of(south).post(path, {}).status_code == 404
    system = System.of(scenario.provider)
    with provider_schema(scenario.provider):
        again = add_ann(ann.organization, at("2026-11-02"))
    refused = problem(system.post(path, {}), 409)
    assert refused["code"] == "cannot-erase"
    assert "was added again and is active" in refused["detail"]
    with provider_schema(scenario.provider):
        ManagedUser.objects.filter(pk=again.pk).update(
            removed_at=at("2026-11-02"), removed_by_name=BILL.name
        )
    assert "counts in November 2026" in problem(system.post(path, {}), 409)["detail"]


def test_by_api_it_is_erased_once(scenario, ann):
    path = f"/organizations/{ann.organization_id}/users/{ann.pk}/erase"
    system = System.of(scenario.provider)
    assert [system.post(path, {}).status_code for _ in range(2)] == [204, 204]
    with provider_schema(scenario.provider):
        assert named_in(scenario.provider) == set()
        entry = AuditEntry.objects.get(action="user.erased")
    assert entry.actor_name.startswith("API key mtp_")
