"""The forecast pages: every organization's month, and one organization with its chart.

Without the permission to see money, the pages show counts only.
"""

from collections.abc import Callable
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.pages.forecast import ForecastRequest, ForecastResult
from core.listing import ROWS_PER_PAGE, Listing
from core.names import reads_like
from core.replica import reads_replica
from tenants.access import organization_or_404
from usage.forecast.backtest import accuracies, accuracy_near
from usage.forecast.months import MonthForecast, OrganizationForecast

# The filter without which only organizations that move are listed.
ALL = "all"
SORTS = ("name", "present", "locked_in", "expected", "rise", "limit_day")
FILTERS = ("passes", ALL)
_NEVER = 10**9
_KEYS: dict[str, Callable[[OrganizationForecast], Any]] = {
    "name": lambda one: one.name.casefold(),
    "present": lambda one: one.present,
    "locked_in": lambda one: one.outlook.locked_in,
    "expected": lambda one: one.outlook.expected,
    "rise": lambda one: one.outlook.high - one.outlook.locked_in,
    "limit_day": lambda one: (
        0 if one.is_at_limit else one.cap_day.toordinal() if one.cap_day else _NEVER
    ),
}


def _moves(one: OrganizationForecast) -> bool:
    return one.will_pass or one.outlook.high > one.outlook.locked_in


def _chosen(forecast: MonthForecast, listing: Listing) -> list[OrganizationForecast]:
    """What is searched and filtered, in order: those that move, where no filter says otherwise."""
    rows = [one for one in forecast.organizations if reads_like(listing.search, one.name)]
    if listing.filter == "passes":
        rows = [one for one in rows if one.will_pass]
    elif not listing.filter and not listing.search:
        rows = [one for one in rows if _moves(one)]
    key = _KEYS[listing.sort.removeprefix("-")]
    rows.sort(key=lambda one: one.organization_id)
    rows.sort(key=key, reverse=listing.sort.startswith("-"))
    return rows


@requires(Permission.VIEW_USAGE)
@require_safe
@reads_replica
def forecast(request: PortalRequest) -> HttpResponse:
    """All organizations; only the table when htmx asks for it."""
    listing = Listing.of(request, sorts=SORTS, default_sort="-rise", filters=FILTERS)
    selection = ForecastRequest.of(request, now=timezone.now())
    result = ForecastResult.of(selection)
    whole = result.whole
    moving = sum(map(_moves, whole.organizations))
    page = Paginator(_chosen(whole, listing), ROWS_PER_PAGE).get_page(listing.page)
    context: dict[str, Any] = {
        "selection": selection,
        "listing": listing,
        "page": page,
        "suffix": f"?metric={selection.basis}",
        "moving": moving,
        "organizations": len(whole.organizations),
    }
    if request.htmx.target == "forecast":
        return render(request, "billing/_forecast.html", context)
    query = request.GET.urlencode()
    context |= _summary(selection, result, sees_all=request.user.limited_to is None) | {
        "query": f"?{query}" if query else "",
        "may_cap": request.user.may(Permission.CHANGE_CAPS),
        "fan": result.fan(selection),
        "passing": sum(one.will_pass for one in whole.organizations),
    }
    return render(request, "billing/forecast.html", context)


def _summary(
    selection: ForecastRequest, result: ForecastResult, *, sees_all: bool
) -> dict[str, Any]:
    combined = result.combined(selection)
    bill = selection.bill(result.whole, combined)
    known = accuracies(basis=selection.basis)
    day = selection.instant.at.astimezone(selection.instant.zone).day
    price = selection.contract if bill else None
    return {
        "total": combined.outlook if combined else result.whole.total,
        "is_combined": combined is not None,
        "month": selection.instant.month.first_day,
        "zone": selection.instant.zone.key,
        "bill": bill,
        "committed": result.commitment(price) if price else None,
        "allowance": result.allowance_ahead(selection.allowance) if sees_all else None,
        "trials": known,
        "accuracy": accuracy_near(day, known),
        "priced_by": price,
    }


@requires(Permission.VIEW_USAGE)
@require_safe
@reads_replica
def forecast_csv(request: PortalRequest) -> HttpResponseBase:
    """Every organization that is searched and filtered, in the page's order."""
    listing = Listing.of(request, sorts=SORTS, default_sort="-rise", filters=FILTERS)
    selection = ForecastRequest.of(request, now=timezone.now())
    whole = ForecastResult.of(selection).whole
    header = (
        "Organization ID",
        "Organization",
        f"{selection.basis.label} now",
        "Locked in",
        "Low",
        "Expected",
        "High",
        "Threshold" if selection.is_active else "Limit of users",
        "Threshold would be passed on" if selection.is_active else "Limit would be passed on",
    )
    rows = (
        (
            one.organization_id,
            one.name,
            one.present,
            one.outlook.locked_in,
            one.outlook.low,
            one.outlook.expected,
            one.outlook.high,
            "" if one.limit is None else one.limit,
            "reached" if one.is_at_limit else one.cap_day or "",
        )
        for one in _chosen(whole, listing)
    )
    name = f"forecast-{selection.instant.month}-{selection.basis}"
    return table_download(request, name=name, header=header, rows=rows)


@requires(Permission.VIEW_USAGE)
@require_safe
@reads_replica
def forecast_organization(request: PortalRequest, organization_id: int) -> HttpResponse:
    """One organization: what is locked in, what may come, and a chart."""
    organization = organization_or_404(organization_id=organization_id)
    selection = ForecastRequest.of(request, now=timezone.now())
    result = ForecastResult.of(selection, organization_id=organization.pk)
    if not result.whole.organizations:
        raise Http404
    (one,) = result.whole.organizations
    bill = selection.bill_of_one(result.whole)
    context = {
        "selection": selection,
        "organization": organization,
        "one": one,
        "bill": bill,
        "month": selection.instant.month.first_day,
        "zone": selection.instant.zone.key,
        "chart": result.chart(noun=selection.noun),
    }
    return render(request, "billing/forecast_organization.html", context)
