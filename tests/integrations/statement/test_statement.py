"""A client's month: what it cost, what Autotask bills, and a named cause for each difference."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from billing.invoicing.month_close import close_month
from core.months import Month
from integrations.models import ServiceCheck, SyncRun
from integrations.models.runs import Outcome
from integrations.statement.differences import Cause, Checked, Mapped, differences
from integrations.statement.month import ClientRow, statement_of
from tenants.models import Organization
from tests.integrations.autotask_stage import Stage
from tests.personas import Personas

MARCH = Month(2026, 3)
PAGE = "/integrations/autotask/statement"
AT = datetime(2026, 3, 10, tzinfo=UTC)


def row(number: int = 0) -> ClientRow:
    return next(r for r in statement_of(month=MARCH).rows if r.name == f"Client {number}")


def causes(of: ClientRow) -> list[Cause]:
    return [difference.cause for difference in of.differences]


def test_what_agrees_says_so_with_both_prices(stage: Stage) -> None:
    stage.organization(7)
    stage.sync()
    told = row()
    assert causes(told) == []
    assert (told.count, told.charged and told.charged.minor) == (7, 7 * 210)
    price = stage.row()["price"]
    assert told.price_minor == round(price * 100)
    assert told.margin_minor == round(price * 100) - 7 * 210
    assert statement_of(month=MARCH).checked == 1


def test_a_month_without_a_check_never_reads_as_clean(stage: Stage) -> None:
    stage.organization(7)
    assert causes(row()) == [Cause.NOT_CHECKED]
    stage.stand_in.fault("refuse", times=50)
    stage.sync()
    assert causes(row()) == [Cause.NOT_CHECKED]
    assert statement_of(month=MARCH).checked == 0


def test_an_organization_that_autotask_does_not_know_is_named(stage: Stage) -> None:
    stage.join(Organization.objects.create(name="Client 0", created_at=AT), 3, at=AT)
    assert causes(row()) == [Cause.NOT_MAPPED]
    assert row().needs_person
    assert row().margin_minor is None


def test_users_that_are_not_billed_are_agreed(stage: Stage) -> None:
    stage.organization(7, non_billable=2)
    stage.sync()
    assert causes(row()) == [Cause.NON_BILLABLE]
    assert not row().needs_person


def test_who_came_after_the_run_comes_with_the_next(stage: Stage) -> None:
    mapping = stage.organization(7)
    stage.sync()
    stage.join(mapping.organization, 2)
    assert causes(row()) == [Cause.MOVED_SINCE]
    stage.sync()
    assert causes(row()) == []


def test_a_persons_edit_waits_for_a_decision(stage: Stage) -> None:
    stage.organization(7)
    stage.sync()
    stage.set_units(9)
    stage.sync()
    assert causes(row()) == [Cause.DRIFT]
    assert "9 instead of 7" in row().differences[0].text


def test_the_invoice_is_what_was_charged_once_there_is_one(stage: Stage) -> None:
    stage.organization(7)
    stage.organization(4, number=1)
    stage.sync()
    assert not statement_of(month=MARCH).is_issued
    april = datetime(2026, 4, 1, 0, 10, tzinfo=UTC)
    close_month(provider=stage.provider, month=MARCH, now=april)
    statement = statement_of(month=MARCH)
    assert statement.is_issued
    assert statement.charged_minor == 11 * 210


def test_under_a_commitment_each_has_its_share(stage: Stage) -> None:
    stage.organization(7)
    contract = stage.contract(kind="committed", committed_quantity=20, starts_on=date(2026, 2, 1))
    for is_issued in (False, True):
        if is_issued:
            april = datetime(2026, 4, 1, 0, 10, tzinfo=UTC)
            close_month(provider=stage.provider, month=MARCH, now=april)
        charged = row().charged
        assert charged is not None
        assert (charged.is_share, charged.minor) == (True, round(7 * contract.unit_price * 100))


@given(
    count=st.integers(0, 9),
    units=st.none() | st.integers(0, 9),
    wanted=st.none() | st.integers(0, 9),
    not_billed=st.integers(0, 9),
    outcome=st.sampled_from(Outcome),
    has_drift=st.booleans(),
    is_mapped=st.booleans(),
    is_checked=st.booleans(),
)
def test_numbers_that_differ_always_have_a_cause(  # noqa: PLR0917
    count: int,
    units: int | None,
    wanted: int | None,
    not_billed: int,
    outcome: Outcome,
    has_drift: bool,
    is_mapped: bool,
    is_checked: bool,
) -> None:
    told = differences(
        count=count,
        invoiced=None,
        month=MARCH.first_day,
        mapped=Mapped("service", not_billed, MARCH.first_day, None) if is_mapped else None,
        checked=Checked(outcome, "", wanted, units, AT) if is_checked else None,
        has_drift=has_drift,
    )
    bills = units if is_mapped and is_checked else None
    if bills is None and is_mapped:
        assert [each.cause for each in told] == [Cause.NOT_CHECKED]
    elif (bills or 0) != count:
        assert told
    elif not not_billed or not count:
        assert not told


def test_an_invoice_that_says_otherwise_is_named() -> None:
    (told,) = differences(
        count=5,
        invoiced=4,
        month=MARCH.first_day,
        mapped=Mapped("service", 0, MARCH.first_day, None),
        checked=Checked(Outcome.UNCHANGED, "", 5, 5, AT),
        has_drift=False,
    )
    assert told.cause is Cause.INVOICED_OTHERWISE
    assert not told.is_agreed


@pytest.fixture
def on_10_march() -> Iterable[None]:
    with time_machine.travel(AT, tick=False):
        yield


def test_the_page_and_its_csv(stage: Stage, people: Personas, on_10_march: None) -> None:
    stage.organization(7)
    stage.sync()
    bill = Client()
    bill.force_login(people.bill)
    page = bill.get(f"{PAGE}/").content.decode()
    assert "Agrees" in page
    assert "Client 0" in page
    sheet = bill.get(f"{PAGE}.csv?month=2026-03").content.decode()
    assert "Client 0,7,7,14.70,0.00" in sheet
    assert (
        "No organization matches"
        in bill.get(f"{PAGE}/?month=2026-03&filter=decide").content.decode()
    )
    for address in ("2026-04", "2026-13", "junk"):
        assert bill.get(f"{PAGE}/?month={address}").status_code == 404


def test_without_billing_there_is_no_statement(
    stage: Stage, people: Personas, on_10_march: None
) -> None:
    adam = Client()
    adam.force_login(people.adam)
    assert adam.get(f"{PAGE}/").status_code == 403
    assert adam.get(f"{PAGE}.csv").status_code == 403


def test_a_preview_is_a_look_as_well(stage: Stage) -> None:
    stage.organization(7)
    stage.sync(kind=SyncRun.Kind.PREVIEW)
    assert ServiceCheck.objects.get().outcome == Outcome.WOULD_CHANGE
    assert causes(row()) == [Cause.NOT_DONE]
