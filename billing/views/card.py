"""Putting a card on file: before the browser goes to Stripe, and after it returns."""

import re
from datetime import datetime

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.customer.billing_information_form import InformationForms
from billing.customer.profile import profile_or_draft, save_profile
from billing.customer.terms_of_use import accept_terms, accepted_terms
from billing.gateway import client as gateway
from billing.pages.agreement import shown_agreement
from billing.payments.card_invoices import card_invoices
from billing.payments.cards import (
    CardNotAccepted,
    adopt_card,
    begin_card_setup,
    begin_paying_card_setup,
)
from billing.views.billing_information import UNPROCESSABLE, submit_label, terms_form
from core.actors import actor_of

SETUP_INTENT = re.compile(r"seti_[A-Za-z0-9_]{1,200}")
STRIPE_IS_AWAY = 502


@requires(Permission.CHANGE_BILLING)
@require_POST
def card_setup(request: PortalRequest) -> HttpResponse:
    """Save the billing information and the accepted terms; return a client secret as JSON.

    422 with the fields and their errors, and nothing saved, if the form is not valid or the
    agreement is not the one that was shown. 502 if Stripe does not answer.
    """
    actor, now = actor_of(request), timezone.now()
    profile = profile_or_draft(provider=request.provider)
    information = InformationForms.of(
        profile, posted=request.POST, terms=terms_form(posted=request.POST)
    )
    agreement, nothing_offered = shown_agreement(provider=request.provider, now=now)
    offer = agreement.offer if agreement else None
    shown = request.POST.get("agreement", "")
    is_changed = not nothing_offered and shown != (offer.fingerprint if offer else "")
    if is_changed or not information.is_valid():
        context = {
            "information": information,
            "accepted_terms": accepted_terms(),
            "agreement": agreement,
            "agreement_changed": is_changed,
            "submit_label": submit_label(),
        }
        return render(
            request, "billing/_billing_information_refused.html", context, status=UNPROCESSABLE
        )
    if nothing_offered:
        return JsonResponse({"error": nothing_offered}, status=UNPROCESSABLE)
    with transaction.atomic():
        save_profile(provider=request.provider, changes=information.changes(), actor=actor, now=now)
        accept_terms(actor=actor, now=now)
    chosen = _chosen(request, now=now)
    try:
        secret = (
            begin_paying_card_setup(
                provider=request.provider, offer=offer, actor=actor, now=now, invoice_ids=chosen
            )
            if offer
            else begin_card_setup(provider=request.provider, actor=actor, invoice_ids=chosen)
        )
    except gateway.GatewayError:
        return JsonResponse(
            {"error": "Our payment provider does not answer. Please try again in a minute."},
            status=STRIPE_IS_AWAY,
        )
    return JsonResponse({"client_secret": secret}, headers={"Cache-Control": "no-store"})


def _chosen(request: PortalRequest, *, now: datetime) -> list[int]:
    """The offered invoices that the person ticked; others are left out."""
    ticked = set(request.POST.getlist("pay_invoices"))
    return [each.pk for each in card_invoices(now=now).offered if str(each.pk) in ticked]


@requires(Permission.CHANGE_BILLING)
@require_safe
def card_return(request: PortalRequest) -> HttpResponse:
    """Adopt the card after Stripe sends the browser back, if Stripe confirms it to us.

    Safe to repeat; refuses a setup intent of another provider.
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
        messages.info(request, "This card is no longer on file.")
    else:
        messages.success(request, f"{card} is on file and pays every bill from now on.")
    if card.invoices_to_charge:
        return redirect("card_charges", card_id=card.pk)
    return redirect("billing_information")
