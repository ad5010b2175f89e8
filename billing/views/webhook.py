"""Stripe's way in: verified, kept, answered; what follows is the outbox' work."""

import logging

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.policies import anyone
from billing.webhooks.inbox import EventRefused, receive, verified_event

logger = logging.getLogger(__name__)


@anyone
@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """200 for what was kept or is of no use, 400 with the reason for what is refused."""
    now = timezone.now()
    try:
        event = verified_event(
            body=_body(request), signature=request.headers.get("Stripe-Signature", ""), now=now
        )
        is_new = receive(event=event, now=now)
    except EventRefused as refusal:
        logger.warning("Stripe event refused: %s", refusal)
        return HttpResponse(str(refusal), status=400, content_type="text/plain")
    return HttpResponse("kept" if is_new else "nothing to do", content_type="text/plain")


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except (RequestDataTooBig, OSError) as error:
        raise EventRefused("The event is too large, or was cut off.") from error
