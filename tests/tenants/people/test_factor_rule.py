"""Settings, Security: the Owner's rule, and who still lacks a factor."""

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.utils import timezone

from accounts.models import Provider
from core.schema import provider_schema
from tenants.people.factor_rule import LONGEST_GRACE, require_factor
from tenants.people.rules import RoleTooHigh
from tests.accounts.test_factors import actions
from tests.personas import Personas

PAGE = "/account/security/"


def rule(people: Personas) -> tuple[bool, int]:
    provider = Provider.objects.get(pk=people.north.pk)
    return provider.factor_required_at is not None, provider.factor_grace_days


def test_an_owner_requires_a_factor_and_sees_who_lacks_it(client: Client, people: Personas) -> None:
    client.force_login(people.olive)
    page = client.get(PAGE)
    assert "Not required" in page.text
    assert people.rita.email in page.text
    assert people.sofia.email not in page.text
    client.post(PAGE, {"is_required": "on", "grace_days": "7"})
    assert rule(people) == (True, 7)
    assert actions(people.north) == ["sign_in.factor_rule_changed"]
    assert rule(people)[1] == 7
    Authenticator.objects.create(user=people.rita, type="totp", data={"secret": "x"})
    page = client.get(PAGE)
    assert people.rita.email not in page.text
    assert people.adam.email in page.text
    assert "Not required" not in page.text


def test_asking_again_does_not_start_the_days_again(client: Client, people: Personas) -> None:
    client.force_login(people.olive)
    client.post(PAGE, {"is_required": "on", "grace_days": "7"})
    first = Provider.objects.get(pk=people.north.pk).factor_required_at
    client.post(PAGE, {"is_required": "on", "grace_days": "9"})
    assert Provider.objects.get(pk=people.north.pk).factor_required_at == first
    client.post(PAGE, {"grace_days": "9"})
    assert rule(people) == (False, 9)
    client.post(PAGE, {"grace_days": "9"})
    assert len(actions(people.north)) == 3


@pytest.mark.parametrize("days", ["", "-1", str(LONGEST_GRACE + 1), "x", "٣\0", "9" * 5_000])
def test_bad_numbers_are_said_at_the_field(days: str, client: Client, people: Personas) -> None:
    client.force_login(people.olive)
    assert client.post(PAGE, {"is_required": "on", "grace_days": days}).status_code == 422
    assert rule(people) == (False, 14)


def test_others_may_not(client: Client, people: Personas) -> None:
    client.force_login(people.bill)
    assert client.post(PAGE, {"is_required": "on", "grace_days": "7"}).status_code == 403
    assert rule(people) == (False, 14)


def test_the_rule_itself_refuses_others(people: Personas) -> None:
    with provider_schema(people.north), pytest.raises(RoleTooHigh):
        require_factor(
            provider=people.north,
            is_required=True,
            grace_days=0,
            by=people.bill,
            now=timezone.now(),
        )
