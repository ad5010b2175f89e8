"""The audit log: what a row says, and that the database keeps it as it is."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR, ActorKind
from core.schema import provider_schema
from tenants import audit
from tenants.models import AuditEntry, ManagedUser, Organization
from tests.personas import Personas

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
BROWSER = {"User-Agent": "Firefox\0/140", "X-Request-ID": "request-of-the-proxy"}


@pytest.fixture
def entry(north: Provider) -> Iterator[AuditEntry]:
    with provider_schema(north):
        yield audit.record(
            actor=SYSTEM_ACTOR,
            action="user.changed",
            subject="ann@a.example",
            before={"email": "ann@a.example", "limit": 3},
            after={"email": "ann@b.example", "limit": 4},
            now=NOON,
        )


def refused(change: str) -> None:
    with (
        pytest.raises(DatabaseError, match="only ever added to"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM tenants_auditentry",
        "UPDATE tenants_auditentry SET actor_name = 'Mallory'",
        "UPDATE tenants_auditentry SET subject = 'another@a.example'",
        "UPDATE tenants_auditentry SET at = at - interval '1 day', subject = 'Erased user #1'",
        "UPDATE tenants_auditentry SET subject = 'Erased user #1', ip_address = '192.0.2.1'",
        "UPDATE tenants_auditentry SET subject = 'Erased user #1', after = '{}', before = '{}'",
        "TRUNCATE tenants_auditentry",
    ],
)
def test_the_database_refuses_to_change_the_log(entry: AuditEntry, change: str) -> None:
    refused(change)
    assert AuditEntry.objects.get(pk=entry.pk).after == {"email": "ann@b.example", "limit": 4}


def test_an_erasure_takes_the_names_of_a_user(entry: AuditEntry) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tenants_auditentry SET subject = 'Erased user #1',"
            " before = before - 'email', after = after - 'email' WHERE id = %s",
            [entry.pk],
        )
    entry.refresh_from_db()
    assert (entry.subject, entry.before, entry.after) == (
        "Erased user #1",
        {"limit": 3},
        {"limit": 4},
    )


def test_only_rows_about_users_are_erased(north: Provider) -> None:
    with provider_schema(north):
        audit.record(actor=SYSTEM_ACTOR, action="invoice.voided", subject="NORTH-000001", now=NOON)
        refused("UPDATE tenants_auditentry SET subject = 'Erased user #1'")


def test_secrets_are_hidden(north: Provider) -> None:
    with provider_schema(north):
        made = audit.record(
            actor=SYSTEM_ACTOR,
            action="autotask.credentials_changed",
            subject="Autotask",
            before={"secret": "hunter2", "user": "api@a.example"},
            after={"links": ["https://portal.example/pay/abc"]},
            now=NOON,
        )
        made.refresh_from_db()
    assert made.before == {"secret": "[hidden]", "user": "api@a.example"}
    assert made.after == {"links": ["https://portal.example/pay/[hidden]"]}


def test_a_request_s_row_says_who_and_from_where(client: Client, people: Personas) -> None:
    organization = people.otto_organization
    client.force_login(people.olive)
    client.post(
        f"/organizations/{organization.pk}/users/add/",
        {"email": "ann@a.example", "name": "Ann"},
        headers=BROWSER,
        REMOTE_ADDR="192.0.2.7",
    )
    with provider_schema(people.north):
        entry = AuditEntry.objects.get(action="user.added")
        user = ManagedUser.objects.get(email="ann@a.example")
    assert (entry.actor_kind, entry.actor_id) == (ActorKind.PERSON, people.olive.pk)
    assert (entry.organization_id, entry.subject_id) == (organization.pk, user.pk)
    assert (entry.ip_address, entry.user_agent) == ("192.0.2.7", "Firefox/140")
    assert entry.request_id == "request-of-the-proxy"
    assert entry.impersonated_id is None


def test_who_impersonates_acts_under_the_own_name(client: Client, people: Personas) -> None:
    organization = people.otto_organization
    client.force_login(people.adam)
    client.post(f"/organizations/{organization.pk}/impersonate/")
    client.post("/organization/users/add/", {"email": "ann@a.example", "name": "Ann"})
    with provider_schema(people.north):
        entered = AuditEntry.objects.get(action="organization.entered")
        added = AuditEntry.objects.get(action="user.added")
    assert (entered.subject_id, entered.impersonated_id) == (organization.pk, None)
    assert (added.actor_id, added.impersonated_id) == (people.adam.pk, organization.pk)


def test_an_organization_s_own_admin_does_not_impersonate(client: Client, people: Personas) -> None:
    client.force_login(people.otto)
    client.post("/organization/users/add/", {"email": "ann@a.example", "name": "Ann"})
    with provider_schema(people.north):
        assert AuditEntry.objects.get(action="user.added").impersonated_id is None


def test_an_addition_costs_one_row(north: Provider) -> None:
    with provider_schema(north):
        organization = Organization.objects.create(name="Bakery")
        from django.test.utils import CaptureQueriesContext

        from tenants.users.membership import Via, add_member

        with CaptureQueriesContext(connection) as statements:
            add_member(
                member=ManagedUser(organization=organization, email="ann@a.example"),
                actor=SYSTEM_ACTOR,
                via=Via.API,
                now=NOON,
            )
    written = [each["sql"] for each in statements if "tenants_auditentry" in each["sql"]]
    assert len(written) == 1
