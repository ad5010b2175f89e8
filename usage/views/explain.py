"""Why a month's number is what it is: for the provider, and for an organization itself."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.paginator import Page, Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.csv_files import csv_response
from core.listing import ROWS_PER_PAGE, Listing
from core.metrics import COUNTED, Metric
from core.months import Month
from tenants.access import metered_organization_or_404
from tenants.models import MeteringPolicy
from tenants.views.organization_scope import OrganizationScope, own_pages
from usage.explain.chart import month_chart
from usage.explain.counted_at_peak import SORTS, Counted, counted_at_peak
from usage.explain.late_usage_note import late_usage_note
from usage.explain.peaks import Explanation, explain_month
from usage.explain.sentences import after_sentence, peak_sentence, second_peak_sentence
from usage.formatting import exact_instant, way_in


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks for: a month of an organization, and of which metric."""

    scope: OrganizationScope
    month: Month
    metric: Metric
    zone: ZoneInfo
    now: datetime

    @classmethod
    def of(cls, request: PortalRequest, scope: OrganizationScope, month: str) -> "Asked":
        """404 for what is no month, and for one that has not begun."""
        now, zone = timezone.now(), request.provider.billing_zone()
        try:
            asked_month = Month.parse(month)
        except ValueError:
            raise Http404 from None
        if asked_month > Month.of(now, zone):
            raise Http404
        is_devices = request.GET.get("metric") == Metric.DEVICES
        metric = Metric.DEVICES if is_devices else Metric.USERS
        return cls(scope, asked_month, metric, zone, now)

    def explained(self) -> Explanation:
        """The month's explanation."""
        return explain_month(
            organization_id=self.scope.organization.pk,
            metric=self.metric,
            month=self.month,
            zone=self.zone,
        )

    def url(self, name: str, *, month: Month | None = None, metric: Metric | None = None) -> str:
        """The address of this page, or of its CSV, for a month and metric."""
        parameters: dict[str, Any] = {"month": str(month or self.month)}
        if not self.scope.is_own:
            parameters["organization_id"] = self.scope.organization.pk
        address = reverse(f"own_{name}" if self.scope.is_own else name, kwargs=parameters)
        wanted = metric or self.metric
        return address if wanted == Metric.USERS else f"{address}?metric={wanted.value}"

    def beside(self, months: int) -> tuple[date, str]:
        """The month so many later, by its first day, and the address of its page."""
        month = self.month.plus(months=months)
        return month.first_day, self.url("usage_explanation", month=month)

    @property
    def is_running(self) -> bool:
        """Whether the month is not over."""
        return self.month.ends_at(self.zone) > self.now

    @property
    def cap(self) -> int | None:
        """The limit in force, of the running month only: past ones are no part of the log."""
        if self.metric != Metric.USERS or not self.is_running:
            return None
        free = MeteringPolicy.objects.current().free_user_limit
        limits = [each for each in (self.scope.organization.user_cap, free) if each is not None]
        return min(limits, default=None)


def _counted_page(listing: Listing, explanation: Explanation) -> Page[Any]:
    """The asked page, or the last there is; one statement unless a search has fewer pages."""
    total, number = explanation.high_water_mark, 1
    if total:
        number = Paginator(range(total), ROWS_PER_PAGE).get_page(listing.page).number
    rows, found = _counted(listing, explanation, number) if total else ([], 0)
    if not rows and number > 1:
        number = 1
        rows, found = _counted(listing, explanation, number)
    page: Page[Any] = Paginator(range(found), ROWS_PER_PAGE).page(number)
    page.object_list = rows
    return page


def _counted(listing: Listing, explanation: Explanation, number: int) -> tuple[list[Counted], int]:
    return counted_at_peak(
        explanation=explanation,
        search=listing.search,
        sort=listing.sort,
        limit=ROWS_PER_PAGE,
        offset=(number - 1) * ROWS_PER_PAGE,
    )


def _context(request: PortalRequest, asked: Asked) -> dict[str, Any]:
    listing = Listing.of(request, sorts=SORTS, default_sort="-added")
    explanation = asked.explained()
    page = _counted_page(listing, explanation)
    organization, now = asked.scope.organization, asked.now
    has_previous = asked.month > Month.of(organization.created_at, asked.zone)
    peak, second = explanation.peak, explanation.second_peak
    return {
        "scope": asked.scope,
        "organization": organization,
        "asked": asked,
        "explanation": explanation,
        "is_running": asked.is_running,
        "noun": asked.metric.value,
        "month": asked.month.first_day,
        "zone": asked.zone.key,
        "why": peak_sentence(explanation=explanation, organization=organization.name, now=now),
        "after": after_sentence(explanation=explanation, now=now),
        "second_peak": second_peak_sentence(explanation=explanation),
        "peak_at": exact_instant(peak.at, asked.zone),
        "second_at": exact_instant(second.at, asked.zone) if second else "",
        "way_in": way_in(peak.event.via) if peak.event else "",
        "late": late_usage_note(explanation=explanation),
        "chart": month_chart(explanation=explanation, cap=asked.cap, now=now),
        "listing": listing,
        "page": page,
        "tabs": [
            (metric.label, asked.url("usage_explanation", metric=metric)) for metric in COUNTED
        ],
        "path": request.path,
        "here": asked.url("usage_explanation"),
        "csv_url": asked.url("usage_explanation_csv"),
        "previous": asked.beside(-1) if has_previous else None,
        "next": None if asked.is_running else asked.beside(1),
    }


def _page(request: PortalRequest, scope: OrganizationScope, month: str) -> HttpResponse:
    partial = request.htmx.target == "counted"
    template = "usage/_counted_at_peak.html" if partial else "usage/explain.html"
    return render(request, template, _context(request, Asked.of(request, scope, month)))


def _csv(request: PortalRequest, scope: OrganizationScope, month: str) -> HttpResponse:
    asked = Asked.of(request, scope, month)
    explanation = asked.explained()
    counted, _ = counted_at_peak(explanation=explanation, sort="added")
    peak, zone = explanation.peak, asked.zone
    organization = asked.scope.organization
    whole = (
        *(organization.pk, organization.name, str(asked.month), asked.metric.value),
        *(peak.level, _iso(peak.at, zone), peak.event.count_before if peak.event else peak.level),
    )
    rows = (
        (
            *whole,
            *(each.subject_id, each.name, each.detail, _iso(each.added_at, zone)),
            *(each.added_by, each.via, _iso(each.removed_at, zone)),
            "yes" if peak.event and peak.event.subject_id == each.subject_id else "",
        )
        for each in counted
    )
    name = f"why-{organization.pk}-{asked.month}-{asked.metric.value}.csv"
    return csv_response(filename=name, header=CSV_HEADER, rows=rows)


CSV_HEADER = (
    "Organization ID",
    "Organization",
    "Month",
    "Metric",
    "High-water mark",
    "Peak reached at",
    "Count before",
    "ID",
    "Name then",
    "Name or serial number now",
    "Added at",
    "Added by",
    "Added via",
    "Removed since",
    "Made the peak",
)


def _iso(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else at.astimezone(zone).isoformat()


def _provider_scope(request: PortalRequest, organization_id: int) -> OrganizationScope:
    organization = metered_organization_or_404(organization_id=organization_id)
    return OrganizationScope.of_provider(request, organization)


@requires(Permission.VIEW_USAGE)
@require_safe
def usage_explanation(request: PortalRequest, organization_id: int, month: str) -> HttpResponse:
    """Why an organization's number of a month is what it is; also of a removed organization."""
    return _page(request, _provider_scope(request, organization_id), month)


@requires(Permission.VIEW_USAGE)
@require_safe
def usage_explanation_csv(request: PortalRequest, organization_id: int, month: str) -> HttpResponse:
    """Everyone counted at the peak, in the order in which they came."""
    return _csv(request, _provider_scope(request, organization_id), month)


@own_pages
@require_safe
def own_usage_explanation(request: PortalRequest, month: str) -> HttpResponse:
    """The same of the own organization."""
    return _page(request, OrganizationScope.of_own(request), month)


@own_pages
@require_safe
def own_usage_explanation_csv(request: PortalRequest, month: str) -> HttpResponse:
    """The same of the own organization."""
    return _csv(request, OrganizationScope.of_own(request), month)
