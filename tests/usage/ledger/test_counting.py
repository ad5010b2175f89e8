"""usage/migrations/sql/0002_metering.sql: what is counted, on every way in."""

import pytest
from django.db import connection, transaction

from core.metrics import Metric
from tenants.models import Device, ManagedUser, MeteringPolicy, Organization
from tests.usage.counting import (
    add,
    add_devices,
    at,
    count_of,
    events_of,
    execute,
    months_of,
    new_user,
    refused,
    remove,
    set_policy,
)
from usage.ledger.verify import verify_ledger
from usage.models import MonthlyUsage, OrganizationCounter, UsageEvent


def test_a_new_organization_counts_from_zero(acme: Organization) -> None:
    assert count_of(acme) == 0
    assert count_of(acme, Metric.DEVICES) == 0


def test_a_user_added_is_counted_logged_and_marked(acme: Organization) -> None:
    user = new_user(
        acme,
        at("2026-10-03 14:30"),
        email="ann@acme.example",
        added_by_id=7,
        added_by_name="Adam",
        added_via="form",
    )
    user.save()
    event = UsageEvent.objects.get()
    assert (event.at, event.delta, event.count_after) == (at("2026-10-03 14:30"), 1, 1)
    assert event.subject_id == user.pk
    assert (event.actor_id, event.actor_name, event.via) == (7, "Adam", "form")
    month = MonthlyUsage.objects.get()
    assert (month.carried_in, month.high_water_mark) == (0, 1)
    assert (month.peak_at, month.peak_event_id) == (event.at, event.pk)
    assert count_of(acme) == 1
    assert verify_ledger() == []


def test_a_removed_user_is_not_counted_and_the_mark_stays(acme: Organization) -> None:
    users = add(acme, at("2026-10-03"), at("2026-10-04"), at("2026-10-05"))
    ManagedUser.objects.filter(pk=users[0].pk).update(
        removed_at=at("2026-10-06"), removed_by_id=7, removed_by_name="Adam"
    )
    assert count_of(acme) == 2
    assert events_of(acme)[-1] == (at("2026-10-06"), -1, 2)
    last = UsageEvent.objects.latest("id")
    assert (last.actor_id, last.actor_name) == (7, "Adam")
    assert months_of(acme) == {"2026-10": (0, 3, at("2026-10-05"))}
    assert verify_ledger() == []


def test_the_peak_is_the_first_instant_that_reached_it(acme: Organization) -> None:
    first, _ = add(acme, at("2026-10-03"), at("2026-10-04"))
    remove([first], at("2026-10-05"))
    add(acme, at("2026-10-06"))
    assert months_of(acme) == {"2026-10": (0, 2, at("2026-10-04"))}


def test_a_month_starts_at_the_level_carried_in(acme: Organization) -> None:
    users = add(acme, *[at("2026-10-03")] * 30)
    remove(users[:1], at("2026-12-05"))
    assert months_of(acme) == {
        "2026-10": (0, 30, at("2026-10-03")),
        "2026-12": (30, 30, None),
    }
    add(acme, at("2026-12-06"), at("2026-12-07"))
    assert months_of(acme)["2026-12"] == (30, 31, at("2026-12-07"))
    assert verify_ledger() == []


def test_one_statement_over_several_months_and_organizations(acme: Organization) -> None:
    zenith = Organization.objects.create(name="Zenith")
    whens = ["2026-12-01", "2026-10-31 23:59", "2026-11-01", "2026-10-03"]
    ManagedUser.objects.bulk_create(
        new_user(organization, at(when)) for when in whens for organization in (zenith, acme)
    )
    for organization in (acme, zenith):
        assert [count for _, _, count in events_of(organization)] == [1, 2, 3, 4]
        assert months_of(organization) == {
            "2026-10": (0, 2, at("2026-10-31 23:59")),
            "2026-11": (2, 3, at("2026-11-01")),
            "2026-12": (3, 4, at("2026-12-01")),
        }
    execute(
        "UPDATE tenants_manageduser SET removed_at ="
        " (CASE WHEN id / 2 %% 2 = 0 THEN '2027-01-31' ELSE '2027-02-01' END)::timestamptz"
        " WHERE organization_id = %s",
        acme.pk,
    )
    assert months_of(acme)["2027-01"] == (4, 4, None)
    assert months_of(acme)["2027-02"][2] is None
    assert count_of(acme) == 0
    assert count_of(zenith) == 4
    assert verify_ledger() == []


def test_months_are_those_of_the_billing_zone(policy: MeteringPolicy, acme: Organization) -> None:
    set_policy(billing_time_zone="Pacific/Kiritimati")  # UTC+14
    add(acme, at("2026-10-31 09:59:59.999999"), at("2026-10-31 10:00"))
    assert months_of(acme) == {
        "2026-10": (0, 1, at("2026-10-31 09:59:59.999999")),
        "2026-11": (1, 2, at("2026-10-31 10:00")),
    }


def test_an_instant_never_lies_before_the_last_event(acme: Organization) -> None:
    add(acme, at("2026-10-20"))
    users = add(acme, at("2026-10-03"))
    remove(users, at("2026-09-01"))
    assert [when for when, _, _ in events_of(acme)] == [at("2026-10-20")] * 3
    add_devices(acme, at("2026-10-03"))
    assert events_of(acme, Metric.DEVICES) == [(at("2026-10-03"), 1, 1)]


def test_nothing_is_recorded_in_a_closed_month(policy: MeteringPolicy, acme: Organization) -> None:
    set_policy(closed_through=at("2026-11-01"))
    users = add(acme, at("2026-10-31 23:59"))
    remove(users, at("2026-10-31 23:59:59"))
    assert [when for when, _, _ in events_of(acme)] == [at("2026-11-01")] * 2
    assert list(months_of(acme)) == ["2026-11"]


def test_devices_are_counted_apart_and_no_cap_stops_them(acme: Organization) -> None:
    Organization.objects.filter(pk=acme.pk).update(user_cap=1)
    set_policy(free_user_limit=1)
    devices = add_devices(acme, *[at("2026-10-03")] * 3)
    Device.objects.filter(pk=devices[0].pk).update(removed_at=at("2026-10-04"))
    assert count_of(acme, Metric.DEVICES) == 2
    assert count_of(acme) == 0
    assert UsageEvent.objects.first().subject_id == devices[0].pk
    assert verify_ledger() == []


def test_raw_sql_copy_and_conflicting_rows_are_counted(acme: Organization) -> None:
    insert = (
        "INSERT INTO tenants_manageduser (organization_id, email) VALUES (%s, %s), (%s, %s)"
        " ON CONFLICT DO NOTHING"
    )
    execute(insert, acme.pk, "a@acme.example", acme.pk, "b@acme.example")
    execute(insert, acme.pk, "B@acme.example", acme.pk, "c@acme.example")
    execute(insert, acme.pk, "a@acme.example", acme.pk, "b@acme.example")
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY tenants_manageduser (organization_id, email) FROM STDIN") as copy,
    ):
        copy.write_row((acme.pk, "d@acme.example"))
        copy.write_row((acme.pk, "e@acme.example"))
    assert count_of(acme) == 5
    assert verify_ledger() == []


def test_what_is_rolled_back_was_never_there(acme: Organization) -> None:
    add(acme, at("2026-10-03"))
    with transaction.atomic():
        add(acme, at("2026-10-04"))
        transaction.set_rollback(True)
    assert count_of(acme) == 1
    assert len(events_of(acme)) == 1
    assert verify_ledger() == []


def test_a_suspended_user_counts(acme: Organization) -> None:
    add(acme, at("2026-10-03"))
    ManagedUser.objects.update(state=ManagedUser.State.SUSPENDED, name="Ann")
    assert count_of(acme) == 1
    assert len(events_of(acme)) == 1


def test_changing_removed_and_live_users_together_counts_the_removal_only(
    acme: Organization,
) -> None:
    users = add(acme, *[at("2026-10-03")] * 3)
    remove(users[:1], at("2026-10-04"))
    execute(
        "UPDATE tenants_manageduser SET name = 'x', state = 'suspended',"
        " removed_at = coalesce(removed_at, CASE WHEN id = %s THEN now() END)",
        users[1].pk,
    )
    assert count_of(acme) == 1
    assert verify_ledger() == []


def test_an_update_without_a_removal_takes_no_lock(acme: Organization) -> None:
    add(acme, at("2026-10-03"))
    # The update must not need the counters at all.
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("ALTER TABLE usage_organizationcounter RENAME TO elsewhere")
    ManagedUser.objects.update(state=ManagedUser.State.SUSPENDED, name="Ann")
    with refused("42P01"):
        remove(ManagedUser.objects.all(), at("2026-10-04"))


def test_a_temporary_table_of_the_same_name_shadows_nothing(acme: Organization) -> None:
    execute("CREATE TEMP TABLE usage_organizationcounter (LIKE usage_organizationcounter)")
    execute("CREATE TEMP TABLE tenants_organization (LIKE tenants_organization)")
    add(acme, at("2026-10-03"))
    execute("DROP TABLE pg_temp.usage_organizationcounter")
    execute("DROP TABLE pg_temp.tenants_organization")
    assert count_of(acme) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tenants_manageduser SET removed_at = NULL WHERE removed_at IS NOT NULL",
        "UPDATE tenants_manageduser SET removed_at = now() WHERE removed_at IS NOT NULL",
        "UPDATE tenants_manageduser SET added_at = now()",
        "UPDATE tenants_manageduser SET id = id + 1000",
        "UPDATE tenants_manageduser SET removed_at = 'infinity' WHERE removed_at IS NULL",
        """UPDATE tenants_manageduser u SET organization_id =
            (SELECT min(id) FROM tenants_organization o WHERE o.id <> u.organization_id)""",
        """INSERT INTO tenants_manageduser (organization_id, email, removed_at)
            SELECT id, 'x', now() FROM tenants_organization""",
        """INSERT INTO tenants_manageduser (organization_id, email, added_at)
            SELECT id, 'x', 'infinity' FROM tenants_organization""",
        "DELETE FROM tenants_manageduser",
        "TRUNCATE tenants_manageduser CASCADE",
        "TRUNCATE tenants_organization CASCADE",
        "UPDATE tenants_device SET removed_at = NULL WHERE removed_at IS NOT NULL",
        "UPDATE tenants_device SET added_at = now()",
        "DELETE FROM tenants_device",
        "TRUNCATE tenants_device CASCADE",
        "UPDATE usage_usageevent SET delta = 1",
        "DELETE FROM usage_usageevent",
        "TRUNCATE usage_usageevent CASCADE",
        "INSERT INTO usage_usageevent SELECT * FROM usage_usageevent",
        "UPDATE usage_organizationcounter SET count = 0",
        "DELETE FROM usage_organizationcounter",
        "UPDATE usage_monthlyusage SET high_water_mark = 0",
        "DELETE FROM usage_monthlyusage",
        "DELETE FROM tenants_meteringpolicy",
        "UPDATE tenants_meteringpolicy SET billing_time_zone = 'Asia/Tokyo'",
    ],
)
def test_a_statement_that_would_falsify_the_ledger_is_refused(
    acme: Organization, statement: str
) -> None:
    Organization.objects.create(name="Zenith")
    users = add(acme, at("2026-10-03"), at("2026-10-04"))
    remove(users[:1], at("2026-10-05"))
    devices = add_devices(acme, at("2026-10-03"), at("2026-10-04"))
    Device.objects.filter(pk=devices[0].pk).update(removed_at=at("2026-10-05"))
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    with refused("MT002"):
        execute(statement)
    assert verify_ledger() == []


def test_a_closed_month_stays_closed(policy: MeteringPolicy) -> None:
    set_policy(closed_through=at("2026-11-01"))
    for earlier in (at("2026-10-01"), None):
        with refused("MT002"):
            set_policy(closed_through=earlier)


def test_an_unknown_time_zone_is_refused_at_once(policy: MeteringPolicy) -> None:
    with refused("22023"):
        set_policy(billing_time_zone="Europe/Atlantis")


def test_without_a_policy_nothing_is_counted(acme: Organization) -> None:
    execute("ALTER TABLE tenants_meteringpolicy DISABLE TRIGGER USER")
    execute("DELETE FROM tenants_meteringpolicy")
    with refused("MT002"):
        add(acme, at("2026-10-03"))


def test_an_organization_that_does_not_exist_is_refused(acme: Organization) -> None:
    with refused("23503"):
        add(Organization(pk=acme.pk + 1000), at("2026-10-03"))


def test_counters_are_locked_in_one_order(acme: Organization) -> None:
    others = [Organization.objects.create(name=f"Org {n}") for n in range(5)]
    ManagedUser.objects.bulk_create(
        new_user(organization, at("2026-10-03")) for organization in reversed([acme, *others])
    )
    in_log = UsageEvent.objects.order_by("id").values_list("organization_id", flat=True)
    assert list(in_log) == sorted(in_log)
    assert OrganizationCounter.objects.filter(count=1).count() == 6
