"""What operations do in a provider is in that provider's own audit log, by name."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import DatabaseError, connection, transaction
from django.test import Client

from accounts.models import Provider, User
from core.actors import ActorKind
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.personas import Personas


@pytest.fixture
def operations(client: Client, people: Personas) -> Client:
    client.force_login(people.staff)
    return client


def entries(provider: Provider) -> list[AuditEntry]:
    with provider_schema(provider):
        return list(AuditEntry.objects.order_by("pk"))


def profile_of(provider: Provider, **changed: object) -> dict[str, Any]:
    fields = (
        "name",
        "contact_name",
        "contact_email",
        "locale",
        "organization_limit",
        "issue_day",
        "account_manager_name",
        "account_manager_email",
    )
    return {name: getattr(provider, name) or "" for name in fields} | changed


def test_working_in_a_provider_is_in_its_log(operations: Client, people: Personas) -> None:
    operations.post(f"/operations/accounts/provider/{people.north.pk}/work-in/")
    operations.post("/operations/accounts/provider/leave/")
    found = entries(people.north)
    assert [entry.action for entry in found] == ["operations.entered", "operations.left"]
    for entry in found:
        assert entry.actor_kind == ActorKind.OPERATIONS
        assert (entry.actor_id, entry.actor_name) == (people.staff.pk, people.staff.name)
        assert entry.ip_address == "127.0.0.1"
    assert entries(people.south) == []


def test_a_changed_provider_s_log_has_the_values(operations: Client, people: Personas) -> None:
    north = people.north
    response = operations.post(
        f"/operations/accounts/provider/{north.pk}/change/",
        profile_of(north, contact_name="Mallory"),
    )
    assert response.status_code == 302, response.content
    (entry,) = entries(north)
    assert entry.action == "operations.provider_changed"
    assert entry.subject_id == north.pk
    assert entry.before == {"contact_name": north.contact_name}
    assert entry.after == {"contact_name": "Mallory"}


def test_a_changed_login_is_in_the_log_of_its_provider(
    operations: Client, people: Personas
) -> None:
    rita = people.rita
    data = {"email": rita.email, "name": "Rita Renamed", "role": rita.role, "is_active": "on"}
    response = operations.post(f"/operations/accounts/user/{rita.pk}/change/", data)
    assert response.status_code == 302, response.content
    (entry,) = entries(people.north)
    assert (entry.action, entry.after) == ("operations.user_changed", {"name": "Rita Renamed"})
    assert User.objects.get(pk=rita.pk).name == "Rita Renamed"


def test_what_the_domain_records_is_not_recorded_twice(
    operations: Client, people: Personas
) -> None:
    operations.post(f"/operations/accounts/provider/{people.north.pk}/work-in/")
    page = operations.get("/operations/tenants/meteringpolicy/1/change/")
    assert page.status_code == 200
    response = operations.post(
        "/operations/tenants/meteringpolicy/1/change/", {"account_limit": "1500"}
    )
    assert response.status_code == 302, response.content
    actions = [entry.action for entry in entries(people.north)]
    assert actions == ["operations.entered", "account_limit.changed"]


def test_the_log_of_operations_is_append_only(operations: Client, people: Personas) -> None:
    operations.post(f"/operations/accounts/provider/{people.north.pk}/work-in/")
    for change in ("DELETE FROM django_admin_log", "UPDATE django_admin_log SET user_id = user_id"):
        with (
            pytest.raises(DatabaseError, match="only ever added to"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"SET LOCAL search_path TO public; {change}")
    assert LogEntry.objects.exists()
