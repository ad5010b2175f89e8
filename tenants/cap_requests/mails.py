"""Mails about cap requests: to the administrators who decide, and to the requester."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.models import Provider, User
from accounts.roles import PERMISSIONS, Permission
from core.mail import queue_mail
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
        url = reverse("own_cap_request")
        _queue(event, request=request, to=[requester.email], subject=subject, url=url, now=now)


def _queue(
    event: str, *, request: CapRequest, to: list[str], subject: str, url: str, now: datetime
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
        text=render_to_string(f"tenants/mail/cap_request_{event}.txt", context),
        html=render_to_string(f"tenants/mail/cap_request_{event}.html", context),
        now=now,
    )
