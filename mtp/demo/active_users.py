"""The demo's active users: activity of each month, packs on offer, orders, limits."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db import connection

from accounts.models import Offer, OfferPrice, Provider, User
from accounts.roles import Role
from billing.invoicing.pack_orders import order_pack, quote
from billing.models import Contract
from core.actors import SYSTEM_ACTOR, Actor
from core.metrics import Metric
from core.months import Month
from mtp.demo.companies import DemoProvider
from tenants.models import Organization
from tenants.organizations.lifecycle import set_mau_limit
from usage.active_users.months_table import activity_table

# Name, active users, and prices for twelve months.
PACKS = (
    ("Active users 250", 250, {"USD": Decimal("150.00"), "EUR": Decimal("140.00")}),
    ("Active users 1,000", 1_000, {"USD": Decimal("540.00"), "EUR": Decimal("500.00")}),
)
# Ordered packs, with the number of months since the order.
ORDERS = ((PACKS[1], 10), (PACKS[0], 4))
ORDERED_AFTER_MONTH_START = timedelta(days=8, hours=10)
LARGE_LIMIT = 1_000_000
# About 4 of 5 users are active in a month, most of them in its first days.
REPORT_ACTIVITY = """
    INSERT INTO usage_activeuser (organization_id, month, user_id, first_seen_at,
                                  reported_at, reported_by_name, via)
    SELECT u.organization_id, %(month)s, u.id, seen.at, seen.at + interval '3 minutes',
           'API key of the sign-in service', 'api'
    FROM tenants_manageduser u
    CROSS JOIN LATERAL (
        SELECT abs(hashtextextended(u.email || %(month)s::text, 0) / 2) AS dice
    ) chance
    CROSS JOIN LATERAL (
        SELECT greatest(u.added_at, %(start)s)
            + (least(u.removed_at, %(end)s) - greatest(u.added_at, %(start)s))
            * (0.001 + 0.99 * power((chance.dice %% 9973) / 9973.0, 3)) AS at
    ) seen
    WHERE u.added_at < %(end)s AND (u.removed_at IS NULL OR u.removed_at > %(start)s)
        AND chance.dice %% 100 < 82 AND seen.at <= %(now)s
    ORDER BY u.id
"""


def offer_packs() -> None:
    """Create the packs that providers can order."""
    for name, quantity, prices in PACKS:
        offer, _ = Offer.objects.get_or_create(name=name, defaults={"quantity": quantity})
        for currency, price in prices.items():
            OfferPrice.objects.get_or_create(
                offer=offer, currency=currency, defaults={"price": price}
            )


def simulate_activity(
    plan: DemoProvider, provider: Provider, *, month: Month, months: list[Month], now: datetime
) -> None:
    """Record a month's activity in the current schema, and order the packs of that month."""
    starts_at, ends_at = month.starts_at(plan.zone), month.ends_at(plan.zone)
    with connection.cursor() as cursor:
        cursor.execute(
            REPORT_ACTIVITY,
            {"month": month.first_day, "start": starts_at, "end": ends_at, "now": now},
        )
    contract = Contract.objects.current(month)
    bills_active = contract is not None and contract.metric == Metric.ACTIVE_USERS
    for (name, _, _), ago in ORDERS if bills_active else ():
        if ago >= len(months) or months[-1 - ago] != month:
            continue
        owner = User.objects.get(provider=provider, role=Role.OWNER)
        at = starts_at + ORDERED_AFTER_MONTH_START
        offer_id = Offer.objects.get(name=name).pk
        order_pack(
            provider=provider,
            offer_id=offer_id,
            confirmed=quote(provider=provider, offer_id=offer_id, now=at).to_be_confirmed,
            actor=Actor(id=owner.pk, name=owner.name),
            now=at,
        )


def set_active_user_limits(
    organizations: list[Organization], *, month: Month, now: datetime
) -> None:
    """Put one organization at its limit, one near it and one far below; the others have none."""
    counts = {
        row.organization_id: row.active
        for row in activity_table(months=[month], sort="-active").rows
    }
    for index, below_limit in ((2, 0), (5, 6), (9, LARGE_LIMIT)):
        if index < len(organizations):
            organization = organizations[index]
            set_mau_limit(
                organization=organization,
                limit=max(1, min(counts.get(organization.pk, 0) + below_limit, LARGE_LIMIT)),
                actor=SYSTEM_ACTOR,
                now=now,
            )
