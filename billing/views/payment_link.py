"""Payment of one invoice by its link, without signing in; the page shows nothing else."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.core.internal.ratelimit import consume
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.policies import anyone
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, Invoice
from billing.money import format_money
from billing.payment_links import LinkIsDead, linked_invoice
from billing.payments.on_session import (
    NothingToPay,
    PaymentInProgress,
    PaymentRefused,
    begin_on_session,
    card_obstacle,
    settle_return,
)

RATE = {"pay": "60/m/ip"}
NOT_FOUND, CONFLICT, TOO_MANY, STRIPE_IS_AWAY = 404, 409, 429, 502
AWAY = "Our payment provider does not answer. Please try again in a minute."
RUNNING = "A charge of this invoice is under way. Please look again in a few minutes."
View = Callable[..., HttpResponse]


def discreet(view: View) -> View:
    """Limit the view per IP address; keep the link out of caches, search indexes and referrers."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        allowed = consume(request, app="mtp", action="pay", config=RATE, limit_get=True)
        response = (
            view(request, *args, **kwargs)
            if allowed
            else render(request, "429.html", status=TOO_MANY)
        )
        response["Referrer-Policy"] = "no-referrer"
        response["Cache-Control"] = "no-store"
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return guarded


def _invoice_context(invoice: Invoice) -> dict[str, str]:
    """The values of the invoice that the page may show."""
    amount = invoice.amounts.due_minor or invoice.total_minor
    return {
        "number": invoice.number,
        "amount": format_money(amount, invoice.currency),
        "payee": str(invoice.seller["name"]),
    }


def _dead(request: HttpRequest) -> HttpResponse:
    return render(request, "billing/pay_dead.html", status=NOT_FOUND)


@anyone
@discreet
@require_safe
def pay_invoice(request: HttpRequest, token: str) -> HttpResponse:
    """The invoice's number, amount and payee, and the button that begins the payment."""
    try:
        with linked_invoice(token=token, now=timezone.now()) as invoice:
            if invoice.amounts.due_minor == 0:
                raise LinkIsDead
            context = {**_invoice_context(invoice), "why_not": card_obstacle(invoice)}
    except LinkIsDead:
        return _dead(request)
    context = {
        **context,
        "token": token,
        "stripe_js_url": settings.STRIPE_JS_URL,
        "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
    }
    return render(request, "billing/pay.html", context)


@anyone
@discreet
@require_POST
def pay_begin(request: HttpRequest, token: str) -> HttpResponse:  # noqa: ARG001 - a view
    """The client secret of the invoice's one payment, as JSON."""
    now = timezone.now()
    try:
        with linked_invoice(token=token, now=now) as invoice:
            payment = begin_on_session(invoice_id=invoice.pk, now=now)
    except (LinkIsDead, NothingToPay):
        return JsonResponse({"error": "This payment link is no longer valid."}, status=NOT_FOUND)
    except PaymentInProgress:
        return JsonResponse({"error": RUNNING}, status=CONFLICT)
    except PaymentRefused as refusal:
        return JsonResponse({"error": str(refusal)}, status=CONFLICT)
    except gateway.GatewayError:
        return JsonResponse({"error": AWAY}, status=STRIPE_IS_AWAY)
    return JsonResponse(
        {"client_secret": payment.client_secret, "payment_method": payment.payment_method_id}
    )


@anyone
@discreet
@require_safe
def pay_return(request: HttpRequest, token: str) -> HttpResponse:
    """Settle the payment after Stripe sends the browser back, if Stripe confirms it to us."""
    now = timezone.now()
    try:
        with linked_invoice(token=token, now=now) as invoice:
            state = settle_return(
                invoice=invoice, payment_intent_id=request.GET.get("payment_intent", ""), now=now
            )
            context = _invoice_context(invoice)
    except LinkIsDead:
        return _dead(request)
    except gateway.GatewayError:
        return render(request, "billing/pay_done.html", {"state": "unknown"}, status=STRIPE_IS_AWAY)
    if state in (ChargeAttempt.State.SUCCEEDED, ChargeAttempt.State.PROCESSING):
        return render(request, "billing/pay_done.html", {**context, "state": state})
    return redirect("pay_invoice", token=token)
