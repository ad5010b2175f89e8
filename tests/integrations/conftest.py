"""Fixtures of the PSA: the stand-in, and a provider connected to it."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import MeteringPolicy
from tests.autotask_fixtures import AutotaskStandIn
from tests.integrations.psa_scenario import GOOD, PsaScenario, noon


@pytest.fixture
def autotask(
    autotask_stand_in: AutotaskStandIn, settings: object, monkeypatch: pytest.MonkeyPatch
) -> AutotaskStandIn:
    """The stand-in as AUTOTASK_BASE_URL, without the request counts of another test.

    Reads are tried again without a pause.
    """
    monkeypatch.setattr("integrations.autotask.api.client.FIRST_PAUSE", 0)
    settings.AUTOTASK_BASE_URL = f"{autotask_stand_in.url}/atservicesrest"
    for name in ("used", "limit"):
        cache.delete(f"autotask:{GOOD.customer_database}:{name}")
    return autotask_stand_in


@pytest.fixture
def scenario(north: Provider, autotask: AutotaskStandIn) -> Iterator[PsaScenario]:
    """March 2026 at a connected provider that pays 2.10 per user."""
    with provider_schema(north):
        scenario = PsaScenario(provider=north, stand_in=autotask, now=noon(2026, 3, 10))
        MeteringPolicy.objects.update(free_user_limit=None)
        scenario.contract()
        scenario.connect()
        yield scenario
