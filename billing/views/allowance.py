"""The allowance of monthly active users: twelve months, past orders, and ordering a pack."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import OfferPrice
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.choices import Collection
from billing.invoicing.pack_allowance import allowance_months
from billing.invoicing.pack_orders import (
    AlreadyOrdered,
    Confirmed,
    OfferChanged,
    OrderRefused,
    Quote,
    offered,
    order_pack,
    ordering_contract,
    quote,
)
from billing.models import PackOrder
from billing.money import round_minor
from billing.planning.forecast import allowance_ahead
from core.actors import actor_of
from core.months import Month
from core.plain_numbers import PlainIntegerField, plain_id
from usage.active_users.months_table import activity_table
from usage.forecast.active_users_months import forecast_active_month
from usage.ledger.months_table import last_months

_LARGEST = 2**63 - 1


class ConfirmationForm(forms.Form):
    """The offer as the administrator saw and confirmed it."""

    offer = PlainIntegerField(min_value=1, max_value=_LARGEST)
    quantity = PlainIntegerField(min_value=1, max_value=_LARGEST)
    first = forms.CharField(max_length=7)
    months = PlainIntegerField(min_value=1, max_value=_LARGEST)
    total_minor = PlainIntegerField(min_value=0, max_value=_LARGEST)
    follows = PlainIntegerField(min_value=0, max_value=_LARGEST)

    @property
    def confirmed(self) -> Confirmed:
        """The offer that was confirmed."""
        return Confirmed(
            **{name: self.cleaned_data[name] for name in self.fields if name != "offer"}
        )


def _sees_all_or_403(request: PortalRequest) -> None:
    if request.user.limited_to is not None:
        raise PermissionDenied(
            "The allowance is for all organizations together, and you are limited to some."
        )


@requires(Permission.VIEW_BILLING, Permission.EXTEND_ALLOWANCE)
@require_safe
def allowance(request: PortalRequest) -> HttpResponse:
    """Twelve months of the allowance, the past orders, and the packs on offer."""
    _sees_all_or_403(request)
    now, zone = timezone.now(), request.provider.billing_zone()
    month = Month.of(now, zone)
    months = last_months(month=month)
    counts = activity_table(months=months, limit=0).totals
    covered = allowance_months(months=months, active=counts)
    ahead = allowance_ahead(
        forecast=forecast_active_month(at=now, zone=zone), allowance=covered[-1].allowance
    )
    offers, refusal = _offers(request)
    context = {
        "covered": list(reversed(covered)),
        "current": covered[-1],
        "ahead": ahead,
        "month": month.first_day,
        "zone": zone.key,
        "orders": PackOrder.objects.select_related("invoice").order_by("-pk"),
        "offers": offers,
        "refusal": refusal,
        "may_extend": request.user.may(Permission.EXTEND_ALLOWANCE),
        "may_see_invoices": request.user.may(Permission.VIEW_BILLING),
    }
    return render(request, "billing/allowance.html", context)


def _offers(request: PortalRequest) -> tuple[list[tuple[OfferPrice, int]], str]:
    """The packs with their prices in minor units, or why none can be ordered.

    Neither for a user who may not order.
    """
    if not request.user.may(Permission.EXTEND_ALLOWANCE):
        return [], ""
    try:
        contract = ordering_contract(provider=request.provider, now=timezone.now())
    except OrderRefused as refusal:
        return [], str(refusal)
    currency = contract.currency
    return [(price, round_minor(price.price, currency)) for price in offered(currency=currency)], ""


@requires(Permission.EXTEND_ALLOWANCE)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def pack_order(request: PortalRequest) -> HttpResponse:
    """A pack with its price and tax; POST orders it once, as it was displayed."""
    _sees_all_or_403(request)
    if request.method == "POST":
        return _order(request)
    offer_id = plain_id(request.GET.get("offer", "")) or 0
    try:
        quoted = quote(provider=request.provider, offer_id=offer_id, now=timezone.now())
    except OrderRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("allowance")
    return render(request, "billing/pack_order.html", _order_context(request, quoted))


def _order(request: PortalRequest) -> HttpResponse:
    form = ConfirmationForm(request.POST)
    try:
        if not form.is_valid():
            raise OrderRefused("The confirmation was incomplete. Look at the offer again.")
        order = order_pack(
            provider=request.provider,
            offer_id=form.cleaned_data["offer"],
            confirmed=form.confirmed,
            actor=actor_of(request),
            now=timezone.now(),
        )
    except AlreadyOrdered as already:
        return _to_order(request, already.order, "was ordered already, once")
    except OfferChanged as changed:
        messages.error(request, str(changed))
        query = urlencode({"offer": form.cleaned_data["offer"]})
        return redirect(f"{reverse('pack_order')}?{query}")
    except OrderRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("allowance")
    return _to_order(request, order, "is ordered, and your allowance is up")


def _to_order(request: PortalRequest, order: PackOrder, outcome: str) -> HttpResponse:
    messages.success(request, f"{order.offer_name} {outcome}. Invoice {order.invoice.number}.")
    return redirect("allowance")


def _order_context(request: PortalRequest, quoted: Quote) -> dict[str, Any]:
    months = [quoted.first]
    counts = activity_table(months=months, limit=0).totals
    (covered,) = allowance_months(months=months, active=counts)
    return {
        "quote": quoted,
        "confirmed": quoted.to_be_confirmed,
        "first": quoted.first.first_day,
        "last": quoted.last.first_day,
        "is_charged": quoted.draft.collection is Collection.AUTOMATIC,
        "before": covered.allowance,
        "after": covered.allowance + quoted.offer.quantity,
        "zone": request.provider.billing_zone(),
    }
