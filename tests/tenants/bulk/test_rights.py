"""Who may select rows, confirm an action and undo it."""

from collections.abc import Callable

import pytest
from django.test import Client

from accounts.models import Provider, User
from core.schema import provider_schema
from tenants.models import (
    Organization,
)
from tests.personas import Personas
from tests.tenants.bulk.stories import (
    add,
    at,
    begin,
    ids,
    living,
    organization,
    page_of,
)

SignIn = Callable[..., Client]


def test_an_action_is_only_of_the_person_who_started_it(
    as_bill: Client, sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    address = f"/organizations/{acme.pk}/users/bulk/"
    url, _ = page_of(as_bill, begin(as_bill, address, verb="remove", pick=ids(north, "user0")))
    for person in (people.olive, people.adam, people.rita, people.sofia):
        other = sign_in(Client(), person)
        assert other.get(url).status_code == 404
        assert other.post(url).status_code == 404
        assert other.post(f"{url}undo/").status_code == 404
    with provider_schema(north):
        assert living(acme) == 5


@pytest.mark.parametrize("verb", ["remove", "suspend", "move", "set_cap", "", "delete"])
def test_a_read_only_administrator_changes_nothing(
    sign_in: SignIn, people: Personas, north: Provider, acme: Organization, verb: str
) -> None:
    rita = sign_in(Client(), people.rita)
    assert 'name="pick"' not in rita.get(f"/organizations/{acme.pk}/users/").text
    form = {"verb": verb, "all": "1"}
    assert rita.post(f"/organizations/{acme.pk}/users/bulk/", form).status_code == 403
    assert rita.post("/organizations/bulk/", form).status_code == 403


def test_an_administrator_without_billing_sets_no_cap(
    sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    adam = sign_in(Client(), people.adam)
    page = adam.get("/organizations/").text
    assert "Set cap" not in page
    assert "Add tag" in page
    answer = adam.post("/organizations/bulk/", {"verb": "set_cap", "all": "1"})
    assert answer.status_code == 403


def test_a_right_that_was_taken_away_stops_a_started_action(
    sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    adam = sign_in(Client(), people.adam)
    address = f"/organizations/{acme.pk}/users/bulk/"
    url, _ = page_of(adam, begin(adam, address, verb="remove", pick=ids(north, "user0")))
    with provider_schema(north):
        other = organization("Other")
    User.objects.filter(pk=people.adam.pk).update(limited_to=[other.pk])
    assert adam.post(url).status_code == 403
    User.objects.filter(pk=people.adam.pk).update(limited_to=None, role="read_only")
    assert adam.post(url).status_code == 403
    with provider_schema(north):
        assert living(acme) == 5


def test_a_limited_administrator_selects_and_moves_within_their_organizations(
    sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        hidden = organization("Hidden Nordlicht")
    User.objects.filter(pk=people.adam.pk).update(limited_to=[acme.pk])
    adam = sign_in(Client(), User.objects.get(pk=people.adam.pk))
    url, page = page_of(
        adam,
        begin(adam, f"/organizations/{acme.pk}/users/bulk/", verb="move", pick=ids(north, "user0")),
    )
    assert "Hidden" not in page
    assert adam.post(url, {"organization": hidden.name}).status_code == 422
    url, page = page_of(adam, begin(adam, "/organizations/bulk/", verb="tag", all="1"))
    assert "Add a tag: 1 organization" in page


def test_an_organization_admin_acts_on_their_own_lists_only(
    sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        mine = people.otto_organization
        for number in range(3):
            add(mine, f"mine{number}", at(2))
    otto = sign_in(Client(), people.otto)
    page = otto.get("/organization/users/").text
    assert page.count('name="pick"') == 3
    assert 'value="move"' not in page
    chosen = ids(north, "mine0", "user0")
    url, page = page_of(otto, begin(otto, "/organization/users/bulk/", verb="remove", pick=chosen))
    assert url.startswith("/organization/bulk/")
    assert "Remove 1 user" in page
    assert "bill so far" not in page
    done = otto.post(url, follow=True)
    assert "1 user was removed." in done.text
    assert otto.post("/organization/users/bulk/", {"verb": "move", "all": 1}).status_code == 403
    otto.post(f"{url}undo/")
    with provider_schema(north):
        assert (living(mine), living(acme)) == (3, 5)
