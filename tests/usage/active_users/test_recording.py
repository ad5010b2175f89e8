"""Active users are counted once a month, up to a threshold, on every way in."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from core.actors import SYSTEM_ACTOR
from core.months import Month
from tenants.models import MeteringPolicy, Organization
from tenants.organizations.lifecycle import set_mau_limit
from tenants.refusals import MauLimitReached, OrganizationRemoved
from tests.usage.counting import add, at, execute, new_user, refused, remove, set_policy
from tests.usage.sightings import REPORTER, active_of, first_seen, report
from usage.active_users.identification import RefusalReason, Sighting
from usage.active_users.recording import ActivityRefused, record_activity
from usage.ledger.month_freeze import freeze_month
from usage.ledger.rebuild import rebuild_usage
from usage.ledger.verify import verify_ledger
from usage.models import ActiveMonth, ActiveUser
from usage.models.active_users import LateActivity

MAY, JUNE, NOON = at("2026-05-01"), at("2026-06-01"), at("2026-06-10 12:00")


@pytest.fixture
def acme(policy: MeteringPolicy) -> Organization:
    """An organization since January."""
    return Organization.objects.create(name="Acme", created_at=at("2026-01-10"))


def test_a_user_counts_once_a_month_however_often_seen(acme: Organization) -> None:
    anna, ben = add(acme, MAY, MAY)
    recorded = report(
        acme, (anna, at("2026-06-02")), (anna, at("2026-06-03")), (ben, at("2026-07-01"))
    )
    assert (recorded.new, recorded.repeated) == ((0, 2), (1,))
    assert report(acme, (anna, at("2026-06-20"))).repeated == (0,)
    assert active_of(acme) == {"2026-06": 1, "2026-07": 1}


def test_the_earliest_instant_of_the_month_is_kept(acme: Organization) -> None:
    (anna,) = add(acme, MAY)
    report(acme, (anna, at("2026-06-20")), (anna, at("2026-06-12")))
    assert first_seen(acme) == {("2026-06", anna.pk): at("2026-06-12")}
    report(acme, (anna, at("2026-06-03")))
    report(acme, (anna, at("2026-06-28")))
    assert first_seen(acme) == {("2026-06", anna.pk): at("2026-06-03")}


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "Europe/Berlin"])
def test_months_are_those_of_the_billing_zone(acme: Organization, zone: str) -> None:
    set_policy(billing_time_zone=zone)
    starts_at = Month(2026, 11).starts_at(ZoneInfo(zone))
    (anna,) = add(acme, MAY)
    report(acme, (anna, starts_at))
    assert active_of(acme) == {"2026-11": 1}
    report(acme, (anna, starts_at - timedelta(microseconds=1)))
    assert active_of(acme) == {"2026-10": 1, "2026-11": 1}


def test_the_threshold_refuses_the_next_new_user_and_no_repeated_one(acme: Organization) -> None:
    anna, ben, carl = add(acme, MAY, MAY, MAY)
    set_mau_limit(organization=acme, limit=2, actor=SYSTEM_ACTOR, now=NOON)
    report(acme, (anna, NOON), (ben, NOON))
    with pytest.raises(MauLimitReached) as caught:
        report(acme, (anna, NOON), (carl, NOON))
    assert (caught.value.threshold, caught.value.count, caught.value.asked) == (2, 2, 1)
    assert caught.value.month == JUNE.date()
    assert report(acme, (anna, NOON), (ben, NOON)).repeated == (0, 1)
    assert active_of(acme) == {"2026-06": 2}
    report(acme, (carl, at("2026-07-01")))
    assert active_of(acme) == {"2026-06": 2, "2026-07": 1}


def test_a_threshold_below_the_count_turns_away_only_new_ones(acme: Organization) -> None:
    anna, ben, carl = add(acme, MAY, MAY, MAY)
    report(acme, (anna, NOON), (ben, NOON))
    set_mau_limit(organization=acme, limit=1, actor=SYSTEM_ACTOR, now=NOON)
    recorded = report(acme, (anna, NOON), (carl, NOON), is_all_or_nothing=False)
    assert (recorded.repeated, recorded.refused) == ((0,), {1: RefusalReason.OVER_LIMIT})


def test_good_lines_are_counted_up_to_the_threshold_in_order(acme: Organization) -> None:
    users = add(acme, *[MAY] * 5)
    set_mau_limit(organization=acme, limit=3, actor=SYSTEM_ACTOR, now=NOON)
    report(acme, (users[4], NOON))
    seen = [(user, NOON) for user in users] + [(users[0], NOON), (users[3], NOON)]
    recorded = report(acme, *seen, is_all_or_nothing=False)
    assert recorded.new == (0, 1)
    assert recorded.repeated == (4, 5)
    assert recorded.refused == dict.fromkeys((2, 3, 6), RefusalReason.OVER_LIMIT)
    assert active_of(acme) == {"2026-06": 3}


def test_raw_sql_is_counted_and_refused_alike(acme: Organization) -> None:
    users = add(acme, *[MAY] * 3)
    set_mau_limit(organization=acme, limit=2, actor=SYSTEM_ACTOR, now=NOON)
    insert = (
        "INSERT INTO usage_activeuser (organization_id, month, user_id, first_seen_at, reported_at)"
        " SELECT %s, '2026-06-01', u, '2026-06-10 12:00Z', now() FROM unnest(%s::bigint[]) u"
    )
    with refused("MT004"):
        execute(insert, acme.pk, [user.pk for user in users])
    execute(insert, acme.pk, [user.pk for user in users[:2]])
    assert active_of(acme) == {"2026-06": 2}


@pytest.mark.parametrize(
    ("month", "instant", "sqlstate"),
    [
        ("2026-07-01", "2026-06-10 12:00Z", "MT002"),
        ("2026-06-02", "2026-06-10 12:00Z", "MT002"),
        ("2026-06-01", "infinity", "MT002"),
        ("2026-04-01", "2026-04-10 12:00Z", "MT005"),
    ],
)
def test_a_row_that_would_falsify_the_count_is_refused(
    acme: Organization, month: str, instant: str, sqlstate: str
) -> None:
    (anna,) = add(acme, MAY)
    set_policy(closed_through=MAY)
    with refused(sqlstate):
        execute(
            "INSERT INTO usage_activeuser (organization_id, month, user_id, first_seen_at,"
            " reported_at) VALUES (%s, %s, %s, %s, now())",
            *(acme.pk, month, anna.pk, instant),
        )


def test_raw_sql_cannot_count_a_user_after_the_removal(acme: Organization) -> None:
    (anna,) = add(acme, MAY)
    remove([anna], NOON)
    with refused("MT002"):
        ActiveUser.objects.create(
            organization=acme, month=JUNE.date(), user=anna, first_seen_at=NOON, reported_at=NOON
        )


def test_a_user_of_another_organization_is_not_counted(acme: Organization) -> None:
    (stranger,) = add(Organization.objects.create(name="Other"), MAY)
    with refused("MT002"):
        ActiveUser.objects.create(
            organization=acme,
            month=JUNE.date(),
            user=stranger,
            first_seen_at=NOON,
            reported_at=NOON,
        )
    with pytest.raises(ActivityRefused) as caught:
        report(acme, (stranger, NOON))
    assert caught.value.reasons == {0: RefusalReason.UNKNOWN_USER}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE usage_activeuser SET first_seen_at = first_seen_at + interval '1 second'",
        "UPDATE usage_activeuser SET first_seen_at = '2026-05-31 23:59Z'",
        "UPDATE usage_activeuser SET month = '2026-07-01'",
        "UPDATE usage_activeuser SET user_id = user_id + 1",
        "DELETE FROM usage_activeuser",
        "TRUNCATE usage_activeuser",
        "UPDATE usage_activemonth SET count = 0",
        "DELETE FROM usage_activemonth",
    ],
)
def test_what_was_counted_stays(acme: Organization, statement: str) -> None:
    (anna,) = add(acme, MAY)
    report(acme, (anna, NOON))
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    with refused("MT002"):
        execute(statement)


def test_removed_and_suspended_users(acme: Organization) -> None:
    anna, ben = add(acme, MAY, MAY)
    remove([anna], NOON)
    ben.state = "suspended"
    ben.save()
    with pytest.raises(ActivityRefused) as caught:
        report(acme, (anna, NOON))
    assert caught.value.reasons == {0: RefusalReason.REMOVED_USER}
    assert report(acme, (anna, at("2026-06-10 11:59")), (ben, NOON)).new == (0, 1)


def test_users_by_e_mail_and_external_id_also_once_removed(acme: Organization) -> None:
    anna = new_user(acme, MAY, email="anna@acme.example", external_id="a-1")
    anna.save()
    remove([anna], NOON)
    again = new_user(acme, MAY, email="anna@acme.example", external_id="a-2")
    again.save()

    def seen(**named: str) -> tuple[int, ...]:
        recorded = record_activity(
            organization=acme,
            sightings=[Sighting(at=at("2026-06-05"), **named)],
            reporter=REPORTER,
            is_all_or_nothing=True,
            now=NOON,
        )
        return recorded.new

    assert seen(external_id="a-1") == (0,)
    assert seen(email="ANNA@acme.example") == (0,)
    assert seen(external_id="a-2") == ()
    assert set(first_seen(acme)) == {("2026-06", anna.pk), ("2026-06", again.pk)}


def test_what_can_not_have_been_is_refused(acme: Organization) -> None:
    acme.created_at = MAY
    acme.save()
    (anna,) = add(acme, MAY)
    with pytest.raises(ActivityRefused) as caught:
        report(acme, (anna, at("2026-06-10 12:06")), (anna, at("2026-04-30")), now=NOON)
    assert caught.value.reasons == {
        0: RefusalReason.IN_THE_FUTURE,
        1: RefusalReason.BEFORE_ORGANIZATION,
    }


def test_activity_of_a_closed_month_is_recorded_and_not_counted(
    acme: Organization, policy: MeteringPolicy
) -> None:
    anna, ben = add(acme, MAY, MAY)
    report(acme, (anna, NOON))
    freeze_month(month=Month(2026, 6), zone=ZoneInfo("UTC"))
    recorded = report(acme, (anna, at("2026-06-02")), (ben, NOON), (ben, at("2026-06-12")))
    assert (recorded.repeated, recorded.late) == ((0,), (1, 2))
    assert active_of(acme) == {"2026-06": 1}
    assert first_seen(acme) == {("2026-06", anna.pk): NOON}
    assert [(late.user_id, late.seen_at) for late in LateActivity.objects.all()] == [(ben.pk, NOON)]
    with refused("MT002"):
        LateActivity.objects.update(seen_at=MAY)


def test_activity_of_a_removed_organization_is_refused(acme: Organization) -> None:
    (anna,) = add(acme, MAY)
    remove([anna], NOON)
    Organization.objects.update(removed_at=NOON)
    with pytest.raises(OrganizationRemoved):
        report(acme, (anna, at("2026-06-05")))
    assert not ActiveMonth.objects.exists()


def test_a_wrong_number_of_a_month_is_found_and_rebuilt(acme: Organization) -> None:
    (anna,) = add(acme, MAY)
    report(acme, (anna, NOON))
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("ALTER TABLE usage_activemonth DISABLE TRIGGER usage_activemonth_by_counting")
    ActiveMonth.objects.update(count=7)
    execute("ALTER TABLE usage_activemonth ENABLE TRIGGER usage_activemonth_by_counting")
    (found,) = verify_ledger()
    assert (found.what, found.expected, found.found) == ("active users of 2026-06", "1", "7")
    rebuilt = rebuild_usage(closed_too=False, actor=SYSTEM_ACTOR, now=NOON)
    assert (rebuilt.months, rebuilt.after, active_of(acme)) == (1, [], {"2026-06": 1})
