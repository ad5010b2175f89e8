"""The pages of active users and the allowance: figures, rights, the dialog, and one order."""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Offer, Provider, User
from accounts.roles import Role
from billing.choices import InvoiceKind
from billing.models import Contract, Invoice, PackOrder
from core.months import Month
from core.schema import provider_schema
from tenants.models import Organization
from tenants.people.administrators import change_administrator
from tests.cap_requests import contract
from tests.personas import Personas
from tests.usage.counting import add, at, set_policy
from tests.usage.sightings import report
from usage.ledger.months_table import last_months
from usage.months_chart import months_chart

NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)
PAGE, ALLOWANCE = "/account/active-users/", "/account/active-users/allowance/"
ORDER = ALLOWANCE + "order/"
SignIn = Callable[..., Client]


@pytest.fixture(autouse=True)
def on_20_march():
    """The pages are looked at on 20 March 2026."""
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def acme(north: Provider) -> Organization:
    """Two active in February, three in March; a committed contract by invoice."""
    with provider_schema(north):
        set_policy(free_user_limit=None, billing_time_zone="UTC")
        contract(invoice_agreement=True, metric="mau").save()
        acme = Organization.objects.create(name="Acme", created_at=at("2026-01-10"))
        users = add(acme, *[at("2026-01-15")] * 5)
        report(acme, *[(user, at("2026-02-10")) for user in users[:2]])
        report(acme, *[(user, at("2026-03-10")) for user in users[1:4]])
        return acme


@pytest.fixture
def pack(db: None) -> Offer:
    offer = Offer.objects.create(name="Pack of 100", quantity=100, months=12)
    offer.prices.create(currency="USD", price=Decimal("240.00"))
    return offer


def as_(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_the_table_has_each_month_and_leads_to_who_was_counted(
    acme: Organization, people: Personas
) -> None:
    rita = as_(people.rita)
    page = rita.get(PAGE).text
    assert f'{PAGE}{acme.pk}/why/2026-02/">2</a>' in page
    assert f'{PAGE}{acme.pk}/why/2026-03/">3</a>' in page
    why = rita.get(f"{PAGE}{acme.pk}/why/2026-03/").text
    assert "Why 3?" in why
    assert "first seen on 10 March 2026" in why
    rows = list(
        csv.reader(io.StringIO(rita.get("/account/active-users.csv").content.decode("utf-8-sig")))
    )
    assert rows[1][1] == "Acme"
    assert rows[1][-2:] == rows[2][-2:] == ["2", "3"]
    whole = rita.get(f"{PAGE}{acme.pk}/why/2026-03.csv").content.decode("utf-8-sig")
    assert whole.count("2026-03-10T00:00:00+00:00") == 3


def test_the_dialog_sets_the_threshold_and_the_badge_says_where_it_is(
    acme: Organization, people: Personas, north: Provider
) -> None:
    bill, path = as_(people.bill), f"{PAGE}{acme.pk}/threshold/"
    assert "3 users were active this month" in bill.get(path).text
    for wrong in ("0", "x", "1.5", "10,000,001", "-1"):
        assert bill.post(path, {"mau_limit": wrong}).status_code == 422, wrong
    assert bill.post(path, {"mau_limit": "1,000"}).status_code == 302
    with provider_schema(north):
        assert Organization.objects.get(pk=acme.pk).mau_limit == 1_000
    bill.post(path, {"mau_limit": "13"})
    assert "NEAR LIMIT" in bill.get(PAGE).text
    bill.post(path, {"mau_limit": "3"})
    assert "LIMIT REACHED" in bill.get(PAGE).text
    assert "Acme" in bill.get(f"{PAGE}?filter=reached").text
    assert "No organization matches" in bill.get(f"{PAGE}?filter=near").text
    bill.post(path, {"mau_limit": ""})
    with provider_schema(north):
        assert Organization.objects.get(pk=acme.pk).mau_limit is None
    assert as_(people.adam).get(path).status_code == 403


def test_an_organization_is_created_with_a_threshold(
    acme: Organization, people: Personas, north: Provider
) -> None:
    adam = as_(people.adam)
    refused = adam.post("/organizations/new/", {"name": "Bolt", "mau_limit": "none"})
    assert refused.status_code == 422
    adam.post("/organizations/new/", {"name": "Bolt", "mau_limit": "1,000,000"})
    with provider_schema(north):
        assert Organization.objects.get(name="Bolt").mau_limit == 1_000_000


def test_an_order_is_shown_confirmed_and_visible_at_once(
    acme: Organization, people: Personas, pack: Offer, north: Provider
) -> None:
    olive = as_(people.olive)
    assert "Pack of 100" in olive.get(ALLOWANCE).text
    shown = olive.get(f"{ORDER}?offer={pack.pk}")
    assert "$240.00 USD" in shown.text
    form = {
        "offer": pack.pk,
        **{
            name: getattr(shown.context["confirmed"], name)
            for name in ("quantity", "first", "months", "total_minor", "follows")
        },
    }
    for said in ("is ordered, and your allowance is up", "was ordered already, once"):
        answer = olive.post(ORDER, form, follow=True)
        assert said in answer.text
        assert "NORTH-000001" in answer.text
    with provider_schema(north):
        assert PackOrder.objects.get().ordered_by_name == people.olive.name
        assert Invoice.objects.get().kind == InvoiceKind.ORDER
    assert "97 left this month" in olive.get(PAGE).text
    assert "NORTH-000001" in olive.get("/account/payments/").text


def test_an_order_sent_after_midnight_of_the_months_end_shows_the_offer_of_the_new_month(
    acme: Organization, people: Personas, pack: Offer, north: Provider
) -> None:
    shown = as_(people.olive).get(f"{ORDER}?offer={pack.pk}")
    confirmed = asdict(shown.context["confirmed"])
    with time_machine.travel(at("2026-04-01 00:01"), tick=False):
        answer = as_(people.olive).post(ORDER, {"offer": pack.pk, **confirmed}, follow=True)
    assert "April 2026 has begun since you looked" in answer.text
    assert "April 2026 to March 2027" in answer.text
    with provider_schema(north):
        assert not PackOrder.objects.exists()


@pytest.mark.parametrize("form", [{}, {"offer": "x"}, {"offer": "1", "quantity": "9" * 40}])
def test_an_order_without_its_confirmation_is_none(
    acme: Organization, people: Personas, pack: Offer, form: dict[str, str]
) -> None:
    answer = as_(people.olive).post(ORDER, form, follow=True)
    assert "Look at the offer again" in answer.text
    assert as_(people.olive).get(ORDER + "?offer=%00").status_code == 302


def test_who_may_extend_is_the_owners_to_say(
    acme: Organization, people: Personas, pack: Offer, north: Provider
) -> None:
    assert as_(people.bill).get(f"{ORDER}?offer={pack.pk}").status_code == 403
    assert as_(people.adam).get(ALLOWANCE).status_code == 403
    with provider_schema(north):
        change_administrator(
            administrator=people.adam,
            role=Role.ADMIN,
            limited_to=None,
            may_extend=True,
            by=people.olive,
            now=NOW,
        )
    adam = as_(User.objects.get(pk=people.adam.pk))
    assert adam.get(f"{ORDER}?offer={pack.pk}").status_code == 200
    assert adam.get("/account/payments/").status_code == 403
    assert "/account/payments/" not in adam.get(ALLOWANCE).text
    with provider_schema(north):
        change_administrator(
            administrator=people.adam,
            role=Role.READ_ONLY,
            limited_to=None,
            may_extend=True,
            by=people.olive,
            now=NOW,
        )
    assert not User.objects.get(pk=people.adam.pk).may_extend_allowance


def test_a_limited_administrator_sees_their_organizations_and_no_allowance(
    acme: Organization, people: Personas, north: Provider
) -> None:
    with provider_schema(north):
        other = Organization.objects.create(name="Hidden", created_at=at("2026-01-10"))
        report(other, *[(user, at("2026-03-02")) for user in add(other, at("2026-02-01"))])
    User.objects.filter(pk=people.adam.pk).update(limited_to=[acme.pk])
    adam = as_(User.objects.get(pk=people.adam.pk))
    page = adam.get(PAGE).text
    assert "Hidden" not in page
    assert "the organizations you see" in page
    assert "Overage" not in page
    assert adam.get(f"{PAGE}{other.pk}/").status_code == 404


def test_an_organization_sees_its_own(acme: Organization, people: Personas) -> None:
    User.objects.filter(pk=people.otto.pk).update(organization_id=acme.pk)
    otto = as_(User.objects.get(pk=people.otto.pk))
    assert "/organization/active-users/why/2026-03/" in otto.get("/organization/active-users/").text
    assert "Why 3?" in otto.get("/organization/active-users/why/2026-03/").text
    assert otto.get("/organization/active-users/why/2999-01/").status_code == 404
    assert otto.get(PAGE).status_code == 403


def test_the_page_asks_few_questions_however_many_organizations(
    acme: Organization, people: Personas, north: Provider
) -> None:
    bill = as_(people.bill)
    bill.get(PAGE)

    def questions() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert bill.get(PAGE).status_code == 200
        return len([one for one in asked if "SET search_path" not in one["sql"]])

    before = questions()
    with provider_schema(north):
        Organization.objects.bulk_create(Organization(name=f"O{number}") for number in range(80))
    assert questions() <= before


def test_one_organization_and_one_month_from_their_dropdowns(people, acme, north):
    with provider_schema(north):
        Organization.objects.create(name="Bolt")
    rita = as_(people.rita)
    page = rita.get(PAGE).text
    for stat in ("Current Month MAUs", "Current MAU allowance", "Overage MAUs"):
        assert stat in page
    assert f'<option value="{acme.pk}">Acme</option>' in page
    assert '<option value="2026-02">February 2026</option>' in page
    assert ">Bolt</bdi>" in page

    one = rita.get(PAGE, {"organization": acme.pk, "month": "2026-02"}).text
    assert f'<option value="{acme.pk}" selected>' in one
    assert '<option value="2026-02" selected>' in one
    assert ">Bolt</bdi>" not in one
    assert f"{PAGE}{acme.pk}/why/2026-02/" in one
    assert f"{PAGE}{acme.pk}/why/2026-03/" not in one
    assert rita.get(PAGE, {"organization": 987_654_321}).status_code == 404
    for nothing in ("", "x", "9" * 30):
        assert rita.get(PAGE, {"organization": nothing, "month": nothing}).status_code == 200


def test_a_pack_is_sold_only_where_active_users_are_billed(people, acme, north, pack):
    with provider_schema(north):
        Contract.objects.update(metric="users")
    olive = as_(people.olive)
    assert "Extend" not in olive.get(PAGE).text.partition("<main")[2]
    page = olive.get(ALLOWANCE).text
    assert "Your contract does not bill active users: a pack would change no bill" in page
    assert olive.get(f"{ORDER}?offer={pack.pk}").status_code == 302
    with provider_schema(north):
        Contract.objects.update(metric="mau")
    assert ">Extend</a>" in olive.get(PAGE).text
    assert "What it changes" in olive.get(f"{ORDER}?offer={pack.pk}").text


def test_the_chart_shows_each_month_with_the_allowance_that_it_had():
    months = last_months(month=Month(2026, 3))
    chart = months_chart(
        title="Active users", column="Active users", months=months, values=[5] * 12,
        limit_name="Allowance", limits=[0] * 6 + [10] * 3 + [15] * 3,
    )  # fmt: skip
    assert chart.header == ("Month", "Active users", "Allowance")
    assert [row[2] for row in chart.rows] == ["None"] * 6 + ["10"] * 3 + ["15"] * 3
    assert chart.svg.count('class="chart-limit"') == 6
    assert len(set(re.findall(r'class="chart-limit"[^>]* y1="([^"]+)"', chart.svg))) == 2
