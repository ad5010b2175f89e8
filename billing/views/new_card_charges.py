"""The charges of a new card: the result for each invoice that was outstanding."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.models import PaymentMethod
from billing.payment_links import payment_link
from billing.payments.new_card_charges import Outcome, charge_results


@requires(Permission.CHANGE_BILLING)
@require_safe
def card_charges(request: PortalRequest, card_id: int) -> HttpResponse:
    """Each invoice that was outstanding when the card was added; for htmx the table alone.

    A page with a banner of the outstanding balance (`?banner`) is reloaded as a whole when every
    invoice has its result, so that banner and menu are those of the restored account.
    """
    card = get_object_or_404(PaymentMethod, pk=card_id)
    results, now = charge_results(card), timezone.now()
    context = {
        "card": card,
        "results": results,
        "pay_urls": {
            result.invoice.pk: payment_link(invoice_id=result.invoice.pk, now=now)
            for result in results
            if result.outcome is Outcome.TO_CONFIRM
        },
        "is_open": any(result.is_open for result in results),
    }
    partial = request.htmx.target == "card-charges"
    template = "billing/_new_card_charges.html" if partial else "billing/new_card_charges.html"
    response = render(request, template, context)
    if partial and not context["is_open"] and "banner" in request.GET:
        response["HX-Refresh"] = "true"
    return response
