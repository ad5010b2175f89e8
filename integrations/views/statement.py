"""The statement per client: the charge of a month, Autotask's price for it, and the margin."""

from collections.abc import Callable, Iterable
from datetime import UTC
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.documents.invoice_csv import plain_money
from core.listing import ROWS_PER_PAGE, Listing
from core.months import MONTHS_OF_A_YEAR, Month
from core.names import reads_like
from core.replica import reads_replica
from core.table_cells import instant_cell
from integrations.statement.charges import NamedCharge
from integrations.statement.month import ClientRow, Statement, statement_of

FILTERS = {
    "decide": "Needs review",
    "differs": "Any difference",
    "agrees": "Agrees",
    "unmapped": "Not mapped",
}
_SORT_KEYS: dict[str, Callable[[ClientRow], Any]] = {
    "name": lambda row: row.name.casefold(),
    "count": lambda row: row.count,
    "charged": lambda row: row.charged.minor if row.charged else 0,
    "margin": lambda row: row.margin_minor or 0,
}
CSV_HEADER = (
    "Month",
    "Organization ID",
    "Organization",
    "Own count",
    "Charged quantity",
    "Charged amount",
    "Credited since",
    "Autotask service",
    "Autotask units",
    "Autotask price",
    "Currency",
    "Margin",
    "Last checked",
    "Causes",
    "Explanation",
)


@requires(Permission.VIEW_BILLING)
@require_safe
@reads_replica
def autotask_statement(request: PortalRequest) -> HttpResponse:
    """A month by client, the current one by default; for htmx only the table."""
    statement, months = _statement(request)
    listing = Listing.of(request, sorts=_SORT_KEYS, default_sort="name", filters=FILTERS)
    rows = _listed(statement.rows, listing)
    page: Page[ClientRow] = Paginator(rows, ROWS_PER_PAGE).get_page(listing.page)
    query = request.GET.urlencode()
    context: dict[str, Any] = {
        "statement": statement,
        "months": months,
        "month": str(statement.month),
        "listing": listing,
        "page": page,
        "tabs": [("", "All"), *FILTERS.items()] if statement.is_connected else [],
        "query": f"?{query}" if query else "",
        "path": request.path,
    }
    is_partial = request.htmx.target == "statement"
    template = "integrations/_statement.html" if is_partial else "integrations/statement.html"
    return render(request, template, context)


@requires(Permission.VIEW_BILLING)
@require_safe
@reads_replica
def autotask_statement_csv(request: PortalRequest) -> HttpResponseBase:
    """All rows of the page's list, in its order.

    Of the whole list, also the rows of no organization: the charged amounts then add up to the
    invoices.
    """
    statement, _ = _statement(request)
    listing = Listing.of(request, sorts=_SORT_KEYS, default_sort="name", filters=FILTERS)
    rows = [_csv_row(row, statement) for row in _listed(statement.rows, listing)]
    if not listing.search and not listing.filter:
        rows += [_named_csv_row(row, statement) for row in statement.charges.named]
    return table_download(
        request, name=f"statement-{statement.month}", header=CSV_HEADER, rows=rows
    )


def _statement(request: PortalRequest) -> tuple[Statement, list[tuple[str, str]]]:
    """The month's statement and the last twelve months. A month that has not begun is a 404."""
    current = Month.of(timezone.now(), request.provider.billing_zone())
    try:
        text = request.GET.get("month")
        month = Month.parse(text) if text else current
    except ValueError:
        raise Http404 from None
    if month > current:
        raise Http404
    last = [current.plus(months=-back) for back in range(MONTHS_OF_A_YEAR)]
    return statement_of(month=month), [(str(each), f"{each.first_day:%b %Y}") for each in last]


def _listed(rows: Iterable[ClientRow], listing: Listing) -> list[ClientRow]:
    listed = [
        row for row in rows if reads_like(listing.search, row.name) and _passes(row, listing.filter)
    ]
    field = listing.sort.removeprefix("-")
    return sorted(listed, key=_SORT_KEYS[field], reverse=listing.sort.startswith("-"))


def _passes(row: ClientRow, filter_name: str) -> bool:
    match filter_name:
        case "decide":
            return row.needs_person
        case "differs":
            return bool(row.differences)
        case "agrees":
            return not row.differences
        case "unmapped":
            return row.mapped is None
        case _:
            return True


def _csv_row(row: ClientRow, statement: Statement) -> tuple[object, ...]:
    def money(minor: int | None) -> object:
        return "" if minor is None else plain_money(minor, statement.currency)

    charged, checked = row.charged, row.checked
    return (
        *(str(statement.month), row.organization_id, row.name, row.count),
        charged.quantity if charged else "",
        money(charged.minor if charged else None),
        money(charged.credited_minor if charged else None),
        row.mapped.service if row.mapped else "",
        "" if checked is None or checked.units is None else checked.units,
        *(money(row.price_minor), statement.currency, money(row.margin_minor)),
        instant_cell(checked.at if checked else None, UTC, whole_seconds=True),
        "; ".join(each.cause.value for each in row.differences),
        " ".join(each.text for each in row.differences),
    )


def _named_csv_row(row: NamedCharge, statement: Statement) -> tuple[object, ...]:
    currency = statement.currency
    return (
        *(str(statement.month), "", row.name, "", ""),
        *(plain_money(row.minor, currency), plain_money(row.credited_minor, currency)),
        *("", "", "", currency, "", "", "", ""),
    )
