"""The active contract as agreed, with its renewal and its document."""

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
from billing.formatting import local_date
from billing.models import Contract
from billing.reminders import is_near
from billing.views.stored_documents import stored_document
from core.months import Month

SECONDS_TO_REFRESH = 3


@requires(Permission.VIEW_BILLING)
@require_safe
def contract(request: PortalRequest) -> HttpResponse:
    """The contract that bills this month, and all others; 404 without any."""
    now, provider = timezone.now(), request.provider
    today = local_date(now, provider.billing_zone())
    agreed = list(Contract.objects.order_by("-starts_on"))
    current = Contract.objects.current(Month.of(now, provider.billing_zone()))
    displayed = current or next(iter(agreed), None)
    if displayed is None:
        raise Http404
    course = renewal_of(displayed, today=today)
    context = {
        "contract": displayed,
        "is_current": displayed == current,
        "late_start": displayed.late_start(provider.billing_zone()),
        "reference": contract_reference(displayed, prefix=provider.invoice_prefix),
        "course": course,
        "is_near": is_near(course, today=today),
        "others": [other for other in agreed if other != displayed],
        "support_email": settings.SUPPORT_EMAIL,
    }
    return render(request, "billing/contract.html", context)


@requires(Permission.VIEW_BILLING)
@require_safe
def contract_pdf(request: PortalRequest, contract_id: int) -> HttpResponse:
    """The stored PDF of the contract, or a page with the reason why there is none."""
    contract = get_object_or_404(Contract, pk=contract_id)
    try:
        document = contract_document(contract=contract)
    except DocumentDamaged:
        return _unavailable(request, contract, reason="damaged", status=HTTPStatus.CONFLICT)
    except DocumentNotReady:
        request_contract_document(contract=contract, now=timezone.now())
        response = _unavailable(request, contract, reason="preparing", status=HTTPStatus.ACCEPTED)
        response["Refresh"] = str(SECONDS_TO_REFRESH)
        return response
    name = contract_reference(contract, prefix=request.provider.invoice_prefix)
    return stored_document(request, document, name=f"{name}.pdf", content_type="application/pdf")


def _unavailable(
    request: PortalRequest, contract: Contract, *, reason: str, status: HTTPStatus
) -> HttpResponse:
    context = {"contract": contract, "reason": reason, "support_email": settings.SUPPORT_EMAIL}
    response = render(request, "billing/contract_unavailable.html", context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response
