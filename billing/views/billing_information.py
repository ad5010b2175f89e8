"""Billing Information: two addresses, the bill-to party, the terms, and the card on file."""

from dataclasses import replace
from datetime import date
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.policies import anyone, requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.charge_limits import automatic_limit
from billing.customer.billing_information_form import MAILING, InformationForms, TermsForm
from billing.customer.profile import (
    choose_automatic_payment,
    profile_or_draft,
    save_profile,
)
from billing.customer.terms_of_use import accepted_terms
from billing.formatting import local_date
from billing.models import Contract, PaymentMethod
from billing.pages.agreement import shown_agreement
from billing.payments.card_invoices import card_invoices
from billing.reminders import expiry_of
from core.actors import actor_of
from core.months import Month
from tenants.models import MeteringPolicy

UNPROCESSABLE = 422
# The button of a browser without scripts that shows a country's fields and saves nothing.
SHOW_FIELDS = "show_fields"


@requires(Permission.CHANGE_BILLING)
@require_http_methods(["GET", "HEAD", "POST"])
def billing_information(request: PortalRequest) -> HttpResponse:
    """The card on file and the billing details; POST saves the details, the script sends a card."""
    profile = profile_or_draft(provider=request.provider)
    if request.method != "POST" or SHOW_FIELDS in request.POST:
        return _page(request, InformationForms.of(profile, typed=request.POST or None))
    information = InformationForms.of(profile, posted=request.POST)
    if not information.is_valid():
        return _page(request, information, status=UNPROCESSABLE)
    save_profile(
        provider=request.provider,
        changes=information.changes(),
        actor=actor_of(request),
        now=timezone.now(),
    )
    messages.success(request, "Your billing information is saved.")
    return redirect("billing_information")


@requires(Permission.CHANGE_BILLING)
@require_POST
def automatic_payment(request: PortalRequest) -> HttpResponse:
    """Choose whether invoices are charged to the card on file, or mailed with a link to pay."""
    is_chosen = request.POST.get("automatic") == "on"
    is_changed = choose_automatic_payment(
        provider=request.provider, is_chosen=is_chosen, actor=actor_of(request), now=timezone.now()
    )
    if is_changed and is_chosen:
        messages.success(request, "Automatic payment is on: your next invoice is charged.")
    elif is_changed:
        messages.success(
            request, "Automatic payment is off: your next invoice is mailed with a link to pay."
        )
    return redirect("billing_information")


@requires(Permission.CHANGE_BILLING)
@require_safe
def card_replace(request: PortalRequest) -> HttpResponse:
    """The same page with the card form open; its fields are Stripe's, in Stripe's frame."""
    profile = profile_or_draft(provider=request.provider)
    return _page(request, InformationForms.of(profile), is_card_open=True)


@requires(Permission.CHANGE_BILLING)
@require_POST
def address_fields(request: PortalRequest, part: str) -> HttpResponse:
    """The fields of one address for the chosen country, with the typed values; saves nothing."""
    profile = profile_or_draft(provider=request.provider)
    information = InformationForms.of(profile, typed=request.POST)
    context = {
        "form": information.mailing if part == MAILING else information.billing,
        "part": part,
        "information": information,
    }
    return render(request, "billing/_address_swapped.html", context)


@anyone
@require_safe
def terms(request: PortalRequest) -> HttpResponse:
    """The current version of the terms of service; public."""
    return render(request, "billing/terms.html", {"version": settings.TERMS_VERSION})


def _page(
    request: PortalRequest,
    information: InformationForms,
    *,
    is_card_open: bool = False,
    status: int = 200,
) -> HttpResponse:
    card = PaymentMethod.objects.current()
    is_card_open = is_card_open or card is None
    if is_card_open:
        information = replace(information, terms=terms_form(typed=request.POST))
    now, agreement, nothing_offered = timezone.now(), None, ""
    if is_card_open:
        agreement, nothing_offered = shown_agreement(provider=request.provider, now=now)
    context: dict[str, Any] = {
        "information": information,
        "card": card,
        "card_expiry": card and expiry_of(card, today=_today(request)),
        "is_card_open": is_card_open,
        "missing": [*information.missing(), *(["card details"] if is_card_open else [])],
        "accepted_terms": accepted_terms(),
        "card_invoices": card_invoices(now=now) if is_card_open else None,
        "today": _today(request),
        "stripe_js_url": settings.STRIPE_JS_URL,
        "publishable_key": settings.STRIPE_PUBLISHABLE_KEY,
        "free_user_limit": MeteringPolicy.objects.free_user_limit_at(now),
        **_charging(request),
        "agreement": agreement,
        "agreement_changed": False,
        "nothing_offered": nothing_offered,
        "submit_label": submit_label(),
        "pays_automatically": profile_or_draft(provider=request.provider).pays_automatically,
        "issue_day": request.provider.issue_day,
        "billing_email": settings.SELLER["email"],
    }
    return render(request, "billing/billing_information.html", context, status=status)


def _charging(request: PortalRequest) -> dict[str, Any]:
    """The limit of automatic charges, and the currency of the card form."""
    provider = request.provider
    contract = Contract.objects.current(Month.of(timezone.now(), provider.billing_zone()))
    currency = contract.currency if contract else provider.currency
    limit = contract.automatic_limit_minor if contract else automatic_limit(currency)
    return {
        "contract": contract,
        "currency": currency,
        "automatic_limit_minor": limit,
        "charges_card": contract.charges_card if contract else limit > 0,
    }


def _today(request: PortalRequest) -> date:
    return local_date(timezone.now(), request.provider.billing_zone())


def submit_label() -> str:
    """The button that sends a card, in the customer's words."""
    is_replaced = PaymentMethod.objects.current() is not None
    return "Update Payment Information" if is_replaced else "Submit Payment Information"


def terms_form(*, posted: Any = None, typed: Any = None) -> TermsForm | None:
    """The box to accept the terms; None if their current version is accepted already."""
    if accepted_terms():
        return None
    return TermsForm(posted, initial={"terms": (typed or {}).get("terms", "")})
