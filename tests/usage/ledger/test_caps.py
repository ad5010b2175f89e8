"""User caps and the free allowance: refused by the database, whatever the way in."""

import json

import pytest
from django.db import connection

from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.usage.counting import add, at, count_of, execute, new_user, refused, remove, set_policy
from usage.ledger.verify import verify_ledger

OCTOBER = at("2026-10-03")


def cap(organization: Organization, users: int | None) -> None:
    Organization.objects.filter(pk=organization.pk).update(user_cap=users)


def test_no_user_is_added_at_the_cap(acme: Organization) -> None:
    cap(acme, 2)
    add(acme, OCTOBER, OCTOBER)
    with refused("MT001") as refusals:
        add(acme, OCTOBER)
    assert json.loads(refusals[0].diag.message_detail) == {
        "organization_id": acme.pk,
        "cap": 2,
        "count": 2,
        "asked": 1,
        "because": "cap",
    }
    assert count_of(acme) == 2
    assert verify_ledger() == []


def test_a_statement_is_refused_whole(acme: Organization) -> None:
    zenith = Organization.objects.create(name="Zenith", user_cap=1)
    with refused("MT001") as refusals:
        ManagedUser.objects.bulk_create(
            [new_user(acme, OCTOBER), new_user(zenith, OCTOBER), new_user(zenith, OCTOBER)]
        )
    detail = json.loads(refusals[0].diag.message_detail)
    assert (detail["organization_id"], detail["asked"]) == (zenith.pk, 2)
    assert not ManagedUser.objects.exists()


@pytest.mark.parametrize(
    ("user_cap", "free", "effective", "because"),
    [
        (None, 3, 3, "free_allowance"),
        (5, 3, 3, "free_allowance"),
        (2, 3, 2, "cap"),
        (3, 3, 3, "cap"),
        (4, None, 4, "cap"),
    ],
)
def test_the_lower_of_cap_and_allowance_holds(
    acme: Organization, user_cap: int | None, free: int | None, effective: int, because: str
) -> None:
    cap(acme, user_cap)
    set_policy(free_user_limit=free)
    add(acme, *[OCTOBER] * effective)
    with refused("MT001") as refusals:
        add(acme, OCTOBER)
    detail = json.loads(refusals[0].diag.message_detail)
    assert (detail["cap"], detail["because"]) == (effective, because)


def test_without_either_there_is_no_limit(acme: Organization) -> None:
    add(acme, *[OCTOBER] * 500)
    assert count_of(acme) == 500


def test_a_cap_below_the_count_stops_additions_until_the_count_is_below(acme: Organization) -> None:
    users = add(acme, *[OCTOBER] * 5)
    cap(acme, 3)
    assert count_of(acme) == 5
    for removed, left in ((users[:1], 4), (users[1:2], 3)):
        remove(removed, OCTOBER)
        assert count_of(acme) == left
        with refused("MT001"):
            add(acme, OCTOBER)
    remove(users[2:3], OCTOBER)
    add(acme, OCTOBER)
    assert count_of(acme) == 3


def test_raising_or_lifting_a_limit_works_at_once(
    policy: MeteringPolicy, acme: Organization
) -> None:
    cap(acme, 1)
    set_policy(free_user_limit=2)
    add(acme, OCTOBER)
    cap(acme, 10)
    add(acme, OCTOBER)
    with refused("MT001"):
        add(acme, OCTOBER)
    set_policy(free_user_limit=None)
    add(acme, OCTOBER)
    cap(acme, None)
    add(acme, *[OCTOBER] * 20)
    assert count_of(acme) == 23


def test_removed_users_give_their_place_back(acme: Organization) -> None:
    cap(acme, 1)
    for _ in range(3):
        remove(add(acme, OCTOBER), OCTOBER)
    assert count_of(acme) == 0


def test_suspended_users_keep_their_place(acme: Organization) -> None:
    cap(acme, 1)
    add(acme, OCTOBER)
    ManagedUser.objects.update(state=ManagedUser.State.SUSPENDED)
    with refused("MT001"):
        add(acme, OCTOBER)


def test_raw_sql_and_copy_are_refused_too(acme: Organization) -> None:
    cap(acme, 1)
    with refused("MT001"):
        execute(
            "INSERT INTO tenants_manageduser (organization_id, email)"
            " SELECT %s, n::text FROM generate_series(1, 2) n",
            acme.pk,
        )
    copy_in = "COPY tenants_manageduser (organization_id, email) FROM STDIN"
    with refused("MT001"), connection.cursor() as cursor, cursor.copy(copy_in) as copy:
        copy.write_row((acme.pk, "a"))
        copy.write_row((acme.pk, "b"))


def test_conflicting_rows_do_not_count_against_the_cap(acme: Organization) -> None:
    cap(acme, 1)
    for _ in range(2):
        execute(
            "INSERT INTO tenants_manageduser (organization_id, email) VALUES (%s, 'a')"
            " ON CONFLICT DO NOTHING",
            acme.pk,
        )
    assert count_of(acme) == 1
