"""The billed quantity of each organization in a month, and of all together, with their events."""

from django.db import connection

from accounts.providers import current_provider
from billing.rating.peak import Peak
from billing.rating.rate_month import BilledQuantity, CombinedQuantity, Terms, billed_by
from core.metrics import Metric
from core.months import Month
from usage.ledger.combined_peak import CombinedPeak, combined_peak
from usage.ledger.month_peaks import MONTH_PEAKS

# One statement, because round trips take most of the time of a close.
HIGH_WATER_MARKS = f"""
    SELECT peak.organization_id, o.name, peak.metric, peak.high_water_mark,
           peak.peak_event_id, peak.peak_at,
           CASE WHEN e.id IS NOT NULL THEN peak.high_water_mark - 1 END,
           coalesce(s.name, ''), coalesce(e.actor_name, '')
    FROM ({MONTH_PEAKS}) AS peak
        (organization_id, metric, carried_in, high_water_mark, peak_at, peak_event_id)
    JOIN tenants_organization o ON o.id = peak.organization_id
    LEFT JOIN usage_usageevent e ON e.id = peak.peak_event_id
    LEFT JOIN usage_subject s ON s.metric = e.metric AND s.id = e.subject_id
    WHERE peak.high_water_mark > 0
"""  # noqa: S608 - joined from constants


# The peak of active users is the instant when the last of them was first seen.
ACTIVE_USERS = """
    SELECT a.organization_id, o.name, %(metric)s, count(*),
           NULL, max(a.first_seen_at), NULL, '', ''
    FROM usage_activeuser a JOIN tenants_organization o ON o.id = a.organization_id
    LEFT JOIN usage_month_counted_from c ON c.month = a.month
    WHERE a.month = %(month)s AND (c.counted_from IS NULL OR a.first_seen_at >= c.counted_from)
    GROUP BY a.organization_id, o.name
"""


def billed_quantities(*, month: Month, metric: Metric) -> list[BilledQuantity]:
    """The quantities of a month that a contract of this metric bills, ordered by organization.

    One statement; organizations with a quantity of 0 are left out. `usage.ledger.month_peaks` reads
    the month, so it may have been closed before an earlier one, or be running. A peak without an
    event was carried in.
    """
    return billed_by(metric=metric, quantities=counted_quantities(month=month, metric=metric))


def counted_quantities(*, month: Month, metric: Metric) -> list[BilledQuantity]:
    """As `billed_quantities`, with one for each metric that this one is made of."""
    statement = HIGH_WATER_MARKS if metric.counted else ACTIVE_USERS
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {"month": month.first_day, "metric": metric.value, "metrics": list(metric.counted)},
        )
        rows = cursor.fetchall()
    return [
        BilledQuantity(organization_id, name, Metric(counted), quantity, Peak(*peak))
        for organization_id, name, counted, quantity, *peak in rows
    ]


def combined_billed(*, month: Month, terms: Terms) -> CombinedPeak | None:
    """The peak of all organizations together, where a commitment is compared with it.

    None otherwise: then the sum of `billed_quantities` is. Of a month that was closed, as billed.
    """
    if not terms.counts_together:
        return None
    return combined_peak(month=month, metric=terms.metric)


def combined_quantity(peak: CombinedPeak) -> CombinedQuantity:
    """The peak as invoices charge it; its instant is that of the start when it was carried in."""
    starts_at = peak.counted_from or peak.month.starts_at(current_provider().billing_zone())
    at = peak.peak_at or starts_at
    return CombinedQuantity(
        quantity=peak.high_water_mark,
        shares=[
            BilledQuantity(each.organization_id, each.name, each.metric, each.count, Peak(at=at))
            for each in peak.counts
        ],
        peak=Peak.reached(
            peak.high_water_mark,
            event_id=peak.peak_event_id,
            at=at,
            subject_name=peak.subject_name,
            actor_name=peak.actor_name,
        ),
    )
