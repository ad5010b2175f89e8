"""The statement of account for a period: a page, its PDF, and its table as CSV or Excel file."""

from collections.abc import Iterator
from http import HTTPStatus

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.downloads import table_download
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.documents.invoice_csv import plain_money
from billing.documents.statement import (
    MOST_MOVEMENTS,
    StatementDays,
    TooManyMovements,
    request_statement,
    statement_document,
)
from billing.documents.store import DocumentDamaged, DocumentNotReady
from billing.formatting import local_date
from billing.pages.payment_history import Period
from billing.views.stored_documents import stored_document
from core.replica import reads_replica
from core.table_cells import Cell

CSV_HEADER = ("Date", "What", "Invoice Number", "Detail", "Amount", "Balance", "Currency")
SECONDS_TO_REFRESH = 3


@requires(Permission.VIEW_BILLING)
@require_safe
def account_statement(request: PortalRequest) -> HttpResponse:
    """Opening balance, every movement and closing balance of the days that were chosen."""
    days = _days(request)
    context = {
        "first": days.first,
        "last": days.last,
        "zone": days.zone,
        "statements": days.statements(),
    }
    return render(request, "billing/account_statement.html", context)


@requires(Permission.VIEW_BILLING)
@require_safe
@reads_replica
def account_statement_csv(request: PortalRequest) -> HttpResponseBase:
    """The same movements, between a row with the opening and one with the closing balance."""
    days = _days(request)
    return table_download(
        request,
        name=f"statement-{days.first}-to-{days.last}",
        header=CSV_HEADER,
        rows=_csv_rows(days),
    )


@requires(Permission.VIEW_BILLING)
@require_safe
def account_statement_pdf(request: PortalRequest) -> HttpResponse:
    """The same statement as PDF; while a worker renders it, a page that looks again."""
    days = _days(request)
    query = f"?from={days.first}&to={days.last}"
    try:
        document = statement_document(provider=request.provider, days=days)
    except TooManyMovements:
        messages.error(
            request,
            f"A PDF holds at most {MOST_MOVEMENTS:,} movements. Choose fewer days, or CSV.",
        )
        return redirect(reverse("account_statement") + query)
    except DocumentDamaged:
        reason, status = "damaged", HTTPStatus.CONFLICT
    except DocumentNotReady:
        request_statement(days=days, now=timezone.now())
        reason, status = "preparing", HTTPStatus.ACCEPTED
    else:
        name = f"{request.provider.invoice_prefix}-statement-{days.first}-to-{days.last}.pdf"
        return stored_document(request, document, name=name, content_type="application/pdf")
    context = {"query": query, "reason": reason, "support_email": settings.SUPPORT_EMAIL}
    response = render(request, "billing/account_statement_unavailable.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    if reason == "preparing":
        response["Refresh"] = str(SECONDS_TO_REFRESH)
    return response


def _days(request: PortalRequest) -> StatementDays:
    zone = request.provider.billing_zone()
    today = local_date(timezone.now(), zone)
    period = Period.of(request.GET).clamped(today=today)
    return StatementDays(period.first or today, period.last or today, zone)


def _csv_rows(days: StatementDays) -> Iterator[tuple[Cell, ...]]:
    for statement in days.statements():
        currency = statement.currency
        opening = plain_money(statement.opening_minor, currency)
        yield days.first, "Opening balance", "", "", "", opening, currency
        for movement, balance in statement.rows:
            yield (
                *(local_date(movement.at, days.zone), movement.kind.value, movement.number),
                *(movement.detail, plain_money(movement.amount_minor, currency)),
                *(plain_money(balance, currency), currency),
            )
        closing = plain_money(statement.closing_minor, currency)
        yield days.last, "Closing balance", "", "", "", closing, currency
