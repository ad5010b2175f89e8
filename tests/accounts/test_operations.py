"""The operations admin: providers, logins, the outbox, and working inside one provider."""

from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import Provider, SignInEvent, User
from core.outbox.delivery import deliver_due, enqueue
from core.outbox.models import OutboxMessage
from tests.personas import Personas

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
PROVIDER = {
    "name": "Fresh",
    "invoice_prefix": "FRESH",
    "contact_name": "Fay",
    "contact_email": "fay@fresh.example",
    "billing_time_zone": "America/Denver",
    "locale": "en_US",
    "currency": "USD",
    "organization_limit": "10",
    "issue_day": "1",
}


@pytest.fixture
def operations(client: Client, people: Personas) -> Client:
    """A browser in which operations staff is signed in."""
    client.force_login(people.staff)
    return client


def login(**changed: object) -> dict[str, object]:
    return {"email": "new@x.example", "name": "Newt", "is_active": "on", **changed}


@pytest.mark.usefixtures("recorded_schemas")
def test_a_provider_is_created_and_watched_until_it_is_ready(operations: Client) -> None:
    response = operations.post("/operations/accounts/provider/add/", PROVIDER)
    provider = Provider.objects.get(invoice_prefix="FRESH")
    assert provider.schema_name == "provider_fresh"
    progress = response["Location"]
    page = operations.get(progress)
    assert 'http-equiv="refresh"' in page.text
    assert "Being set up" in page.text
    deliver_due(now=timezone.now())
    page = operations.get(progress)
    assert 'http-equiv="refresh"' not in page.text
    assert "Fresh is ready." in page.text


@pytest.mark.usefixtures("recorded_schemas")
def test_a_failed_set_up_shows_the_reason_and_is_tried_again(operations: Client) -> None:
    operations.post("/operations/accounts/provider/add/", PROVIDER)
    Provider.objects.filter(invoice_prefix="FRESH").update(
        state=Provider.State.FAILED, state_detail="PgDumpMissing: install it"
    )
    provider = Provider.objects.get(invoice_prefix="FRESH")
    progress = f"/operations/accounts/provider/{provider.pk}/progress/"
    assert "PgDumpMissing: install it" in operations.get(progress).text
    operations.post(f"/operations/accounts/provider/{provider.pk}/retry/")
    deliver_due(now=timezone.now())
    assert "Fresh is ready." in operations.get(progress).text


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("invoice_prefix", "NORTH", "Another provider has this prefix."),
        ("invoice_prefix", "a b", "Use 2 to 8 capital letters and digits."),
        ("billing_time_zone", "Mars", "is not a time zone"),
        ("currency", "XXY", "is not a currency"),
        ("name", "x" * 201, "at most 200"),
        ("name", "\0", "Null characters"),
        ("organization_limit", "0", "greater than or equal to 1"),
        ("organization_limit", "9" * 30, "less than or equal to"),
    ],
)
def test_invalid_providers_are_refused_by_field(
    field: str, value: str, text: str, operations: Client
) -> None:
    response = operations.post("/operations/accounts/provider/add/", {**PROVIDER, field: value})
    assert response.status_code == 200
    assert text in response.text
    assert Provider.objects.count() == 2


def test_fields_that_invoices_depend_on_are_read_only(operations: Client, north: Provider) -> None:
    operations.post(
        f"/operations/accounts/provider/{north.pk}/change/",
        {**PROVIDER, "name": "Renamed"},
    )
    changed = Provider.objects.get(pk=north.pk)
    assert changed.name == "Renamed"
    assert (changed.invoice_prefix, changed.billing_time_zone) == ("NORTH", "UTC")
    assert operations.post(f"/operations/accounts/provider/{north.pk}/delete/").status_code == 403


def test_working_in_a_provider_is_shown_and_logged(
    operations: Client, north: Provider, people: Personas
) -> None:
    assert "You work in" not in operations.get("/operations/").text
    operations.post(f"/operations/accounts/provider/{north.pk}/work-in/")
    page = operations.get("/operations/").text
    assert "You work in" in page
    assert north.name in page
    operations.post("/operations/accounts/provider/leave/")
    assert "You work in" not in operations.get("/operations/").text
    texts = list(LogEntry.objects.order_by("id").values_list("change_message", "object_id"))
    assert texts == [
        ("Began to work in this provider.", str(north.pk)),
        ("Left this provider.", str(north.pk)),
    ]


def test_working_in_a_provider_needs_the_right_to_see_it(client: Client, north: Provider) -> None:
    person = User.objects.create_user(email="plain@operations.example", name="Plain", is_staff=True)
    client.force_login(person)
    address = f"/operations/accounts/provider/{north.pk}"
    assert client.post(f"{address}/work-in/").status_code == 403
    assert client.get(f"{address}/progress/").status_code == 403
    person.user_permissions.add(Permission.objects.get(codename="view_provider"))
    assert client.get(f"{address}/progress/").status_code == 200
    assert client.post(f"{address}/retry/").status_code == 403
    assert client.post(f"{address}/work-in/").status_code == 302
    assert LogEntry.objects.count() == 1


def test_entering_needs_a_post_and_an_active_provider(operations: Client, north: Provider) -> None:
    address = f"/operations/accounts/provider/{north.pk}/work-in/"
    assert operations.get(address).status_code == 405
    Provider.objects.filter(pk=north.pk).update(state=Provider.State.FAILED)
    assert "is not set up yet" in operations.post(address, follow=True).text
    assert LogEntry.objects.count() == 0


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"email": "OLIVE@Nordlicht.example", "is_staff": "on"}, "Another login has"),
        ({"role": "owner"}, "Operations staff have neither a provider nor a role"),
        ({"role": "owner", "is_staff": "on"}, "Operations staff have neither"),
        ({"role": "organization_admin", "provider": "north"}, "needs the id of an organization"),
        ({"role": "admin", "provider": "north", "organization_id": "5"}, "other roles have none"),
        ({"role": "emperor", "provider": "north"}, "Select a valid choice"),
        ({"role": "admin", "provider": "north", "is_superuser": "on"}, "Only operations staff"),
        ({"name": "\u202e", "is_staff": "on"}, "can&#x27;t be seen"),
    ],
)
def test_a_role_that_does_not_fit_is_refused(
    changed: dict[str, object], text: str, operations: Client, north: Provider
) -> None:
    if "provider" in changed:
        changed = {**changed, "provider": north.pk}
    before = User.objects.count()
    response = operations.post("/operations/accounts/user/add/", login(**changed))
    assert response.status_code == 200
    assert text in response.text
    assert User.objects.count() == before


def test_a_login_is_created_without_a_password(operations: Client, north: Provider) -> None:
    operations.post("/operations/accounts/user/add/", login(provider=north.pk, role="read_only"))
    made = User.objects.get(email="new@x.example")
    assert (made.role, made.provider, made.has_usable_password()) == ("read_only", north, False)


@pytest.mark.parametrize(
    ("name", "changed", "text"),
    [
        ("olive", {"role": "admin"}, "last Owner"),
        ("olive", {"role": "owner", "is_active": ""}, "last Owner"),
        ("sofia", {"role": "billing_admin"}, "last Owner"),
    ],
)
def test_the_last_owner_cannot_be_removed(
    name: str, changed: dict[str, str], text: str, operations: Client, people: Personas
) -> None:
    person = getattr(people, name)
    values = {"email": person.email, "name": person.name, "is_active": "on", **changed}
    response = operations.post(f"/operations/accounts/user/{person.pk}/change/", values)
    assert text in response.text
    unchanged = User.objects.get(pk=person.pk)
    assert (unchanged.role, unchanged.is_active) == ("owner", True)


def test_an_owner_can_be_removed_once_there_is_another(
    operations: Client, people: Personas
) -> None:
    User.objects.filter(pk=people.bill.pk).update(role="owner")
    values = {"email": people.olive.email, "name": people.olive.name, "role": "read_only"}
    operations.post(
        f"/operations/accounts/user/{people.olive.pk}/change/", {**values, "is_active": "on"}
    )
    assert User.objects.get(pk=people.olive.pk).role == "read_only"


def test_dead_messages_are_tried_again(operations: Client) -> None:
    enqueue(topic="mail.send", key="k", payload={"text": "secret link", "to": ["a"]}, now=NOON)
    message = OutboxMessage.objects.get()
    OutboxMessage.objects.update(dead_at=NOON, attempts=12, last_error="ValueError: no")
    listed = operations.get("/operations/outbox/outboxmessage/?state=dead")
    assert "ValueError: no" in listed.text
    shown = operations.get(f"/operations/outbox/outboxmessage/{message.pk}/change/")
    assert "secret link" not in shown.text
    operations.post(
        "/operations/outbox/outboxmessage/",
        {"action": "give_attempts_back", "_selected_action": [message.pk]},
    )
    message.refresh_from_db()
    assert (message.dead_at, message.attempts) == (None, 0)


def test_the_sign_in_log_is_read_only(operations: Client, people: Personas) -> None:
    event = SignInEvent.objects.create(at=NOON, outcome="failed", email="guess@x.example")
    assert "guess@x.example" in operations.get("/operations/accounts/signinevent/").text
    address = f"/operations/accounts/signinevent/{event.pk}"
    assert operations.post(f"{address}/change/", {"email": "x"}).status_code == 403
    assert operations.post(f"{address}/delete/").status_code == 403


@pytest.mark.parametrize(
    "page",
    ["", "accounts/provider/", "accounts/user/", "accounts/package/add/", "accounts/user/add/"],
)
def test_admin_pages_open(page: str, operations: Client) -> None:
    assert operations.get(f"/operations/{page}").status_code == 200
