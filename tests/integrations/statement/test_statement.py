"""The statement: charge, Autotask's price, and a named cause for each difference."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.invoicing.month_close import close_month
from core.months import Month
from integrations.models import ServiceCheck, SyncRun
from integrations.models.runs import Outcome
from integrations.statement.differences import Cause, Checked, Mapped, differences
from integrations.statement.month import ClientRow, statement_of
from tenants.models import Organization
from tests.integrations.psa_scenario import PsaScenario
from tests.personas import Personas

MARCH = Month(2026, 3)
PAGE = "/integrations/autotask/statement"
AT = datetime(2026, 3, 10, tzinfo=UTC)


def row(number: int = 0) -> ClientRow:
    return next(r for r in statement_of(month=MARCH).rows if r.name == f"Client {number}")


def causes(of: ClientRow) -> list[Cause]:
    return [difference.cause for difference in of.differences]


def test_a_row_that_agrees_has_both_prices_and_no_cause(scenario: PsaScenario) -> None:
    scenario.organization(7)
    scenario.sync()
    client = row()
    assert causes(client) == []
    assert (client.count, client.charged and client.charged.minor) == (7, 7 * 210)
    price = scenario.row()["price"]
    assert client.price_minor == round(price * 100)
    assert client.margin_minor == round(price * 100) - 7 * 210
    assert statement_of(month=MARCH).checked == 1


def test_a_month_without_a_check_is_not_reported_as_clean(scenario: PsaScenario) -> None:
    scenario.organization(7)
    assert causes(row()) == [Cause.NOT_CHECKED]
    scenario.stand_in.fault("refuse", times=50)
    scenario.sync()
    assert causes(row()) == [Cause.NOT_CHECKED]
    assert statement_of(month=MARCH).checked == 0


def test_an_organization_without_a_mapping_needs_a_person(scenario: PsaScenario) -> None:
    scenario.join(Organization.objects.create(name="Client 0", created_at=AT), 3, at=AT)
    assert causes(row()) == [Cause.NOT_MAPPED]
    assert row().needs_person
    assert row().margin_minor is None


def test_non_billable_users_are_an_agreed_difference(scenario: PsaScenario) -> None:
    scenario.organization(7, non_billable=2)
    scenario.sync()
    assert causes(row()) == [Cause.NON_BILLABLE]
    assert not row().needs_person


def test_users_added_after_the_run_are_synced_by_the_next_one(scenario: PsaScenario) -> None:
    mapping = scenario.organization(7)
    scenario.sync()
    scenario.join(mapping.organization, 2)
    assert causes(row()) == [Cause.MOVED_SINCE]
    scenario.sync()
    assert causes(row()) == []


def test_an_open_drift_is_a_difference(scenario: PsaScenario) -> None:
    scenario.organization(7)
    scenario.sync()
    scenario.set_units(9)
    scenario.sync()
    assert causes(row()) == [Cause.DRIFT]
    assert "9 instead of 7" in row().differences[0].text


def test_charges_are_those_of_the_invoice_once_it_is_issued(scenario: PsaScenario) -> None:
    scenario.organization(7)
    scenario.organization(4, number=1)
    scenario.sync()
    assert not statement_of(month=MARCH).charges.is_issued
    april = datetime(2026, 4, 1, 0, 10, tzinfo=UTC)
    close_month(provider=scenario.provider, month=MARCH, now=april)
    statement = statement_of(month=MARCH)
    assert statement.charges.is_issued
    assert statement.charged_minor == 11 * 210


def test_each_organization_has_its_share_of_a_commitment(scenario: PsaScenario) -> None:
    scenario.organization(7)
    contract = scenario.contract(
        kind="committed", committed_quantity=20, starts_on=date(2026, 2, 1)
    )
    for is_issued in (False, True):
        if is_issued:
            april = datetime(2026, 4, 1, 0, 10, tzinfo=UTC)
            close_month(provider=scenario.provider, month=MARCH, now=april)
        charged = row().charged
        assert charged is not None
        assert (charged.is_share, charged.minor) == (True, round(7 * contract.unit_price * 100))


# On a busy machine the first example takes longer than the health check allows.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    count=st.integers(0, 9),
    units=st.none() | st.integers(0, 9),
    desired=st.none() | st.integers(0, 9),
    not_billed=st.integers(0, 9),
    outcome=st.sampled_from(Outcome),
    has_drift=st.booleans(),
    is_mapped=st.booleans(),
    is_checked=st.booleans(),
)
def test_numbers_that_differ_always_have_a_cause(
    *,
    count: int,
    units: int | None,
    desired: int | None,
    not_billed: int,
    outcome: Outcome,
    has_drift: bool,
    is_mapped: bool,
    is_checked: bool,
) -> None:
    found = differences(
        count=count,
        invoiced=None,
        month=MARCH.first_day,
        mapped=Mapped("service", not_billed, MARCH.first_day, None) if is_mapped else None,
        checked=Checked(outcome, "", desired, units, AT) if is_checked else None,
        has_drift=has_drift,
    )
    bills = units if is_mapped and is_checked else None
    if bills is None and is_mapped:
        assert [each.cause for each in found] == [Cause.NOT_CHECKED]
    elif (bills or 0) != count:
        assert found
    elif not not_billed or not count:
        assert not found


def test_another_quantity_on_the_invoice_is_a_difference() -> None:
    (difference,) = differences(
        count=5,
        invoiced=4,
        month=MARCH.first_day,
        mapped=Mapped("service", 0, MARCH.first_day, None),
        checked=Checked(Outcome.UNCHANGED, "", 5, 5, AT),
        has_drift=False,
    )
    assert difference.cause is Cause.INVOICED_OTHERWISE
    assert not difference.is_agreed


@pytest.fixture
def on_10_march() -> Iterable[None]:
    with time_machine.travel(AT, tick=False):
        yield


def test_the_page_and_its_csv_show_the_month(
    scenario: PsaScenario, people: Personas, on_10_march: None
) -> None:
    scenario.organization(7)
    scenario.sync()
    bill = Client()
    bill.force_login(people.bill)
    page = bill.get(f"{PAGE}/").content.decode()
    assert "Agrees" in page
    assert "Client 0" in page
    csv = bill.get(f"{PAGE}.csv?month=2026-03").content.decode()
    assert "Client 0,7,7,14.70,0.00" in csv
    assert (
        "No organization matches"
        in bill.get(f"{PAGE}/?month=2026-03&filter=decide").content.decode()
    )
    for address in ("2026-04", "2026-13", "junk"):
        assert bill.get(f"{PAGE}/?month={address}").status_code == 404


def test_an_administrator_without_billing_sees_no_statement(
    scenario: PsaScenario, people: Personas, on_10_march: None
) -> None:
    adam = Client()
    adam.force_login(people.adam)
    assert adam.get(f"{PAGE}/").status_code == 403
    assert adam.get(f"{PAGE}.csv").status_code == 403


def test_a_preview_counts_as_a_check(scenario: PsaScenario) -> None:
    scenario.organization(7)
    scenario.sync(kind=SyncRun.Kind.PREVIEW)
    assert ServiceCheck.objects.get().outcome == Outcome.WOULD_CHANGE
    assert causes(row()) == [Cause.NOT_DONE]
