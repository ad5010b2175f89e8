"""The page "Why this number?": to whom it speaks, of whom, and what it takes."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Provider
from core.schema import provider_schema
from tenants.access import IMPERSONATED_ORGANIZATION_KEY
from tenants.models import ManagedUser, Organization
from tenants.organizations.lifecycle import remove_organization
from tests.personas import Personas
from tests.usage.explain_story import ADAM, History, at, page, rows

SignIn = Callable[..., Client]

pytestmark = pytest.mark.usefixtures("on_20_march")


def test_addresses_that_mean_nothing(as_rita: Client, bakery: Organization) -> None:
    for month in ("2026-04", "2026-13", "2026-3", "0000-01", "3000-01", "today", "２０２６-03"):
        assert as_rita.get(f"/account/usage/{bakery.pk}/why/{month}/").status_code == 404, month
        assert as_rita.get(f"/account/usage/{bakery.pk}/why/{month}.csv").status_code == 404, month
    for query in ("?page=x", "?page=-1", "?page=999999999999", "?q=%00", "?sort=x", "?metric="):
        page(as_rita, bakery, query=query)
        assert "No one" in page(as_rita, bakery, "1970-01", query)


def test_a_removed_organization_still_has_its_answer(
    as_rita: Client, bakery: Organization, history: History, north: Provider
) -> None:
    history.add("2026-02-10 09:00", "Ann")
    history.remove("2026-03-02 09:00", "Ann")
    with provider_schema(north):
        remove_organization(organization=bakery, actor=ADAM, now=at("2026-03-03"))
    assert "Acme</bdi> (removed)" in page(as_rita, bakery, "2026-02")


def test_an_administrator_limited_to_others_gets_404(
    client: Client, sign_in: SignIn, people: Personas, bakery: Organization, history: History
) -> None:
    history.add("2026-03-02 09:00", "Ann")
    rita = people.rita
    rita.limited_to = [people.otto_organization.pk]
    rita.save()
    visitor = sign_in(client, rita)
    for suffix in ("/", ".csv"):
        answer = visitor.get(f"/account/usage/{bakery.pk}/why/2026-03{suffix}")
        assert answer.status_code == 404
    assert (
        visitor.get(f"/account/usage/{people.otto_organization.pk}/why/2026-03/").status_code == 200
    )


def test_an_organization_admin_sees_the_own_organization_only(
    client: Client, sign_in: SignIn, people: Personas, bakery: Organization, history: History
) -> None:
    history.add("2026-03-02 09:00", "Ann")
    history.organization = people.otto_organization
    history.add("2026-03-03 09:00", "Olaf")
    visitor = sign_in(client, people.otto)
    text = visitor.get("/organization/why/2026-03/").text
    assert "olaf@acme.example" in text
    assert "ann@acme.example" not in text
    assert "olaf@acme.example" in visitor.get("/organization/why/2026-03.csv").text
    assert visitor.get(f"/account/usage/{bakery.pk}/why/2026-03/").status_code == 403
    # What an administrator entered, in a session that is not one's own to choose.
    session = visitor.session
    session[IMPERSONATED_ORGANIZATION_KEY] = bakery.pk
    session.save()
    assert "ann@acme.example" not in visitor.get("/organization/why/2026-03/").text


def test_names_are_shown_as_text_and_kept_from_spreadsheets(
    as_rita: Client, bakery: Organization, history: History, north: Provider
) -> None:
    with provider_schema(north):
        ManagedUser.objects.create(
            organization=bakery,
            email="=cmd@x.example",
            name="<script>alert(1)</script>",
            added_at=at("2026-03-03"),
            added_by_name="<b>Adam</b>",
        )
    text = page(as_rita, bakery)
    assert "<script>alert" not in text
    assert "<b>Adam" not in text
    assert rows(as_rita, bakery)[0]["Name then"] == "'=cmd@x.example"


def test_the_table_alone_answers_htmx(
    as_rita: Client, bakery: Organization, history: History
) -> None:
    history.add("2026-03-03 14:30", "Ann")
    answer = as_rita.get(
        f"/account/usage/{bakery.pk}/why/2026-03/?q=ann",
        headers={"HX-Request": "true", "HX-Target": "counted"},
    )
    assert "ann@acme.example" in answer.text
    assert "<html" not in answer.text


def test_explaining_takes_at_most_five_statements(
    as_rita: Client, bakery: Organization, history: History
) -> None:
    history.add("2026-03-03 14:30", *(f"User{number}" for number in range(8)))
    page(as_rita, bakery)
    with CaptureQueriesContext(connection) as statements:
        page(as_rita, bakery, query="?q=user&page=1")
    ours = [each["sql"] for each in statements if 'FROM "accounts_' not in each["sql"]]
    shell = ("django_session", "search_path", "tenants_alert")
    ours = [sql for sql in ours if not any(word in sql for word in shell)]
    assert len(ours) <= 5, ours
