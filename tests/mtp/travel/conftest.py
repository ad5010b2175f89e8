"""A demo whose clock can be moved: both stand-ins, and the portal's clock in this process."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from core import clock
from tests.autotask_fixtures import AutotaskStandIn
from tests.sandbox_fixtures import CONTROL_KEY, StripeStandIn


@pytest.fixture
def demo(
    stripe_account: StripeStandIn,
    autotask_stand_in: AutotaskStandIn,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[StripeStandIn]:
    """The settings of a demo; the clock of the process is the machine's again afterwards."""
    settings.TIME_TRAVEL = True
    settings.STRIPE_API_KEY = stripe_account.secret_key
    settings.STRIPE_API_BASE = stripe_account.url
    settings.AUTOTASK_BASE_URL = f"{autotask_stand_in.url}/atservicesrest"
    settings.STANDIN_CONTROL_KEY = CONTROL_KEY["Stand-In-Key"]
    monkeypatch.setattr(timezone, "now", clock.now)
    yield stripe_account
    clock.set_ahead(timedelta(0))
