"""The scope and month of pages that explain one organization's usage."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.policies import View
from accounts.requests import PortalRequest
from core.metrics import Metric
from core.months import Month
from tenants.access import metered_organization_or_404
from tenants.views.organization_scope import OrganizationScope


def metered(view: View) -> View:
    """As `tenants.views.organization_scope.scoped`, also for removed organizations.

    Their usage was billed, so the provider's pages still explain it.
    """

    @require_safe
    @wraps(view)
    def page(
        request: PortalRequest, organization_id: int | None = None, **parameters: str
    ) -> HttpResponseBase:
        if organization_id is None:
            return view(request, OrganizationScope.of_own(request), **parameters)
        organization = metered_organization_or_404(organization_id=organization_id)
        return view(request, OrganizationScope.of_provider(request, organization), **parameters)

    return page


def requested_metric(request: HttpRequest) -> Metric:
    """The counted metric in the query string; users unless it is devices."""
    return Metric.DEVICES if request.GET.get("metric") == Metric.DEVICES else Metric.USERS


def begun_month(text: str, *, now: datetime, zone: ZoneInfo) -> Month:
    """The month in an address; 404 for an invalid one and for one that has not begun."""
    try:
        month = Month.parse(text)
    except ValueError:
        raise Http404 from None
    if month > Month.of(now, zone):
        raise Http404
    return month


@dataclass(frozen=True, slots=True)
class ScopedMonth:
    """A month of an organization and metric, as seen from the provider's pages or its own."""

    scope: OrganizationScope
    month: Month
    metric: Metric
    zone: ZoneInfo
    now: datetime

    @classmethod
    def of(cls, request: PortalRequest, scope: OrganizationScope, text: str) -> "ScopedMonth":
        """The month in the address; 404 for an invalid one and for one that has not begun."""
        now, zone = timezone.now(), request.provider.billing_zone()
        month = begun_month(text, now=now, zone=zone)
        return cls(scope, month, requested_metric(request), zone, now)

    @property
    def is_running(self) -> bool:
        """Whether the month is not over."""
        return self.month.ends_at(self.zone) > self.now

    def url(self, name: str, *, month: Month | None = None, metric: Metric | None = None) -> str:
        """The address of the page `name`, by default for this month and metric."""
        address = self.scope.url(name, month=str(month or self.month))
        is_devices = (metric or self.metric) == Metric.DEVICES
        return f"{address}?metric={Metric.DEVICES.value}" if is_devices else address

    def neighbours(self, name: str, *, since: datetime | None = None) -> dict[str, Any]:
        """Links to the previous month, unless it ended before `since`, and to the next one."""
        has_previous = since is None or self.month > Month.of(since, self.zone)
        return {
            "previous": self._link(name, self.month.previous) if has_previous else None,
            "next": None if self.is_running else self._link(name, self.month.next),
        }

    def _link(self, name: str, month: Month) -> tuple[date, str]:
        return month.first_day, self.url(name, month=month)
