"""The demo's Autotask: connected, mapped, synced, with one drift; left out without a stand-in."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.models import Provider
from core.schema import provider_schema
from integrations.autotask.mapping.service_mappings import progress
from integrations.models import AutotaskConnection, Drift, SyncRun
from mtp.demo.autotask import connect_autotask
from mtp.demo.companies import DEMO
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tests.autotask_fixtures import AutotaskStandIn


def create_demo_users() -> None:
    MeteringPolicy.objects.update(free_user_limit=None)
    begun_at = timezone.now() - timedelta(days=60)
    for plan in DEMO.organizations:
        organization = Organization.objects.create(name=plan.name, created_at=begun_at)
        ManagedUser.objects.bulk_create(
            ManagedUser(organization=organization, email=f"{n}@{plan.domain}", added_at=begun_at)
            for n in range(plan.users_at_start)
        )


def test_the_demo_maps_most_organizations_and_has_one_open_drift(
    north: Provider, autotask: AutotaskStandIn
) -> None:
    reported: list[str] = []
    with provider_schema(north):
        create_demo_users()
        connect_autotask(DEMO, north, now=timezone.now(), report=reported.append)
        assert reported == ["  Autotask connected: 38 organizations mapped"]
        assert (progress().mapped, progress().total) == (38, 40)
        first, second = SyncRun.objects.with_counts().order_by("pk")
        assert (first.changed + first.unchanged, first.not_done) == (38, 0)
        assert (second.unchanged, second.not_done) == (37, 1)
        drift = Drift.objects.get()
        assert drift.expected_units - drift.observed_units == 4
        assert AutotaskConnection.objects.get().ticket_queue_id == 29_682_834


def test_the_demo_has_no_psa_without_a_stand_in(north: Provider, settings: Any) -> None:
    for address in ("http://127.0.0.1:9", "https://webservices.autotask.net/atservicesrest"):
        settings.AUTOTASK_BASE_URL = address
        with provider_schema(north):
            connect_autotask(DEMO, north, now=timezone.now(), report=print)
            assert not AutotaskConnection.objects.exists()
