"""What a provider that has left may still do in the portal and by the API."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Provider, SignInEvent
from billing.leaving.access import STILL_ALLOWED
from billing.models import DataExport, Departure
from core.schema import provider_schema
from tenants.models import Organization
from tests.api_client import System
from tests.personas import PASSWORD
from tests.routes import all_routes
from tests.seen_forms import seen_on

DAY = timedelta(days=1)


def stage(provider, *, leaves, closes):
    now = timezone.now()
    Provider.objects.filter(pk=provider.pk).update(
        leaves_at=now + leaves * DAY, closes_at=now + closes * DAY
    )


@pytest.fixture
def read_only(north):
    """North left yesterday."""
    stage(north, leaves=-1, closes=29)
    return north


@pytest.fixture
def closed(north):
    """North was closed yesterday."""
    stage(north, leaves=-31, closes=-1)
    return north


def test_the_banner_announces_the_leave_date(client, people, north):
    stage(north, leaves=5, closes=35)
    client.force_login(people.adam)
    page = client.get("/dashboard/")
    assert "Your company leaves on" in page.content.decode()
    created = client.post("/organizations/new/", {"name": "Zenith"})
    assert created.status_code != 403


def test_a_read_only_account_shows_everything_and_changes_nothing(client, people, read_only):
    client.force_login(people.olive)
    for path in ("/dashboard/", "/account/payments/", "/account/usage/", "/account/leave/"):
        page = client.get(path)
        assert page.status_code == 200, path
        assert "This account is read-only" in page.content.decode()

    refused = client.post("/organizations/new/", {"name": "Zenith"})

    assert refused.status_code == 403
    assert "Nothing was changed" in refused.content.decode()
    with provider_schema(read_only):
        assert not Organization.objects.filter(name="Zenith").exists()


def test_a_partial_request_reloads_its_page(client, people, read_only):
    client.force_login(people.olive)
    refused = client.post(
        "/organizations/new/",
        {"name": "Zenith"},
        headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/organizations/"},
    )
    assert (refused.status_code, refused["HX-Redirect"]) == (403, "/organizations/")


def test_paying_stays_possible(client, people, read_only):
    client.force_login(people.bill)
    assert client.get(reverse("card_replace")).status_code == 200
    # 422: the form is not complete, so the view has answered.
    assert client.post(reverse("card_setup"), {}).status_code == 422


def test_the_api_of_a_read_only_account_reads_only(north):
    system = System.of(north)
    stage(north, leaves=-1, closes=29)

    assert system.get("/organizations").status_code == 200
    refused = system.post("/organizations", {"name": "Zenith"})

    assert refused.status_code == 403
    assert refused.json()["type"].endswith("read-only")


def test_a_closed_account_is_refused_by_page_and_api(client, people, north):
    system = System.of(north)
    client.force_login(people.olive)
    stage(north, leaves=-31, closes=-1)

    page = client.get("/dashboard/")

    assert page.status_code == 403
    assert "This account is closed" in page.content.decode()
    assert "mailto:" in page.content.decode()
    assert system.get("/organizations").json()["type"].endswith("closed")
    assert client.post("/accounts/logout/").status_code == 302


def test_a_sign_in_to_a_closed_account_is_refused_and_recorded(client, people, closed):
    answer = client.post("/accounts/login/", {"login": people.olive.email, "password": PASSWORD})

    assert answer.status_code == 403
    assert "This account is closed" in answer.content.decode()
    assert SignInEvent.objects.get().outcome == SignInEvent.Outcome.CLOSED
    assert client.get("/dashboard/").status_code == 302


def test_other_providers_and_operations_are_not_touched(client, people, closed):
    client.force_login(people.sofia)
    assert client.get("/dashboard/").status_code == 200
    client.force_login(people.staff)
    assert client.get("/operations/").status_code == 200


def test_every_allowed_route_exists():
    assert {route.name for route in all_routes()} >= STILL_ALLOWED


def test_an_owner_sets_and_cancels_the_leave_date(client, people, north):
    client.force_login(people.olive)
    day = (timezone.now() + 10 * DAY).date().isoformat()

    unconfirmed = client.post("/account/leave/", {"day": day})
    assert unconfirmed.status_code == 422
    assert "Confirm that you want to leave." in unconfirmed.content.decode()
    over = client.post("/account/leave/", {"day": "2020-01-01", "confirmed": "on"})
    assert "Choose a day from tomorrow on." in over.content.decode()
    fields = {"day": day, "confirmed": "on", "seen": seen_on(client, "/account/leave/")}
    assert client.post("/account/leave/", fields).status_code == 302
    page = client.get("/account/leave/").content.decode()
    assert "Cancel, and keep the account" in page
    with provider_schema(north):
        assert Departure.objects.get().made_by_name == people.olive.name

    outdated = client.post("/account/leave/cancel/", {"seen": fields["seen"]}, follow=True)
    assert "changed since this page was opened" in outdated.content.decode()
    cancel = {"seen": seen_on(client, "/account/leave/")}
    client.post("/account/leave/cancel/", cancel)
    again = client.post("/account/leave/", fields, follow=True)

    assert "changed since this page was opened" in again.content.decode()
    with provider_schema(north):
        assert Departure.objects.get().cancelled_at is not None


def test_only_an_owner_sets_the_date(client, people, north):
    client.force_login(people.bill)
    day = (timezone.now() + 10 * DAY).date().isoformat()
    assert "Only an Owner can set one" in client.get("/account/leave/").content.decode()
    assert client.post("/account/leave/", {"day": day, "confirmed": "on"}).status_code == 404
    assert client.post("/account/leave/cancel/").status_code == 403
    client.force_login(people.adam)
    assert client.get("/account/leave/").status_code == 403


def test_an_export_is_downloaded_until_it_expires(client, people, north):
    client.force_login(people.bill)
    now = timezone.now()
    with provider_schema(north):
        export = DataExport.objects.create(
            requested_at=now, finished_at=now, expires_at=now + DAY, size=2
        )
        export.parts.create(position=1, content=b"K")
        export.parts.create(position=0, content=b"P")
    path = reverse("export_download", args=[export.pk])

    answer = client.get(path)
    assert (answer.content, answer["Content-Type"]) == (b"PK", "application/zip")
    client.force_login(people.sofia)
    assert client.get(path).status_code == 404
    with provider_schema(north):
        DataExport.objects.update(expires_at=now)
    client.force_login(people.bill)
    assert client.get(path).status_code == 404
