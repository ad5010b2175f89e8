"""Billing Information: whom invoices are made out to, and the card on file."""

import re
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actors import actor_of
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing import gateway
from billing.cards import CardNotAccepted, adopt_card, begin_card_setup, current_card
from billing.contracts import contract_for
from billing.forms import BillingProfileForm
from billing.models import Invoice
from billing.money import format_money
from billing.profile import current_profile, save_profile
from tenants.models import MeteringPolicy
from usage.periods import Month

SETUP_INTENT = re.compile(r"seti_[A-Za-z0-9_]{1,200}")
STRIPE_IS_AWAY = 502
UNPROCESSABLE = 422


@requires(Permission.CHANGE_BILLING)
@require_http_methods(["GET", "HEAD", "POST"])
def billing_information(request: PortalRequest) -> HttpResponse:
    """The card on file and the billing profile, which a POST changes."""
    now = timezone.now()
    provider = request.provider
    profile = current_profile(provider=provider)
    form = BillingProfileForm.of(profile, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        save_profile(provider=provider, changes=form.changes(), actor=actor_of(request), now=now)
        messages.success(request, "Your billing information is saved.")
        return redirect("billing_information")
    contract = contract_for(Month.of(now, ZoneInfo(provider.billing_time_zone)))
    limit = contract.automatic_limit_minor if contract else settings.AUTOMATIC_CHARGE_LIMIT_MINOR
    context = {
        "form": form,
        "card": current_card(),
        "contract": contract,
        "automatic_limit": format_money(
            limit, contract.currency if contract else provider.currency
        ),
        "free_user_limit": MeteringPolicy.objects.get(pk=1).free_user_limit,
    }
    status = UNPROCESSABLE if form.is_bound else 200
    return render(request, "billing/billing_information.html", context, status=status)


@requires(Permission.CHANGE_BILLING)
@require_safe
def card_replace(request: PortalRequest) -> HttpResponse:
    """The form for a card: its fields are Stripe's own, and nothing of it passes this server."""
    return render(
        request,
        "billing/card.html",
        {
            "card": current_card(),
            "outstanding": [
                (invoice.number, format_money(invoice.amounts.due_minor, invoice.currency))
                for invoice in Invoice.objects.outstanding().oldest_first()
                if invoice.amounts.due_minor
            ],
            "stripe_js_url": settings.STRIPE_JS_URL,
            "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
        },
    )


@requires(Permission.CHANGE_BILLING)
@require_POST
def card_setup(request: PortalRequest) -> HttpResponse:
    """A client secret for the card form, as JSON."""
    try:
        secret = begin_card_setup(provider=request.provider, actor=actor_of(request))
    except gateway.GatewayError:
        return JsonResponse(
            {"error": "Our payment provider does not answer. Please try again in a minute."},
            status=STRIPE_IS_AWAY,
        )
    return JsonResponse({"client_secret": secret}, headers={"Cache-Control": "no-store"})


@requires(Permission.CHANGE_BILLING)
@require_safe
def card_return(request: PortalRequest) -> HttpResponse:
    """Where Stripe sends the browser back: the card counts once Stripe confirms it to us.

    Safe to load again, and useless with another provider's intent.
    """
    setup_intent_id = request.GET.get("setup_intent", "")
    if not SETUP_INTENT.fullmatch(setup_intent_id):
        messages.error(request, "Stripe sent no card back. Enter it again.")
        return redirect("card_replace")
    try:
        card = adopt_card(
            provider=request.provider, setup_intent_id=setup_intent_id, now=timezone.now()
        )
    except CardNotAccepted as refusal:
        messages.error(request, str(refusal))
        return redirect("card_replace")
    except gateway.GatewayError:
        messages.warning(
            request,
            "Our payment provider does not answer just now. Your card appears here as soon as it "
            "does; if it is still missing in an hour, enter it again.",
        )
        return redirect("billing_information")
    if card.replaced_at:
        messages.info(request, "This card was replaced by a newer one since.")
    else:
        messages.success(request, f"{card} is on file and pays every bill from now on.")
    if card.outstanding_ids:
        return redirect("card_charges", card_id=card.pk)
    return redirect("billing_information")
