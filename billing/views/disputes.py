"""The form by which an administrator disputes a line of an invoice."""

from http import HTTPStatus

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.corrections.line_disputes import disputable_minor, open_dispute
from billing.models import Invoice, InvoiceLine
from billing.pages.access import invoice_or_404
from billing.payments.balance_lock import CorrectionRefused
from core.actors import actor_of
from core.text import plain_text


class DisputeForm(forms.Form):
    """The reason of a dispute."""

    reason = forms.CharField(
        label="What is wrong with this line?",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Tell us what looks wrong, with names and dates if you can.",
        error_messages={"required": "Say what is wrong with this line."},
    )

    def clean_reason(self) -> str:
        """The reason as one line of plain text; refused with a control character."""
        reason = " ".join(self.cleaned_data["reason"].split())
        plain_text(reason)
        return reason


@requires(Permission.CHANGE_BILLING)
@require_http_methods(["GET", "HEAD", "POST"])
def line_dispute(request: PortalRequest, invoice_id: int, position: int) -> HttpResponse:
    """Dispute a line: its amount is neither charged nor overdue until operations answer."""
    invoice = invoice_or_404(invoice_id=invoice_id)
    line = _line_or_404(invoice, position)
    form = DisputeForm(request.POST or None)
    try:
        amount_minor = disputable_minor(line, invoice=invoice)
        if request.method == "POST" and form.is_valid():
            open_dispute(
                line=line,
                reason=form.cleaned_data["reason"],
                actor=actor_of(request),
                now=timezone.now(),
            )
            messages.success(request, "The line is disputed. You get our answer by e-mail.")
            return redirect("invoice_detail", invoice.pk)
    except CorrectionRefused as refusal:
        messages.error(request, str(refusal))
        return redirect("invoice_detail", invoice.pk)
    context = {
        "invoice": invoice,
        "form": form,
        "line": line,
        "amount_minor": amount_minor,
        "is_paid": invoice.owed_minor == 0,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "billing/line_dispute.html", context, status=status)


def _line_or_404(invoice: Invoice, position: int) -> InvoiceLine:
    line: InvoiceLine | None = invoice.lines.filter(position=position).first()
    if line is None:
        raise Http404
    return line
