"""What the dashboard shows of the months: peaks, the biggest changes, caps that are near."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import caches
from django.db.models import F, Func, IntegerField
from django.db.models.functions import Lower

from billing.invoicing.month_plan import MonthPlan
from billing.models import PaymentMethod
from billing.pages.attention import Queries
from core.charts import Chart
from core.metrics import Metric
from core.months import Month
from core.scope import visible_organizations
from usage.cap_badges import NEAR
from usage.forecast.months import Instant, forecast_month
from usage.ledger.month_peaks import organizations_with_usage
from usage.ledger.months_table import last_months, months_table
from usage.months_chart import months_chart

_LISTED = 5


@dataclass(frozen=True, slots=True)
class Change:
    """An organization whose peak of users differs from last month's.

    `amount_minor` is what the difference costs before tax; None where the bill does not follow
    each organization's users, or the person may not see money.
    """

    pk: int
    name: str
    before: int
    now: int
    amount_minor: int | None

    @property
    def difference(self) -> int:
        """Users more than last month, or fewer."""
        return self.now - self.before


def home_queries(*, month: Month, sees_money: bool) -> Queries:
    """What the dashboard needs of the organizations that the person may see, for one statement.

    The card only with `sees_money`.
    """
    usage = organizations_with_usage(month=month)
    difference = F("this_month_hwm") - F("last_month_hwm")
    size = Func(difference, function="ABS", output_field=IntegerField())
    queries: Queries = {
        "changes": usage.annotate(size=size)
        .filter(size__gt=0)
        .order_by("-size", Lower("name"))
        .values("pk", "name", "last_month_hwm", "this_month_hwm")[:_LISTED],
        "near_caps": usage.filter(user_cap__lte=F("users") + NEAR)
        .order_by(F("user_cap") - F("users"), Lower("name"))
        .values("pk", "name", "users", "user_cap")[:_LISTED],
    }
    if sees_money:
        card = PaymentMethod.objects.filter(replaced_at=None)
        queries["card"] = card.values("brand", "last_four")
    return queries


def biggest_changes(rows: Sequence[Mapping[str, Any]], plan: MonthPlan | None) -> list[Change]:
    """The changes that `home_queries` found; with money where `plan` charges each for its users."""
    terms = plan.terms if plan else None
    if terms and (not terms.charges_each_organization or terms.metric != Metric.USERS):
        terms = None
    changes = []
    for row in rows:
        before, now = row["last_month_hwm"], row["this_month_hwm"]
        amount = terms.amount_minor(now) - terms.amount_minor(before) if terms else None
        changes.append(Change(row["pk"], row["name"], before, now, amount))
    return changes


def known_expectation(instant: Instant) -> int | None:
    """The peak of users that was forecast for the month within the last minutes, else None.

    Only of all organizations together: None for a person who sees some of them.
    """
    if visible_organizations() is not None:
        return None
    known: int | None = caches["provider"].get(_expectation_key(instant))
    return known


def expected_peak(instant: Instant) -> int:
    """The forecast peak of users of the month, kept for FORECAST_CACHE_SECONDS.

    It reads half a year of every organization, and moves little within minutes.
    """
    known = known_expectation(instant)
    if known is not None:
        return known
    forecast = forecast_month(
        at=instant.at, zone=instant.zone, basis=Metric.USERS, free_user_limit=None
    )
    expected = forecast.total.expected
    if visible_organizations() is None:
        key, seconds = _expectation_key(instant), settings.FORECAST_CACHE_SECONDS
        caches["provider"].set(key, expected, seconds)
    return expected


def _expectation_key(instant: Instant) -> str:
    return f"expected-peak:{instant.at.astimezone(instant.zone).date()}"


def year_chart(*, month: Month, expected: int | None = None) -> Chart:
    """Peaks of users in the twelve months up to `month`, of all that the person may see together.

    `expected` is what the forecast says of `month`.
    """
    months = last_months(month=month)
    totals = months_table(months=months, metric=Metric.USERS, limit=0).totals
    return months_chart(
        title="Peak users by month",
        column="Peak users",
        months=months,
        values=totals,
        # The forecast may be older by the changes of this instant: a peak never falls.
        expected=None if expected is None else max(expected, totals[-1]),
    )
