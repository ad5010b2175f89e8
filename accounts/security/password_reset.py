"""The mail with the link to a new password, for an address that a worker looks up.

The page does the same for every address, so neither its time nor anything else tells which has a
login (docs/decisions/0072). The link is never stored.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse

from accounts.models import User
from accounts.security.events import about_sign_in
from core.mail import queue_mail, send
from core.mail_parts import Letterhead, mail_parts
from core.outbox.topics import handler

TOPIC = "accounts.password_reset"
SUBJECT = "Choose a new password"


def ask_for_reset(*, email: str, now: datetime) -> None:
    """Have a worker mail the link, if the address has a login."""
    queue_mail(
        key=f"password_reset:{now.timestamp()}:{email}",
        to=[email],
        subject=SUBJECT,
        text="",
        now=now,
        topic=TOPIC,
    )


@handler(TOPIC)
def send_link(payload: Mapping[str, Any], now: datetime) -> None:  # noqa: ARG001 - a handler's signature
    """Mail the link to the active login of the address, if there is one."""
    (email,) = payload["to"]
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None:
        return
    key = f"{user_pk_to_url_str(user)}-{default_token_generator.make_token(user)}"
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
    context = {
        "subject": SUBJECT,
        "email": email,
        "password_reset_url": settings.SITE_URL + path.replace("UID-KEY", quote(key)),
    }
    parts = mail_parts(
        "account/email/password_reset_key_message",
        letterhead=Letterhead.of_seller(why=about_sign_in(email)),
        context=context,
    )
    send({**payload, **parts})
