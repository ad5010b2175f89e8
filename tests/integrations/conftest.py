"""Fixtures of the PSA: a provider connected to the stand-in."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import MeteringPolicy
from tests.autotask_fixtures import AutotaskStandIn
from tests.integrations.autotask_stage import GOOD, Stage, noon


@pytest.fixture
def autotask(
    autotask_stand_in: AutotaskStandIn, settings: object, monkeypatch: pytest.MonkeyPatch
) -> AutotaskStandIn:
    """The stand-in as the settings' Autotask, its limits not remembered from another test.

    Reads are tried again without a wait.
    """
    monkeypatch.setattr("integrations.autotask.api.client.FIRST_PAUSE", 0)
    settings.AUTOTASK_BASE_URL = f"{autotask_stand_in.url}/atservicesrest"  # type: ignore[attr-defined]
    for name in ("used", "limit"):
        cache.delete(f"autotask:{GOOD.customer_database}:{name}")
    return autotask_stand_in


@pytest.fixture
def stage(north: Provider, autotask: AutotaskStandIn) -> Iterator[Stage]:
    """March 2026 at a provider that pays 2.10 a seat; connected."""
    with provider_schema(north):
        stage = Stage(provider=north, stand_in=autotask, now=noon(2026, 3, 10))
        MeteringPolicy.objects.update(free_user_limit=None)
        stage.contract()
        stage.connect()
        yield stage
