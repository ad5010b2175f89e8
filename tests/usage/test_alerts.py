"""Alerts about caps that are reached or near open once and resolve automatically."""

import pytest

from tenants.alerts.evaluation import evaluate_rules
from tenants.models import Alert, Organization
from tests.usage.counting import add, at, remove, set_policy

NOW = at("2026-10-20")


def open_alerts(users: int) -> list[tuple[str, str]]:
    """The open alerts about caps after an evaluation; their number must be `users`."""
    evaluate_rules(now=NOW)
    open_now = Alert.objects.open().filter(kind="caps").order_by("cause")
    found = [(alert.cause.partition(":")[0], alert.title) for alert in open_now]
    assert len(found) == users
    return found


def test_near_then_reached_then_over_it_then_room_again(acme: Organization) -> None:
    Organization.objects.filter(pk=acme.pk).update(user_cap=12)
    users = add(acme, at("2026-10-01"))
    open_alerts(0)
    users += add(acme, at("2026-10-02"))
    assert open_alerts(1) == [("cap-near", "Acme is near its user cap of 12")]
    users += add(acme, *[at("2026-10-03")] * 9)
    assert open_alerts(1) == [("cap-near", "Acme is near its user cap of 12")]
    assert Alert.objects.open().get().text == "11 users: 1 more can be added."
    users += add(acme, at("2026-10-04"))
    assert open_alerts(1) == [("cap-reached", "Acme has reached its user cap of 12")]
    Organization.objects.filter(pk=acme.pk).update(user_cap=5)
    assert open_alerts(1) == [("cap-reached", "Acme has reached its user cap of 5")]
    assert Alert.objects.open().get().text.startswith("12 users, 7 above the cap.")
    remove(users, at("2026-10-05"))
    assert open_alerts(1) == [("cap-near", "Acme is near its user cap of 5")]
    Organization.objects.filter(pk=acme.pk).update(user_cap=None)
    open_alerts(0)
    assert Alert.objects.count() == 3


def test_the_free_allowance_is_a_limit_too(acme: Organization) -> None:
    add(acme, *[at("2026-10-01")] * 10)
    set_policy(free_user_limit=10)
    assert open_alerts(1) == [("allowance-reached", "Acme has used its free allowance of 10 users")]
    Organization.objects.filter(pk=acme.pk).update(user_cap=10)
    assert open_alerts(1) == [("cap-reached", "Acme has reached its user cap of 10")]
    set_policy(free_user_limit=None)
    open_alerts(1)


@pytest.mark.usefixtures("policy")
def test_a_removed_organization_has_no_alert() -> None:
    gone = Organization.objects.create(name="Gone", user_cap=5)
    open_alerts(1)
    Organization.objects.filter(pk=gone.pk).update(removed_at=NOW)
    open_alerts(0)


@pytest.mark.usefixtures("policy")
def test_many_organizations_cost_one_statement(django_assert_max_num_queries: object) -> None:
    Organization.objects.bulk_create(
        Organization(name=f"Full {number}", user_cap=1) for number in range(300)
    )
    open_alerts(300)
    with django_assert_max_num_queries(60) as asked:
        open_alerts(300)
    assert sum("usage_organizationcounter" in one["sql"] for one in asked.captured_queries) < 10
