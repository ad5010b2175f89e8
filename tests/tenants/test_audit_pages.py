"""The pages of the audit log: who sees which rows, filters, pages, files."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR, Actor, ActorKind
from core.schema import connection, provider_schema
from tenants import audit
from tenants.audit_log.selection import ROWS_PER_PAGE
from tenants.models import AuditEntry, Organization
from tests.personas import Personas

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
LOG = "/account/audit/"
OWN_LOG = "/organization/audit/"
PERSON = Actor(id=7, name="Petra Person")
KEY = Actor(id=None, name="API key mtp_1234", kind=ActorKind.API_KEY)
STAFF = Actor(id=8, name="Stan Staff", kind=ActorKind.OPERATIONS)


def record(
    action: str,
    subject: str,
    *,
    organization: Organization | None = None,
    actor: Actor = SYSTEM_ACTOR,
    at: datetime = NOON,
    **values: object,
) -> AuditEntry:
    return audit.record(
        actor=actor,
        action=action,
        subject=subject,
        organization=organization,
        after=values,
        now=at,
    )


@pytest.fixture
def organizations(people: Personas) -> tuple[Organization, Organization]:
    """That of otto, and another one."""
    with provider_schema(people.north):
        return people.otto_organization, Organization.objects.create(name="Zebra")


@pytest.fixture
def log(
    people: Personas, organizations: tuple[Organization, Organization]
) -> Iterator[dict[str, AuditEntry]]:
    """Rows of each kind; the page is looked at on the same day."""
    ottos, other = organizations
    with provider_schema(people.north):
        rows = {
            "user": record("user.added", "ann@otto.example", organization=ottos, actor=PERSON),
            "other": record("user.added", "zoe@zebra.example", organization=other, actor=KEY),
            "money": record("invoice.voided", "NORTH-000001", actor=STAFF, owed="1,234.50"),
            "unlisted": record("jackpot.won", "Jackpot"),
            "owner": record("ownership.transferred", "Olive Owner"),
            "key": record("api_key.generated", "mtp_9876"),
            "tag": record("organization.tagged", "Secret tag", organization=ottos),
        }
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        yield rows


def shown(client: Client, log: dict[str, AuditEntry], address: str = LOG) -> set[str]:
    """The names of the rows that a page lists."""
    response = client.get(address)
    assert response.status_code == 200, response.status_code
    text = response.text
    return {name for name, entry in log.items() if f"/audit/{entry.pk}/" in text}


EVERYTHING = {"user", "other", "money", "unlisted", "owner", "key", "tag"}


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        ("olive", EVERYTHING),
        ("bill", EVERYTHING - {"owner"}),
        # Without payment information: neither invoices nor what no list names.
        ("adam", {"user", "other", "tag"}),
    ],
)
def test_roles_see_what_they_include(
    client: Client, people: Personas, log: dict[str, AuditEntry], role: str, seen: set[str]
) -> None:
    client.force_login(getattr(people, role))
    assert shown(client, log) == seen
    for name, entry in log.items():
        assert client.get(f"{LOG}{entry.pk}/").status_code == (200 if name in seen else 404), name
    exported = client.get("/account/audit.csv").content.decode()
    for name, entry in log.items():
        assert (entry.subject in exported) == (name in seen), name


def test_no_amount_reaches_a_role_without_payment_information(
    client: Client, people: Personas, log: dict[str, AuditEntry]
) -> None:
    client.force_login(people.adam)
    for address in (LOG, f"{LOG}?what=invoice", f"{LOG}?q=NORTH", "/account/audit.csv"):
        content = client.get(address).content.decode()
        assert "1,234.50" not in content, address
        assert "NORTH-000001" not in content.replace('value="NORTH"', ""), address


@pytest.mark.parametrize("role", ["rita", "otto", "staff"])
def test_others_are_refused(
    client: Client, people: Personas, log: dict[str, AuditEntry], role: str
) -> None:
    client.force_login(getattr(people, role))
    assert client.get(LOG).status_code == 403
    assert client.get("/account/audit.csv").status_code == 403


def test_who_is_limited_sees_the_rows_of_the_own_organizations(
    client: Client,
    people: Personas,
    log: dict[str, AuditEntry],
    organizations: tuple[Organization, Organization],
) -> None:
    adam, (ottos, other) = people.adam, organizations
    adam.limited_to = [ottos.pk]
    adam.save()
    client.force_login(adam)
    assert shown(client, log) == {"user", "tag"}
    assert shown(client, log, f"{LOG}?organization={other.pk}") == set()
    assert shown(client, log, f"{LOG}?organization=zebra") == set()
    assert client.get(f"{LOG}{log['other'].pk}/").status_code == 404
    assert "zoe@" not in client.get("/account/audit.csv").content.decode()
    # Nor the names of colleagues.
    assert people.olive.name not in client.get(LOG).text


def test_an_organization_s_admin_sees_the_own_rows(
    client: Client, people: Personas, log: dict[str, AuditEntry]
) -> None:
    client.force_login(people.otto)
    assert shown(client, log, OWN_LOG) == {"user"}
    for name, entry in log.items():
        expected = 200 if name == "user" else 404
        assert client.get(f"{OWN_LOG}{entry.pk}/").status_code == expected, name
    exported = client.get("/organization/audit.csv").content.decode()
    assert "ann@otto.example" in exported
    assert "zoe@" not in exported


def test_another_provider_sees_nothing(
    client: Client, people: Personas, log: dict[str, AuditEntry]
) -> None:
    client.force_login(people.sofia)
    assert shown(client, log) == set()
    for entry in log.values():
        response = client.get(f"{LOG}{entry.pk}/")
        assert response.status_code == 404
        assert entry.subject not in response.text


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("what=user", {"user", "other"}),
        ("what=user.added", {"user", "other"}),
        ("what=user.removed", set()),
        ("actor=7", {"user"}),
        ("actor=api_key", {"other"}),
        ("actor=operations", {"money"}),
        ("actor=system", {"unlisted", "owner", "key", "tag"}),
        ("actor=nonsense", EVERYTHING),
        ("q=ZOE", {"other"}),
        ("q=stan", {"money"}),
        ("q=%00%27", set()),
        ("subject=NORTH-000001", {"money"}),
        ("organization=zEbra", {"other"}),
        ("organization=999999999999999999", set()),
        ("organization=nothing", set()),
        ("from=2026-03-04", set()),
        ("to=2026-03-02", set()),
        ("from=2026-03-03&to=2026-03-03", EVERYTHING),
        ("from=0001-01-01", EVERYTHING),
        ("from=nonsense&to=9999-12-31", EVERYTHING),
        ("before=nonsense", EVERYTHING),
        ("before=0001-01-01T00:00:00%2B14:00~1", EVERYTHING),
        ("before=2026-03-03T11:00:00%2B00:00~1", set()),
    ],
)
def test_filters(
    client: Client, people: Personas, log: dict[str, AuditEntry], query: str, seen: set[str]
) -> None:
    client.force_login(people.olive)
    assert shown(client, log, f"{LOG}?{query}") == seen


def test_rows_without_a_kind_of_actor_are_found(client: Client, people: Personas) -> None:
    """Those of the previous release."""
    with provider_schema(people.north):
        values = {"at": NOON, "action": "user.added"}
        old = {
            name: AuditEntry.objects.create(
                actor_id=actor_id, actor_name=actor, subject=name, **values
            )
            for name, actor_id, actor in (
                ("person", 7, "Petra"),
                ("api_key", None, "API key mtp_1"),
                ("system", None, "System"),
            )
        }
    client.force_login(people.olive)
    for name in old:
        assert shown(client, old, f"{LOG}?actor={name}&from=2026-03-01") == {name}


def test_pages_lose_and_repeat_nothing(client: Client, people: Personas) -> None:
    """Also where many rows have one instant, as those of a file."""
    number = 2 * ROWS_PER_PAGE + 3
    with provider_schema(people.north):
        audit.record_all(
            entries=[
                audit.entry_of(
                    actor=SYSTEM_ACTOR, action="user.added", subject=f"u{each}@a.example", now=NOON
                )
                for each in range(number)
            ]
        )
    client.force_login(people.olive)
    found: list[str] = []
    address = f"{LOG}?from=2026-03-01"
    for _ in range(4):
        response = client.get(address)
        found += [entry.subject for entry in response.context["entries"]]
        if response.context["older"] is None:
            break
        address = (
            f"{LOG}?from=2026-03-01&before={str(response.context['older']).replace('+', '%2B')}"
        )
    assert len(found) == number
    assert len(set(found)) == number


def test_a_page_costs_the_same_for_any_number_of_rows(
    client: Client, people: Personas, log: dict[str, AuditEntry]
) -> None:
    client.force_login(people.olive)
    client.get(LOG)
    with CaptureQueriesContext(connection) as few:
        client.get(LOG)
    with provider_schema(people.north):
        for each in range(40):
            record("user.added", f"u{each}@a.example")
    with CaptureQueriesContext(connection) as many:
        client.get(LOG)
    assert len(many) == len(few)


def test_a_download_is_an_entry(
    client: Client, people: Personas, log: dict[str, AuditEntry]
) -> None:
    client.force_login(people.olive)
    client.get("/account/audit.csv?format=xlsx")
    with provider_schema(people.north):
        entry = AuditEntry.objects.get(action="table.exported")
    assert (entry.subject, entry.after) == ("audit-log", {"file": "audit-log.xlsx"})
    assert entry.actor_id == people.olive.pk


def test_an_empty_log_says_so(client: Client, north: Provider, people: Personas) -> None:
    client.force_login(people.olive)
    assert "No entries in these days" in client.get(LOG).text
    assert "No entry matches" in client.get(f"{LOG}?q=x").text
