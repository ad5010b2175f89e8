"""Which users are erased together, and what holds an erasure up: by hand and after the period."""

import pytest

from billing.erasure.erase import CannotErase, erasable_users, erase_user, erase_users
from billing.erasure.period import set_erasure_period
from tenants.models import AuditEntry, Device, ManagedUser, MeteringPolicy, UserAlias
from tenants.users.changes import change_user, end_alias
from tenants.users.membership import Via, add_member, remove_member
from tests.billing.conftest import BILL, NOVEMBER
from tests.billing.erasure.conftest import PERSONAL, at, import_run

LATER = at("2026-11-20")


@pytest.fixture
def acme(scenario):
    """An organization whose months are closed until December."""
    scenario.contract()
    return scenario.organization(users=0)


def close_until(text):
    MeteringPolicy.objects.update(closed_through=at(text))


def added(organization, email=PERSONAL[0], day=1):
    user = ManagedUser(organization=organization, email=email, name=f"Name {day}")
    return add_member(member=user, actor=BILL, via=Via.FORM, now=at(f"2026-11-{day:02}"))


def removed(organization, email=PERSONAL[0], day=1):
    user = added(organization, email, day)
    remove_member(member=user, actor=BILL, now=at(f"2026-11-{day:02} 12:00"))
    user.refresh_from_db()
    return user


def renamed(user, email, day=2):
    change_user(user=user, email=email, name=user.name, actor=BILL, now=at(f"2026-11-{day:02}"))
    return user


def erase(user):
    erase_user(user=user, actor=BILL, now=LATER)


def erased():
    return set(ManagedUser.objects.exclude(erased_at=None).values_list("pk", flat=True))


def erasable():
    return set(erasable_users(removed_before=LATER).values_list("pk", flat=True))


def test_stays_are_found_by_each_address_the_user_had(acme):
    first = removed(acme, "ann@one.example", 1)
    second = renamed(added(acme, "ann@one.example", 2), "ann@two.example", 3)
    remove_member(member=second, actor=BILL, now=at("2026-11-04"))
    third = removed(acme, "ann@two.example", 5)
    other = removed(acme, "bea@one.example", 6)
    close_until("2026-12-01")
    second.refresh_from_db()

    erase(second)

    assert erased() == {first.pk, second.pk, third.pk}
    assert other.pk not in erased()


def test_a_stay_that_had_the_address_earlier_is_erased_too(acme):
    first = renamed(added(acme, "ann@one.example", 1), "ann@two.example", 2)
    remove_member(member=first, actor=BILL, now=at("2026-11-03"))
    second = removed(acme, "ann@one.example", 4)
    close_until("2026-12-01")
    erase(second)
    assert erased() == {first.pk, second.pk}


def test_an_external_id_that_looks_like_an_address_is_none(acme):
    ann, bea = removed(acme, "ann@one.example"), removed(acme, "bea@one.example", 2)
    UserAlias.objects.create(
        organization=acme, user=ann, kind="external_id", text=bea.email, key=bea.email
    )
    close_until("2026-12-01")
    assert erasable() == {ann.pk, bea.pk}
    erase(ann)
    assert erased() == {ann.pk}


def test_who_is_active_under_an_earlier_address_keeps_its_stays_until_that_address_is_given_up(
    scenario, acme
):
    stay = removed(acme, "ann@one.example", 1)
    living = renamed(added(acme, "ann@one.example", 2), "ann@two.example", 3)
    bolt = scenario.organization(users=0, name="Bolt")
    namesake = removed(bolt, "ann@one.example", 1)
    close_until("2026-12-01")
    assert erasable() == {namesake.pk}
    with pytest.raises(CannotErase, match="was added again and is active"):
        erase(stay)

    end_alias(alias=living.aliases.get(), actor=BILL, now=at("2026-11-04"))

    assert erasable() == {namesake.pk, stay.pk}


def test_a_removed_user_under_an_earlier_address_holds_up_no_erasure(acme):
    stay = removed(acme, "ann@one.example", 1)
    second = renamed(added(acme, "ann@one.example", 2), "ann@two.example", 3)
    remove_member(member=second, actor=BILL, now=at("2026-11-04"))
    close_until("2026-12-01")
    assert erasable() == {stay.pk, second.pk}


def test_an_external_id_of_a_living_user_holds_up_no_erasure(acme):
    stay, living = removed(acme, "ann@one.example"), added(acme, "bea@one.example", 2)
    UserAlias.objects.create(
        organization=acme, user=living, kind="external_id", text=stay.email, key=stay.email
    )
    close_until("2026-12-01")
    assert erasable() == {stay.pk}


@pytest.mark.parametrize("removed_on", [None, "2026-11-20", "2026-11-25"])
def test_a_later_stay_keeps_the_earlier_until_the_period_of_both_is_over(acme, removed_on):
    first, second = removed(acme, day=1), added(acme, day=2)
    if removed_on:
        remove_member(member=second, actor=BILL, now=at(removed_on))
    close_until("2026-12-01")
    assert erasable() == set()
    both = [first.pk, second.pk]
    assert erase_users(both, removed_before=LATER, now=LATER) == 0
    if removed_on:
        assert erase_users(both, removed_before=at("2026-11-26"), now=LATER) == 2


def test_the_same_address_in_another_organization_holds_up_no_erasure(scenario, acme):
    stay = removed(acme)
    added(scenario.organization(users=0, name="Bolt"), day=2)
    close_until("2026-12-01")
    assert erasable() == {stay.pk}
    erase(stay)
    assert erased() == {stay.pk}


@pytest.mark.parametrize("state", ["checking", "checked", "applying"])
def test_an_import_holds_up_its_organization_until_it_is_finished(scenario, acme, state):
    ann = removed(acme)
    bea = removed(scenario.organization(users=0, name="Bolt"), "bea@one.example")
    close_until("2026-12-01")
    import_run(acme, state="imported")
    assert erasable() == {ann.pk, bea.pk}
    import_run(acme, state=state)
    assert erasable() == {bea.pk}
    with pytest.raises(CannotErase, match="An import into Acme is not finished"):
        erase(ann)
    erase(bea)
    assert erased() == {bea.pk}


def test_a_month_is_open_from_its_first_instant(acme):
    user = added(acme, day=1)
    remove_member(member=user, actor=BILL, now=NOVEMBER.replace(day=2, minute=0))
    user.refresh_from_db()
    MeteringPolicy.objects.update(closed_through=user.removed_at)
    assert erasable() == set()
    with pytest.raises(CannotErase, match="counts in November 2026"):
        erase(user)


def test_a_device_of_the_same_id_in_an_open_month_holds_up_no_erasure(acme):
    user = removed(acme)
    device = Device(pk=user.pk, organization=acme, serial_number="SN-1", name="Mac")
    add_member(member=device, actor=BILL, via=Via.FORM, now=at("2026-11-05"))
    close_until("2026-11-04")
    assert erasable() == {user.pk}
    erase(user)
    assert erased() == {user.pk}


def test_a_user_read_before_its_removal_is_erased(acme):
    user = added(acme)
    remove_member(member=ManagedUser.objects.get(), actor=BILL, now=at("2026-11-02"))
    close_until("2026-12-01")
    assert user.removed_at is None
    erase(user)
    assert erased() == {user.pk}


def test_the_same_period_again_is_no_change(scenario):
    for _ in range(2):
        set_erasure_period(provider=scenario.provider, days=90, actor=BILL, now=NOVEMBER)
    assert AuditEntry.objects.filter(action="erasure_period.changed").count() == 1
