"""Suspensions put off by operations, and what that ends."""

from datetime import UTC, date, datetime

import pytest

from accounts.models import Provider
from billing.dunning.deferrals import DeferralRefused, defer_suspension, withdraw_deferral
from billing.dunning.stages import DunningStage
from billing.models import SuspensionDeferral
from tenants.models import AuditEntry
from tests.billing.conftest import NOVEMBER, Books
from tests.billing.unpaid_invoices import FORTY_FIVE, HOUR, STAFF, hourly, standing_at, subjects


def test_operations_defer_and_the_end_comes_by_itself(books: Books) -> None:
    books.invoice()
    hourly(books, FORTY_FIVE)
    defer_suspension(
        provider=books.provider,
        reason="The bank confirms a transfer.",
        last_day=date(2026, 12, 20),
        actor=STAFF,
        now=FORTY_FIVE + HOUR,
    )
    assert standing_at(books, FORTY_FIVE + HOUR) is DunningStage.THIRTY_DAYS
    assert subjects()[-1] == "Access to your account is restored"
    end = datetime(2026, 12, 21, tzinfo=UTC)
    assert standing_at(books, end - HOUR) is DunningStage.THIRTY_DAYS
    assert standing_at(books, end) is DunningStage.SUSPENDED
    hourly(books, end)
    assert subjects().count("Your account is suspended") == 2
    entry = AuditEntry.objects.get(action="suspension.deferred")
    assert (entry.actor_name, entry.after["reason"]) == ("Stella", "The bank confirms a transfer.")


def test_a_deferral_ends_with_its_local_day(books: Books) -> None:
    Provider.objects.filter(pk=books.provider.pk).update(billing_time_zone="America/Denver")
    books.provider.refresh_from_db()
    books.invoice()
    hourly(books, NOVEMBER)
    defer_suspension(
        provider=books.provider, reason="x", last_day=date(2026, 12, 20), actor=STAFF, now=NOVEMBER
    )
    end = datetime(2026, 12, 21, 7, tzinfo=UTC)
    assert standing_at(books, end - HOUR) is DunningStage.THIRTY_DAYS
    assert standing_at(books, end) is DunningStage.SUSPENDED


def test_a_withdrawn_deferral_is_as_if_it_had_never_been(books: Books) -> None:
    books.invoice()
    hourly(books, NOVEMBER)
    deferral = defer_suspension(
        provider=books.provider, reason="x", last_day=date(2027, 1, 1), actor=STAFF, now=NOVEMBER
    )
    assert standing_at(books, FORTY_FIVE) is DunningStage.THIRTY_DAYS
    assert withdraw_deferral(deferral=deferral, actor=STAFF, now=FORTY_FIVE)
    assert not withdraw_deferral(deferral=deferral, actor=STAFF, now=FORTY_FIVE)
    assert standing_at(books, FORTY_FIVE) is DunningStage.SUSPENDED
    assert AuditEntry.objects.filter(action="suspension.deferral_withdrawn").count() == 1


@pytest.mark.parametrize(("reason", "day"), [(" ", date(2026, 12, 1)), ("x", date(2026, 10, 31))])
def test_a_deferral_needs_a_reason_and_a_day_to_come(books: Books, reason: str, day: date) -> None:
    with pytest.raises(DeferralRefused):
        defer_suspension(
            provider=books.provider, reason=reason, last_day=day, actor=STAFF, now=NOVEMBER
        )
    assert not SuspensionDeferral.objects.exists()
