"""What happens to a person's sign-in: the person gets a mail, and the log a row."""

from dataclasses import dataclass
from datetime import datetime

from allauth.core.internal.httpkit import get_client_ip
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.security.browsers import browser_name
from core.actors import SYSTEM_ACTOR, Actor
from core.audit import record
from core.mail import queue_mail
from core.mail_parts import Letterhead, mail_parts
from core.schema import provider_schema
from core.servers import joined_to_directory


@dataclass(frozen=True, slots=True)
class Event:
    """What happened: its action in the audit log, and its mail."""

    action: str
    subject: str
    text: str
    advice: str = "If it was not you, change your password at once and tell your administrator."


APP_ADDED = Event(
    "sign_in.app_added",
    "An authenticator app was added",
    "From now on signing in needs a code of this app.",
)
APP_REMOVED = Event(
    "sign_in.app_removed",
    "The authenticator app was removed",
    "Signing in no longer needs a code of an authenticator app.",
)
PASSKEY_ADDED = Event(
    "sign_in.passkey_added",
    "A passkey was added",
    "It can confirm your sign-in.",
)
PASSKEY_REMOVED = Event(
    "sign_in.passkey_removed", "A passkey was removed", "It no longer lets anyone in."
)
CODES_MADE = Event(
    "sign_in.recovery_codes_renewed",
    "New recovery codes were made",
    "The recovery codes that you had before no longer work.",
)
CODE_USED = Event(
    "sign_in.recovery_code_used",
    "A recovery code was used",
    "A recovery code works once. Make new ones when few are left.",
)
PASSWORD_CHANGED = Event(
    "sign_in.password_changed",
    "Your password was changed",
    "Other browsers that were signed in with your login are signed out.",
    "If it was not you, choose a new password with “Forgot password” on the sign-in page, "
    "and tell your administrator.",
)
FACTORS_REMOVED = Event(
    "sign_in.factors_removed",
    "Your second factors were removed",
    "Operations removed your passkeys, app and recovery codes, as you or your administrator asked.",
    "If neither of you did, write to support at once.",
)
NEW_BROWSER = Event(
    "sign_in.new_browser",
    "Signed in from a new browser",
    "Your login was used in a browser that you had not used before.",
)
SESSIONS_ENDED = Event(
    "sign_in.sessions_ended",
    "Your other sessions were signed out",
    "Every other browser that was signed in with your login is signed out.",
)
# The templates that allauth names for its own notices.
ALLAUTH_NOTICES = {
    "mfa/email/totp_activated": APP_ADDED,
    "mfa/email/totp_deactivated": APP_REMOVED,
    "mfa/email/webauthn_added": PASSKEY_ADDED,
    "mfa/email/webauthn_removed": PASSKEY_REMOVED,
    "mfa/email/recovery_codes_generated": CODES_MADE,
    "account/email/password_changed": PASSWORD_CHANGED,
    "account/email/password_reset": PASSWORD_CHANGED,
    "account/email/password_set": PASSWORD_CHANGED,
}


def about_sign_in(email: str) -> str:
    """Why a person gets a mail about their own sign-in."""
    return f"You get this mail because it is about the sign-in of {email}."


def report(event: Event, *, user: User, request: HttpRequest | None = None) -> None:
    """Mail the person, and write the event into the log of their provider, or of operations.

    Without a request it was done by a command of operations.
    """
    now = timezone.now()
    place: list[tuple[str, str]] = []
    if request is not None:
        place = [
            ("IP address", str(get_client_ip(request) or "")),
            ("Browser", browser_name(request.headers.get("User-Agent", ""))),
        ]
    context = {
        "subject": event.subject,
        "event": event,
        "name": user.name,
        "email": user.email,
        "facts": [("When", f"{now:%Y-%m-%d %H:%M} UTC"), *place],
        "url": settings.SITE_URL + reverse("mfa_index"),
    }
    queue_mail(
        key=f"{event.action}:{user.pk}:{now.timestamp()}",
        to=[user.email],
        subject=event.subject,
        **mail_parts(
            "accounts/mail/security",
            letterhead=Letterhead.of_seller(why=about_sign_in(user.email)),
            context=context,
        ),
        now=now,
    )
    if user.is_staff:
        LogEntry.objects.log_actions(
            user.pk, [user], CHANGE, change_message=f"{event.subject}.", single_object=True
        )
    else:
        _write(event, user=user, actor=Actor.of(user) if request else SYSTEM_ACTOR, now=now)


def _write(event: Event, *, user: User, actor: Actor, now: datetime) -> None:
    """Append to the log of the person's provider; while one signs in, no schema is entered yet."""
    provider = user.provider
    if provider is None or not provider.is_active:
        return
    with joined_to_directory(provider.server), provider_schema(provider):
        record(
            actor=actor,
            action=event.action,
            subject=f"{user.name} <{user.email}>",
            subject_id=user.pk,
            organization=user.organization_id,
            now=now,
        )
