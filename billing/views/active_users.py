"""Monthly active users: the provider's months beside its allowance, and each organization's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Page
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.invoicing.pack_allowance import AllowanceMonth, allowance_months
from billing.models import Contract
from billing.pages.active_users_choice import Choice
from core.actors import actor_of
from core.charts import Chart
from core.listing import ROWS_PER_PAGE, Listing
from core.metrics import Metric
from core.months import Month
from core.replica import reads_replica
from tenants.access import organization_or_404
from tenants.forms import MauLimitForm
from tenants.organizations.lifecycle import set_mau_limit
from usage.active_users.months_table import (
    FILTERS,
    SORTS,
    ActivityTable,
    OrganizationActivity,
    activity_table,
)
from usage.cap_badges import Badge
from usage.ledger.months_table import last_months
from usage.months_chart import months_chart


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """One organization; `cells` are its months as table cells, each a link to its explanation."""

    organization_id: int
    name: str
    is_removed: bool
    threshold: str
    badge: Badge
    cells: SafeString


def _listing_and_choice(request: PortalRequest) -> tuple[Listing, Choice]:
    listing = Listing.of(request, sorts=SORTS, default_sort="name", filters=FILTERS)
    month = Month.of(timezone.now(), request.provider.billing_zone())
    return listing, Choice.of(request, months=last_months(month=month))


def _table(listing: Listing, choice: Choice) -> tuple[ActivityTable, Page[Any]]:
    return listing.read_page(
        lambda offset: activity_table(
            months=choice.shown_months,
            organization_id=choice.organization_id,
            search=listing.search,
            chosen=listing.filter,
            sort=listing.sort,
            limit=ROWS_PER_PAGE,
            offset=offset,
        )
    )


def _row(row: OrganizationActivity, months: list[str], *, path: str) -> ActivityRow:
    # Written here and not in the template: 600 links cost it more than the whole page around them.
    # Numbers and addresses of ours only: nothing in them is to be escaped.
    cells = "".join(
        f'<td class="num"><a href="{path}{row.organization_id}/why/{month}/">{count:,}</a></td>'
        if count
        else '<td class="num text-muted">0</td>'
        for month, count in zip(months, row.counts, strict=True)
    )
    return ActivityRow(
        organization_id=row.organization_id,
        name=row.name,
        is_removed=row.is_removed,
        threshold="" if row.mau_limit is None else f"{row.mau_limit:,}",
        badge=row.badge,
        cells=SafeString(cells),  # nosec B703
    )


def _totals(listing: Listing, choice: Choice, table: ActivityTable) -> tuple[int, ...]:
    """The sums of all twelve months, whatever the table below is narrowed to."""
    if not listing.search and not listing.filter and choice.month is None:
        return table.totals
    chosen = choice.organization_id
    return activity_table(months=choice.months, organization_id=chosen, limit=0).totals


def _chart(choice: Choice, totals: Sequence[int], covered: Sequence[AllowanceMonth]) -> Chart:
    """Each month with the allowance that it had; one organization's with its active-user limit."""
    organization = choice.organization
    return months_chart(
        title="Active users by month",
        column="Active users",
        months=choice.months,
        values=totals,
        limit=organization.mau_limit if organization else None,
        limit_name="Active-user limit" if organization else "Allowance",
        limits=[each.allowance for each in covered],
    )


def _context(request: PortalRequest) -> dict[str, Any]:
    listing, choice = _listing_and_choice(request)
    months = choice.months
    table, page = _table(listing, choice)
    path, query = reverse("active_users"), request.GET.urlencode()
    keys = [str(month) for month in choice.shown_months]
    totals = _totals(listing, choice, table)
    sees_all = request.user.limited_to is None and choice.organization is None
    covered = allowance_months(months=months, active=totals) if sees_all else None
    contract = Contract.objects.current(months[-1]) if sees_all else None
    sees_price = sees_all and request.user.may(Permission.VIEW_BILLING)
    return {
        "listing": listing,
        "table": table,
        "rows": [_row(row, keys, path=path) for row in table.rows],
        "page": page,
        "months": [month.first_day for month in choice.shown_months],
        "choice": choice,
        "month": months[-1].first_day,
        "zone": request.provider.billing_zone(),
        "active": totals[-1],
        "sees_all": sees_all,
        "allowance": covered[-1] if covered else None,
        "sees_price": sees_price,
        "contract": contract if sees_price else None,
        "bills_active": contract is not None and contract.metric == Metric.ACTIVE_USERS,
        "chart": _chart(choice, totals, covered or []),
        "may_limit": request.user.may(Permission.CHANGE_CAPS),
        "may_extend": request.user.may(Permission.EXTEND_ALLOWANCE),
        "may_see_allowance": sees_all
        and (
            request.user.may(Permission.VIEW_BILLING)
            or request.user.may(Permission.EXTEND_ALLOWANCE)
        ),
        "query": f"?{query}" if query else "",
    }


@requires(Permission.VIEW_USAGE)
@require_safe
@reads_replica
def active_users(request: PortalRequest) -> HttpResponse:
    """The page; for htmx its table alone."""
    partial = request.htmx.target == "active-users"
    template = "billing/_active_users.html" if partial else "billing/active_users.html"
    return render(request, template, _context(request))


@requires(Permission.VIEW_USAGE)
@require_safe
@reads_replica
def active_users_csv(request: PortalRequest) -> HttpResponseBase:
    """Every organization that matches the search, a column for each month, and the totals."""
    listing, choice = _listing_and_choice(request)
    months = choice.shown_months
    table = activity_table(
        months=months,
        organization_id=choice.organization_id,
        search=listing.search,
        chosen=listing.filter,
        sort=listing.sort,
    )
    header = (
        *("Organization ID", "Organization", "Threshold", "Badge"),
        *(str(month) for month in months),
    )
    rows: list[tuple[object, ...]] = [
        *(
            (
                *(row.organization_id, row.name, row.mau_limit or "", row.badge.value),
                *row.counts,
            )
            for row in table.rows
        ),
        ("", "All organizations", "", "", *table.totals),
    ]
    name = f"active-users-{months[0]}-to-{months[-1]}"
    return table_download(request, name=name, header=header, rows=rows)


@requires(Permission.CHANGE_CAPS)
@require_http_methods(["GET", "HEAD", "POST"])
def mau_limit_edit(request: PortalRequest, organization_id: int) -> HttpResponse:
    """The dialog for the active-user limit, over the page that opened it."""
    organization = organization_or_404(organization_id=organization_id)
    back_url = reverse("active_users")
    if query := request.GET.urlencode():
        back_url = f"{back_url}?{query}"
    form = MauLimitForm(
        request.POST if request.method == "POST" else None,
        initial={"mau_limit": organization.mau_limit},
    )
    if form.is_bound and form.is_valid():
        threshold = form.cleaned_data["mau_limit"]
        set_mau_limit(
            organization=organization,
            limit=threshold,
            actor=actor_of(request),
            now=timezone.now(),
        )
        limit = "any number" if threshold is None else f"{threshold:,}"
        messages.success(request, f"Active users a month of {organization.name}: {limit}.")
        return redirect(back_url)
    month = Month.of(timezone.now(), request.provider.billing_zone())
    active = activity_table(months=[month], organization_id=organization.pk).totals[0]
    dialog = {
        "form": form,
        "organization": organization,
        "active_now": active,
        "back_url": back_url,
    }
    status = 422 if form.is_bound else 200
    if request.htmx.target == "dialog-slot":
        return render(request, "billing/_active_user_limit_dialog.html", dialog, status=status)
    return render(
        request, "billing/active_user_limit_edit.html", _context(request) | dialog, status=status
    )
