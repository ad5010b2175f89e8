"""The current provider: the one whose schema is entered, until the block ends."""

from collections.abc import Callable
from threading import Thread

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from accounts.models import Provider
from accounts.providers import current_provider
from core.middleware import ProviderMiddleware
from core.outbox.delivery import deliver_due, enqueue
from core.outbox.topics import handler
from core.schema import NoProviderSchema, provider_schema, schema_named
from tests.personas import Personas
from tests.usage.counting import at

TOPIC = "tests.note_provider"
noted: list[Provider] = []


@handler(TOPIC)
def note(_payload: object, _now: object) -> None:
    """A handler that records its provider."""
    noted.append(current_provider())


def test_no_provider_is_current_outside_of_a_schema(north: Provider) -> None:
    with pytest.raises(NoProviderSchema):
        current_provider()
    with provider_schema(north):
        pass
    with pytest.raises(NoProviderSchema):
        current_provider()


def test_a_nested_provider_is_current_until_its_block_ends(
    north: Provider, south: Provider
) -> None:
    with provider_schema(north):
        with provider_schema(south):
            assert current_provider() == south
        assert current_provider() == north
        assert connection.schema_name == north.schema_name


def test_an_error_in_a_block_restores_the_provider_from_before(
    north: Provider, south: Provider
) -> None:
    with provider_schema(north):
        with pytest.raises(ZeroDivisionError), provider_schema(south):
            raise ZeroDivisionError
        assert current_provider() == north
    with pytest.raises(NoProviderSchema):
        current_provider()


def test_reading_the_current_provider_costs_no_statement(
    north: Provider, django_assert_num_queries: Callable[..., object]
) -> None:
    with provider_schema(north), django_assert_num_queries(0):
        assert current_provider() is north


def test_a_schema_name_is_resolved_once_when_it_is_entered(
    north: Provider, django_assert_num_queries: Callable[..., object]
) -> None:
    with django_assert_num_queries(1), schema_named(north.schema_name):
        assert current_provider() == north


def test_a_name_without_a_provider_is_refused(db: None) -> None:
    with pytest.raises(NoProviderSchema), schema_named("provider_unknown"):
        pass


def test_a_name_bound_without_its_provider_is_not_a_current_provider(north: Provider) -> None:
    connection.set_schema(north.schema_name)
    with pytest.raises(NoProviderSchema):
        current_provider()
    connection.set_schema_to_public()


def test_another_thread_has_no_current_provider(north: Provider) -> None:
    seen: list[str] = []

    def look() -> None:
        try:
            seen.append(str(current_provider()))
        except NoProviderSchema:
            seen.append("none")

    with provider_schema(north):
        thread = Thread(target=look)
        thread.start()
        thread.join()
    assert seen == ["none"]


def test_a_request_binds_its_provider_and_leaves_none_to_the_next(people: Personas) -> None:
    seen = []

    def view(_request: HttpRequest) -> HttpResponse:
        seen.append(current_provider())
        return HttpResponse()

    request = RequestFactory().get("/")
    request.user = people.olive
    ProviderMiddleware(view)(request)
    assert seen == [people.north]
    with pytest.raises(NoProviderSchema):
        current_provider()


def test_a_delivered_message_has_its_own_provider(north: Provider, south: Provider) -> None:
    noted.clear()
    for provider in (north, south):
        with provider_schema(provider):
            enqueue(topic=TOPIC, key="1", payload={}, now=at("2026-11-01"))
    with provider_schema(south):
        deliver_due(now=at("2026-11-02"), schema=north.schema_name)
        assert current_provider() == south
    deliver_due(now=at("2026-11-02"), schema=south.schema_name)
    assert noted == [north, south]
