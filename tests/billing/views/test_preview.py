"""The page and the CSV of the invoice preview."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.invoicing.month_close import close_month
from core.months import Month
from core.schema import provider_schema
from tenants.models import ManagedUser, Organization
from tests.billing.conftest import NOVEMBER, BillingScenario

PAGE, CSV = "/account/next-invoice/", "/account/next-invoice.csv"


@pytest.fixture
def november(north, stripe_api):
    """October is closed; on 20 November Acme has five more than then, and Bolt as many."""
    with provider_schema(north):
        scenario = BillingScenario(provider=north, stripe=stripe_api)
        scenario.contract(starts_on="2026-10-01")
        scenario.card()
        acme = scenario.organization(users=3, name="Acme")
        scenario.organization(users=4, name="Bolt")
        close_month(provider=north, month=Month(2026, 10), now=NOVEMBER)
        ManagedUser.objects.bulk_create(
            ManagedUser(
                organization=acme, email=f"n{n}@x", added_at=datetime(2026, 11, 2, n, tzinfo=UTC)
            )
            for n in range(5)
        )
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False):
        yield scenario


def page(client, person, address=PAGE, **headers):
    client.force_login(person)
    return client.get(address, headers=headers or None)


def test_it_says_what_would_be_issued_and_what_changed(november, client, people):
    shown = page(client, people.bill).content.decode()

    assert "$132.00" in shown
    assert "+$55.00 against October" in shown
    assert "Charged to the card ending in 4242 on 1 December 2026" in shown
    assert "8 is usual" not in shown
    assert "3 is usual" in shown
    assert "not connected" in shown


def test_only_the_changes_are_answered_to_htmx(november, client, people):
    shown = page(
        client,
        people.bill,
        f"{PAGE}?filter=more",
        **{"HX-Request": "true", "HX-Target": "changes"},
    ).content.decode()

    assert "Acme" in shown
    assert "Bolt" not in shown
    assert "<html" not in shown


def test_the_list_is_searched_and_sorted(november, client, people):
    shown = page(client, people.bill, f"{CSV}?q=olt&sort=name").content.decode()

    assert shown.splitlines()[1:] == [
        f"{id_of('Bolt', november)},Bolt,users,same,4,4,44.00,44.00,USD,"
    ]


def id_of(name, scenario):
    with provider_schema(scenario.provider):
        return Organization.objects.get(name=name).pk


@pytest.mark.parametrize("month", ["2026-10", "2027-01", "2019-01", "October", "2026-13", "\x00"])
def test_a_month_without_a_preview_is_not_found(november, client, people, month):
    client.force_login(people.bill)
    assert client.get(PAGE, {"month": month}).status_code == 404
    assert client.get(CSV, {"month": month}).status_code == 404


def test_without_billing_there_is_nothing_to_see(november, client, people):
    answer = page(client, people.adam)

    assert answer.status_code == 403
    assert "$132.00" not in answer.content.decode()


def test_more_organizations_cost_no_more_statements(november, client, people):
    page(client, people.bill)
    with CaptureQueriesContext(connection) as few:
        page(client, people.bill)
    with provider_schema(november.provider):
        for number in range(60):
            ManagedUser.objects.create(
                organization=november.organization(users=0, name=f"More {number}"),
                email="one@x",
                added_at=datetime(2026, 11, 3, tzinfo=UTC),
            )
    with CaptureQueriesContext(connection) as many:
        shown = page(client, people.bill)

    assert len(many) <= len(few)
    assert "1–50" in shown.content.decode()
