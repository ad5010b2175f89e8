"""The forecast pages: every organization's month, and one organization with its chart.

Whoever may not see money sees the counts alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.forecast import (
    BillForecast,
    basis_of,
    bill_forecast,
    commitment,
    running_contract,
)
from billing.forecast_wording import bill_texts, limit_text, trial_rows, trial_sentence
from billing.models import Contract
from tenants.access import organization_or_404
from tenants.listing import ROWS_A_PAGE, Listing
from tenants.models import MeteringPolicy
from tenants.spreadsheet import csv_response
from usage.charts import Limit
from usage.forecast.chart import forecast_chart
from usage.forecast.models import Basis
from usage.forecast.months import (
    Instant,
    MonthForecast,
    OrganizationForecast,
    added_up,
    days_of,
    month_of,
)
from usage.forecast.reading import Tracked, tracked
from usage.forecast.trials import accuracies

SORTS = ("name", "present", "locked_in", "expected", "rise", "limit_day")
FILTERS = ("passes", "rises")
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


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a page is about: the instant, the basis, and the contract where it is told."""

    instant: Instant
    basis: Basis
    contract: Contract | None
    free_user_limit: int | None
    is_billed_basis: bool

    @classmethod
    def of(cls, request: PortalRequest) -> "_Asked":
        """The running month; of the metric in the address, or of the billed one."""
        instant = Instant.of(timezone.now(), ZoneInfo(request.provider.billing_time_zone))
        free_user_limit = MeteringPolicy.objects.values_list("free_user_limit", flat=True).get()
        contract = running_contract(month=instant.month, free_user_limit=free_user_limit)
        billed = basis_of(contract)
        wanted = request.GET.get("metric", "")
        basis = Basis(wanted) if wanted in Basis.values else billed or Basis.USERS
        sees_money = request.user.may(Permission.VIEW_BILLING)
        return cls(
            instant,
            basis,
            contract if sees_money else None,
            free_user_limit,
            is_billed_basis=basis == billed,
        )

    @property
    def noun(self) -> str:
        """What is counted, in the plural."""
        return self.basis.label.lower()

    def bill(self, forecast: MonthForecast) -> BillForecast | None:
        """The month's money, where this person may see it and it follows this basis."""
        if self.contract is None or not self.is_billed_basis:
            return None
        return bill_forecast(forecast=forecast, contract=self.contract)


def _forecast(asked: _Asked, found: list[Tracked]) -> MonthForecast:
    return month_of(
        found,
        instant=asked.instant,
        basis=asked.basis,
        free_user_limit=asked.free_user_limit,
    )


def _found(asked: _Asked, *, organization_id: int | None = None) -> list[Tracked]:
    instant = asked.instant
    return tracked(
        at=instant.at, month=instant.month, zone=instant.zone, organization_id=organization_id
    )


def _chosen(forecast: MonthForecast, listing: Listing) -> list[OrganizationForecast]:
    """What is searched and filtered, in order."""
    words = listing.search.casefold()
    rows = [one for one in forecast.organizations if words in one.name.casefold()]
    if listing.filter == "passes":
        rows = [one for one in rows if one.will_pass]
    elif listing.filter == "rises":
        rows = [one for one in rows if one.outlook.high > one.outlook.locked_in]
    key = _KEYS[listing.sort.removeprefix("-")]
    rows.sort(key=lambda one: one.organization_id)
    rows.sort(key=key, reverse=listing.sort.startswith("-"))
    return rows


@requires(Permission.VIEW_USAGE)
@require_safe
def forecast(request: PortalRequest) -> HttpResponse:
    """All organizations; only the table when htmx asks for it."""
    listing = Listing.of(request, sorts=SORTS, default_sort="-rise", filters=FILTERS)
    asked = _Asked.of(request)
    found = _found(asked)
    whole = _forecast(asked, found)
    page = Paginator(_chosen(whole, listing), ROWS_A_PAGE).get_page(listing.page)
    context: dict[str, Any] = {
        "asked": asked,
        "listing": listing,
        "page": page,
        "rows": [
            (one, limit_text(one), one.outlook.high - one.outlook.locked_in)
            for one in page.object_list
        ],
        "suffix": f"?metric={asked.basis}",
    }
    if request.htmx.target == "forecast":
        return render(request, "billing/_forecast.html", context)
    query = request.GET.urlencode()
    context |= _summary(asked, whole, found) | {
        "metrics": [basis for basis in Basis if basis != Basis.GREATER or asked.basis == basis],
        "query": f"?{query}" if query else "",
        "may_cap": request.user.may(Permission.CHANGE_CAPS),
        "passing": sum(one.will_pass for one in whole.organizations),
    }
    return render(request, "billing/forecast.html", context)


def _summary(asked: _Asked, whole: MonthForecast, found: list[Tracked]) -> dict[str, Any]:
    bill = asked.bill(whole)
    known = accuracies(basis=asked.basis)
    day = asked.instant.at.astimezone(asked.instant.zone).day
    price = asked.contract if bill else None
    committed = None
    if price is not None and price.committed_quantity:
        days = added_up(found, basis=asked.basis)
        committed = commitment(days=days, instant=asked.instant, contract=price)
    return {
        "total": whole.total,
        "month": asked.instant.month.first_day,
        "zone": asked.instant.zone.key,
        "bill": bill_texts(bill) if bill else None,
        "committed": committed,
        "trials": trial_rows(known, contract=price),
        "trial_sentence": trial_sentence(known, day=day, noun=asked.noun),
    }


@requires(Permission.VIEW_USAGE)
@require_safe
def forecast_csv(request: PortalRequest) -> HttpResponse:
    """Every organization that is searched and filtered, in the page's order."""
    listing = Listing.of(request, sorts=SORTS, default_sort="-rise", filters=FILTERS)
    asked = _Asked.of(request)
    whole = _forecast(asked, _found(asked))
    header = (
        "Organization ID",
        "Organization",
        f"{asked.basis.label} now",
        "Locked in",
        "Low",
        "Expected",
        "High",
        "Limit of users",
        "Limit would be passed on",
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
    name = f"forecast-{asked.instant.month}-{asked.basis}.csv"
    return csv_response(filename=name, header=header, rows=rows)


@requires(Permission.VIEW_USAGE)
@require_safe
def forecast_organization(request: PortalRequest, organization_id: int) -> HttpResponse:
    """One organization: what is locked in, what may come, and a chart."""
    organization = organization_or_404(organization_id=organization_id)
    asked = _Asked.of(request)
    found = _found(asked, organization_id=organization.pk)
    if not found:
        raise Http404
    whole = _forecast(asked, found)
    (one,) = whole.organizations
    limit = None if one.limit is None or asked.basis == Basis.DEVICES else one.limit
    context = {
        "asked": asked,
        "organization": organization,
        "one": one,
        "limit_text": limit_text(one),
        "bill": _added_bill(asked, whole),
        "month": asked.instant.month.first_day,
        "zone": asked.instant.zone.key,
        "metrics": [basis for basis in Basis if basis != Basis.GREATER or asked.basis == basis],
        "chart": forecast_chart(
            days=days_of(found[0], asked.basis),
            instant=asked.instant,
            noun=asked.noun,
            limit=None if limit is None else Limit(limit, "Limit"),
        ),
    }
    return render(request, "billing/forecast_organization.html", context)


def _added_bill(asked: _Asked, whole: MonthForecast) -> Any:
    """This organization's line of the bill; none under a commitment, which is one for all."""
    if asked.contract is None or asked.contract.committed_quantity:
        return None
    bill = asked.bill(whole)
    return bill_texts(bill) if bill else None
