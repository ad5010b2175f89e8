"""Sign-in by e-mail and password or passkey: allauth with our rules, and a row for each attempt."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.core import context
from allauth.core.internal.httpkit import get_client_ip
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import BigIntegerField, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.models import Provider, SignInEvent, User
from accounts.security.browsers import is_known, remember
from accounts.security.events import ALLAUTH_NOTICES, NEW_BROWSER, report
from accounts.security.factors import has_factor
from accounts.security.guesses import answer_later, pair
from accounts.security.step_up import is_confirmed
from accounts.stages import Use
from core.given import Given
from core.remembered import columns_of, instance_of, remembered

USER_COLUMNS = columns_of(User)


@remembered
def _login() -> QuerySet[User, Any]:
    """A login and its provider, which every request of a signed-in person reads."""
    people = User.objects.filter(pk=Given("pk", BigIntegerField()))
    return people.values_list(has_factor(), *USER_COLUMNS, *columns_of(Provider, "provider__"))


class EmailBackend(AuthenticationBackend):  # type: ignore[misc]
    """allauth's backend for e-mail addresses."""

    def get_user(self, user_id: int) -> User | None:
        """The session's login and its provider, in one statement; None if it is deactivated."""
        for is_safe, *row in _login().rows(pk=user_id):
            user = instance_of(User, row[: len(USER_COLUMNS)])
            user.has_factor = is_safe
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
    """Logins are created by invitation only. What happens to them is reported."""

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

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        return pair(request, email=str(credentials.get("email", "")))

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record a wrong address or password; the answer is late where there were many."""
        typed = str(credentials.get("email", ""))
        _record(request, outcome=SignInEvent.Outcome.FAILED, email=typed, user=None)
        answer_later(email=typed)

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

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        """Tell the person of a browser that is new, unless it is the very first one."""
        response: HttpResponse = super().post_login(request, user, **kwargs)
        if not is_known(request, user):
            succeeded = SignInEvent.objects.filter(user=user, outcome=SignInEvent.Outcome.SUCCEEDED)
            if len(succeeded.values("pk")[:2]) > 1:
                report(NEW_BROWSER, user=user, request=request)
        remember(request, response, user)
        return response

    def is_reauthentication_required(self, *, app: str) -> bool:  # noqa: ARG002 - allauth's signature
        """By the portal's one rule (`accounts.security.step_up`)."""
        return not is_confirmed(context.request)

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,  # noqa: ARG002 - allauth's signature
        email: str | None = None,  # noqa: ARG002
    ) -> None:
        """Report a change of how the person signs in."""
        report(ALLAUTH_NOTICES[template_prefix], user=user, request=self.request)

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
