"""Remembered queries: compiled once, run with the values and the limit of each person."""

from typing import Any

import pytest
from django.db.models import QuerySet, TextField

from accounts.models import Provider
from core.given import Given
from core.remembered import NUMBER, remembered, remembered_together
from core.schema import provider_schema
from core.scope import limited_to, visible_organizations
from tenants.models import Organization

built: list[str] = []


@remembered
def named(order: str) -> QuerySet[Organization, Any]:
    built.append(order)
    part = Given("part", TextField())
    rows = Organization.objects.visible().filter(name__icontains=part)
    return rows.order_by(order).values_list("name")


@remembered_together
def counted() -> dict[str, QuerySet[Any, Any]]:
    visible = Organization.objects.visible()
    return {
        "number": visible.values(number=NUMBER),
        "first": visible.order_by("name").values("name", "created_at")[:1],
    }


@remembered
def reads_ids() -> QuerySet[Organization, Any]:
    return Organization.objects.filter(pk__in=visible_organizations() or ()).values_list("pk")


def names(order: str, part: str) -> list[str]:
    return [name for (name,) in named(order).rows(part=part)]


@pytest.fixture
def organizations(north: Provider) -> list[Organization]:
    with provider_schema(north):
        return [Organization.objects.create(name=name) for name in ("Acme", "Beta 100%", "Gamma")]


@pytest.fixture(autouse=True)
def _nothing_built() -> None:
    built.clear()


def test_it_is_built_once_for_equal_arguments(
    north: Provider, organizations: list[Organization]
) -> None:
    with provider_schema(north):
        assert names("name", "a") == ["Acme", "Beta 100%", "Gamma"]
        assert names("name", "0%") == ["Beta 100%"]
        assert names("name", "%") == ["Beta 100%"]
        assert names("-name", "M") == ["Gamma", "Acme"]
        assert names("name", "m") == ["Acme", "Gamma"]
    assert sorted(built) in (["-name", "name"], [])


def test_a_statement_serves_every_provider(
    north: Provider, south: Provider, organizations: list[Organization]
) -> None:
    with provider_schema(south):
        assert names("name", "a") == []
        assert counted().rows()["number"] == [{"number": 0}]
    with provider_schema(north):
        assert names("name", "acme") == ["Acme"]
        assert counted().rows()["number"] == [{"number": 3}]


def test_each_person_gets_their_organizations(
    north: Provider, organizations: list[Organization]
) -> None:
    """In every order of persons, as a process serves them."""
    acme, beta, _ = organizations
    for _ in range(2):
        with provider_schema(north):
            assert len(names("name", "")) == 3
            for ids, expected in (([acme.pk], ["Acme"]), ([beta.pk], ["Beta 100%"]), ([], [])):
                with limited_to(ids):
                    assert names("name", "") == expected
                    found = counted().rows()
                    assert found["number"] == [{"number": len(expected)}]
                    assert [row["name"] for row in found["first"]] == expected


def test_a_statement_of_another_limit_does_not_run(
    north: Provider, organizations: list[Organization]
) -> None:
    of_all = named("name")
    with limited_to([organizations[0].pk]):
        of_some = named("name")
        with provider_schema(north), pytest.raises(RuntimeError, match="other rows"):
            of_all.rows(part="")
    with provider_schema(north), pytest.raises(RuntimeError, match="other rows"):
        of_some.rows(part="")


def test_the_ids_of_a_person_are_no_part_of_a_statement(organizations: list[Organization]) -> None:
    with limited_to([organizations[0].pk]), pytest.raises(RuntimeError, match="within"):
        reads_ids()


def test_a_value_that_is_not_given_is_an_error(north: Provider) -> None:
    with provider_schema(north), pytest.raises(KeyError, match="part"):
        named("name").rows()
