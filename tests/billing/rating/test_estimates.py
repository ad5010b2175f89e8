"""Estimates against the real rating, for months made up at random."""

import random
from decimal import Decimal

from billing.choices import ContractKind
from billing.rating.estimates import estimate
from billing.rating.rate_month import BilledQuantity, Terms, rate_month
from core.metrics import Metric


def terms(chance: random.Random) -> Terms:
    kind = chance.choice(list(ContractKind))
    return Terms(
        kind=kind,
        package_name="Workforce",
        metric=Metric.ACTIVE_USERS,
        currency=chance.choice(["USD", "JPY", "EUR"]),
        unit_price=Decimal(chance.randrange(0, 200_000)) / 10_000,
        automatic_limit_minor=400_000,
        has_card=True,
        committed_quantity=chance.randrange(1, 300) if kind is ContractKind.COMMITTED else 0,
        tax_rate=Decimal(chance.choice(["0", "19", "8.875", "7.7"])),
        prepaid_quantity=chance.choice([0, 0, 100, 250]),
    )


def test_an_estimate_is_the_total_of_the_invoices() -> None:
    for seed in range(300):
        chance = random.Random(seed)
        agreed = terms(chance)
        marks = [chance.randrange(0, 40) for _ in range(chance.randrange(0, 25))]
        drafts = rate_month(
            terms=agreed,
            quantities=[
                BilledQuantity(n, f"{n}", Metric.ACTIVE_USERS, mark) for n, mark in enumerate(marks)
            ],
            month_name="May 2026",
        )
        told = estimate(terms=agreed, quantities=marks)
        assert told.total_minor == sum(draft.total_minor for draft in drafts), seed
        assert told.quantity == sum(marks)
        over = [draft.total_minor for draft in drafts if draft.kind.value == "overage"]
        assert told.overage_minor == sum(over)
