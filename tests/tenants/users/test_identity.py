"""One living user for each mailbox, whatever way a row takes; a renamed user stays the same."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.errors import UniqueViolation

from accounts.models import Provider
from core.actors import Actor
from core.addresses import address_key
from core.names import name_key
from core.schema import provider_schema
from tenants.models import AuditEntry, ManagedUser, Organization, UserAlias
from tenants.refusals import CountedRowChangeRefused, translated_refusals
from tenants.users.changes import change_user, end_alias
from tenants.users.directory_ids import are_two_accounts, clean_external_id
from tenants.users.membership import AlreadyThere, Via, add_member, remove_member
from usage.models import MonthlyUsage, OrganizationCounter, UsageEvent

NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
ADAM = Actor(id=7, name="Adam Nordlicht")
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20) | (
    st.from_regex(r"[a-cA-C.'\"<:;,+-]{1,4}@(xn--)?[a-c.]{1,6}", fullmatch=True)
)


@pytest.fixture
def acme(north: Provider) -> Iterator[Organization]:
    with provider_schema(north):
        yield Organization.objects.create(name="Acme Nordlicht")


def add(acme: Organization, email: str, external_id: str | None = None) -> ManagedUser:
    user = ManagedUser(organization=acme, email=email, name="Ann", external_id=external_id)
    return add_member(member=user, actor=ADAM, via=Via.FORM, now=NOW)


def rename(user: ManagedUser, email: str, name: str = "Ann") -> None:
    change_user(user=user, email=email, name=name, actor=ADAM, now=NOW)


def count(acme: Organization) -> int:
    return OrganizationCounter.objects.get(organization=acme, metric="users").count


def test_another_spelling_is_the_same_user(acme: Organization) -> None:
    add(acme, "ann@münchen.example")
    for email in ("ann@xn--mnchen-3ya.example", "Ann@MÜNCHEN.example", "ann@mu\u0308nchen.example"):
        with pytest.raises(AlreadyThere):
            add(acme, email)
    assert count(acme) == 1


@pytest.mark.parametrize(
    ("email", "key"),
    [
        ("ann@xn--mnchen-3ya.example", ""),
        ("ann@münchen.example", ""),
        ("<ann@acme.example>", ""),
        ("ann@acme.example.", ""),
        ("ann@münchen.example", "Ann@münchen.example"),
        ("ann@münchen.example", "ann@\u200bmünchen.example"),
        ("ann@acme.example", "bo@acme.example"),
    ],
)
def test_the_database_refuses_a_missing_or_wrong_key(
    acme: Organization, email: str, key: str
) -> None:
    user = add(acme, "first@acme.example")
    with connection.cursor() as cursor:
        with pytest.raises(IntegrityError, match="address_key"), transaction.atomic():
            cursor.execute(
                "INSERT INTO tenants_manageduser (organization_id, email, address_key)"
                " VALUES (%s, %s, %s)",
                [acme.pk, email, key],
            )
        with pytest.raises(IntegrityError, match="address_key"), transaction.atomic():
            cursor.execute(
                "UPDATE tenants_manageduser SET email = %s, address_key = %s WHERE id = %s",
                [email, key, user.pk],
            )
    assert count(acme) == 1


def test_copy_counts_a_plain_address_once(acme: Organization) -> None:
    into = "COPY tenants_manageduser (organization_id, email) FROM STDIN"
    with connection.cursor() as cursor:
        with cursor.copy(into) as copy:
            copy.write_row((acme.pk, "Ann@acme.example"))
        for second in ("ANN@acme.example", "ann@acme.example"):
            with pytest.raises(UniqueViolation), transaction.atomic(), cursor.copy(into) as copy:
                copy.write_row((acme.pk, second))
    assert ManagedUser.objects.get().address_key == "ann@acme.example"


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(texts=st.lists(ASCII, min_size=1, max_size=40))
def test_what_the_database_calls_plain_is_its_own_key(acme: Organization, texts: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT t, usage_is_plain_address(t) FROM unnest(%s::text[]) AS t", [texts])
        for text, is_plain in cursor.fetchall():
            assert not is_plain or address_key(text) == text.lower(), text


def test_an_address_is_shared_by_accounts_with_ids_only(acme: Organization) -> None:
    add(acme, "ann@acme.example", "hr-1")
    add(acme, "ann@acme.example", "hr-2")
    with pytest.raises(AlreadyThere):
        add(acme, "ann@acme.example")
    with pytest.raises(IntegrityError), transaction.atomic():
        ManagedUser.objects.filter(external_id="hr-1").update(external_id=None)
    bo = add(acme, "bo@acme.example")
    with pytest.raises(AlreadyThere):
        add(acme, "bo@acme.example", "hr-3")
    with pytest.raises(AlreadyThere):
        rename(bo, "ANN@acme.example")
    assert count(acme) == 3


def test_a_renamed_user_counts_once_and_keeps_the_earlier_address(acme: Organization) -> None:
    ann = add(acme, "ann@acme.example")
    events = UsageEvent.objects.count()
    rename(ann, "ann.lee@acme.example", "Ann Lee")
    assert (count(acme), UsageEvent.objects.count()) == (1, events)
    assert MonthlyUsage.objects.get(metric="users").high_water_mark == 1
    assert AuditEntry.objects.get(action="user.changed").subject == "ann.lee@acme.example"
    with pytest.raises(AlreadyThere):
        add(acme, "ANN@acme.example")
    rename(ann, "ann@acme.example")
    assert list(ann.aliases.filter(ended_at=None).values_list("text", flat=True)) == [
        "ann.lee@acme.example"
    ]
    for alias in ann.aliases.filter(ended_at=None):
        end_alias(alias=alias, actor=ADAM, now=NOW)
    add(acme, "ann.lee@acme.example")
    assert count(acme) == 2


def test_raw_sql_keeps_the_earlier_address_too(acme: Organization) -> None:
    ann = add(acme, "ann@acme.example")
    ManagedUser.objects.filter(pk=ann.pk).update(
        email="lee@acme.example", address_key="lee@acme.example"
    )
    assert UserAlias.objects.get().text == "ann@acme.example"


def test_a_removed_user_keeps_its_address(acme: Organization) -> None:
    ann = add(acme, "ann@acme.example")
    remove_member(member=ann, actor=ADAM, now=NOW)
    ann.refresh_from_db()
    rename(ann, "lee@acme.example")
    assert ManagedUser.objects.get().email == "ann@acme.example"
    with pytest.raises(CountedRowChangeRefused), translated_refusals():
        ManagedUser.objects.update(email="lee@acme.example", address_key="lee@acme.example")


def test_organizations_of_names_that_look_the_same(acme: Organization) -> None:
    for name in ("ACME  Nordlicht", "Ac\u200bme Nordlicht", "\u0410\u0441me Nordlicht"):
        with pytest.raises(IntegrityError), transaction.atomic():
            Organization.objects.create(name=name)
        with pytest.raises(IntegrityError), transaction.atomic():
            Organization.objects.bulk_create([Organization(name=name)])
    for typed in ("\u0410\u0441me", "ａｃｍｅ", "ac\u200bme n"):
        assert list(Organization.objects.filter(name_key__contains=name_key(typed))) == [acme]
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO tenants_organization (name) VALUES ('Bakery  One')")
        with pytest.raises(IntegrityError, match="name_key"), transaction.atomic():
            cursor.execute("INSERT INTO tenants_organization (name) VALUES ('Bäckerei')")
    assert Organization.objects.get(name_key="bakery one")


def test_ids_of_directories() -> None:
    guid = "7D5D2A3E-0000-4000-8000-000000000001"
    assert clean_external_id(f" {{{guid}}}\u200b") == guid.lower()
    assert clean_external_id("00u1Abc ") == "00u1Abc"
    assert are_two_accounts("00u1", "00u2")
    assert not are_two_accounts("00u1", guid.lower())
    assert not are_two_accounts("00u1", "00u1")
    assert not are_two_accounts(None, "00u1")
    assert are_two_accounts(f"ad:{guid.lower()}", "ad:7d5d2a3e-0000-4000-8000-00000000000f")
    assert not are_two_accounts(f"ad:{guid.lower()}", "hr-7")
