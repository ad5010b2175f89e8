"""The page of a charge list: the result for each invoice, reloaded until every one has its own."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.requests import PortalRequest
from billing.payment_links import payment_link
from billing.payments.charge_lists import ChargeList, Outcome, charge_results


def charge_results_page(
    request: PortalRequest, charges: ChargeList, *, template: str, **context: object
) -> HttpResponse:
    """Render the page; for htmx the table alone.

    A page with a banner of the outstanding balance (`?banner`) is reloaded as a whole when every
    invoice has its result, so that banner and menu are those of the restored account.
    """
    results, now = charge_results(charges), timezone.now()
    is_open = any(result.is_open for result in results)
    context |= {
        "card": charges.card,
        "results": results,
        "pay_urls": {
            result.invoice.pk: payment_link(invoice_id=result.invoice.pk, now=now)
            for result in results
            if result.outcome is Outcome.TO_CONFIRM
        },
        "counts": {outcome.value: _count(results, outcome) for outcome in Outcome},
        "is_open": is_open,
    }
    partial = request.htmx.target == "card-charges"
    response = render(request, "billing/_charge_results.html" if partial else template, context)
    if partial and not is_open and "banner" in request.GET:
        response["HX-Refresh"] = "true"
    return response


def _count(results: list, outcome: Outcome) -> int:  # type: ignore[type-arg]
    return sum(result.outcome is outcome for result in results)
