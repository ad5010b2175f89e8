"""The list of organizations: figures, order, filters, columns and views, within one's rights."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Provider, User
from billing.pages.organization_table import columns as table_columns
from billing.pages.organization_table.saved_views import MOST_VIEWS
from core.actors import SYSTEM_ACTOR
from core.months import Month
from core.schema import provider_schema
from integrations.statement.charges import charges_of
from tenants.models import (
    Alert,
    ChosenColumns,
    MeteringPolicy,
    Organization,
    SavedView,
    Severity,
)
from tenants.models.alerts import Kind
from tenants.organizations.lifecycle import set_user_cap
from tenants.organizations.tags import add_tag
from tests.cap_requests import contract
from tests.personas import Personas
from tests.usage.counting import add, add_devices, remove

SignIn = Callable[..., Client]
JANUARY = datetime(2026, 1, 20, 9, tzinfo=UTC)
NOW = datetime(2026, 2, 20, 9, tzinfo=UTC)
PAGE, VIEWS, COLUMNS = "/organizations/", "/organizations/views/", "/organizations/columns/"
ALL = "users,hwm,cap,trend,cost,alerts,tags,devices,created"


@pytest.fixture(autouse=True)
def _february() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def four(north: Provider) -> dict[str, Organization]:
    """Four clients at 11 dollars a user: one at its cap, one near, one with an alert, one quiet."""
    with provider_schema(north):
        MeteringPolicy.objects.update(free_user_limit=None)
        contract().save()
        made = {
            name: Organization.objects.create(name=name, created_at=JANUARY)
            for name in ("Acme", "Beta", "Gamma", "Delta")
        }
        for name, users, cap in (
            ("Acme", 2, 2),
            ("Beta", 3, 12),
            ("Gamma", 4, None),
            ("Delta", 5, 90),
        ):
            add(made[name], *[JANUARY] * users)
            set_user_cap(organization=made[name], cap=cap, actor=SYSTEM_ACTOR, now=NOW)
        # A peak never falls: Gamma is billed for 6 although it has 4.
        remove(add(made["Gamma"], NOW, NOW), NOW)
        add_devices(made["Beta"], NOW)
        add_tag(organization=made["Beta"], text="VIP", actor=SYSTEM_ACTOR, now=NOW)
        alert("service", Kind.SERVICE, made["Gamma"], severity=Severity.CRITICAL)
        alert("money", Kind.PAYMENT, made["Delta"])
    return made


def alert(
    cause: str, kind: Kind, organization: Organization, severity: Severity = Severity.WARNING
) -> None:
    Alert.objects.create(
        cause=f"{cause}:{organization.pk}",
        kind=kind,
        severity=severity,
        title="Something",
        organization=organization,
        opened_at=NOW,
    )


@pytest.fixture
def as_bill(sign_in: SignIn, people: Personas) -> Client:
    return sign_in(Client(), people.bill)


def names(client: Client, query: str = "") -> list[str]:
    return [each.row.name for each in listed(client, query).context["rows"]]


def listed(client: Client, query: str = "") -> Any:
    page = client.get(f"{PAGE}?{query}")
    assert page.status_code == 200
    return page


def download(client: Client, query: str = "") -> list[list[str]]:
    answer = client.get(f"/organizations.csv?{query}")
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_each_figure_agrees_with_the_other_pages(
    as_bill: Client, north: Provider, four: dict[str, Organization]
) -> None:
    page = listed(as_bill, f"columns={ALL}")
    rows = {each.row.name: each for each in page.context["rows"]}
    gamma = rows["Gamma"].row
    assert (gamma.users, gamma.this_month_hwm, gamma.cost_minor, gamma.alerts) == (4, 6, 6_600, 1)
    assert (rows["Beta"].row.devices, list(rows["Beta"].tags)) == (1, ["VIP"])
    assert [str(rows[name].badge) for name in ("Acme", "Beta", "Gamma", "Delta")] == [
        *("LIMIT REACHED", "NEAR LIMIT", "", ""),
    ]
    assert 'class="sparkline"' in rows["Gamma"].trend
    assert "badge-orange" in page.text
    assert "$66.00" in page.text
    # One question, one answer: the statement per client says the same.
    with provider_schema(north):
        charged = charges_of(month=Month(2026, 2)).by_organization
    assert {pk: each.minor for pk, each in charged.items()} == {
        each.row.pk: each.row.cost_minor for each in page.context["rows"]
    }


def test_the_totals_are_those_of_all_pages(
    as_bill: Client, north: Provider, four: dict[str, Organization]
) -> None:
    with provider_schema(north):
        Organization.objects.bulk_create(Organization(name=f"More {n:03}") for n in range(60))
    page = listed(as_bill, "page=2")
    totals = page.context["totals"]
    assert len(page.context["rows"]) == 14
    assert (totals.number, totals.users, totals.this_month_hwm) == (64, 14, 16)
    assert (totals.cost_minor, totals.alerts, totals.devices) == (17_600, 2, 1)
    assert "All 64" in page.text
    assert listed(as_bill, "q=gam").context["totals"].cost_minor == 6_600
    assert "All 1 that match" in listed(as_bill, "q=gam").text


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", "Acme Beta Delta Gamma"),
        ("-users", "Delta Gamma Beta Acme"),
        ("-hwm", "Gamma Delta Beta Acme"),
        ("-cost", "Gamma Delta Beta Acme"),
        ("cap", "Acme Beta Delta Gamma"),
        ("-cap", "Gamma Delta Beta Acme"),
        ("-trend", "Gamma Acme Beta Delta"),
        ("-alerts", "Delta Gamma Acme Beta"),
        ("tags", "Beta Acme Delta Gamma"),
        ("-devices", "Beta Acme Delta Gamma"),
        ("created", "Acme Beta Delta Gamma"),
        # Critical: at the cap with no alert yet after one with an alert; then near the cap.
        ("trouble", "Gamma Acme Delta Beta"),
        ("-trouble", "Beta Delta Acme Gamma"),
        ("password", "Acme Beta Delta Gamma"),
    ],
)
def test_every_column_sorts(
    as_bill: Client, four: dict[str, Organization], sort: str, expected: str
) -> None:
    assert names(as_bill, f"sort={sort}") == expected.split()


def test_filters_narrow_rows_totals_and_download(
    as_bill: Client, north: Provider, four: dict[str, Organization]
) -> None:
    for query, expected in (
        ("filter=near", ["Acme", "Beta"]),
        ("filter=alerts", ["Delta", "Gamma"]),
        ("tag=vip", ["Beta"]),
        ("filter=near&tag=vip&q=bet", ["Beta"]),
    ):
        assert names(as_bill, query) == expected
        assert listed(as_bill, query).context["totals"].number == len(expected)
        assert [line[0] for line in download(as_bill, query)[1:]] == expected
    with provider_schema(north):
        Organization.objects.create(name="Old", removed_at=NOW, archived_at=NOW)
    assert names(as_bill, "filter=archived") == ["Old"]
    assert "Old" not in names(as_bill)


def test_the_download_has_the_chosen_columns(
    as_bill: Client, four: dict[str, Organization]
) -> None:
    header, acme, *_ = download(as_bill, "columns=cost,cap,users")
    assert header == [
        *("Organization", "Users", "User cap", "Badge"),
        *("Cost 2026-02 so far, before tax", "Currency"),
    ]
    assert acme == ["Acme", "2", "2", "LIMIT REACHED", "22.00", "USD"]
    months = download(as_bill, "columns=trend")
    assert (months[0][1], months[0][-1]) == ("High-water mark 2025-03", "High-water mark 2026-02")
    assert months[4] == ["Gamma", *["0"] * 10, "4", "6"]
    excel = as_bill.get("/organizations.csv?format=xlsx&columns=users")
    assert excel["Content-Disposition"].endswith('organizations.xlsx"')
    form = {"verb": "export", "pick": [str(four["Beta"].pk)]}
    exported = as_bill.post("/organizations/bulk/?columns=users", form)
    assert exported.content.decode("utf-8-sig").split() == ["Organization,Users", "Beta,3"]


@pytest.mark.parametrize("person", ["adam", "rita"])
def test_without_the_permission_no_amount_is_shown_sorted_by_or_downloaded(
    sign_in: SignIn, people: Personas, four: dict[str, Organization], person: str
) -> None:
    client = sign_in(Client(), getattr(people, person))
    page = listed(client, f"columns={ALL}&sort=-cost")
    assert "$" not in page.text
    assert 'value="cost"' not in page.text
    assert [each.row.cost_minor for each in page.context["rows"]] == [0] * 4
    assert [each.row.name for each in page.context["rows"]] == ["Acme", "Beta", "Delta", "Gamma"]
    # An alert about payments is none of theirs either.
    assert page.context["totals"].alerts == 1
    assert "Cost" not in " ".join(download(client, f"columns={ALL}")[0])
    client.post(COLUMNS, {"column": ["users", "cost"]})
    assert chosen_in(people.north) == [["users"]]


def chosen_in(provider: Provider) -> list[list[str]]:
    with provider_schema(provider):
        return list(ChosenColumns.objects.values_list("columns", flat=True))


def test_a_limited_administrator_has_rows_totals_and_files_of_their_own(
    sign_in: SignIn, people: Personas, four: dict[str, Organization]
) -> None:
    User.objects.filter(pk=people.adam.pk).update(limited_to=[four["Gamma"].pk])
    adam = sign_in(Client(), User.objects.get(pk=people.adam.pk))
    page = listed(adam, f"columns={ALL}")
    assert [each.row.name for each in page.context["rows"]] == ["Gamma"]
    totals = page.context["totals"]
    assert (totals.number, totals.users, totals.alerts) == (1, 4, 1)
    assert [line[0] for line in download(adam, f"columns={ALL}")] == ["Organization", "Gamma"]
    assert names(adam, "tag=vip") == []
    assert "VIP" not in page.text


def test_the_number_of_statements_does_not_grow_with_the_organizations(
    as_bill: Client, north: Provider, four: dict[str, Organization]
) -> None:
    def statements() -> int:
        listed(as_bill, f"columns={ALL}&sort=-cost")
        with CaptureQueriesContext(connection) as found:
            listed(as_bill, f"columns={ALL}&sort=-cost")
        return len(found)

    with provider_schema(north):
        fifth = Organization.objects.create(name="Fifth")
        add(fifth, NOW)
    with_five = statements()
    with provider_schema(north):
        for number in range(45):
            one = Organization.objects.create(name=f"Client {number}")
            add(one, NOW)
            alert("more", Kind.SERVICE, one)
            add_tag(organization=one, text=f"T{number}", actor=SYSTEM_ACTOR, now=NOW)
    assert statements() == with_five


def test_the_chosen_columns_are_remembered_for_the_person_only(
    as_bill: Client, sign_in: SignIn, people: Personas, four: dict[str, Organization]
) -> None:
    usual = [column.key for column in listed(as_bill).context["columns"]]
    assert usual == ["users", "hwm", "cap", "trend", "cost", "alerts", "tags"]
    answer = as_bill.post(
        COLUMNS, {"column": ["devices", "users", "password"], "query": "q=a&columns=cost&page=9"}
    )
    assert answer["Location"] == "/organizations/?q=a"
    assert [column.key for column in listed(as_bill).context["columns"]] == ["users", "devices"]
    # An address that names columns wins, and changes nothing.
    there = listed(as_bill, "columns=hwm").context["columns"]
    assert [column.key for column in there] == ["hwm"]
    assert [column.key for column in listed(as_bill).context["columns"]] == ["users", "devices"]
    olive = sign_in(Client(), people.olive)
    assert [column.key for column in listed(olive).context["columns"]] == usual
    as_bill.post(COLUMNS, {"usual": "1"})
    assert [column.key for column in listed(as_bill).context["columns"]] == usual


def test_a_view_is_a_link_that_is_saved_renamed_and_deleted(
    as_bill: Client, north: Provider, four: dict[str, Organization]
) -> None:
    sent = "sort=trouble&filter=near&q=a&columns=users,cap&page=3&other=x"
    answer = as_bill.post(VIEWS, {"name": "Near the cap", "query": sent})
    link = "/organizations/?q=a&filter=near&sort=trouble&columns=users,cap"
    assert answer["Location"] == link
    page = as_bill.get(link)
    assert [each.row.name for each in page.context["rows"]] == ["Acme", "Beta"]
    assert "Near the cap" in page.text
    with provider_schema(north):
        view = SavedView.objects.get()
    assert as_bill.post(VIEWS, {"name": "Near the cap", "query": ""}).status_code == 422
    assert as_bill.post(VIEWS, {"name": " ", "query": ""}).status_code == 422
    as_bill.post(f"{VIEWS}{view.pk}/rename/", {"name": "Watch"})
    assert "Watch" in as_bill.get(VIEWS).text
    as_bill.post(VIEWS, {"name": "Other", "query": "\0%00=&sort=%ff"})
    assert as_bill.post(f"{VIEWS}{view.pk}/rename/", {"name": "Other"}).status_code == 422
    as_bill.post(f"{VIEWS}{view.pk}/delete/")
    with provider_schema(north):
        assert [each.name for each in SavedView.objects.all()] == ["Other"]
    assert as_bill.post(f"{VIEWS}{view.pk}/delete/").status_code == 404


def test_a_view_is_no_one_elses(
    as_bill: Client, sign_in: SignIn, people: Personas, four: dict[str, Organization]
) -> None:
    as_bill.post(VIEWS, {"name": "Bill only", "query": "q=a"})
    with provider_schema(people.north):
        view = SavedView.objects.get()
    for person in (people.olive, people.adam, people.sofia):
        other = sign_in(Client(), person)
        assert "Bill only" not in other.get(PAGE).text
        assert "Bill only" not in other.get(VIEWS).text
        for step in ("rename", "delete"):
            answer = other.post(f"{VIEWS}{view.pk}/{step}/", {"name": "Mine"})
            assert answer.status_code == 404
    with provider_schema(people.north):
        assert SavedView.objects.get().name == "Bill only"


def test_a_person_has_a_bounded_number_of_views(as_bill: Client, north: Provider) -> None:
    for number in range(MOST_VIEWS):
        assert as_bill.post(VIEWS, {"name": f"V{number}", "query": ""}).status_code == 302
    assert as_bill.post(VIEWS, {"name": "One more", "query": ""}).status_code == 422


def test_without_a_contract_no_amount_is_claimed(as_bill: Client, north: Provider) -> None:
    with provider_schema(north):
        Organization.objects.create(name="Free")
    page = listed(as_bill, "columns=cost&sort=-cost")
    assert "Nothing is billed at present." in page.text
    assert download(as_bill, "columns=cost")[1] == ["Free", "", ""]


@pytest.mark.parametrize(
    "query",
    ["columns=", "columns=%00,x", "columns=" + "users," * 3000, "filter=alerts&sort=-trouble",
     "tag=%00", "tag=" + "x" * 5000, "columns=trend&q=zzz"],
)  # fmt: skip
def test_any_query_is_answered(as_bill: Client, four: dict[str, Organization], query: str) -> None:
    listed(as_bill, query)
    download(as_bill, query)
    posted = as_bill.post(COLUMNS, {"column": ["users"], "query": query})
    assert posted.status_code == 302


def test_each_column_has_a_permission_and_a_sort() -> None:
    keys = [column.key for column in table_columns.COLUMNS]
    assert len(set(keys)) == len(keys)
    assert all(len(key) <= 20 for key in keys)
