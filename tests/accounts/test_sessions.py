"""Sessions: listed, ended, limited; and fresh proofs of who one is."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import ApiKey, User
from accounts.roles import Role
from accounts.security import step_up
from accounts.security.browsers import browser_name
from core.schema import provider_schema
from tenants.people.administrators import (
    change_administrator,
    reinstate_administrator,
    remove_administrator,
)
from tests.accounts.test_factors import PAGE, actions, sign_in
from tests.personas import PASSWORD, Personas

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)
EDGE = f"{CHROME} Edg/140.0.0.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
)


def is_in(client: Client) -> bool:
    return client.get("/profile/").status_code == 200


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (CHROME, "Chrome on Windows"),
        (EDGE, "Edge on Windows"),
        (SAFARI, "Safari on iPhone"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown browser"),
        ("\x00\x07", "Unknown browser"),
    ],
)
def test_a_browser_has_a_name(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name


def two_sessions(people: Personas) -> tuple[Client, Client]:
    here = Client(headers={"User-Agent": FIREFOX}, REMOTE_ADDR="192.0.2.7")
    there = Client(headers={"User-Agent": SAFARI}, REMOTE_ADDR="198.51.100.9")
    sign_in(here, people.olive)
    sign_in(there, people.olive)
    return here, there


def test_sessions_are_listed_with_place_and_browser(people: Personas) -> None:
    here, _ = two_sessions(people)
    page = here.get(PAGE).text
    for text in ("Firefox on Linux", "192.0.2.7", "Safari on iPhone", "198.51.100.9", "This one"):
        assert text in page


def test_one_session_is_ended(people: Personas) -> None:
    here, there = two_sessions(people)
    there_id = there.get(PAGE).context["sessions"][0].id
    assert here.post(f"{PAGE}sessions/{there_id}/end/").status_code == 302
    assert is_in(here)
    assert not is_in(there)
    assert here.post(f"{PAGE}sessions/{there_id}/end/").status_code == 404


def test_a_person_can_not_end_the_session_of_another(people: Personas) -> None:
    here, _ = two_sessions(people)
    sofia = Client()
    sign_in(sofia, people.sofia)
    session_id = sofia.get(PAGE).context["sessions"][0].id
    assert here.post(f"{PAGE}sessions/{session_id}/end/").status_code == 404
    assert is_in(sofia)


def test_all_other_sessions_are_ended(people: Personas) -> None:
    here, there = two_sessions(people)
    assert here.post(f"{PAGE}sessions/end/").status_code == 302
    assert is_in(here)
    assert not is_in(there)
    assert len(here.get(PAGE).context["sessions"]) == 1
    assert "sign_in.sessions_ended" in actions(people.north)


def test_an_unused_session_ends(client: Client, people: Personas, settings: object) -> None:
    settings.SESSION_IDLE_MINUTES = 60
    now = timezone.now()
    client.force_login(people.olive)
    for minutes in (50, 100, 150):
        with time_machine.travel(now + timedelta(minutes=minutes)):
            assert is_in(client)
    with time_machine.travel(now + timedelta(minutes=211)):
        assert client.get("/profile/")["Location"] == "/accounts/login/?next=/profile/"


def test_a_session_ends_however_much_it_is_used(
    client: Client, people: Personas, settings: object
) -> None:
    settings.SESSION_IDLE_MINUTES = 60 * 24 * 60
    now = timezone.now()
    client.force_login(people.olive)
    for days in (5, 10, 13):
        with time_machine.travel(now + timedelta(days=days)):
            assert is_in(client)
    with time_machine.travel(now + timedelta(days=14, seconds=1)):
        assert not is_in(client)


def test_a_used_session_costs_no_statement_more(
    client: Client, people: Personas, django_assert_num_queries: object
) -> None:
    client.force_login(people.olive)
    client.get("/")
    # The schema, the session (Valkey may have forgotten it), the login.
    with django_assert_num_queries(3, exact=False):
        client.get("/")


def test_a_removed_administrator_stays_signed_out_when_reinstated(
    client: Client, people: Personas
) -> None:
    client.force_login(people.adam)
    assert is_in(client)
    now = timezone.now()
    with provider_schema(people.north):
        remove_administrator(administrator=people.adam, by=people.olive, now=now)
        reinstate_administrator(administrator=people.adam, by=people.olive, now=now)
    assert not is_in(client)
    client.force_login(User.objects.get(pk=people.adam.pk))
    assert is_in(client)


@pytest.mark.parametrize(
    ("after", "stays"),
    [
        ((Role.BILLING_ADMIN, None), True),
        ((Role.ADMIN, [1]), False),
        ((Role.READ_ONLY, None), False),
    ],
)
def test_a_person_who_may_do_less_than_before_is_signed_out(
    after: tuple[Role, list[int] | None], stays: bool, client: Client, people: Personas
) -> None:
    client.force_login(people.adam)
    role, limit = after
    with provider_schema(people.north):
        change_administrator(
            administrator=people.adam,
            role=role,
            limited_to=limit,
            by=people.olive,
            now=timezone.now(),
        )
    assert is_in(client) is stays


def test_a_former_owner_goes_on_where_ownership_was_given_away(
    client: Client, people: Personas
) -> None:
    other = Client()
    for each in (client, other):
        each.force_login(people.olive)
    client.post(f"/account/administrators/{people.bill.pk}/make-owner/")
    assert User.objects.get(pk=people.olive.pk).role == Role.BILLING_ADMIN
    assert is_in(client)
    assert not is_in(other)


# --- Fresh proofs --------------------------------------------------------------------------------
@pytest.fixture
def _after_an_hour(settings: object, client: Client, people: Personas) -> object:
    """Olive signed in an hour ago; a proof is fresh for 15 minutes."""
    settings.CONFIRMED_MINUTES = 15
    client.force_login(people.olive)
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        yield


def test_every_route_that_asks_is_there() -> None:
    from tests.routes import all_routes

    names = {route.name for route in all_routes()}
    assert names >= step_up.CONFIRMED | step_up.CONFIRMED_TO_CHANGE | step_up.CALLED_BY_SCRIPT


@pytest.mark.parametrize(
    "path",
    [
        "/account/api-key/",
        "/account/administrators/invite/",
        "/account/billing/",
        "/account/security/",
        "/people/users.csv",
        "/account/leave/export/1.zip",
    ],
)
@pytest.mark.usefixtures("_after_an_hour")
def test_money_keys_roles_and_exports_ask_who_one_is(path: str, client: Client) -> None:
    asked = client.get(path)
    assert asked["Location"].startswith("/accounts/reauthenticate/?next=%2F"), asked
    assert client.get("/dashboard/").status_code == 200


@pytest.mark.usefixtures("_after_an_hour")
def test_what_was_typed_is_carried_out_after_the_password(client: Client, people: Personas) -> None:
    asked = client.post("/account/api-key/", {"overlap": "none"})
    assert not ApiKey.objects.exists()
    page = client.get(asked["Location"])
    assert "What you have typed is kept" in page.text
    wrong = client.post("/accounts/reauthenticate/", {"password": "x", "next": "/account/api-key/"})
    assert wrong.status_code == 200
    assert not ApiKey.objects.exists()
    done = client.post(
        "/accounts/reauthenticate/", {"password": PASSWORD, "next": "/account/api-key/"}
    )
    assert "Your new API key" in done.text
    assert ApiKey.objects.filter(provider=people.north).exists()
    assert client.get("/account/api-key/").status_code == 200


@pytest.mark.usefixtures("_after_an_hour")
def test_a_part_of_a_page_sends_the_whole_page_to_the_proof(client: Client) -> None:
    asked = client.post("/account/api-key/", {"overlap": "none"}, headers={"HX-Request": "true"})
    assert asked.status_code == 200
    assert asked["HX-Redirect"] == "/accounts/reauthenticate/?next=%2Faccount%2Fapi-key%2F"
    done = client.post(
        "/accounts/reauthenticate/", {"password": PASSWORD, "next": "/account/api-key/"}
    )
    assert "<html" in done.text
    assert "Your new API key" in done.text


@pytest.mark.usefixtures("_after_an_hour")
def test_a_script_gets_an_answer_that_it_can_show(client: Client) -> None:
    asked = client.post("/account/billing/card/setup/")
    assert asked.status_code == 422
    assert "Reload this page" in asked.json()["error"]


@pytest.mark.usefixtures("_after_an_hour")
def test_roles_without_the_page_are_refused_and_not_asked(client: Client, people: Personas) -> None:
    client.force_login(people.rita)
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        assert client.get("/account/api-key/").status_code == 403


@pytest.mark.usefixtures("_after_an_hour")
def test_a_new_factor_asks_who_one_is(client: Client) -> None:
    for path in ("app/add/", "passkeys/add/"):
        assert client.get(f"{PAGE}{path}")["Location"].startswith("/accounts/reauthenticate/")
