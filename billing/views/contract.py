"""The contract in force, as agreed, with its course and its document."""

from http import HTTPStatus

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.contracts.contracts import request_contract_document
from billing.contracts.renewals import renewal_of
from billing.documents.contract import contract_document, contract_reference
from billing.documents.store import DocumentDamaged, DocumentNotReady
from billing.formatting import date_text, local_date
from billing.models import Contract
from billing.money import format_money, format_unit_price
from billing.reminders import is_near
from billing.views.stored_documents import stored_document
from core.months import Month

SECONDS_TO_NEXT_LOOK = 3


@requires(Permission.VIEW_BILLING)
@require_safe
def contract(request: PortalRequest) -> HttpResponse:
    """The contract that bills this month, and those before and after; 404 without any."""
    now, provider = timezone.now(), request.provider
    today = local_date(now, provider.billing_zone())
    agreed = list(Contract.objects.order_by("-starts_on"))
    current = Contract.objects.current(Month.of(now, provider.billing_zone()))
    shown = current or next(iter(agreed), None)
    if shown is None:
        raise Http404
    course = renewal_of(shown, today=today)
    context = {
        "contract": shown,
        "is_current": shown == current,
        "reference": contract_reference(shown, prefix=provider.invoice_prefix),
        "course": course,
        "is_near": is_near(course, today=today),
        "day": date_text(course.on),
        "unit": shown.unit,
        "unit_price": format_unit_price(shown.unit_price, shown.currency),
        "automatic_limit": format_money(shown.automatic_limit_minor, shown.currency),
        "others": [
            (other, format_unit_price(other.unit_price, other.currency), other.unit)
            for other in agreed
            if other != shown
        ],
        "support_email": settings.SUPPORT_EMAIL,
    }
    return render(request, "billing/contract.html", context)


@requires(Permission.VIEW_BILLING)
@require_safe
def contract_pdf(request: PortalRequest, contract_id: int) -> HttpResponse:
    """The contract's PDF as rendered once, or a page that says why not."""
    wanted = get_object_or_404(Contract, pk=contract_id)
    try:
        kept = contract_document(contract=wanted)
    except DocumentDamaged:
        return _unavailable(request, wanted, reason="damaged", status=HTTPStatus.CONFLICT)
    except DocumentNotReady:
        request_contract_document(contract=wanted, now=timezone.now())
        response = _unavailable(request, wanted, reason="preparing", status=HTTPStatus.ACCEPTED)
        response["Refresh"] = str(SECONDS_TO_NEXT_LOOK)
        return response
    name = contract_reference(wanted, prefix=request.provider.invoice_prefix)
    return stored_document(request, kept, name=f"{name}.pdf", content_type="application/pdf")


def _unavailable(
    request: PortalRequest, wanted: Contract, *, reason: str, status: HTTPStatus
) -> HttpResponse:
    context = {"contract": wanted, "reason": reason, "support_email": settings.SUPPORT_EMAIL}
    response = render(request, "billing/contract_unavailable.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response
