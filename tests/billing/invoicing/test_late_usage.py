"""Late usage of a closed month: it is billed once, by a line of the next invoice."""

import csv
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.choices import LineKind
from billing.documents.invoice_csv import invoice_csv
from billing.documents.invoice_pdf import invoice_html
from billing.invoicing.month_close import close_month
from billing.models import Invoice, InvoiceLine
from billing.verification.verify import verify_month
from core.months import Month
from tenants.models import ManagedUser, MeteringPolicy
from tests.billing.conftest import NOVEMBER
from usage.models import UsageEvent

OCTOBER, DECEMBER = Month(2026, 10), datetime(2026, 12, 1, 0, 10, tzinfo=UTC)
JANUARY = datetime(2027, 1, 1, 0, 10, tzinfo=UTC)
KIND = LineKind


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def add(organization, when, number=1):
    return ManagedUser.objects.bulk_create(
        ManagedUser(
            organization=organization,
            email=f"late{when:%d%H%M}.{n}@acme.example",
            added_at=when,
            added_by_name="Adam",
        )
        for n in range(number)
    )


def remove(users, when):
    ManagedUser.objects.filter(pk__in=[user.pk for user in users]).update(removed_at=when)


def close(scenario, month, now):
    return close_month(provider=scenario.provider, month=month, now=now)


def adjustments(month="2026-11-01"):
    lines = InvoiceLine.objects.filter(invoice__month=month).exclude(adjusted_month=None)
    return list(lines.order_by("invoice", "position"))


@pytest.fixture
def october(scenario):
    """Acme with three users, Bolt with five; October is closed at 11 dollars each."""
    scenario.contract()
    scenario.acme = scenario.organization(users=3, name="Acme")
    scenario.bolt = scenario.organization(users=5, name="Bolt")
    close(scenario, OCTOBER, NOVEMBER)
    return scenario


@pytest.fixture(name="scenario")
def extended_scenario(scenario):
    class Extended:
        provider, contract, organization = (
            scenario.provider,
            scenario.contract,
            scenario.organization,
        )

    return Extended()


def test_an_addition_of_a_closed_month_is_a_line_of_the_next_invoice(october):
    before = Invoice.objects.values().get()
    (user,) = add(october.acme, at("2026-10-20 09:00"))

    close(october, OCTOBER.next, DECEMBER)

    event = UsageEvent.objects.get(subject_id=user.pk, metric="users")
    assert (event.at, event.effective_at) == (at("2026-11-01"), at("2026-10-20 09:00"))
    (line,) = adjustments()
    assert (line.kind, line.organization_name) == (KIND.ADJUSTMENT, "Acme")
    assert (line.adjusted_month, line.adjusted_from) == (OCTOBER.first_day, 3)
    assert (line.quantity, line.unit_price, line.amount_minor) == (1, Decimal(11), 1_100)
    assert (line.peak_at, line.peak_event_id) == (at("2026-10-20 09:00"), event.pk)
    assert line.peak_count_before == 3
    assert line.reason == (
        "Reported after October 2026 was closed: 1 addition of 20 Oct 2026, 09:00:00 UTC+00:00."
    )
    assert line.description == ("Acme: highest number of users, October 2026, 4 instead of 3")
    november = Invoice.objects.get(month="2026-11-01")
    assert november.total_minor == (4 + 5 + 1) * 1_100
    assert Invoice.objects.values().get(month="2026-10-01") == before


def test_the_line_is_explained_in_csv_and_pdf_and_on_the_page(october, client, people):
    add(october.acme, at("2026-10-20 09:00"))
    close(october, OCTOBER.next, DECEMBER)
    invoice = Invoice.objects.get(month="2026-11-01")
    lines = list(invoice.lines.order_by("position"))
    reason = (
        "Reported after October 2026 was closed: 1 addition of 20 Oct 2026, 09:00:00 UTC+00:00."
    )
    why = f"/account/usage/{october.acme.pk}/why/2026-10/"

    *_, row = csv.DictReader(
        invoice_csv(invoice=invoice, lines=lines).decode("utf-8-sig").splitlines()
    )
    assert (row["Reported late for month"], row["Billed for it before"]) == ("2026-10", "3")
    assert (row["Quantity"], row["Count after"], row["Reason"]) == ("1", "4", reason)
    assert row["Why this number"].endswith(why)
    html = invoice_html(invoice=invoice, lines=lines)
    assert reason in html
    assert why in html

    client.force_login(people.bill)
    page = client.get(f"/account/payments/{invoice.pk}/").content.decode()
    assert reason in page
    assert why in page


def test_late_usage_is_billed_once(october):
    add(october.acme, at("2026-10-20 09:00"))
    close(october, OCTOBER.next, DECEMBER)

    close(october, Month(2026, 12), JANUARY)

    assert adjustments("2026-12-01") == []


def test_usage_reported_even_later_bills_only_the_difference(october):
    add(october.acme, at("2026-10-20 09:00"))
    close(october, OCTOBER.next, DECEMBER)
    add(october.acme, at("2026-10-20 10:00"), 2)

    close(october, Month(2026, 12), JANUARY)

    first, second = adjustments("2026-12-01")
    assert (first.adjusted_month, first.adjusted_from, first.quantity) == (OCTOBER.first_day, 4, 2)
    # November counted four, and the two were users all November.
    assert (second.adjusted_month, second.adjusted_from, second.quantity) == (
        OCTOBER.next.first_day,
        4,
        2,
    )


def test_each_closed_month_with_late_usage_is_adjusted(october):
    close(october, OCTOBER.next, DECEMBER)
    add(october.bolt, at("2026-10-31 23:59"))

    close(october, Month(2026, 12), JANUARY)

    lines = adjustments("2026-12-01")
    assert [(f"{line.adjusted_month:%m}", line.quantity, line.adjusted_from) for line in lines] == [
        ("10", 1, 5),
        ("11", 1, 5),
    ]
    assert lines[1].peak_at is None


def test_late_usage_below_the_billed_peak_is_not_charged(october):
    gone = list(ManagedUser.objects.filter(organization=october.acme)[:2])
    remove(gone, at("2026-11-02"))
    close(october, OCTOBER.next, DECEMBER)
    # One user was left on 10 November, so a second one did not exceed the peak of three.
    add(october.acme, at("2026-11-10"))

    close(october, Month(2026, 12), JANUARY)

    assert adjustments("2026-12-01") == []


def test_a_removal_reported_late_offsets_an_addition_reported_late(october):
    leaving = list(ManagedUser.objects.filter(organization=october.acme))[:1]
    remove(leaving, at("2026-10-10"))
    add(october.acme, at("2026-10-20"))

    close(october, OCTOBER.next, DECEMBER)

    assert adjustments() == []


def test_an_adjustment_has_the_price_of_its_month(october):
    october.contract(starts_on="2026-11-01", unit_price=Decimal("20.0000"))
    add(october.acme, at("2026-10-20 09:00"))

    close(october, OCTOBER.next, DECEMBER)

    (line,) = adjustments()
    assert (line.unit_price, line.amount_minor) == (Decimal(11), 1_100)


def test_late_usage_of_a_free_month_is_not_charged(scenario):
    scenario.contract()
    MeteringPolicy.objects.update(free_user_limit=10)
    acme = scenario.organization(users=3)
    close(scenario, OCTOBER, NOVEMBER)
    MeteringPolicy.objects.update(free_user_limit=None, free_until=at("2026-11-05"))
    add(acme, at("2026-10-20"))

    close(scenario, OCTOBER.next, DECEMBER)

    assert adjustments() == []
    assert Invoice.objects.get().total_minor == 4 * 1_100


@pytest.fixture
def committed(scenario, request):
    """Ten are committed; Acme and Bolt had eight together in October.

    A parameter is what the commitment is compared with.
    """
    basis = getattr(request, "param", "all_together")
    scenario.contract(kind="committed", committed_quantity=10, commitment_basis=basis)
    scenario.acme = scenario.organization(users=3, name="Acme")
    scenario.bolt = scenario.organization(users=5, name="Bolt")
    close(scenario, OCTOBER, NOVEMBER)
    return scenario


def test_late_usage_within_the_commitment_is_not_charged(committed):
    add(committed.acme, at("2026-10-20"), 2)

    close(committed, OCTOBER.next, DECEMBER)

    assert adjustments() == []
    assert [invoice.kind for invoice in Invoice.objects.filter(month="2026-11-01")] == [
        "commitment"
    ]


def test_late_usage_is_charged_only_above_the_commitment(committed):
    add(committed.acme, at("2026-10-20"), 4)

    close(committed, OCTOBER.next, DECEMBER)

    charged, share = adjustments()
    assert (charged.kind, charged.quantity, charged.amount_minor) == (KIND.ADJUSTMENT, 2, 2_200)
    assert (charged.adjusted_from, charged.organization_id) == (0, None)
    assert (share.kind, share.organization_name, share.quantity) == (KIND.BASIS, "Acme", 4)
    assert share.amount_minor == 0
    # November counts the users all month and bills its own two above the commitment.
    overage = Invoice.objects.get(month="2026-11-01", kind="overage")
    assert overage.total_minor == 4_400

    add(committed.bolt, at("2026-10-21"))
    close(committed, Month(2026, 12), JANUARY)
    charged, *_ = adjustments("2026-12-01")
    assert (charged.adjusted_month, charged.quantity) == (OCTOBER.first_day, 1)
    assert charged.adjusted_from == 2


@pytest.mark.parametrize("committed", ["sum_of_peaks"], indirect=True)
def test_a_lower_count_of_one_organization_does_not_offset_another(committed):
    remove(list(ManagedUser.objects.filter(organization=committed.bolt)), at("2026-10-06"))
    add(committed.acme, at("2026-10-20"), 4)

    close(committed, OCTOBER.next, DECEMBER)

    charged, share = adjustments()
    assert (charged.quantity, share.organization_name) == (2, "Acme")


def test_users_who_had_left_before_others_came_are_not_charged_together(committed):
    remove(list(ManagedUser.objects.filter(organization=committed.bolt)), at("2026-10-06"))
    add(committed.acme, at("2026-10-20"), 4)

    close(committed, OCTOBER.next, DECEMBER)

    assert adjustments() == []


def test_an_adjustment_names_the_instant_at_which_all_together_had_the_most(committed):
    add(committed.bolt, at("2026-10-20"), 3)

    close(committed, OCTOBER.next, DECEMBER)

    charged, share = adjustments()
    assert (charged.quantity, charged.peak_at) == (1, at("2026-10-20"))
    assert charged.description == (
        "1 more above the 10 committed, October 2026 "
        "(most of all organizations at one instant: 11 instead of 8)"
    )
    assert (share.organization_name, share.quantity, share.peak_at) == (
        *("Bolt", 3), at("2026-10-20"),
    )  # fmt: skip
    assert verify_month(
        provider=committed.provider, month=OCTOBER.next, renders=False
    ).differences == []  # fmt: skip


def test_an_adjustment_without_overage_is_an_overage_invoice(committed):
    remove(list(ManagedUser.objects.filter(organization=committed.bolt)), at("2026-11-15"))
    close(committed, OCTOBER.next, DECEMBER)
    add(committed.acme, at("2026-10-20"), 4)

    close(committed, Month(2026, 12), JANUARY)

    invoice = Invoice.objects.get(month="2026-12-01", kind="overage")
    charged = invoice.lines.filter(kind=KIND.ADJUSTMENT).order_by("position")
    assert [line.adjusted_month for line in charged] == [
        OCTOBER.first_day,
        OCTOBER.next.first_day,
    ]
    assert invoice.total_minor == 4_400
    assert not invoice.lines.filter(kind=KIND.OVERAGE).exists()


def test_usage_of_a_month_that_is_not_closed_counts_in_it_whatever_was_reported_since(scenario):
    scenario.contract()
    acme = scenario.organization(users=3)
    add(acme, at("2026-11-03"))
    add(acme, at("2026-10-30"))

    close(scenario, OCTOBER, NOVEMBER)
    assert InvoiceLine.objects.get().quantity == 4

    close(scenario, OCTOBER.next, DECEMBER)
    assert adjustments("2026-10-01") == adjustments() == []
    assert InvoiceLine.objects.get(invoice__month="2026-11-01").quantity == 5
