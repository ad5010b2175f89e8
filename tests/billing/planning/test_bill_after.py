"""The bill of the month before and after an import, on the page of its dry run."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client

from accounts.models import Provider
from billing.invoicing.month_plan import plan_month
from billing.planning.bill_after import bills_after
from core.metrics import Metric
from core.months import Month
from core.schema import provider_schema
from tenants.models import ImportRun, MeteringPolicy, Organization
from tests.cap_requests import contract
from tests.personas import Personas
from tests.tenants.import_files import add, checked, emails

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
SignIn = Callable[..., Client]


@pytest.fixture(autouse=True)
def today() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def acme(north: Provider) -> Organization:
    """Three users; users cost 11 dollars a month."""
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        organization = Organization.objects.create(name="Acme")
        for number in range(3):
            add(organization, f"user{number}@acme.example")
        contract().save()
    return organization


def test_the_bill_is_the_plan_of_the_month_and_grows_by_new_users(
    north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        bills = bills_after(acme, Metric.USERS, [-1, 0, 2, 5], NOW)
        assert bills is not None
        assert bills.before_minor == plan_month(month=Month(2026, 3)).total_minor
        for number in range(3, 5):
            add(acme, f"user{number}@acme.example")
        assert bills.before_minor + bills.growth_minor[2] == (
            plan_month(month=Month(2026, 3)).total_minor
        )
    assert (bills.growth_minor[-1], bills.growth_minor[0]) == (0, 0)
    assert bills.after(0) == bills.after(-1) == bills.before
    assert bills.difference(2, 5) == bills.text(3 * bills.growth_minor[2] // 2)


def test_without_a_contract_there_is_no_bill(north: Provider) -> None:
    with provider_schema(north):
        organization = Organization.objects.create(name="Free")
        assert bills_after(organization, Metric.USERS, [1], NOW) is None


def test_the_page_shows_the_bill_to_readers_of_amounts_only(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        run = checked(acme, emails(5))
        bills = bills_after(acme, Metric.USERS, [2], NOW)
        assert bills is not None
        apart = [{"category": "guest", "lines": 4, "new": 3, "may_include": True, "people": []}]
        report = {**run.report, "apart": apart}
        ImportRun.objects.filter(pk=run.pk).update(report=report)
    page = f"/organizations/{acme.pk}/imports/{run.pk}/"
    shown = sign_in(client, people.olive).get(page).text
    assert bills.before in shown
    assert bills.after(2) in shown
    with provider_schema(north):
        wider = bills_after(acme, Metric.USERS, [2, 5], NOW)
        assert wider is not None
    assert wider.difference(2, 5) in shown, "what the guests would cost"
    client.logout()
    hidden = sign_in(client, people.adam).get(page).text
    assert "bill so far" not in hidden
    assert bills.before not in hidden
