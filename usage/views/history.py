"""Twelve months of the provider: a bar for each, and every organization's marks."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.charts import Bar, Chart, bar_chart
from core.csv_files import csv_response
from core.listing import ROWS_PER_PAGE, Listing
from core.metrics import COUNTED, Metric
from core.months import Month
from usage.ledger.months_table import (
    SORTS,
    MonthsTable,
    OrganizationMonths,
    last_months,
    months_table,
)


def _metric(request: HttpRequest) -> Metric:
    return Metric.DEVICES if request.GET.get("metric") == Metric.DEVICES else Metric.USERS


def _asked(request: PortalRequest) -> tuple[Listing, tuple[Month, ...], Metric]:
    listing = Listing.of(request, sorts=SORTS, default_sort="name")
    month = Month.of(timezone.now(), request.provider.billing_zone())
    return listing, last_months(month=month), _metric(request)


def _table(
    listing: Listing, months: tuple[Month, ...], metric: Metric
) -> tuple[MonthsTable, Page[Any]]:
    return listing.read_page(
        lambda offset: months_table(
            months=months,
            metric=metric,
            search=listing.search,
            sort=listing.sort,
            limit=ROWS_PER_PAGE,
            offset=offset,
        )
    )


def history_chart(*, months: tuple[Month, ...], marks: tuple[int, ...], metric: Metric) -> Chart:
    """A bar for each month; the last one is running and may still grow."""
    noun = metric.label.lower()
    return bar_chart(
        title=f"High-water marks of {noun} by month",
        description=f"From {min(marks):,} to {max(marks):,}; the table below has every month.",
        bars=[
            Bar(
                label=f"{month.first_day:%b}",
                value=mark,
                name=f"{month.first_day:%B %Y}{' so far' if month == months[-1] else ''}",
                is_open=month == months[-1],
            )
            for month, mark in zip(months, marks, strict=True)
        ],
        columns=("Month", metric.label),
    )


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One organization; `cells` are its months as table cells, each a link to why."""

    organization_id: int
    name: str
    is_removed: bool
    cells: SafeString
    total: str


def _row(row: OrganizationMonths, months: list[str], *, usage_url: str, suffix: str) -> HistoryRow:
    # Written here and not in the template: 600 links cost it more than the whole page around them.
    # Numbers and addresses of ours only: nothing in them is to be escaped.
    cells = "".join(
        f'<td class="num"><a href="{usage_url}{row.organization_id}/why/{month}/{suffix}">'
        f"{mark:,}</a></td>"
        for month, mark in zip(months, row.marks, strict=True)
    )
    return HistoryRow(
        organization_id=row.organization_id,
        name=row.name,
        is_removed=row.is_removed,
        cells=SafeString(cells),  # nosec B703
        total=f"{row.total:,}",
    )


def _context(request: PortalRequest) -> dict[str, Any]:
    listing, months, metric = _asked(request)
    table, page = _table(listing, months, metric)
    query = request.GET.urlencode()
    suffix = "" if metric == Metric.USERS else f"?metric={metric.value}"
    keys, usage_url = [str(month) for month in months], reverse("usage")
    return {
        "listing": listing,
        "metric": metric,
        "metrics": COUNTED,
        "table": table,
        "rows": [_row(row, keys, usage_url=usage_url, suffix=suffix) for row in table.rows],
        "page": page,
        "months": [month.first_day for month in months],
        "zone": request.provider.billing_zone(),
        "chart": history_chart(months=months, marks=table.totals, metric=metric),
        "suffix": suffix,
        "query": f"?{query}" if query else "",
    }


@requires(Permission.VIEW_USAGE)
@require_safe
def usage_history(request: PortalRequest) -> HttpResponse:
    """The last twelve months, of all organizations or those searched for."""
    partial = request.htmx.target == "history"
    template = "usage/_history.html" if partial else "usage/history.html"
    return render(request, template, _context(request))


@requires(Permission.VIEW_USAGE)
@require_safe
def usage_history_csv(request: PortalRequest) -> HttpResponse:
    """Every organization that is searched for, a column for each month, and the sums."""
    listing, months, metric = _asked(request)
    table = months_table(months=months, metric=metric, search=listing.search, sort=listing.sort)
    header = ("Organization ID", "Organization", *(str(month) for month in months), "Sum")
    rows: list[tuple[object, ...]] = [
        *((row.organization_id, row.name, *row.marks, row.total) for row in table.rows),
        ("", "All organizations", *table.totals, table.total),
    ]
    name = f"usage-{months[0]}-to-{months[-1]}-{metric.value}.csv"
    return csv_response(filename=name, header=header, rows=rows)
