"""The page that explains the peak of all organizations together, and its CSV file."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.metrics import COUNTED, Metric
from core.months import Month
from core.replica import reads_replica
from core.table_cells import instant_cell
from usage.explain.chart import month_chart
from usage.explain.combined import billed_metric, explain_combined
from usage.explain.links import combined_explanation_path, explanation_path
from usage.explain.sentences import duration_sentence, peak_sentence, second_peak_sentence
from usage.formatting import exact_instant, via_text
from usage.ledger.combined_peak import CombinedPeak, OrganizationCount, combined_peak
from usage.ledger.month_peaks import high_water_marks
from usage.views.scoped import begun_month

CSV_HEADER = (
    "Month",
    "Metric",
    "Peak of all together",
    "Peak reached at",
    "Organization ID",
    "Organization",
    "Counted as",
    "Count at the peak",
    "Own high-water mark",
)


@dataclass(frozen=True, slots=True)
class Requested:
    """The month and metric of the page; `billed` is the metric that billed the closed month."""

    month: Month
    metric: Metric
    billed: Metric | None
    zone: ZoneInfo
    now: datetime

    @classmethod
    def of(cls, request: PortalRequest, text: str) -> "Requested":
        """As in the address; 404 for an invalid month and for one that has not begun."""
        if request.user.limited_to is not None:
            raise PermissionDenied(
                "This number is of all organizations together, and you are limited to some."
            )
        now, zone = timezone.now(), request.provider.billing_zone()
        month = begun_month(text, now=now, zone=zone)
        billed = billed_metric(month=month)
        wanted = request.GET.get("metric", "")
        offered = [metric.value for metric in Metric if metric.counted]
        metric = Metric(wanted) if wanted in offered else billed or Metric.USERS
        return cls(month, metric, billed, zone, now)

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that the page offers; seats only if they are billed or selected."""
        extra = [Metric.GREATER] if Metric.GREATER in (self.metric, self.billed) else []
        return [*COUNTED, *extra]

    def url(self, *, month: Month | None = None, metric: Metric | None = None) -> str:
        """The page's address, by default for this month and metric."""
        return combined_explanation_path(
            month=(month or self.month).first_day, metric=metric or self.metric
        )

    def neighbor(self, month: Month) -> tuple[date, str] | None:
        """A link to another month; None if it has not begun."""
        if month > Month.of(self.now, self.zone):
            return None
        return month.first_day, self.url(month=month)


@dataclass(frozen=True, slots=True)
class Share:
    """An organization's count at the peak, and its own high-water mark of the month."""

    counted: OrganizationCount
    own_high_water_mark: int
    why_url: str


@requires(Permission.VIEW_USAGE)
@require_safe
@reads_replica
def combined_explanation(request: PortalRequest, month: str) -> HttpResponse:
    """Why all organizations together had this number, and how many of which organization."""
    requested = Requested.of(request, month)
    explanation = explain_combined(
        metric=requested.metric, month=requested.month, zone=requested.zone
    )
    now, zone = requested.now, requested.zone
    peak, second = explanation.peak, explanation.second_peak
    context: dict[str, Any] = {
        "explanation": explanation,
        "requested": requested,
        "noun": requested.metric.unit,
        "month": requested.month.first_day,
        "zone": zone.key,
        "is_running": requested.month.ends_at(zone) > now,
        "why": peak_sentence(explanation=explanation, organization=request.provider.name, now=now),
        "after": duration_sentence(explanation=explanation, now=now),
        "second_peak": second_peak_sentence(explanation=explanation),
        "peak_at": exact_instant(peak.at, zone),
        "second_at": exact_instant(second.at, zone) if second else "",
        "via": via_text(peak.event.via) if peak.event else "",
        "late": _late_note(requested, billed=explanation.high_water_mark),
        "chart": month_chart(explanation=explanation, cap=None, now=now),
        "shares": _shares(requested, combined_peak(month=requested.month, metric=requested.metric)),
        "tabs": [(each.label, requested.url(metric=each)) for each in requested.metrics],
        "previous": requested.neighbor(requested.month.previous),
        "next": requested.neighbor(requested.month.next),
        "csv_url": f"{reverse('combined_explanation_csv', args=[requested.month])}"
        f"?metric={requested.metric}",
    }
    return render(request, "usage/combined.html", context)


@requires(Permission.VIEW_USAGE)
@require_safe
@reads_replica
def combined_explanation_csv(request: PortalRequest, month: str) -> HttpResponseBase:
    """The count of each organization at the peak; the counts add up to it."""
    requested = Requested.of(request, month)
    peak = combined_peak(month=requested.month, metric=requested.metric)
    first_cells = (
        *(str(requested.month), requested.metric.value, peak.high_water_mark),
        instant_cell(
            peak.peak_at or peak.counted_from or requested.month.starts_at(requested.zone),
            requested.zone,
        ),
    )
    rows = (
        (
            *first_cells,
            *(each.counted.organization_id, each.counted.name, each.counted.metric.value),
            *(each.counted.count, each.own_high_water_mark),
        )
        for each in _shares(requested, peak)
    )
    name = f"together-{requested.month}-{requested.metric.value}"
    return table_download(request, name=name, header=CSV_HEADER, rows=rows)


def _shares(requested: Requested, peak: CombinedPeak) -> list[Share]:
    own: dict[int, int] = {}
    for each in high_water_marks(month=requested.month, metrics=requested.metric.counted):
        mark = max(own.get(each.organization_id, 0), each.high_water_mark)
        own[each.organization_id] = mark
    return [
        Share(
            each,
            own[each.organization_id],
            explanation_path(
                organization_id=each.organization_id,
                month=requested.month.first_day,
                metric=each.metric,
            ),
        )
        for each in peak.counts
    ]


def _late_note(requested: Requested, *, billed: int) -> str:
    """A sentence about usage that was reported after the month was billed; empty without any."""
    if requested.billed is not requested.metric:
        return ""
    restated = combined_peak(
        month=requested.month, metric=requested.metric, with_late_usage=True
    ).high_water_mark
    if restated == billed:
        return ""
    return (
        f"With what was reported after {requested.month.first_day:%B %Y} was closed, it would have "
        f"been {restated:,}. The difference is adjusted on an invoice of a later month."
    )
