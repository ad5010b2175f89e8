"""The statement of account for a period: a page, and its table as CSV or Excel file."""

from collections.abc import Iterator
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.account_ledger import AccountStatement, Kind, account_statements
from billing.documents.invoice_csv import plain_money
from billing.formatting import local_date
from billing.pages.payment_history import Period
from core.months import day_starts_at
from core.replica import reads_replica
from core.table_cells import Cell

CSV_HEADER = ("Date", "What", "Invoice", "Detail", "Amount", "Balance", "Currency")


@requires(Permission.VIEW_BILLING)
@require_safe
def account_statement(request: PortalRequest) -> HttpResponse:
    """Opening balance, every movement and closing balance of the days that were chosen."""
    first, last, zone = _days(request)
    context = {
        "first": first,
        "last": last,
        "zone": zone,
        "statements": [
            (statement, _sums(statement)) for statement in _statements(first, last, zone)
        ],
    }
    return render(request, "billing/account_statement.html", context)


@requires(Permission.VIEW_BILLING)
@require_safe
@reads_replica
def account_statement_csv(request: PortalRequest) -> HttpResponseBase:
    """The same movements, between a row with the opening and one with the closing balance."""
    first, last, zone = _days(request)
    return table_download(
        request,
        name=f"statement-{first}-to-{last}",
        header=CSV_HEADER,
        rows=_csv_rows(_statements(first, last, zone), first=first, last=last, zone=zone),
    )


def _days(request: PortalRequest) -> tuple[date, date, ZoneInfo]:
    zone = request.provider.billing_zone()
    today = local_date(timezone.now(), zone)
    period = Period.of(request.GET).clamped(today=today)
    return period.first or today, period.last or today, zone


def _statements(first: date, last: date, zone: ZoneInfo) -> list[AccountStatement]:
    return account_statements(
        starts_at=day_starts_at(day=first, zone=zone),
        ends_at=day_starts_at(day=last + timedelta(days=1), zone=zone),
    )


def _sums(statement: AccountStatement) -> list[tuple[str, int]]:
    """The sums of the period that lead from the opening to the closing balance."""
    sums = [
        ("Invoices", statement.sum_of(Kind.INVOICE)),
        ("Payments", statement.sum_of(Kind.PAYMENT)),
        ("Credit notes", statement.sum_of(Kind.CREDIT)),
        ("Refunds", statement.sum_of(Kind.REFUND)),
        ("Payments taken back", statement.sum_of(Kind.TAKEN_BACK)),
        ("Void and written off", statement.sum_of(Kind.VOID, Kind.WRITTEN_OFF)),
    ]
    return [(name, minor) for name, minor in sums if minor]


def _csv_rows(
    statements: list[AccountStatement], *, first: date, last: date, zone: ZoneInfo
) -> Iterator[tuple[Cell, ...]]:
    for statement in statements:
        currency = statement.currency
        opening = plain_money(statement.opening_minor, currency)
        yield first, "Opening balance", "", "", "", opening, currency
        for movement, balance in statement.rows:
            yield (
                *(local_date(movement.at, zone), movement.kind.value, movement.number),
                *(movement.detail, plain_money(movement.amount_minor, currency)),
                *(plain_money(balance, currency), currency),
            )
        closing = plain_money(statement.closing_minor, currency)
        yield last, "Closing balance", "", "", "", closing, currency
