"""Freezing a month, alone and against adders in flight."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction

from accounts.models import Provider
from core.metrics import Metric
from core.months import Month
from core.schema import provider_schema
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.usage.counting import add, at, months_of, new_user, set_policy
from usage.ledger.month_freeze import freeze_month
from usage.ledger.verify import verify_ledger
from usage.models import MonthlyUsage, OrganizationCounter, UsageEvent

UTC = ZoneInfo("UTC")
OCTOBER = Month(2026, 10)


def test_every_organization_gets_its_month(acme: Organization) -> None:
    add(acme, at("2026-09-05"), at("2026-09-06"))
    zenith = Organization.objects.create(name="Zenith")
    add(zenith, at("2026-10-07"))
    idle = Organization.objects.create(name="Idle")
    add(idle, at("2026-11-08"))
    assert freeze_month(month=OCTOBER, zone=UTC) == at("2026-11-01")
    assert MeteringPolicy.objects.current().closed_through == at("2026-11-01")
    assert MonthlyUsage.objects.filter(month=OCTOBER.first_day).count() == 6
    assert months_of(acme)["2026-10"] == (2, 2, None)
    assert months_of(zenith)["2026-10"] == (0, 1, at("2026-10-07"))
    assert months_of(idle)["2026-10"] == (0, 0, None)
    assert verify_ledger() == []


def test_a_frozen_month_never_changes(acme: Organization) -> None:
    add(acme, at("2026-10-05"))
    freeze_month(month=OCTOBER, zone=UTC)
    before = months_of(acme)
    add(acme, at("2026-10-31"))
    assert months_of(acme) == before | {"2026-11": (2, 2, None)}
    assert freeze_month(month=OCTOBER, zone=UTC) == at("2026-11-01")
    assert freeze_month(month=OCTOBER.previous, zone=UTC) == at("2026-11-01")
    assert "2026-09" not in months_of(acme)


def test_only_the_billing_zone_is_accepted(policy: MeteringPolicy) -> None:
    with pytest.raises(ValueError, match="billed in UTC"):
        freeze_month(month=OCTOBER, zone=ZoneInfo("Asia/Tokyo"))


@pytest.mark.parametrize("by_this_process", ["2026-10-31 23:00", "2026-11-01 01:00"])
def test_a_database_that_knows_other_rules_gets_nothing_into_the_closed_month(
    acme: Organization, monkeypatch: pytest.MonkeyPatch, by_this_process: str
) -> None:
    add(acme, at("2026-10-05"))
    monkeypatch.setattr(Month, "ends_at", lambda *_: at(by_this_process))
    end = freeze_month(month=OCTOBER, zone=UTC)
    assert end == max(at("2026-11-01"), at(by_this_process))
    add(acme, at("2026-10-31 22:00"))
    assert months_of(acme)["2026-10"] == (0, 1, at("2026-10-05"))
    assert months_of(acme)["2026-11"] == (2, 2, None)


@pytest.mark.parametrize("name", ["America/Havana", "America/Santiago", "Asia/Kathmandu"])
def test_the_end_is_the_first_instant_of_the_next_month(
    policy: MeteringPolicy, acme: Organization, name: str
) -> None:
    set_policy(billing_time_zone=name)
    add(acme, at("2025-10-05"))
    zone = ZoneInfo(name)
    assert freeze_month(month=Month(2025, 10), zone=zone) == Month(2025, 11).starts_at(zone)


def test_who_counts_is_waited_for_and_who_comes_later_waits(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider()
    with provider_schema(provider):
        set_policy(free_user_limit=None)
        acme = Organization.objects.create(name="Acme")
    added, freezing = threading.Event(), threading.Event()

    def in_flight() -> None:
        with provider_schema(provider), transaction.atomic():
            add(acme, at("2026-10-31 23:59"))
            added.set()
            freezing.wait(5)
            _wait_for_waiter()
            add(acme, at("2026-10-31 23:59:30"))

    def freeze() -> None:
        added.wait(5)
        freezing.set()
        with provider_schema(provider):
            freeze_month(month=OCTOBER, zone=UTC)

    _run(in_flight, freeze)
    with provider_schema(provider):
        assert months_of(acme)["2026-10"] == (0, 2, at("2026-10-31 23:59:30"))
        assert verify_ledger() == []


def _wait_for_waiter() -> None:
    """Return once another session waits for an advisory lock."""
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            if cursor.fetchone()[0]:
                return
        threading.Event().wait(0.01)
    raise AssertionError("No session waits.")


@pytest.mark.proof
def test_adders_at_the_boundary_are_in_the_month_or_after_its_end(
    own_provider: Callable[..., Provider],
) -> None:
    provider = own_provider()
    with provider_schema(provider):
        set_policy(free_user_limit=None)
        organizations = [Organization.objects.create(name=f"Org {n}") for n in range(4)]
    frozen = threading.Event()

    def adder(number: int) -> None:
        with provider_schema(provider):
            for n in range(60):
                new_user(
                    organizations[(number + n) % 4],
                    at("2026-10-31 23:59:59"),
                    email=f"{number}.{n}",
                ).save()
                if frozen.is_set() and n > 40:
                    break

    def freeze() -> None:
        threading.Event().wait(0.3)
        with provider_schema(provider), transaction.atomic():
            freeze_month(month=OCTOBER, zone=UTC)
            at_freeze.update(
                OrganizationCounter.objects.values_list("organization_id", "count").filter(
                    metric=Metric.USERS
                )
            )
        frozen.set()

    at_freeze: dict[int, int] = {}
    _run(freeze, *[lambda number=number: adder(number) for number in range(8)])
    with provider_schema(provider):
        assert_october_ended_with(at_freeze)
        assert verify_ledger() == []


def assert_october_ended_with(at_freeze: dict[int, int]) -> None:
    """Events counted before the freeze are in October; all later ones are after its end."""
    before = UsageEvent.objects.filter(at__lt=at("2026-11-01"))
    after = UsageEvent.objects.filter(at__gte=at("2026-11-01"))
    assert before.exists()
    assert after.exists()
    for organization_id, count in at_freeze.items():
        month = MonthlyUsage.objects.get(
            organization=organization_id, metric=Metric.USERS, month=OCTOBER.first_day
        )
        counted = before.filter(organization=organization_id).count()
        assert month.high_water_mark == counted == count
    assert before.count() + after.count() == ManagedUser.objects.count()


def _run(*works: Callable[[], None]) -> None:
    """Run each in a separate thread and connection; raise what any of them raised."""

    def connected(work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        for result in [pool.submit(connected, work) for work in works]:
            result.result(60)
