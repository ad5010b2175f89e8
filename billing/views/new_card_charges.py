"""What a new card did with each outstanding invoice, told while it happens."""

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.formatting import instant_text
from billing.models import PaymentMethod
from billing.money import format_money
from billing.payments.new_card_charges import Outcome, charge_results
from billing.payments.payment_links import payment_link

TEXTS = {
    Outcome.PAID: ("success", "Paid in full"),
    Outcome.NOT_OWED: ("neutral", "Nothing is owed any more"),
    Outcome.RUNNING: ("warning", "Being charged"),
    Outcome.WAITING: ("warning", "Waiting for its turn"),
    Outcome.TO_CONFIRM: ("warning", "To be confirmed with your bank"),
    Outcome.DECLINED: ("danger", "Declined"),
    Outcome.NOT_TRIED: ("neutral", "Not charged"),
}


@requires(Permission.CHANGE_BILLING)
@require_safe
def card_charges(request: PortalRequest, card_id: int) -> HttpResponse:
    """Each invoice that was outstanding when this card came, and what became of it."""
    card = PaymentMethod.objects.filter(pk=card_id).first()
    if card is None:
        raise Http404
    turns = charge_results(card)
    rows = [
        {
            "invoice": turn.invoice,
            "total": format_money(turn.invoice.total_minor, turn.invoice.currency),
            "tone": TEXTS[turn.outcome][0],
            "text": TEXTS[turn.outcome][1],
            "reason": turn.reason,
            "pay_url": payment_link(invoice_id=turn.invoice.pk, now=timezone.now())
            if turn.outcome is Outcome.TO_CONFIRM
            else "",
            "next_attempt": instant_text(turn.next_attempt_at, turn.invoice.billing_zone())
            if turn.next_attempt_at
            else "",
        }
        for turn in turns
    ]
    context = {"card": card, "rows": rows, "is_open": any(turn.is_open for turn in turns)}
    partial = request.htmx.target == "card-charges"
    template = "billing/_new_card_charges.html" if partial else "billing/new_card_charges.html"
    return render(request, template, context)
