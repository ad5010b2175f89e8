"""Counting at a higher isolation level could miss a closed month or a lowered cap: refused."""

from collections.abc import Callable

import pytest
from django.db import connection, transaction

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import ManagedUser, Organization
from tests.usage.counting import add, at, execute, refused, set_policy


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_another_isolation_level_is_refused(
    own_provider: Callable[..., Provider], level: str
) -> None:
    provider = own_provider()
    with provider_schema(provider):
        set_policy(free_user_limit=None)
        acme = Organization.objects.create(name="Acme")
        connection.close()
        with transaction.atomic():
            execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
            with refused("MT002"):
                add(acme, at("2026-10-03"))
        assert not ManagedUser.objects.exists()
