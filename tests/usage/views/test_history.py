"""Twelve months of the provider, against the monthly reading that billing does."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Provider
from core.metrics import COUNTED, Metric
from core.months import Month
from core.schema import provider_schema
from core.scope import limited_to
from tenants.models import MeteringPolicy, Organization
from tenants.organizations.lifecycle import remove_organization
from tests.personas import Personas
from tests.usage.counting import add, add_devices, remove, set_policy
from tests.usage.explain_story import ADAM, History, at
from usage.ledger.month_peaks import high_water_marks
from usage.ledger.months_table import last_months, months_table

pytestmark = pytest.mark.usefixtures("on_20_march")
MARCH = Month(2026, 3)


def csv_rows(client: Client, query: str = "") -> list[list[str]]:
    answer = client.get(f"/account/usage/history.csv{query}")
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_every_month_agrees_with_what_is_billed(policy: MeteringPolicy) -> None:
    acme, bakery = (Organization.objects.create(name=name) for name in ("Acme", "Bakery"))
    users = add(acme, at("2025-06-03"), at("2025-06-04"), at("2025-11-30"))
    remove(users[:2], at("2026-01-15"))
    add(acme, *(at("2026-03-01") + timedelta(days=n) for n in range(5)))
    add(bakery, at("2026-02-28 23:59:59"), at("2026-03-01"))
    add_devices(bakery, at("2025-12-24"))
    Organization.objects.create(name="Empty")
    months = last_months(month=MARCH)
    for metric in COUNTED:
        table = months_table(months=months, metric=metric)
        for position, month in enumerate(months):
            marks = {
                level.organization_id: level.high_water_mark
                for level in high_water_marks(month=month, metrics=[metric])
            }
            assert {
                row.organization_id: row.high_water_marks[position] for row in table.rows
            } == marks
            assert table.totals[position] == sum(marks.values())
        assert table.matching == 3
        assert table.total == sum(table.totals) == sum(row.total for row in table.rows)
    of_users = {
        row.name: row.high_water_marks
        for row in months_table(months=months, metric=Metric.USERS).rows
    }
    assert of_users["Acme"] == (0, 0, 2, 2, 2, 2, 2, 3, 3, 3, 1, 6)
    assert of_users["Bakery"] == (0,) * 10 + (1, 2)


def test_removed_organizations_are_in_the_months_in_which_they_were_billed(
    policy: MeteringPolicy,
) -> None:
    gone = Organization.objects.create(name="Gone")
    remove(add(gone, at("2025-12-03")), at("2025-12-04"))
    for name in ("Gone", "Never"):
        organization, _ = Organization.objects.get_or_create(name=name)
        remove_organization(organization=organization, actor=ADAM, now=at("2026-01-01"))
    table = months_table(months=last_months(month=MARCH), metric=Metric.USERS)
    assert [(row.name, row.is_removed, row.total) for row in table.rows] == [("Gone", True, 1)]
    assert table.total == 1


def test_a_limited_administrator_sees_sums_of_those_only(policy: MeteringPolicy) -> None:
    acme, other = (Organization.objects.create(name=name) for name in ("Acme", "Other"))
    add(acme, at("2026-03-01"))
    add(other, at("2026-03-01"), at("2026-03-02"))
    for ids, total in (((acme.pk,), 1), ((), 0), (None, 3)):
        with limited_to(ids):
            table = months_table(months=[MARCH], metric=Metric.USERS)
        assert table.total == total
        assert table.matching == len(table.rows) == (2 if ids is None else len(ids))


def test_months_begin_in_the_billing_zone(policy: MeteringPolicy) -> None:
    set_policy(billing_time_zone="Pacific/Kiritimati")
    acme = Organization.objects.create(name="Acme")
    add(acme, at("2026-01-31 09:59"), at("2026-01-31 10:00"))
    table = months_table(months=last_months(month=MARCH, count=3), metric=Metric.USERS)
    assert table.totals == (1, 2, 2)


def test_the_page_shows_searches_sorts_and_links(
    as_rita: Client, bakery: Organization, history: History, north: Provider
) -> None:
    history.add("2026-03-02 09:00", "Ann", "Bea")
    with provider_schema(north):
        Organization.objects.bulk_create([Organization(name=f"Zoo {n:03}") for n in range(70)])
    text = as_rita.get("/account/usage/history/").text
    assert f'href="/account/usage/{bakery.pk}/why/2026-03/">2</a>' in text
    assert "1–50" in text
    assert "March 2026 so far" in text
    assert "51–71" in as_rita.get("/account/usage/history/?page=9").text
    found = as_rita.get("/account/usage/history/?q=ACME&sort=-total&metric=users").text
    assert "Zoo" not in found
    assert "No organization matches" in as_rita.get("/account/usage/history/?q=%25").text
    devices = as_rita.get("/account/usage/history/?metric=devices").text
    assert f'/account/usage/{bakery.pk}/why/2026-03/?metric=devices">0</a>' in devices
    by_total = as_rita.get("/account/usage/history/?sort=-total").text
    assert by_total.index("Acme") < by_total.index("Zoo 000")
    for junk in ("?page=x", "?page=0", "?page=-3", f"?page={'9' * 400}", "?page=²", "?sort=x"):
        assert as_rita.get(f"/account/usage/history/{junk}").status_code == 200, junk


def test_the_csv_has_every_organization_and_the_sums(
    as_rita: Client, bakery: Organization, history: History
) -> None:
    history.add("2026-02-02 09:00", "Ann", "Bea")
    header, row, sums = csv_rows(as_rita, "?q=acme")
    assert header[:3] == ["Organization ID", "Organization", "2025-04"]
    assert header[-2:] == ["2026-03", "Sum"]
    assert row == [str(bakery.pk), "Acme", *["0"] * 10, "2", "2", "4"]
    assert sums[1:] == ["All organizations", *["0"] * 10, "2", "2", "4"]


def test_a_provider_without_organizations(client: Client, people: Personas) -> None:
    client.force_login(people.sofia)
    assert "Nothing is used yet" in client.get("/account/usage/history/").text
    assert csv_rows(client)[1][1] == "All organizations"


def test_the_page_reads_usage_in_one_statement(as_rita: Client, bakery: Organization) -> None:
    as_rita.get("/account/usage/history/")
    with CaptureQueriesContext(connection) as statements:
        as_rita.get("/account/usage/history/")
    ours = [each["sql"] for each in statements if "usage_" in each["sql"]]
    assert len(ours) == 1
