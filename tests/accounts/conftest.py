"""Fixtures of the tests of accounts."""

from collections.abc import Iterator

import pytest

from accounts.models import Provider
from accounts.provisioning.new_provider import _schema_steps, on_new_provider


@pytest.fixture
def failing_step() -> Iterator[None]:
    """A step for new schemas that fails after the migrations."""

    def fail(provider: Provider, now: object) -> None:
        raise RuntimeError("the power went out")

    on_new_provider(fail)
    yield
    _schema_steps.remove(fail)
