"""Overage of a commitment: what all organizations had together, at any one instant of the month."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from billing.choices import CommitmentBasis, ContractKind
from billing.invoicing.month_close import close_month
from billing.models import Contract, Invoice, InvoiceLine
from billing.verification.verify import verify_month
from core.metrics import Metric
from core.months import Month
from tenants.models import ManagedUser, Organization
from tests.billing.conftest import NOVEMBER, BillingScenario
from tests.usage.counting import add, add_devices, remove, set_policy
from usage.models import CombinedMonth, UsageEvent

OCTOBER = Month(2026, 10)
EACH_ALONE = {"commitment_basis": CommitmentBasis.SUM_OF_PEAKS}


def at(day: int, hour: int = 9) -> datetime:
    return datetime(2026, 10, day, hour, tzinfo=UTC)


def committed(scenario: BillingScenario, quantity: int = 14, **changes: object) -> Contract:
    return scenario.contract(kind=ContractKind.COMMITTED, committed_quantity=quantity, **changes)


def organization(name: str) -> Organization:
    return Organization.objects.create(name=name, created_at=datetime(2026, 1, 1, tzinfo=UTC))


def close(scenario: BillingScenario) -> dict[str, int]:
    """Close October: the overage and the count of each organization that explains it."""
    close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)
    verification = verify_month(provider=scenario.provider, month=OCTOBER, renders=False)
    assert verification.differences == []
    lines = InvoiceLine.objects.filter(invoice__kind="overage").order_by("position")
    return {line.organization_name or line.kind: int(line.quantity) for line in lines}


def test_t9_two_clients_of_ten_one_after_the_other_are_no_overage(scenario):
    committed(scenario)
    acme, bolt = organization("Acme"), organization("Bolt")
    users = add(acme, *[at(2)] * 10)
    remove(users, at(12))
    add(bolt, *[at(13)] * 10)
    assert close(scenario) == {}
    assert Invoice.objects.get().kind == "commitment"
    assert (CombinedMonth.objects.get().high_water_mark, CombinedMonth.objects.get().peak_at) == (
        10, at(2)
    )  # fmt: skip


def test_t10_three_people_moved_between_clients_are_no_overage(scenario):
    committed(scenario)
    acme, bolt = organization("Acme"), organization("Bolt")
    users = add(acme, *[at(2)] * 10)
    add(bolt, *[at(2)] * 4)
    moves = at(20)
    add(bolt, *[moves] * 3)
    remove(users[:3], moves)
    assert close(scenario) == {}


def test_the_faq_14_contracted_17_at_the_peak_bills_3_with_its_instant_and_organizations(scenario):
    committed(scenario)
    acme, bolt = organization("Acme"), organization("Bolt")
    add(acme, *[at(2)] * 9)
    users = add(bolt, *[at(3)] * 7)
    (last,) = ManagedUser.objects.bulk_create(
        [
            ManagedUser(
                organization=acme, email="last@acme.example", added_at=at(9), added_by_name="Adam"
            )
        ]
    )
    remove(users[:4], at(20))
    add(bolt, *[at(25)] * 2)

    assert close(scenario) == {"overage": 3, "Acme": 10, "Bolt": 7}
    line = InvoiceLine.objects.get(kind="overage")
    event = UsageEvent.objects.get(subject_id=last.pk)
    assert line.amount_minor == 3 * 1_100
    assert (line.peak_at, line.peak_event_id, line.peak_count_before) == (at(9), event.pk, 16)
    assert (line.peak_subject_name, line.peak_actor_name) == ("last@acme.example", "Adam")
    assert line.description == (
        "3 users above the 14 committed, October 2026 "
        "(most of all organizations at one instant: 17)"
    )
    month = CombinedMonth.objects.get()
    assert (month.metric, month.high_water_mark, month.peak_event_id) == ("users", 17, event.pk)


@pytest.mark.parametrize(
    ("changes", "overage"), [({}, {}), (EACH_ALONE, {"overage": 6, "Acme": 10, "Bolt": 10})]
)
def test_a_contract_may_agree_on_the_sum_of_the_organizations_peaks(scenario, changes, overage):
    committed(scenario, **changes)
    acme, bolt = organization("Acme"), organization("Bolt")
    users = add(acme, *[at(2)] * 10)
    remove(users, at(12))
    add(bolt, *[at(13)] * 10)
    assert close(scenario) == overage
    assert CombinedMonth.objects.exists() == (not overage)


def test_seats_are_counted_together_as_the_larger_of_users_and_devices(scenario):
    committed(scenario, quantity=5, metric=Metric.GREATER)
    acme, bolt = organization("Acme"), organization("Bolt")
    users = add(acme, *[at(2)] * 6)
    remove(users[:4], at(3))
    add_devices(acme, *[at(4)] * 3)
    add_devices(bolt, *[at(5)] * 4)
    # Six users at first; then three and four devices.
    assert close(scenario) == {"overage": 2, "Acme": 3, "Bolt": 4}


def test_a_peak_carried_in_has_no_event_and_is_explained_by_the_months_start(scenario):
    committed(scenario)
    acme, bolt = organization("Acme"), organization("Bolt")
    september = datetime(2026, 9, 20, tzinfo=UTC)
    users = add(acme, *[september] * 10)
    add(bolt, *[september] * 6)
    remove(users[:5], at(3))
    add(bolt, at(4))
    assert close(scenario) == {"overage": 2, "Acme": 10, "Bolt": 6}
    line = InvoiceLine.objects.get(kind="overage")
    assert (line.peak_event_id, line.peak_at) == (None, datetime(2026, 10, 1, tzinfo=UTC))


@pytest.mark.parametrize("zone", ["America/Denver", "Pacific/Kiritimati"])
def test_the_month_is_half_open_in_the_billing_zone(scenario, zone):
    set_policy(billing_time_zone=zone)
    scenario.provider.billing_time_zone = zone
    committed(scenario)
    acme, bolt = organization("Acme"), organization("Bolt")
    ends_at = OCTOBER.ends_at(ZoneInfo(zone))
    users = add(acme, *[ends_at - timedelta(hours=5)] * 14)
    add(bolt, ends_at - timedelta(microseconds=1))
    add(bolt, ends_at)
    remove(users, ends_at + timedelta(seconds=1))
    close_month(provider=scenario.provider, month=OCTOBER, now=ends_at + timedelta(hours=1))
    (line,) = InvoiceLine.objects.filter(kind="overage")
    assert (line.quantity, line.peak_at) == (1, ends_at - timedelta(microseconds=1))
