"""Estimates compared with rating, for random months."""

import random
from decimal import Decimal

from billing.choices import ContractKind
from billing.rating.estimates import estimate
from billing.rating.rate_month import BilledQuantity, Terms, rate_month
from core.metrics import Metric


def terms(rng: random.Random) -> Terms:
    kind = rng.choice(list(ContractKind))
    return Terms(
        kind=kind,
        package_name="Workforce",
        metric=Metric.ACTIVE_USERS,
        currency=rng.choice(["USD", "JPY", "EUR"]),
        unit_price=Decimal(rng.randrange(0, 200_000)) / 10_000,
        automatic_limit_minor=400_000,
        has_card=True,
        committed_quantity=rng.randrange(1, 300) if kind is ContractKind.COMMITTED else 0,
        tax_rate=Decimal(rng.choice(["0", "19", "8.875", "7.7"])),
        prepaid_quantity=rng.choice([0, 0, 100, 250]),
    )


def test_an_estimate_equals_the_total_of_the_invoices() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        agreed = terms(rng)
        peaks = [rng.randrange(0, 40) for _ in range(rng.randrange(0, 25))]
        drafts = rate_month(
            terms=agreed,
            quantities=[
                BilledQuantity(n, f"{n}", Metric.ACTIVE_USERS, peak) for n, peak in enumerate(peaks)
            ],
            month_name="May 2026",
        )
        estimated = estimate(terms=agreed, quantities=peaks)
        assert estimated.total_minor == sum(draft.total_minor for draft in drafts), seed
        assert estimated.quantity == sum(peaks)
        over = [draft.total_minor for draft in drafts if draft.kind.value == "overage"]
        assert estimated.overage_minor == sum(over)
