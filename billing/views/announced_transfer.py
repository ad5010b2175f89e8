"""The page on which a billing admin pays an invoice a different way: by bank transfer."""

from datetime import date
from http import HTTPStatus

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.formatting import local_date
from billing.models import PaymentMethod
from billing.pages.access import invoice_or_404
from billing.payments.announced_transfers import announce_transfer, last_day, withdraw_transfer
from billing.payments.balance_lock import CorrectionRefused
from billing.payments.transfers_under_way import transfer_under_way
from core.actors import actor_of


class TransferForm(forms.Form):
    """The day by which the money arrives."""

    expected_on = forms.DateField(
        label="When will the money arrive at the latest?",
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"required": "Choose a day.", "invalid": "Enter a day of the calendar."},
    )

    def limit(self, *, today: date) -> None:
        """Let the browser offer the days that are accepted, and say which."""
        field, latest = self.fields["expected_on"], last_day(today)
        field.widget.attrs |= {"min": today.isoformat(), "max": latest.isoformat()}
        field.help_text = f"At most {settings.TRANSFER_DAYS} days from now."


@requires(Permission.CHANGE_BILLING)
@require_http_methods(["GET", "HEAD", "POST"])
def transfer_announce(request: PortalRequest, invoice_id: int) -> HttpResponse:
    """Announce a bank transfer: until it arrives no card is charged for the invoice."""
    invoice, now = invoice_or_404(invoice_id=invoice_id), timezone.now()
    form = TransferForm(request.POST or None)
    form.limit(today=local_date(now, invoice.billing_zone()))
    if request.method == "POST" and form.is_valid():
        try:
            announce_transfer(
                invoice_id=invoice.pk,
                expected_on=form.cleaned_data["expected_on"],
                actor=actor_of(request),
                now=now,
            )
        except CorrectionRefused as refusal:
            form.add_error(refusal.field or None, str(refusal))
        else:
            messages.success(request, "Your bank transfer is announced. No card is charged for it.")
            return redirect("invoice_detail", invoice.pk)
    elif invoice.amounts.due_minor == 0 or transfer_under_way(invoice):
        # A page opened from a stale link: the invoice says what is so.
        return redirect("invoice_detail", invoice.pk)
    context = {
        "invoice": invoice,
        "form": form,
        "bank_details_from": invoice.seller.get("email") or settings.SUPPORT_EMAIL,
        "has_card": PaymentMethod.objects.current() is not None,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "billing/transfer_announce.html", context, status=status)


@requires(Permission.CHANGE_BILLING)
@require_POST
def transfer_withdraw(request: PortalRequest, invoice_id: int) -> HttpResponse:
    """Withdraw the announcement: a card is charged again."""
    invoice = invoice_or_404(invoice_id=invoice_id)
    try:
        withdraw_transfer(invoice_id=invoice.pk, actor=actor_of(request), now=timezone.now())
    except CorrectionRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "The bank transfer is withdrawn.")
    return redirect("invoice_detail", invoice.pk)
