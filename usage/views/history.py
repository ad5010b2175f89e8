"""The usage of the last twelve months, in total and by organization."""

from typing import Any

from django.core.paginator import Page
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.charts import heat, sparkline
from core.listing import ROWS_PER_PAGE, Listing
from core.metrics import COUNTED, Metric
from core.months import Month
from core.replica import reads_replica
from usage.ledger.months_table import (
    SORTS,
    MonthsTable,
    OrganizationMonths,
    last_months,
    months_table,
)
from usage.months_chart import months_chart
from usage.views.scoped import requested_metric


def _listing(request: PortalRequest) -> tuple[Listing, tuple[Month, ...], Metric]:
    listing = Listing.of(request, sorts=SORTS, default_sort="name")
    month = Month.of(timezone.now(), request.provider.billing_zone())
    return listing, last_months(month=month), requested_metric(request)


def _cells(
    row: OrganizationMonths, months: list[str], *, usage_url: str, suffix: str
) -> SafeString:
    """The organization's months as table cells that link to their explanation."""
    # Not in the template: rendering 600 links there costs more than the rest of the page. Only
    # numbers and our own addresses, so nothing needs escaping.
    cells = "".join(
        f'<td class="num{f" heat-{level}" if level else ""}">'
        f'<a href="{usage_url}{row.organization_id}/why/{month}/{suffix}">{high_water_mark:,}</a>'
        "</td>"
        for month, high_water_mark, level in zip(
            months, row.high_water_marks, heat(row.high_water_marks), strict=True
        )
    )
    return SafeString(cells)  # nosec B703


def _context(request: PortalRequest) -> dict[str, Any]:
    listing, months, metric = _listing(request)
    table: MonthsTable
    page: Page[Any]
    table, page = listing.read_page(
        lambda offset: months_table(
            months=months,
            metric=metric,
            search=listing.search,
            sort=listing.sort,
            limit=ROWS_PER_PAGE,
            offset=offset,
        )
    )
    query = request.GET.urlencode()
    suffix = "" if metric == Metric.USERS else f"?metric={metric.value}"
    keys, usage_url = [str(month) for month in months], reverse("usage")
    return {
        "listing": listing,
        "metric": metric,
        "metrics": COUNTED,
        "table": table,
        "rows": [
            (
                row,
                sparkline(row.high_water_marks, name=f"Trend of {row.name}"),
                _cells(row, keys, usage_url=usage_url, suffix=suffix),
            )
            for row in table.rows
        ],
        "trend": sparkline(table.totals, name="Trend of all"),
        "page": page,
        "months": [month.first_day for month in months],
        "zone": request.provider.billing_zone(),
        "chart": months_chart(
            title=f"High-water marks of {metric.label.lower()} by month",
            column=metric.label,
            months=months,
            values=table.totals,
        ),
        "suffix": suffix,
        "query": f"?{query}" if query else "",
    }


@requires(Permission.VIEW_USAGE)
@require_safe
@reads_replica
def usage_history(request: PortalRequest) -> HttpResponse:
    """The last twelve months of all organizations or matching ones; only the table for htmx."""
    partial = request.htmx.target == "history"
    template = "usage/_history.html" if partial else "usage/history.html"
    return render(request, template, _context(request))


@requires(Permission.VIEW_USAGE)
@require_safe
@reads_replica
def usage_history_csv(request: PortalRequest) -> HttpResponseBase:
    """Every matching organization with a column for each month, and the sums."""
    listing, months, metric = _listing(request)
    table = months_table(months=months, metric=metric, search=listing.search, sort=listing.sort)
    header = ("Organization ID", "Organization", *(str(month) for month in months), "Sum")
    rows: list[tuple[object, ...]] = [
        *((row.organization_id, row.name, *row.high_water_marks, row.total) for row in table.rows),
        ("", "All organizations", *table.totals, table.total),
    ]
    name = f"usage-{months[0]}-to-{months[-1]}-{metric.value}"
    return table_download(request, name=name, header=header, rows=rows)
