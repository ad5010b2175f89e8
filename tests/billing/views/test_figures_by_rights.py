"""The figures of dashboard and menu, which one statement reads, are within each person's rights."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from billing.models import BillingProfile
from core.schema import provider_schema
from tenants.cap_requests.requests import request_cap
from tenants.models import Alert, Location, ManagedUser, MeteringPolicy, Organization
from tenants.models.alerts import Kind, Severity
from tests.cap_requests import contract
from tests.personas import Personas
from tests.test_isolation import make_invoice

NOW = datetime(2026, 2, 20, 9, tzinfo=UTC)
PAGE = "/dashboard/"
IN_MENU = re.compile(r'>(Alerts|Caps)<span class="badge[^>]*>(\d+)')
MONEY = ("$", "Next invoice", "Licenses", "More users than committed", "Payment History")


@pytest.fixture
def acme(people: Personas) -> Organization:
    """Acme and Beta, each with a user, a location, an alert and a request; an invoice is open."""
    with provider_schema(people.north), time_machine.travel(NOW):
        MeteringPolicy.objects.update(free_user_limit=None)
        BillingProfile.objects.create(legal_name="North", country="US")
        agreed = contract()
        agreed.billed_from = NOW - timedelta(days=60)
        agreed.save()
        acme, beta = (
            Organization.objects.create(name=name, user_cap=1) for name in ("Acme", "Beta")
        )
        for one in (acme, beta):
            ManagedUser.objects.create(organization=one, email="a@one.example")
            Location.objects.create(organization=one, name="Office")
            request_cap(
                provider=people.north, organization=one, cap=9, reason="x", by=people.olive, now=NOW
            )
            alert(f"cap:{one.pk}", Kind.CAPS, f"{one.name} is full", organization=one)
        alert("licenses", Kind.LICENSES, "More users than committed")
        make_invoice(beta)
    return acme


def alert(cause: str, kind: Kind, title: str, **of: Any) -> None:
    Alert.objects.create(
        cause=cause, kind=kind, severity=Severity.CRITICAL, title=title, opened_at=NOW, **of
    )


def limited(person: User, organization: Organization) -> User:
    User.objects.filter(pk=person.pk).update(limited_to=[organization.pk])
    return User.objects.get(pk=person.pk)


def seen_by(
    person: User, sign_in: Callable[..., Client]
) -> tuple[dict[str, Any], dict[str, int], str]:
    """The dashboard's figures, the counts in its menu, and its text."""
    with time_machine.travel(NOW):
        page: Any = sign_in(Client(), person).get(PAGE)
    names = ("in_use", "users", "locations")
    figures = {name: page.context[name] for name in names} | {
        "alerts": page.context["alerts"].total
    }
    return figures, {name: int(count) for name, count in IN_MENU.findall(page.text)}, page.text


def test_each_person_sees_figures_within_their_rights(
    people: Personas, acme: Organization, sign_in: Callable[..., Client]
) -> None:
    """One after the other in the same process, twice: what is remembered is no one else's."""
    adam = limited(people.adam, acme)
    for _ in range(2):
        figures, menu, text = seen_by(people.bill, sign_in)
        assert figures == {"in_use": 2, "users": 2, "locations": 2, "alerts": 3}
        assert menu == {"Alerts": 3, "Caps": 2}
        assert "1 invoice open: $1.00" in text
        assert "2 requests for a higher cap" in text

        figures, menu, text = seen_by(adam, sign_in)
        assert figures == {"in_use": 1, "users": 1, "locations": 1, "alerts": 1}
        assert menu == {"Alerts": 1}
        assert not [word for word in (*MONEY, "Beta") if word in text]

        figures, menu, text = seen_by(people.rita, sign_in)
        assert figures == {"in_use": 2, "users": 2, "locations": 2, "alerts": 2}
        assert menu == {"Alerts": 2}
        assert not [word for word in MONEY if word in text]


def test_the_dashboard_takes_ten_statements(
    people: Personas, acme: Organization, sign_in: Callable[..., Client]
) -> None:
    client = sign_in(Client(), people.bill)
    with time_machine.travel(NOW):
        client.get(PAGE)
        with CaptureQueriesContext(connection) as statements:
            client.get(PAGE)
    assert len(statements) <= 10
