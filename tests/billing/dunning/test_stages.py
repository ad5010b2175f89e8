"""Dunning stages by due date, deferral and time zone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from billing.dunning.stages import CURRENT, Debt, DunningStage, DunningStatus, status_at

UTC_ZONE = ZoneInfo("UTC")
DUE = date(2026, 11, 1)
SECOND = timedelta(seconds=1)


def debt(**changes: object) -> Debt:
    fields: dict[str, object] = {
        "invoice_id": 1,
        "number": "NORTH-000001",
        "due_date": DUE,
        "zone": UTC_ZONE,
        "owed_minor": 33_000,
        "currency": "USD",
    }
    return Debt(**{**fields, **changes})


def at(now: datetime, *debts: Debt, until: datetime | None = None) -> DunningStatus:
    return status_at(now, debts=debts, deferred_until=until)


def test_a_provider_without_debts_is_current() -> None:
    assert CURRENT.stage is DunningStage.CURRENT
    assert at(datetime(2030, 1, 1, tzinfo=UTC)).stage is DunningStage.CURRENT


@pytest.mark.parametrize(
    ("begins", "before", "from_then_on"),
    [
        (datetime(2026, 11, 2, tzinfo=UTC), DunningStage.CURRENT, DunningStage.OUTSTANDING),
        (datetime(2026, 12, 1, tzinfo=UTC), DunningStage.OUTSTANDING, DunningStage.THIRTY_DAYS),
        (datetime(2026, 12, 16, tzinfo=UTC), DunningStage.THIRTY_DAYS, DunningStage.SUSPENDED),
    ],
)
def test_each_stage_begins_with_its_local_day(
    begins: datetime, before: DunningStage, from_then_on: DunningStage
) -> None:
    assert at(begins - SECOND, debt()).stage is before
    assert at(begins, debt()).stage is from_then_on
    assert at(begins, debt()).since[from_then_on] == begins


def test_a_missed_day_does_not_change_when_a_stage_began() -> None:
    for days in (45, 46, 60, 400):
        late = at(datetime(2026, 11, 1, 12, tzinfo=UTC) + timedelta(days=days), debt())
        assert late.stage is DunningStage.SUSPENDED
        assert late.since == {
            DunningStage.OUTSTANDING: datetime(2026, 11, 2, tzinfo=UTC),
            DunningStage.THIRTY_DAYS: datetime(2026, 12, 1, tzinfo=UTC),
            DunningStage.SUSPENDED: datetime(2026, 12, 16, tzinfo=UTC),
        }


def test_a_failed_charge_is_outstanding_at_once_and_days_count_from_the_due_date() -> None:
    failed_at = datetime(2026, 11, 1, 0, 12, tzinfo=UTC)
    failed = debt(charge_failed_at=failed_at)
    assert at(failed_at - SECOND, failed).stage is DunningStage.CURRENT
    assert at(failed_at, failed).stage is DunningStage.OUTSTANDING
    assert failed.thirty_days_at == datetime(2026, 12, 1, tzinfo=UTC)
    assert failed.suspended_at == datetime(2026, 12, 16, tzinfo=UTC)


def test_a_charge_that_fails_after_the_due_date_delays_no_stage() -> None:
    failed = debt(charge_failed_at=datetime(2026, 11, 9, tzinfo=UTC))
    assert failed.outstanding_at == datetime(2026, 11, 2, tzinfo=UTC)


def test_days_begin_in_the_billing_zone() -> None:
    auckland = debt(zone=ZoneInfo("Pacific/Auckland"))
    honolulu = debt(zone=ZoneInfo("Pacific/Honolulu"))
    assert auckland.outstanding_at == datetime(2026, 11, 1, 11, tzinfo=UTC)
    assert honolulu.outstanding_at == datetime(2026, 11, 2, 10, tzinfo=UTC)


def test_days_are_calendar_days_across_a_clock_change() -> None:
    # Denver leaves summer time on 1 November 2026 and has it again from 14 March 2027.
    denver = ZoneInfo("America/Denver")
    autumn = debt(due_date=date(2026, 10, 5), zone=denver)
    assert autumn.outstanding_at == datetime(2026, 10, 6, 6, tzinfo=UTC)
    assert autumn.thirty_days_at == datetime(2026, 11, 4, 7, tzinfo=UTC)
    spring = debt(due_date=date(2027, 3, 1), zone=denver)
    assert spring.thirty_days_at == datetime(2027, 3, 31, 6, tzinfo=UTC)


def test_a_day_whose_midnight_is_skipped_starts_at_the_clock_change() -> None:
    # Santiago's clocks go from 23:59:59 on 5 September 2026 to 01:00 on the 6th.
    skipped = debt(due_date=date(2026, 9, 5), zone=ZoneInfo("America/Santiago"))
    assert skipped.outstanding_at == datetime(2026, 9, 6, 4, tzinfo=UTC)


def test_the_older_of_two_invoices_decides_the_stage() -> None:
    older, newer = debt(), debt(invoice_id=2, due_date=date(2026, 12, 1))
    now = datetime(2026, 12, 16, tzinfo=UTC)
    both = at(now, newer, older)
    assert both.stage is DunningStage.SUSPENDED
    assert [one.invoice_id for one in both.debts] == [1, 2]
    assert [one.invoice_id for one in both.suspending] == [1]
    assert at(now, newer).stage is DunningStage.OUTSTANDING
    assert at(now, older).stage is DunningStage.SUSPENDED


def test_an_invoice_before_its_due_date_only_sets_outstanding_from() -> None:
    seen = at(datetime(2026, 11, 1, 23, tzinfo=UTC), debt())
    assert seen.stage is DunningStage.CURRENT
    assert seen.debts == ()
    assert seen.outstanding_from == datetime(2026, 11, 2, tzinfo=UTC)


def test_a_deferral_moves_only_the_suspension_to_its_end() -> None:
    until = datetime(2026, 12, 24, tzinfo=UTC)
    assert at(datetime(2026, 12, 16, tzinfo=UTC), debt(), until=until).stage is (
        DunningStage.THIRTY_DAYS
    )
    assert at(until - SECOND, debt(), until=until).stage is DunningStage.THIRTY_DAYS
    over = at(until, debt(), until=until)
    assert over.stage is DunningStage.SUSPENDED
    assert over.since[DunningStage.SUSPENDED] == until


def test_a_deferral_that_ends_before_the_45th_day_has_no_effect() -> None:
    until = datetime(2026, 12, 10, tzinfo=UTC)
    assert at(datetime(2026, 12, 15, 23, tzinfo=UTC), debt(), until=until).stage is (
        DunningStage.THIRTY_DAYS
    )
    assert at(datetime(2026, 12, 16, tzinfo=UTC), debt(), until=until).stage is (
        DunningStage.SUSPENDED
    )
