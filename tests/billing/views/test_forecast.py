"""The forecast pages: who sees what of it, in what order, at what cost."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Provider
from accounts.roles import Role
from billing.invoicing.month_plan import plan_month
from billing.models import BillingProfile, Contract
from core.actors import SYSTEM_ACTOR
from core.metrics import Metric
from core.months import Month
from core.schema import connection, provider_schema
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tenants.organizations.lifecycle import remove_organization
from tests.cap_requests import ask, contract
from tests.personas import Personas, create_persona
from usage.models import ForecastTrial

NOW = datetime(2026, 8, 20, 12, tzinfo=UTC)
BEGIN = datetime(2026, 1, 1, 9, tzinfo=UTC)
PAGE = "/account/usage/forecast/"
STATEMENTS = 13
SignIn = Callable[..., Client]


@pytest.fixture(autouse=True)
def today() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def grow(name: str, *, users: int, every: timedelta, **fields: object) -> Organization:
    organization = Organization.objects.create(name=name, created_at=BEGIN, **fields)
    ManagedUser.objects.bulk_create(
        ManagedUser(
            organization=organization,
            email=f"u{number}@{organization.pk}.example",
            added_at=BEGIN + number * every,
        )
        for number in range(users)
    )
    return organization


@pytest.fixture
def growing(north: Provider) -> Organization:
    """One that gets a user a week (34 by now) and is capped at 36, one that stands still at 5."""
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        growing = grow("Growing", users=34, every=timedelta(weeks=1), user_cap=36)
        grow("Steady", users=5, every=timedelta(minutes=1))
        contract().save()
    return growing


def test_locked_in_expected_and_money(
    sign_in: SignIn, people: Personas, north: Provider, growing: Organization
) -> None:
    """34 + 5 are locked in at 11 dollars; one more Thursday comes in August after the 20th."""
    page = sign_in(Client(), people.bill).get(PAGE).text
    with provider_schema(north):
        plan = plan_month(month=Month(2026, 8))
    assert plan.total_minor == 39 * 1100
    assert "$429.00" in page
    assert "$440.00" in page
    assert "1 more users, expected" in page


def test_without_the_right_to_money_there_is_none(
    sign_in: SignIn, people: Personas, growing: Organization
) -> None:
    for person in (people.adam, people.rita):
        client = sign_in(Client(), person)
        for there in (PAGE, f"{PAGE}{growing.pk}/", "/account/usage/forecast.csv"):
            answer = client.get(there)
            assert answer.status_code == 200
            assert "Growing" in answer.text
            assert "$" not in answer.text
    assert sign_in(Client(), people.otto).get(PAGE).status_code == 403


def test_search_sort_filter_and_csv(
    sign_in: SignIn, people: Personas, growing: Organization
) -> None:
    bill = sign_in(Client(), people.bill)

    def shown(query: str) -> list[str]:
        text = bill.get(
            f"{PAGE}{query}", headers={"hx-request": "true", "hx-target": "forecast"}
        ).text
        assert "<html" not in text
        both = [("Growing", text.find("<bdi>Growing")), ("Steady", text.find("<bdi>Steady"))]
        return [name for name, at in sorted(both, key=lambda pair: pair[1]) if at >= 0]

    assert shown("") == ["Growing"]
    assert shown("?filter=all") == ["Growing", "Steady"]
    assert shown("?filter=all&sort=locked_in") == ["Steady", "Growing"]
    assert shown("?filter=all&sort=-name") == ["Steady", "Growing"]
    assert shown("?filter=passes") == ["Growing"]
    assert shown("?q=ste") == ["Steady"]
    assert shown("?q=unknown") == []
    assert shown("?sort=junk&filter=junk&page=99&metric=junk") == ["Growing"]
    lines = bill.get("/account/usage/forecast.csv?filter=passes").content.decode("utf-8-sig")
    header, row = lines.splitlines()
    assert header.startswith("Organization ID,Organization,Users now,Locked in,Low,Expected,High")
    assert row.startswith(f"{growing.pk},Growing,34,34,")
    assert row.split(",")[-1] == "2026-09-10"


def test_the_days_of_a_chart_are_in_the_locale_of_the_provider(
    sign_in: SignIn, people: Personas, growing: Organization
) -> None:
    Provider.objects.filter(pk=people.north.pk).update(locale="en_US")
    page = sign_in(Client(), people.bill).get(f"{PAGE}{growing.pk}/").text
    assert "Aug 20, 2026, now" in page
    assert "Aug 27, 2026, expected" in page
    assert ">Sep 10<" in page, "below the axis"


def test_one_organization_has_a_chart_and_its_table(
    sign_in: SignIn, people: Personas, growing: Organization
) -> None:
    bill = sign_in(Client(), people.bill)
    page = bill.get(f"{PAGE}{growing.pk}/").text
    assert "chart-band" in page
    assert "Show as a table" in page
    assert "20 Aug 2026, now" in page
    assert "27 Aug 2026, expected" in page
    assert "$374.00" in page
    devices = bill.get(f"{PAGE}{growing.pk}/?metric=devices").text
    assert "$" not in devices
    assert bill.get(f"{PAGE}999999999/").status_code == 404


def test_of_a_commitment_the_overage_and_the_day_it_is_passed(
    sign_in: SignIn, people: Personas, north: Provider, growing: Organization
) -> None:
    with provider_schema(north):
        Contract.objects.all().delete()
        contract(kind="committed", committed_quantity=41).save()
    page = sign_in(Client(), people.bill).get(PAGE).text
    assert "Licenses would be passed" in page
    assert "39 of 41 in use" in page
    assert "10 Sep 2026" in page
    assert "$451.00" in page
    with provider_schema(north):
        Contract.objects.update(committed_quantity=38)
    page = sign_in(Client(), people.bill).get(PAGE).text
    assert "Passed" in page
    assert "$429.00" in page
    assert "2 above are expected" in page


def test_a_removed_organization_stays_locked_in(
    sign_in: SignIn, people: Personas, north: Provider, growing: Organization
) -> None:
    with provider_schema(north):
        remove_organization(organization=growing, actor=SYSTEM_ACTOR, now=NOW)
    page = sign_in(Client(), people.bill).get(f"{PAGE}?filter=all").text
    assert "$429.00" in page
    assert "Removed" in page


def test_a_limited_administrator_sees_theirs_alone(
    sign_in: SignIn, people: Personas, north: Provider, growing: Organization
) -> None:
    adam = people.adam
    adam.limited_to = [growing.pk]
    adam.save(update_fields=["limited_to"])
    page = sign_in(Client(), adam).get(PAGE).text
    assert "Growing" in page
    assert "Steady" not in page


def test_the_page_states_past_errors_in_words(
    sign_in: SignIn, people: Personas, north: Provider, growing: Organization
) -> None:
    with provider_schema(north):
        for month in (5, 6):
            ForecastTrial.objects.create(
                basis=Metric.USERS, month=datetime(2026, month, 1, tzinfo=UTC).date(), day=20,
                organizations=2, actual=30, expected=31, low=29, high=32, last_value=26,
                last_month=28, expected_errors=1, last_value_errors=4, last_month_errors=2,
            )  # fmt: skip
    page = sign_in(Client(), people.bill).get(PAGE).text
    assert "Made on the 20th, this forecast missed by" in page
    assert "on average over 2 months" in page
    assert "missed by 1.0 users on average" in page
    assert "would have missed by 4.0, assuming last month’s peak by 2.0" in page
    assert "$11.00" in page
    assert "2 of 2" in page


def test_no_more_than_thirteen_statements(
    sign_in: SignIn, north: Provider, growing: Organization, settings: Any
) -> None:
    settings.MENU_CACHE_SECONDS = 5
    with provider_schema(north):
        BillingProfile.objects.create(legal_name="N", country="DE", tax_rate=19)
        for number in range(60):
            grow(f"More {number}", users=3, every=timedelta(days=20))
    # A separate person: another test must not find this person's cached menu.
    counting = create_persona(
        provider=north, role=Role.BILLING_ADMIN, name="Counting", email="counting@north.example"
    )
    bill = sign_in(Client(), counting)
    bill.get(PAGE)
    with CaptureQueriesContext(connection) as statements:
        bill.get(PAGE)
    asked = [one["sql"] for one in statements.captured_queries]
    assert len(asked) <= STATEMENTS, "\n".join(one[:160].replace("\n", " ") for one in asked)


def test_a_cap_request_stands_beside_where_its_organization_is_heading(
    sign_in: SignIn, people: Personas, north: Provider, growing: Organization
) -> None:
    people.otto.organization_id = growing.pk
    people.otto.save(update_fields=["organization_id"])
    with provider_schema(north):
        request = ask(growing, people.otto, cap=40, at=NOW)
    page = sign_in(Client(), people.bill).get(f"/account/cap-requests/{request.pk}/").text
    assert "Where it is heading" in page
    assert "<strong>35</strong>" in page
    assert "The present cap would be exceeded about" in page
    assert "The requested cap would be exceeded about" in page
