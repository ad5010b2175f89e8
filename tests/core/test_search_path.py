"""The search path is always that of the schema entered last (docs/decisions/0008)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Provider
from core.schema import provider_schema

STEPS = ("enter north", "enter south", "public", "savepoint", "rollback", "error", "close", "query")


def bound() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema()")
        return str(cursor.fetchone()[0])


class Undone(Exception):
    pass


@contextmanager
def undone() -> Iterator[None]:
    """A transaction, or a savepoint inside one, that is rolled back."""
    try:
        with transaction.atomic():
            yield
            raise Undone
    except Undone:
        pass


def take(steps: list[str], providers: dict[str, Provider], expected: str) -> None:
    """Take the steps; after each, a query must see the schema entered last."""
    for position, step in enumerate(steps):
        rest = steps[position + 1 :]
        if step.startswith("enter"):
            provider = providers[step.split()[1]]
            with provider_schema(provider):
                assert bound() == provider.schema_name
                take(rest, providers, provider.schema_name)
            assert bound() == expected
            return
        if step == "public":
            connection.set_schema_to_public()
            expected = "public"
        elif step in ("savepoint", "rollback"):
            with transaction.atomic() if step == "savepoint" else undone():
                take(rest[:3], providers, expected)
            connection.set_schema(expected)
        elif step == "error":
            with pytest.raises(DatabaseError), transaction.atomic():
                connection.cursor().execute("SELECT 1 / 0")
        elif step == "close" and not connection.in_atomic_block:
            connection.close()
        assert bound() == expected


def test_the_bound_schema_is_the_one_entered_after_any_steps(
    own_provider: Callable[..., Provider],
) -> None:
    providers = {"north": own_provider(prefix="PATHN"), "south": own_provider(prefix="PATHS")}

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.lists(st.sampled_from(STEPS), max_size=12))
    def walk(steps: list[str]) -> None:
        connection.set_schema_to_public()
        take(steps, providers, "public")

    walk()


@pytest.mark.parametrize("is_nested", [False, True], ids=["transaction", "savepoint"])
def test_a_schema_entered_before_a_rollback_stays_bound(
    own_provider: Callable[..., Provider], is_nested: bool
) -> None:
    """The rollback undoes the SET: a query that relied on it would read the other provider."""
    north, south = own_provider(prefix="PATHA"), own_provider(prefix="PATHB")
    connection.set_schema(north.schema_name)
    with transaction.atomic() if is_nested else nullcontext():
        assert bound() == north.schema_name
        with undone():
            connection.set_schema(south.schema_name)
            assert bound() == south.schema_name
        assert connection.schema_name == south.schema_name
        assert bound() == south.schema_name
