"""Two schemas of the same migrations: each counts into itself, whichever schema is entered."""

from collections.abc import Callable

from django.db import connection
from psycopg import sql

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import Organization
from tests.usage.counting import add, at, set_policy
from usage.models import OrganizationCounter, UsageEvent


def test_each_restored_schema_gets_its_own_events(north: Provider, south: Provider) -> None:
    for provider, users in ((north, 1), (south, 2)):
        with provider_schema(provider):
            set_policy(free_user_limit=None)
            add(Organization.objects.create(name="Acme"), *[at("2026-10-03")] * users)
    for provider, users in ((north, 1), (south, 2)):
        with provider_schema(provider):
            assert UsageEvent.objects.count() == users
            assert OrganizationCounter.objects.filter(count=users).count() == 1


def test_a_statement_from_another_schema_counts_where_the_row_is(
    north: Provider, south: Provider
) -> None:
    with provider_schema(south):
        set_policy(free_user_limit=None)
        acme = Organization.objects.create(name="Acme")
    with provider_schema(north), connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("INSERT INTO {} (organization_id, email) VALUES (%s, 'a')").format(
                sql.Identifier(south.schema_name, "tenants_manageduser")
            ),
            [acme.pk],
        )
        assert not UsageEvent.objects.exists()
    with provider_schema(south):
        assert UsageEvent.objects.get().organization_id == acme.pk


def test_every_function_keeps_the_search_path_of_its_schema(
    own_provider: Callable[..., Provider],
) -> None:
    schema = own_provider().schema_name
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname, proconfig FROM pg_proc"
            " WHERE pronamespace = %s::regnamespace AND proname LIKE 'usage\\_%%'",
            [schema],
        )
        settings = dict(cursor.fetchall())
    # It reads nothing but its argument.
    assert settings.pop("usage_is_plain_address") is None
    settings["usage_check_new_addresses"].remove("enable_seqscan=off")
    assert len(settings) == 25
    assert set(map(tuple, settings.values())) == {(f"search_path={schema}, pg_temp",)}
