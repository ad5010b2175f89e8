"""Two rows of one person, from before one mailbox was one user: found, explained, merged."""

import importlib
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO

import pytest
import time_machine
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from accounts.models import Provider
from core.actors import Actor
from core.months import Month
from core.schema import provider_schema
from tenants.models import AuditEntry, ManagedUser, MeteringPolicy, Organization, UserAlias
from tenants.users.doubles import SharedName, doubles
from tenants.users.merging import Merge, NoDoubles, merge_users
from tests.personas import Personas
from tests.usage.counting import set_policy
from usage.ledger.late_usage import restated_months
from usage.ledger.merged_marks import marks_after
from usage.ledger.month_freeze import freeze_month
from usage.ledger.verify import verify_ledger
from usage.models import MonthlyUsage

NOW = datetime(2026, 3, 20, 9, 0, tzinfo=UTC)
MARCH = Month(2026, 3)
ADAM = Actor(id=7, name="Adam Nordlicht")
IN_UNICODE, IN_PUNYCODE = "ann@münchen.example", "ann@xn--mnchen-3ya.example"


def march(day: int) -> datetime:
    return datetime(2026, 3, day, 8, 0, tzinfo=UTC)


@pytest.fixture
def acme(north: Provider) -> Iterator[Organization]:
    with time_machine.travel(NOW, tick=False), provider_schema(north):
        set_policy(free_user_limit=None)
        yield Organization.objects.create(name="Acme Nordlicht", created_at=march(1))


def before_the_rule(
    acme: Organization, *users: tuple[str, datetime, str | None]
) -> list[ManagedUser]:
    """Rows as the former rule let them in, with the keys that the migration gives to them."""
    rows = []
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tenants_manageduser DISABLE TRIGGER USER")
        cursor.execute("ALTER TABLE tenants_manageduser ENABLE TRIGGER usage_user_added")
        for number, (email, added_at, external_id) in enumerate(users):
            cursor.execute(
                "INSERT INTO tenants_manageduser (organization_id, email, address_key, name,"
                " added_at, external_id) VALUES (%s, %s, %s, 'Ann', %s, %s) RETURNING id",
                [acme.pk, email, f"not filled {number}", added_at, external_id],
            )
            rows.append(cursor.fetchone()[0])
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SELECT pg_get_indexdef('tenants_manageduser_one_identity'::regclass)")
        (index,) = cursor.fetchone()
        cursor.execute("DROP INDEX tenants_manageduser_one_identity")
        cursor.execute("UPDATE tenants_manageduser SET address_key = ''")
        migration = importlib.import_module("tenants.migrations.0006_identities")

        class Editor:
            pass

        Editor.connection = connection
        migration.fill_keys(apps, Editor)
        cursor.execute(index)
        cursor.execute("ALTER TABLE tenants_manageduser ENABLE TRIGGER USER")
    return [ManagedUser.objects.select_related("organization").get(pk=pk) for pk in rows]


def mark(acme: Organization, month: Month = MARCH) -> int:
    rows = MonthlyUsage.objects.filter(organization=acme, metric="users", month=month.first_day)
    return rows.get().high_water_mark


def merge(*, keeps_earlier_address: bool = False) -> ManagedUser:
    [double] = doubles()
    return merge_users(merge=Merge(double, keeps_earlier_address), actor=ADAM, now=NOW)


def test_existing_doubles_survive_the_migration_and_are_found(acme: Organization) -> None:
    users = before_the_rule(
        acme,
        (IN_UNICODE, march(2), None),
        (IN_PUNYCODE, march(5), None),
        ("bo@acme.example", march(5), None),
    )
    assert [user.address_key for user in users[:2]] == [IN_UNICODE, IN_UNICODE]
    assert [user.is_double for user in users] == [False, True, False]
    [double] = doubles(organization_id=acme.pk)
    assert (double.earlier, double.later, double.shared) == (*users[:2], SharedName.MAILBOX)
    out = StringIO()
    call_command("find_doubles", provider="north", stdout=out)
    assert f"{IN_UNICODE} (#{users[0].pk}) and {IN_PUNYCODE}" in out.getvalue()


def test_a_merge_corrects_the_mark_of_the_running_month(acme: Organization) -> None:
    earlier, later = before_the_rule(
        acme, (IN_UNICODE, march(2), None), (IN_PUNYCODE, march(5), None)
    )
    assert mark(acme) == 2
    [double] = doubles()
    [shown] = marks_after(merge=Merge(double, True), running=MARCH, actor=ADAM, now=NOW)
    assert (shown.month, shown.before, shown.after, mark(acme)) == (MARCH, 2, 1, 2)
    assert merge() == later
    assert (mark(acme), doubles(), verify_ledger()) == (1, [], [])
    earlier.refresh_from_db()
    assert (earlier.email, earlier.removed_by_name) == (IN_UNICODE, "Adam Nordlicht")
    assert AuditEntry.objects.get(action="user.merged").subject == IN_UNICODE


def test_a_closed_month_stays_as_it_was_billed(acme: Organization) -> None:
    before_the_rule(
        acme,
        (IN_UNICODE, datetime(2026, 2, 2, tzinfo=UTC), None),
        (IN_PUNYCODE, datetime(2026, 2, 5, tzinfo=UTC), None),
    )
    february = Month(2026, 2)
    freeze_month(month=february, zone=Provider.objects.get(invoice_prefix="NORTH").billing_zone())
    merge()
    assert (mark(acme, february), mark(acme)) == (2, 1)
    changed = [one for one in restated_months() if one.high_water_mark != 2]
    assert changed == [], "no adjustment of the closed month"
    assert MeteringPolicy.objects.current().closed_through is not None


def test_rows_of_one_instant_keep_the_mark_and_the_page_says_so(
    acme: Organization, client: Client, people: Personas
) -> None:
    earlier, later = before_the_rule(
        acme, (IN_UNICODE, march(2), None), (IN_PUNYCODE, march(2), None)
    )
    client.force_login(people.adam)
    url = reverse("user_merge", args=[acme.pk, earlier.pk, later.pk])
    page = client.get(url).content.decode()
    assert "This month’s mark stays" in page
    assert "stays as it is" in page
    assert client.get(reverse("double_list", args=[acme.pk])).content.decode().count(url) == 1
    assert client.post(url, {}).status_code == 422
    assert client.post(url, {"address": "later"}).status_code == 302
    assert client.post(url, {"address": "later"}).status_code == 404
    with provider_schema(Provider.objects.get(invoice_prefix="NORTH")):
        assert mark(acme) == 2
        assert ManagedUser.objects.living().get() == later


def test_the_merged_user_is_known_by_every_name_of_both(acme: Organization) -> None:
    guid = "7d5d2a3e-0000-4000-8000-000000000001"
    earlier, later = before_the_rule(
        acme, ("ann@acme.example", march(2), guid.upper()), ("lee@acme.example", march(5), guid)
    )
    [double] = doubles()
    assert double.shared is SharedName.EXTERNAL_ID
    UserAlias.objects.create(
        organization=acme, user=earlier, kind="address", text="a@acme.example", key="a@acme.example"
    )
    user = merge(keeps_earlier_address=True)
    assert (user.pk, user.email, user.external_id) == (later.pk, "ann@acme.example", guid)
    assert set(user.aliases.filter(ended_at=None).values_list("text", flat=True)) >= {
        "lee@acme.example",
        "a@acme.example",
    }


def test_two_accounts_of_a_directory_are_no_doubles(acme: Organization) -> None:
    before_the_rule(
        acme,
        ("ann@acme.example", march(2), "00u1"),
        ("Ann@acme.example", march(5), "00u2"),
        ("bo@acme.example", march(5), "00u3"),
        ("BO@acme.example", march(6), None),
    )
    [double] = doubles()
    assert double.later.email == "BO@acme.example"
    merge_users(merge=Merge(double, keeps_earlier_address=False), actor=ADAM, now=NOW)
    double.later.refresh_from_db()
    assert double.later.external_id == "00u3"
    with pytest.raises(NoDoubles):
        merge_users(merge=Merge(double, keeps_earlier_address=False), actor=ADAM, now=NOW)
