"""Figures of all providers, from the rows that the hourly round writes: one statement each."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Min, Q, QuerySet, Sum
from prometheus_client.metrics_core import Metric

from accounts.models import Provider, ProviderFigures
from core.operations.metrics import gauge

# The round runs hourly.
OLD_AFTER = timedelta(hours=3)


def _active() -> QuerySet[Provider]:
    return Provider.objects.filter(state=Provider.State.ACTIVE)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the figures are true: their oldest instant, and providers without recent ones."""

    providers: int
    as_of: datetime | None
    without: int


def coverage(*, now: datetime) -> Coverage:
    """The instant since which every figure is true; a provider that is a few hours new has none."""
    recent = Q(figures__as_of__gte=now - OLD_AFTER)
    row = _active().aggregate(
        providers=Count("pk"),
        as_of=Min("figures__as_of", filter=recent),
        recent=Count("pk", filter=recent),
    )
    return Coverage(row["providers"], row["as_of"], row["providers"] - row["recent"])


def provider_gauges(*, now: datetime) -> list[Metric]:
    """The gauges of months to close, unpaid invoices and the figures' age; two statements."""
    row = ProviderFigures.objects.filter(provider__in=_active()).aggregate(
        months=Sum("months_to_close", default=0),
        unpaid=Sum("unpaid_invoices", default=0),
        suspended=Count("pk", filter=Q(is_suspended=True)),
    )
    covered = coverage(now=now)
    return [
        gauge("mtp_months_to_close", "Months that ended and are not closed.", {(): row["months"]}),
        gauge("mtp_unpaid_invoices", "Invoices on which something is owed.", {(): row["unpaid"]}),
        gauge("mtp_suspended_providers", "Suspended providers.", {(): row["suspended"]}),
        gauge(
            "mtp_providers_without_figures",
            "Active providers that the hourly round has not reached for hours.",
            {(): covered.without},
        ),
    ]


def needing_attention() -> QuerySet[ProviderFigures]:
    """The figures of active providers, with their providers; those of an old round included."""
    return ProviderFigures.objects.filter(provider__in=_active()).select_related("provider")


def months_to_close() -> QuerySet[ProviderFigures]:
    """Those with months to close, the longest waiting first."""
    return needing_attention().filter(months_to_close__gt=0).order_by("oldest_month", "provider")


def overdue() -> QuerySet[ProviderFigures]:
    """Those with overdue invoices, the longest overdue first."""
    return needing_attention().exclude(overdue_since=None).order_by("overdue_since", "provider")


def disputed() -> QuerySet[ProviderFigures]:
    """Those with open disputes of lines or payments."""
    return needing_attention().exclude(disputed={}).order_by("provider__name")


def expiring(*, now: datetime, days: int) -> QuerySet[ProviderFigures]:
    """Those whose card or contract ends within these days, or whose card has expired."""
    until = (now + timedelta(days=days)).date()
    return (
        needing_attention()
        .filter(Q(card_expires_on__lte=until) | Q(contract_ends_on__lte=until))
        .order_by(F("contract_ends_on").asc(nulls_last=True), "card_expires_on", "provider")
    )
