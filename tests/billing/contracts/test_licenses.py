"""Licenses in use against the commitment, their page and its permission."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from accounts.models import Provider
from billing.choices import ContractKind
from billing.contracts.licenses import CommitmentUsage, Licenses
from billing.views.licenses import usage_chart
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.models import Device, ManagedUser, MeteringPolicy, Organization
from tenants.users.membership import Via, add_member, remove_member
from tests.cap_requests import contract
from tests.personas import Personas

SignIn = Callable[..., Client]
NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)
PAGE = "/account/licenses/"


def commit_to(quantity: int = 14, **changes: object) -> None:
    MeteringPolicy.objects.update(free_user_limit=None)
    agreed = {"kind": ContractKind.COMMITTED, "committed_quantity": quantity}
    contract(**{**agreed, "package_contents": ["Backup", "Support"], **changes}).save()


def grow(organization: Organization, users: int) -> None:
    for number in range(users):
        add_member(
            member=ManagedUser(
                organization=organization, email=f"u{number}@{organization.pk}.example", name=""
            ),
            actor=SYSTEM_ACTOR,
            via=Via.DEMO,
            now=NOW,
        )


@pytest.fixture
def olive(sign_in: SignIn, people: Personas) -> Client:
    return sign_in(Client(), people.olive)


@time_machine.travel(NOW)
def test_three_users_above_the_commitment_stay_overage_after_users_are_removed(
    olive: Client, north: Provider
) -> None:
    """Committed 14, peaks of 12 and 5: 3 at 11 dollars, also after 5 users are removed."""
    with provider_schema(north):
        commit_to()
        large, small = (Organization.objects.create(name=f"O{n}") for n in range(2))
        grow(large, 12)
        grow(small, 5)
    page = olive.get(PAGE).text
    assert "3 users above your commitment of 14" in page
    assert "$33.00" in page
    assert "Support" in page
    assert "3 over your licenses" in olive.get(f"/organizations/{large.pk}/users/").text
    with provider_schema(north):
        for user in ManagedUser.objects.filter(organization=large)[:5]:
            remove_member(member=user, actor=SYSTEM_ACTOR, now=NOW + timedelta(minutes=1))
    response = olive.get(PAGE)
    assert response.context["licenses"].left == 2
    plan = response.context["plan"]
    assert (plan.quantity, plan.overage_minor) == (17, 3_300)
    assert "$33.00" in response.text
    assert "2 licenses left" in olive.get(f"/organizations/{large.pk}/users/").text


@time_machine.travel(NOW)
@pytest.mark.parametrize(("metric", "in_use"), [("users", 6), ("devices", 4), ("greater", 7)])
def test_licenses_in_use_are_counted_by_the_metric_of_the_contract(
    olive: Client, north: Provider, metric: str, in_use: int
) -> None:
    """One organization of 4 users and 1 device, one of 2 and 3."""
    with provider_schema(north):
        commit_to(metric=metric)
        for users, devices in ((4, 1), (2, 3)):
            organization = Organization.objects.create(name=f"O{users}")
            grow(organization, users)
            for number in range(devices):
                add_member(
                    member=Device(organization=organization, name="D", serial_number=str(number)),
                    actor=SYSTEM_ACTOR,
                    via=Via.DEMO,
                    now=NOW,
                )
    assert olive.get(PAGE).context["licenses"].in_use == in_use


@pytest.mark.parametrize(
    ("in_use", "committed", "usage"),
    [
        (0, 1, CommitmentUsage.WITHIN),
        (94, 100, CommitmentUsage.WITHIN),
        (95, 100, CommitmentUsage.NEAR),
        (100, 100, CommitmentUsage.NEAR),
        (101, 100, CommitmentUsage.OVER),
        (13, 14, CommitmentUsage.WITHIN),
        (14, 14, CommitmentUsage.NEAR),
    ],
)
def test_the_chart_warns_from_95_percent_and_is_red_above_the_commitment(
    in_use: int, committed: int, usage: CommitmentUsage
) -> None:
    current = Licenses(contract(), committed=committed, in_use=in_use)
    assert current.usage == usage
    colours = {
        CommitmentUsage.NEAR: "chart-part-warning",
        CommitmentUsage.OVER: "chart-part-danger",
    }
    svg = usage_chart(current).svg
    for each, colour in colours.items():
        assert (colour in svg) == (each == usage)


@time_machine.travel(NOW)
def test_without_a_committed_contract_the_page_says_whom_to_ask(
    olive: Client, north: Provider
) -> None:
    hint = (
        "If you think you are on a bulk agreement and don’t see this, contact your account manager"
    )
    page = olive.get(PAGE).text
    assert hint in page
    for stat in ("Current Month MAUs", "Current MAU allowance", "Overage MAUs"):
        assert stat in page
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        organization = Organization.objects.create(name="Acme")
        contract().save()
    Provider.objects.filter(pk=north.pk).update(
        account_manager_name="Ana Manager", account_manager_email="ana@seller.example"
    )
    page = olive.get(PAGE).text
    assert f"{hint}, <bdi>Ana Manager</bdi>" in page
    assert 'href="mailto:ana@seller.example"' in page
    assert "license" not in olive.get(f"/organizations/{organization.pk}/users/").text
    with provider_schema(north):
        commit_to(starts_on="2026-04-01")
    assert hint in olive.get(PAGE).text
    with time_machine.travel(datetime(2026, 4, 1, tzinfo=UTC)):
        page = olive.get(PAGE).text
        asked = "If you have questions about your contract, contact your account manager, "
        assert f"{asked}<bdi>Ana Manager</bdi>" in page
        assert asked in olive.get("/account/contract/").text
        assert hint not in page


@time_machine.travel(NOW)
def test_a_role_without_billing_sees_no_licenses(
    sign_in: SignIn, people: Personas, north: Provider
) -> None:
    with provider_schema(north):
        commit_to()
        organization = Organization.objects.create(name="Acme")
    for person in (people.adam, people.rita, people.otto):
        visitor = sign_in(Client(), person)
        refused = visitor.get(PAGE)
        assert refused.status_code == 403
        assert PAGE not in refused.text
        assert "licenses" not in visitor.get(f"/organizations/{organization.pk}/users/").text
    assert "license" not in visitor.get("/organization/users/").text
