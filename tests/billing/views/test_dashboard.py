"""The dashboard: figures, what changed and what waits, within what the person may see."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import time_machine
from django.core.cache import caches
from django.test import Client

from accounts.models import Provider, User
from billing.dunning.status import update_dunning
from billing.models import ChargeAttempt, Invoice
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.alerts.evaluation import evaluate_rules
from tenants.cap_requests.requests import request_cap
from tenants.models import Location, ManagedUser, MeteringPolicy, Organization
from tenants.organizations.lifecycle import set_user_cap
from tenants.users.membership import Via, add_member, remove_member
from tests.cap_requests import contract
from tests.personas import Personas
from tests.test_isolation import CANARY, make_card, make_invoice

SignIn = Callable[..., Client]
NOW = datetime(2026, 2, 20, 9, tzinfo=UTC)
LATER = datetime(2026, 3, 2, 9, tzinfo=UTC)
See = Callable[..., Any]
PAGE = "/dashboard/"


@pytest.fixture
def three(north: Provider) -> list[Organization]:
    """Acme at its cap of 2, Beta near its cap of 12, Gamma with one user and no cap; 11 dollars."""
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        contract().save()
        organizations = [
            Organization.objects.create(name=name) for name in ("Acme", "Beta", "Gamma")
        ]
        for organization, users, cap in zip(organizations, (2, 3, 1), (2, 12, None), strict=True):
            for number in range(users):
                add_member(
                    member=ManagedUser(
                        organization=organization,
                        email=f"u{number}@{organization.pk}.example",
                        name="",
                    ),
                    actor=SYSTEM_ACTOR,
                    via=Via.DEMO,
                    now=NOW,
                )
            set_user_cap(organization=organization, cap=cap, actor=SYSTEM_ACTOR, now=NOW)
    return organizations


@pytest.fixture
def see(sign_in: SignIn) -> See:
    """`see(person)`: the dashboard's answer to the person on 20 February."""

    def look(person: User, address: str = PAGE, **headers: str) -> Any:
        with time_machine.travel(NOW):
            look_round(person, NOW)
            return sign_in(Client(), person).get(address, headers=headers)

    return look


def look_round(person: User, now: datetime) -> None:
    """A round of alerts, as the schedule sends it."""
    assert person.provider is not None
    with provider_schema(person.provider):
        evaluate_rules(now=now)


def test_it_is_where_work_starts(sign_in: SignIn, people: Personas) -> None:
    for person in (people.olive, people.bill, people.adam, people.rita):
        assert sign_in(Client(), person).get("/")["Location"] == PAGE


def test_the_figures_are_those_of_now_and_the_bill_that_of_the_peaks(
    see: See, people: Personas, north: Provider, three: list[Organization]
) -> None:
    """Six users at the peak are 66 dollars, also after one left."""
    with provider_schema(north):
        leaver = ManagedUser.objects.filter(organization=three[0]).get(email__startswith="u1@")
        remove_member(member=leaver, actor=SYSTEM_ACTOR, now=NOW)
        Location.objects.create(organization=three[0], name="Office")
    page = see(people.olive)
    seen = page.context
    assert seen["locations"] == 1
    assert (seen["in_use"], seen["users"], seen["devices"]) == (3, 5, 0)
    assert "$66.00" in page.text


def test_limits_and_requests_wait(
    see: See, people: Personas, north: Provider, three: list[Organization]
) -> None:
    with provider_schema(north):
        request_cap(
            provider=north, organization=three[0], cap=9, reason="x", by=people.olive, now=NOW
        )
    found = {matter.title: matter.names for matter in see(people.olive).context["attention_items"]}
    assert found == {
        "1 organization at the limit of users": ("Acme",),
        "1 organization near the limit of users": ("Beta",),
        "1 request for a higher cap": ("Acme",),
    }
    of_adam = [matter.title for matter in see(people.adam).context["attention_items"]]
    assert "1 request for a higher cap" not in of_adam


def refused_charge(invoice: Invoice) -> ChargeAttempt:
    return ChargeAttempt.objects.create(
        invoice=invoice,
        state=ChargeAttempt.State.FAILED,
        idempotency_key="k",
        amount_minor=100,
        currency="USD",
        stripe_customer_id="c",
        stripe_payment_method_id="p",
        created_at=NOW,
        finished_at=NOW,
    )


def test_invoices_and_refused_charges_wait_for_users_who_see_billing(
    see: See, people: Personas, north: Provider, three: list[Organization]
) -> None:
    """Due on 1 March: open on that day, overdue the day after."""
    with provider_schema(north):
        refused_charge(make_invoice(three[2]))
        update_dunning(now=NOW)
    titles = [matter.title for matter in see(people.bill).context["attention_items"]]
    assert titles == [
        "1 organization at the limit of users",
        "Invoice Nordlicht-000001 could not be charged",
        "1 organization near the limit of users",
        "$1.00 is outstanding",
        "1 invoice open: $1.00",
    ]
    with time_machine.travel(LATER):
        look_round(people.bill, LATER)
        client = Client()
        client.force_login(people.bill)
        late = [matter.title for matter in client.get(PAGE).context["attention_items"]]
    assert "$1.00 is outstanding" in late
    assert "1 invoice open: $1.00" not in late
    with provider_schema(north):
        Invoice.objects.update(voided_at=NOW)
    assert len(see(people.bill).context["attention_items"]) == 2


def test_without_the_right_there_is_no_money(
    see: See, people: Personas, north: Provider, three: list[Organization]
) -> None:
    with provider_schema(north):
        refused_charge(make_invoice(three[2]))
    for person in (people.adam, people.rita):
        text = see(person).text
        assert "$" not in text
        assert "invoice" not in text.lower()
        assert "Next invoice" not in text
    assert see(people.otto).status_code == 403


def test_a_limited_administrator_sees_figures_of_their_organizations_only(
    see: See, people: Personas, three: list[Organization]
) -> None:
    User.objects.filter(pk=people.adam.pk).update(limited_to=[three[2].pk])
    with provider_schema(people.north):
        Location.objects.create(organization=three[0], name="Office")
    answer = see(User.objects.get(pk=people.adam.pk))
    seen = answer.context
    assert (seen["in_use"], seen["limit"], seen["users"], seen["locations"]) == (1, None, 1, 0)
    assert seen["attention_items"] == []
    assert "Acme" not in answer.text
    assert "Beta" not in answer.text


def test_what_changed_with_its_money_for_those_who_may_see_it(
    see: See, people: Personas, north: Provider, three: list[Organization]
) -> None:
    """All came this month: the largest first, at 11 dollars a user."""
    changes = see(people.bill).context["changes"]
    assert [(each.name, each.before, each.difference, each.amount_minor) for each in changes] == [
        ("Beta", 0, 3, 3300),
        ("Acme", 0, 2, 2200),
        ("Gamma", 0, 1, 1100),
    ]
    assert {each.amount_minor for each in see(people.adam).context["changes"]} == {None}
    User.objects.filter(pk=people.adam.pk).update(limited_to=[three[2].pk])
    adam = User.objects.get(pk=people.adam.pk)
    assert [each.name for each in see(adam).context["changes"]] == ["Gamma"]
    assert see(adam).context["near_caps"] == []


def test_close_to_their_cap_is_what_the_badge_says(
    see: See, people: Personas, three: list[Organization]
) -> None:
    """Acme has none left of 2, Beta 9 of 12; Gamma has no cap."""
    page = see(people.adam)
    assert [one["name"] for one in page.context["near_caps"]] == ["Acme", "Beta"]
    assert "LIMIT REACHED" in page.text
    with provider_schema(people.north):
        Organization.objects.filter(pk=three[1].pk).update(user_cap=14)
    assert [one["name"] for one in see(people.adam).context["near_caps"]] == ["Acme"]


def test_the_next_invoice_has_its_day_and_how_it_is_paid(
    see: See, people: Personas, three: list[Organization]
) -> None:
    assert "mailed, due within" in see(people.bill).text
    with provider_schema(people.north):
        make_card(three[0])
    page = see(people.bill).text
    assert f"charged to {CANARY.capitalize()} ending in 4242" in page
    assert "4242" not in see(people.adam).text
    people.north.issue_day = 5
    people.north.save()
    assert see(people.bill).context["issue_date"] == date(2026, 3, 5)


def test_the_year_is_drawn_with_what_is_expected(
    see: See, people: Personas, three: list[Organization]
) -> None:
    page = see(people.adam)
    assert page.context["chart"].rows[-1] == ("February 2026 so far", "6")
    later = see(people.adam, "/dashboard/chart/").context["chart"]
    assert later.rows[-1] == ("February 2026 so far, about 6 expected", "6")
    User.objects.filter(pk=people.adam.pk).update(limited_to=[three[2].pk])
    limited = see(User.objects.get(pk=people.adam.pk), "/dashboard/chart/").context["chart"]
    assert limited.rows[-1][1] == "1"
    assert see(people.otto, "/dashboard/chart/").status_code == 403


@pytest.fixture
def kept(settings: Any) -> Iterator[None]:
    """Forecasts are kept, for this test only."""
    settings.FORECAST_CACHE_SECONDS = 60
    caches["provider"].clear()
    yield
    caches["provider"].clear()


@pytest.mark.usefixtures("kept")
def test_a_forecast_is_made_once_and_is_of_all_organizations_only(
    see: See, people: Personas, three: list[Organization]
) -> None:
    """Home asks for it while none is known; who sees some organizations gets another one."""
    assert "/dashboard/chart/" in see(people.adam).text
    see(people.adam, "/dashboard/chart/")
    page = see(people.adam)
    assert "/dashboard/chart/" not in page.text
    assert page.context["chart"].rows[-1] == ("February 2026 so far, about 6 expected", "6")
    User.objects.filter(pk=people.adam.pk).update(limited_to=[three[2].pk])
    limited = User.objects.get(pk=people.adam.pk)
    assert see(limited).context["chart"].rows[-1] == ("February 2026 so far", "1")
    later = see(limited, "/dashboard/chart/").context["chart"]
    assert later.rows[-1] == ("February 2026 so far, about 1 expected", "1")


def test_more_than_five_are_counted(see: See, people: Personas, north: Provider) -> None:
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        for number in range(8):
            organization = Organization.objects.create(name=f"Full {number}", user_cap=1)
            ManagedUser.objects.create(organization=organization, email="a@full.example")
    (matter,) = see(people.adam).context["attention_items"]
    assert matter.title == "8 organizations at the limit of users"
    assert (matter.names[0], len(matter.names), matter.more) == ("Full 0", 5, 3)
