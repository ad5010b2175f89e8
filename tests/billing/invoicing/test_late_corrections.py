"""Late usage corrects each closed month up or down, once; every month verifies afterwards."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.db.models import Sum

from billing.corrections.reissue import reissue, terms_as_issued
from billing.corrections.voids_and_write_offs import void_invoice
from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from billing.verification.verify import closed_months, verify_month
from core.months import Month
from core.operations.models import OperationsAlert
from core.outbox.delivery import deliver_due
from tenants.models import ManagedUser, Organization
from tests.billing.conftest import NOVEMBER
from tests.billing.corrections.conftest import STAFF
from tests.billing.invoicing.test_late_usage import (
    DECEMBER,
    JANUARY,
    OCTOBER,
    add,
    adjustments,
    at,
    close,
    extended_scenario,
    october,
    remove,
)
from usage.ledger.verify import verify_ledger

__all__ = ["extended_scenario", "october"]


def test_a_removal_reported_late_is_credited_by_the_next_invoice(october):
    leaving = list(ManagedUser.objects.filter(organization=october.bolt))[:1]
    remove(leaving, at("2026-10-05 09:00"))

    close(october, OCTOBER.next, DECEMBER)

    (line,) = adjustments()
    assert (line.organization_name, line.quantity, line.adjusted_from) == ("Bolt", -1, 5)
    assert line.amount_minor == -1_100
    assert line.reason == "Reported after October 2026 was closed: 1 removal."
    assert Invoice.objects.get(month="2026-11-01").total_minor == (3 + 4 - 1) * 1_100
    all_verify(october)


def test_a_credit_that_no_invoice_can_carry_is_a_credit_note(october):
    remove(list(ManagedUser.objects.filter(organization=october.bolt)), at("2026-10-05 09:00"))
    remove(list(ManagedUser.objects.filter(organization=october.acme)), at("2026-10-20"))

    close(october, OCTOBER.next, DECEMBER)
    assert not Invoice.objects.filter(month="2026-11-01").exists()
    for _ in range(2):
        deliver_due(now=DECEMBER, schema=october.provider.schema_name)

    note = CreditNote.objects.get()
    assert (note.invoice.month, note.total_minor) == (OCTOBER.first_day, 4 * 1_100)
    (line,) = note.lines.all()
    assert (line.adjusted_month, line.organization_id, line.quantity) == (
        OCTOBER.first_day,
        october.bolt.pk,
        4,
    )
    assert not OperationsAlert.objects.open().filter(kind="late_credit").exists()
    close(october, OCTOBER.next.next, JANUARY)
    assert CreditNote.objects.count() == 1
    all_verify(october)


def test_every_closed_month_closed_without_an_addition_is_corrected(scenario):
    """14 in October; 17 on 3 November, 11 from the 5th; then one since 10 October is reported."""
    scenario.contract(unit_price=Decimal(10))
    acme = scenario.organization(users=14)
    close(scenario, OCTOBER, NOVEMBER)
    add(acme, at("2026-11-03"), 3)
    remove(list(ManagedUser.objects.filter(organization=acme))[:6], at("2026-11-05"))
    add(acme, at("2026-10-10"))

    close(scenario, OCTOBER.next, DECEMBER)
    close(scenario, OCTOBER.next.next, JANUARY)

    quantities = [
        (line.adjusted_month, int(line.quantity)) for line in InvoiceLine.objects.order_by("pk")
    ]
    assert quantities == [(None, 14), (None, 18), (OCTOBER.first_day, 1), (None, 12)]
    assert sum(invoice.total_minor for invoice in Invoice.objects.all()) == 45_000
    all_verify(scenario)


def test_a_whole_stay_reported_late_is_billed_once(october):
    remove(add(october.acme, at("2026-10-10"), 2), at("2026-10-11"))

    close(october, OCTOBER.next, DECEMBER)

    (line,) = adjustments()
    assert (line.adjusted_month, line.quantity) == (OCTOBER.first_day, 2)
    assert Invoice.objects.get(month="2026-11-01").total_minor == (3 + 5 + 2) * 1_100
    all_verify(october)


def test_a_void_invoice_gives_its_late_lines_to_the_next_close(october):
    add(october.acme, at("2026-10-20"), 2)
    close(october, OCTOBER.next, DECEMBER)
    void = Invoice.objects.get(month="2026-11-01")
    void_invoice(invoice_id=void.pk, reason="Wrong buyer", actor=STAFF, now=DECEMBER)

    close(october, OCTOBER.next.next, JANUARY)

    (line,) = adjustments("2026-12-01")
    assert (line.adjusted_month, line.adjusted_from, line.quantity) == (OCTOBER.first_day, 3, 2)
    all_verify(october)


def test_a_reissued_invoice_leaves_out_what_a_later_close_has_billed(october):
    add(october.acme, at("2026-10-20"), 2)
    close(october, OCTOBER.next, DECEMBER)
    void = Invoice.objects.get(month="2026-11-01")
    void_invoice(invoice_id=void.pk, reason="Wrong buyer", actor=STAFF, now=DECEMBER)
    close(october, OCTOBER.next.next, JANUARY)

    again = reissue(invoice_id=void.pk, corrected=terms_as_issued(void), actor=STAFF, now=JANUARY)

    assert not again.lines.exclude(adjusted_month=None).exists()
    billed = InvoiceLine.objects.filter(invoice__voided_at=None).exclude(adjusted_month=None)
    assert sum(int(line.quantity) for line in billed) == 2
    all_verify(october)


def test_random_histories_bill_the_peaks_of_the_real_instants(scenario):
    """Reports in any order, months later, over three closes: each month costs its real peak."""
    dice = random.Random(20261129)
    scenario.contract()
    now = {10: NOVEMBER, 11: DECEMBER, 12: JANUARY}
    organizations = [
        Organization.objects.create(name=f"Number {number}", created_at=at("2026-01-01"))
        for number in range(4)
    ]
    log = {organization.pk: [] for organization in organizations}
    for month in (10, 11, 12):
        for _ in range(12):
            organization = dice.choice(organizations)
            when = at("2026-10-01") + timedelta(seconds=dice.randrange((month - 9) * 30 * 86_400))
            mine = log[organization.pk]
            stays = [stay for stay in mine if stay[2] is None and stay[1] < when]
            if stays and dice.random() < 0.5:
                stay = dice.choice(stays)
                stay[2] = when
                remove([stay[0]], when)
            else:
                (user,) = add(organization, when)
                mine.append([user, when, None])
        close(scenario, Month(2026, month), now[month])
    close(scenario, Month(2027, 1), datetime(2027, 2, 1, 0, 10, tzinfo=UTC))
    deliver_due(now=JANUARY, schema=scenario.provider.schema_name)

    for organization in organizations:
        for month in (Month(2026, 10), Month(2026, 11), Month(2026, 12), Month(2027, 1)):
            assert billed_of(organization, month) == real_peak(log[organization.pk], month)
    all_verify(scenario)


def real_peak(stays, month):
    starts, ends = month.starts_at(UTC), month.ends_at(UTC)
    instants = [starts, *(start for _, start, _ in stays if starts <= start < ends)]
    return max(
        sum(start <= instant and (end is None or end > instant) for _, start, end in stays)
        for instant in instants
    )


def billed_of(organization, month):
    own = InvoiceLine.objects.filter(invoice__month=month.first_day, adjusted_month=None)
    adjusted = InvoiceLine.objects.filter(adjusted_month=month.first_day)
    credited = CreditNoteLine.objects.filter(adjusted_month=month.first_day)
    sums = [
        lines.filter(organization_id=organization.pk).aggregate(sum=Sum("quantity"))["sum"] or 0
        for lines in (own, adjusted, credited)
    ]
    return int(sums[0] + sums[1] - sums[2])


def all_verify(scenario):
    assert verify_ledger() == []
    for month in closed_months(provider=scenario.provider):
        verification = verify_month(provider=scenario.provider, month=month, renders=False)
        assert verification.differences == []
