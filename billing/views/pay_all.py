"""Paying all open invoices at once: the confirmation, and the result for each invoice."""

from http import HTTPStatus

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.formatting import local_date
from billing.models import ChargeOrder
from billing.pages.charge_results import charge_results_page
from billing.pages.seen_form import SeenForm
from billing.payments.charge_orders import (
    PayableInvoices,
    charges_of_order,
    order_charges,
    order_under_way,
    payable_invoices,
)
from billing.seen import ChangeRefused
from core.actors import actor_of


class PayAllForm(SeenForm, forms.Form):
    """The confirmation; it carries the token of the invoices that it shows."""

    def __init__(self, *args: object, payable: PayableInvoices) -> None:
        self.payable = payable
        super().__init__(*args)

    def token(self) -> str:
        """The token of the invoices, their amounts and the card."""
        return self.payable.token()


@requires(Permission.CHANGE_BILLING)
@require_http_methods(["GET", "HEAD", "POST"])
def pay_all(request: PortalRequest) -> HttpResponse:
    """The invoices that the card on file can pay, their sum, and the button that pays them."""
    now = timezone.now()
    payable = payable_invoices()
    form = PayAllForm(request.POST or None, payable=payable)
    status = HTTPStatus.OK
    if request.method == "POST" and form.is_valid():
        seen = form.cleaned_data["seen"]
        try:
            order = order_charges(seen=seen, actor=actor_of(request), now=now)
        except ChangeRefused as refusal:
            messages.error(request, str(refusal))
            return redirect("pay_all")
        return redirect("charge_order", order.pk)
    if request.method == "POST":
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    elif (running := order_under_way()) is not None:
        return redirect("charge_order", running.pk)
    context = {
        "form": form,
        "payable": payable,
        "today": local_date(now, request.provider.billing_zone()),
    }
    return render(request, "billing/pay_all.html", context, status=status)


@requires(Permission.CHANGE_BILLING)
@require_safe
def charge_order(request: PortalRequest, order_id: int) -> HttpResponse:
    """What happened, or is happening, to each invoice of an order."""
    order = get_object_or_404(ChargeOrder.objects.select_related("card"), pk=order_id)
    return charge_results_page(
        request, charges_of_order(order), template="billing/charge_order.html", order=order
    )
