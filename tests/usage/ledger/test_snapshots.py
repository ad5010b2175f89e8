"""Daily snapshots: of the day that ended, and of days made up for later."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import Provider
from accounts.providers import current_provider
from core.schema import current_schema, provider_schema
from tenants.models import Organization
from tests.usage.counting import add, add_devices, at, execute, remove, set_policy
from tests.usage.sightings import report
from usage import tasks
from usage.ledger.snapshots import (
    DAYS_PER_TASK,
    Due,
    due_snapshots,
    snapshot_providers,
    take_snapshots,
)
from usage.models import DailySnapshot, SnapshotRun

UTC = ZoneInfo("UTC")
LATER = at("2026-12-01 12:00")


def figures(day: str) -> dict[str, tuple[int, int, int, int]]:
    rows = DailySnapshot.objects.filter(day=date.fromisoformat(day)).values_list(
        "organization__name",
        "users",
        "devices",
        "users_high_water_mark",
        "devices_high_water_mark",
    )
    return {name: tuple(rest) for name, *rest in rows}


def take(day: str, zone: str = "UTC") -> int:
    provider = current_provider()
    provider.billing_time_zone = zone
    due = Due(provider, [date.fromisoformat(day)])
    return take_snapshots(due=[due], now=LATER)


@pytest.fixture
def story(acme: Organization) -> Organization:
    """Acme since 1 October: 3 users on the 2nd, 1 left on the 5th, 2 more on 3 November."""
    Organization.objects.filter(pk=acme.pk).update(created_at=at("2026-10-01"))
    users = add(acme, *[at("2026-10-02 10:00")] * 3)
    add_devices(acme, at("2026-10-03 10:00"))
    remove(users[:1], at("2026-10-05 10:00"))
    add(acme, at("2026-11-03 10:00"), at("2026-11-03 11:00"))
    return acme


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-10-01", (0, 0, 0, 0)),
        ("2026-10-02", (3, 0, 3, 0)),
        ("2026-10-04", (3, 1, 3, 1)),
        ("2026-10-05", (2, 1, 3, 1)),
        ("2026-10-31", (2, 1, 3, 1)),
        ("2026-11-01", (2, 1, 2, 1)),
        ("2026-11-02", (2, 1, 2, 1)),
        ("2026-11-03", (4, 1, 4, 1)),
        ("2026-11-30", (4, 1, 4, 1)),
    ],
)
def test_a_day_shows_its_own_figures_whenever_it_is_taken(
    story: Organization, day: str, expected: tuple[int, int, int, int]
) -> None:
    assert take(day) == 1
    assert figures(day) == {"Acme": expected}


def test_a_day_is_that_of_the_billing_zone(story: Organization) -> None:
    # 2 October in Kiritimati ends at 10:00 UTC, at the very instant of the additions.
    assert take("2026-10-02", "Pacific/Kiritimati") == 1
    assert figures("2026-10-02") == {"Acme": (0, 0, 0, 0)}


def test_a_day_is_taken_once(story: Organization) -> None:
    assert take("2026-10-02") == 1
    add(story, at("2026-11-04"))
    assert take("2026-10-02") == 0
    assert SnapshotRun.objects.get().organizations == 1


def test_a_day_that_is_not_over_is_refused(story: Organization) -> None:
    with pytest.raises(ValueError, match="not over"):
        take("2026-12-01")


def test_only_organizations_there_were(story: Organization) -> None:
    Organization.objects.create(name="New", created_at=at("2026-11-10"))
    Organization.objects.create(
        name="Gone", created_at=at("2026-10-01"), removed_at=at("2026-11-05 12:00")
    )
    for day, names in (
        ("2026-11-04", {"Acme", "Gone"}),
        ("2026-11-05", {"Acme", "Gone"}),
        ("2026-11-06", {"Acme"}),
        ("2026-11-10", {"Acme", "New"}),
    ):
        take(day)
        assert set(figures(day)) == names


def test_missed_days_are_made_up_for_oldest_first(story: Organization, north: Provider) -> None:
    now = at("2026-11-10 00:10")
    (due,) = due_snapshots(providers=[north], now=now)
    assert (due.days[0], len(due.days)) == (date(2026, 10, 1), DAYS_PER_TASK)
    for total in (DAYS_PER_TASK, 40, 40):
        snapshot_providers(providers=[north], now=now)
        with provider_schema(north):
            assert SnapshotRun.objects.filter(finished_at__isnull=False).count() == total
    with provider_schema(north):
        assert SnapshotRun.objects.latest("day").day == date(2026, 11, 9)
        assert figures("2026-11-01") == {"Acme": (2, 1, 2, 1)}
    assert due_snapshots(providers=[north], now=now + timedelta(hours=23)) == []


def test_each_provider_by_its_own_midnight(north: Provider, south: Provider) -> None:
    for provider, zone in ((north, "Pacific/Kiritimati"), (south, "Etc/GMT+12")):
        provider.billing_time_zone = zone
        with provider_schema(provider):
            Organization.objects.create(name="Acme", created_at=at("2026-10-01"))
    due = due_snapshots(providers=[north, south], now=at("2026-10-02 10:30"))
    assert [(each.provider.schema_name, each.days) for each in due] == [
        (north.schema_name, [date(2026, 10, 1), date(2026, 10, 2)]),
        (south.schema_name, [date(2026, 9, 30)]),
    ]
    assert due_snapshots(providers=[], now=LATER) == []


def test_a_provider_without_organizations_owes_nothing(north: Provider) -> None:
    assert due_snapshots(providers=[north], now=LATER) == []


def test_the_schema_that_was_bound_is_bound_again(south: Provider) -> None:
    with provider_schema(south):
        Organization.objects.create(name="Acme", created_at=at("2026-11-20"))
    due = due_snapshots(providers=[south], now=LATER)
    assert take_snapshots(due=due, now=LATER) == 11
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        assert cursor.fetchone() == (current_schema(),) == ("public",)


def test_one_provider_in_trouble_does_not_stop_the_others(
    story: Organization, north: Provider, south: Provider
) -> None:
    execute("ALTER TABLE usage_dailysnapshot RENAME TO elsewhere")
    with provider_schema(south):
        Organization.objects.create(name="Acme", created_at=at("2026-11-30"))
    outcome = snapshot_providers(providers=[north, south], now=LATER)
    assert outcome.failed_schemas == [north.schema_name]
    assert outcome.snapshots == 1
    with provider_schema(south):
        assert figures("2026-11-30") == {"Acme": (0, 0, 0, 0)}


def test_a_wrong_ledger_is_reported_every_night(story: Organization, north: Provider) -> None:
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("ALTER TABLE usage_organizationcounter DISABLE TRIGGER USER")
    execute("UPDATE usage_organizationcounter SET count = 7 WHERE metric = 'users'")
    with pytest.raises(CommandError, match="1 differences"):
        call_command("take_snapshots", provider=north.invoice_prefix.lower(), stdout=StringIO())
    with provider_schema(north):
        assert SnapshotRun.objects.latest("day").differences == 1


def test_the_schedule_sends_every_active_provider(
    north: Provider, south: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    Provider.objects.filter(pk=south.pk).update(state=Provider.State.PROVISIONING)
    with provider_schema(north):
        Organization.objects.create(name="Acme", created_at=at("2026-11-01"))
    sent: list[list[int]] = []
    monkeypatch.setattr(tasks.snapshot_batch, "delay", sent.append)
    assert tasks.snapshot_due_providers() == 1
    assert north.pk in sent[0]
    assert south.pk not in sent[0]
    assert tasks.snapshot_batch(sent[0]) > 0
    assert current_schema() == "public"
    with provider_schema(north):
        assert SnapshotRun.objects.exists()


def test_the_command_names_an_unknown_prefix(north: Provider) -> None:
    with pytest.raises(CommandError, match="no active provider"):
        call_command("take_snapshots", provider="UNKNOWN")


def test_two_schedulers_take_a_day_once(own_provider: Callable[..., Provider]) -> None:
    provider = own_provider()
    with provider_schema(provider):
        set_policy(free_user_limit=None)
        Organization.objects.bulk_create(
            Organization(name=f"Org {n}", created_at=at("2026-11-20")) for n in range(50)
        )

    def scheduler(_: int) -> int:
        try:
            return snapshot_providers(providers=[provider], now=LATER).snapshots
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(scheduler, range(4))) == 11
    with provider_schema(provider):
        assert DailySnapshot.objects.count() == 11 * 50


def test_active_users_are_those_first_seen_by_the_end_of_the_day(story: Organization) -> None:
    story.refresh_from_db()
    anna, ben, carl = story.manageduser_set.order_by("pk")[:3]
    report(story, (anna, at("2026-10-02 11:00")), (ben, at("2026-10-04 11:00")))
    report(story, (carl, at("2026-11-01 11:00")), (ben, at("2026-10-31 11:00")))
    for day in ("2026-10-02", "2026-10-03", "2026-10-04", "2026-10-31", "2026-11-05"):
        take(day)
    rows = DailySnapshot.objects.order_by("day").values_list("day", "active_users")
    assert [(f"{day:%m-%d}", active) for day, active in rows] == [
        ("10-02", 1),
        ("10-03", 1),
        ("10-04", 2),
        ("10-31", 2),
        ("11-05", 1),
    ]
