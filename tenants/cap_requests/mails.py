"""Mails about cap requests: to the administrators who decide, and to the requester."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from accounts.models import Provider, User
from accounts.providers import current_provider
from accounts.roles import PERMISSIONS, Permission
from core.mail import queue_mail
from core.mail_parts import Letterhead, mail_parts
from tenants.models import CapRequest

DECIDING_ROLES = [
    role for role, granted in PERMISSIONS.items() if Permission.CHANGE_CAPS in granted
]


def mail_request(*, request: CapRequest, provider: Provider, now: datetime) -> None:
    """Mail the administrators who may change caps; without one, the provider's contact."""
    deciders = User.objects.filter(provider=provider, is_active=True, role__in=DECIDING_ROLES)
    addresses = list(deciders.order_by("pk").values_list("email", flat=True))
    _queue(
        "received",
        request=request,
        to=addresses or [provider.contact_email],
        subject=f"{request.organization} asks for {request.requested_cap:,} users",
        url=reverse("cap_request_detail", args=[request.pk]),
        letterhead=Letterhead.of_seller(
            why=f"You get this mail because you decide on the caps of {provider.name}."
        ),
        now=now,
    )


def mail_decision(*, request: CapRequest, now: datetime) -> None:
    """Mail the decision to the requester, unless the login was removed."""
    subject = f"Your request was {request.state}"
    _mail_requester("decided", request=request, subject=subject, now=now)


def mail_ended(*, request: CapRequest, now: datetime) -> None:
    """Mail the requester that the former cap is restored."""
    subject = f"Your user cap is {request.former_cap:,} again"
    _mail_requester("ended", request=request, subject=subject, now=now)


def _mail_requester(event: str, *, request: CapRequest, subject: str, now: datetime) -> None:
    requester = User.objects.filter(pk=request.requested_by_id, is_active=True).first()
    if requester is not None:
        provider = current_provider()
        _queue(
            event,
            request=request,
            to=[requester.email],
            subject=subject,
            url=reverse("own_cap_request"),
            letterhead=Letterhead(
                provider.name,
                "You get this mail because you requested a higher cap.",
                provider.contact_email,
            ),
            now=now,
        )


def _queue(
    event: str,
    *,
    request: CapRequest,
    to: list[str],
    subject: str,
    url: str,
    letterhead: Letterhead,
    now: datetime,
) -> None:
    context: dict[str, Any] = {
        "cap_request": request,
        "subject": subject,
        "url": settings.SITE_URL + url,
        "is_approved": request.state == CapRequest.State.APPROVED,
    }
    queue_mail(
        key=f"cap-request:{request.pk}:{event}",
        to=to,
        subject=subject,
        **mail_parts(f"tenants/mail/cap_request_{event}", letterhead=letterhead, context=context),
        now=now,
    )
