"""Sign-in by e-mail and password: allauth with our rules, and a log row for each attempt."""

from typing import Any, ClassVar
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core.internal.httpkit import get_client_ip
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import BigIntegerField, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.models import Provider, SignInEvent, User
from accounts.stages import Use
from core.given import Given
from core.mail import queue_mail
from core.remembered import columns_of, instance_of, remembered

USER_COLUMNS = columns_of(User)


@remembered
def _login() -> QuerySet[User, Any]:
    """A login and its provider, which every request of a signed-in person reads."""
    return User.objects.filter(pk=Given("pk", BigIntegerField())).values_list(
        *USER_COLUMNS, *columns_of(Provider, "provider__")
    )


class EmailBackend(AuthenticationBackend):  # type: ignore[misc]
    """allauth's backend for e-mail addresses."""

    def get_user(self, user_id: int) -> User | None:
        """The session's login and its provider, in one statement; None if it is deactivated."""
        for row in _login().rows(pk=user_id):
            user = instance_of(User, row[: len(USER_COLUMNS)])
            if user.provider_id is not None:
                user.provider = instance_of(Provider, row[len(USER_COLUMNS) :])
            return user if self.user_can_authenticate(user) else None
        return None


def _record(
    request: HttpRequest, *, outcome: SignInEvent.Outcome, email: str, user: User | None
) -> None:
    SignInEvent.objects.create(
        at=timezone.now(),
        outcome=outcome,
        user=user,
        email=email[:254].replace("\0", ""),
        ip_address=get_client_ip(request),
        user_agent=request.headers.get("User-Agent", "")[:300].replace("\0", ""),
    )


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Logins are created by invitation only. Mail goes through the outbox."""

    error_messages: ClassVar = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": "This e-mail address and password do not belong together.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Never: an administrator invites each login."""
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Record an attempt over the limit. Raises ValidationError."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            typed = str(credentials.get("email", ""))
            _record(request, outcome=SignInEvent.Outcome.LIMITED, email=typed, user=None)
            raise

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record a wrong address or password."""
        typed = str(credentials.get("email", ""))
        _record(request, outcome=SignInEvent.Outcome.FAILED, email=typed, user=None)

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        """Record a correct password for a deactivated login."""
        _record(request, outcome=SignInEvent.Outcome.INACTIVE, email=user.email, user=user)
        response: HttpResponse = super().respond_user_inactive(request, user)
        return response

    def pre_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse | None:
        """Refuse a sign-in to a closed account, with whom to write to; it is recorded."""
        provider = user.provider
        if provider is not None and not provider.allows(Use.SIGN_IN, timezone.now()):
            _record(request, outcome=SignInEvent.Outcome.CLOSED, email=user.email, user=user)
            context = {"provider": provider, "support_email": settings.SUPPORT_EMAIL}
            return render(request, "accounts/closed.html", context, status=403)
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign in and record the sign-in."""
        super().login(request, user)
        _record(request, outcome=SignInEvent.Outcome.SUCCEEDED, email=user.email, user=user)

    def logout(self, request: HttpRequest) -> None:
        """Record the sign-out and sign out."""
        if isinstance(request.user, User):
            _record(
                request,
                outcome=SignInEvent.Outcome.SIGNED_OUT,
                email=request.user.email,
                user=request.user,
            )
        super().logout(request)

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link in a reset mail, on SITE_URL and never on the request's Host."""
        path = urlsplit(super().get_reset_password_from_key_url(key)).path
        return f"{settings.SITE_URL}{path}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Queue allauth's mail, as text and HTML, in the transaction of its cause."""
        message = self.render_mail(
            template_prefix, email, {"email": email, "site_url": settings.SITE_URL, **context}
        )
        html = [part for part, kind in getattr(message, "alternatives", ()) if kind == "text/html"]
        queue_mail(
            key=f"{template_prefix}:{timezone.now().timestamp()}:{email}",
            to=[email],
            subject=message.subject,
            text=message.body,
            html=html[0] if html else "",
            now=timezone.now(),
        )
