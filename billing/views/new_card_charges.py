"""The charges of a new card: the result for each invoice that was outstanding."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.models import PaymentMethod
from billing.pages.charge_results import charge_results_page
from billing.payments.new_card_charges import charges_of_card


@requires(Permission.CHANGE_BILLING)
@require_safe
def card_charges(request: PortalRequest, card_id: int) -> HttpResponse:
    """Each invoice that was outstanding when the card was added."""
    card = get_object_or_404(PaymentMethod, pk=card_id)
    return charge_results_page(
        request, charges_of_card(card), template="billing/new_card_charges.html"
    )
