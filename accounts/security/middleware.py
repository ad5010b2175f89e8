"""For all pages: sessions that have ended, logins without their factor, and fresh proofs.

The API has no sessions; its keys have their own checks.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import User
from accounts.policies import API_KEY, policy_of
from accounts.requests import SiteRequest
from accounts.security import sessions, step_up
from accounts.security.factors import is_safe
from accounts.security.required import lacks_factor, needed_from
from core.middleware import BeforeViewMiddleware

Handler = Callable[[HttpRequest], HttpResponse]

# Names of routes: to set up a factor, to confirm who one is, and to read what has to be done.
WITHOUT_FACTOR = frozenset(
    {
        *("mfa_index", "mfa_activate_totp", "mfa_add_webauthn"),
        *("mfa_view_recovery_codes", "mfa_download_recovery_codes"),
        *("account_reauthenticate", "account_change_password"),
    }
)


class SessionLimitsMiddleware:
    """Ends a session that was not used for long, or that began long ago (`accounts.security`).

    The request goes on as that of a person who is not signed in.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Sign out, or note that the session is used."""
        if request.user.is_authenticated and not sessions.is_alive(request):
            logout(request)
        return self.get_response(request)


class FactorMiddleware(BeforeViewMiddleware):
    """Leads people without the factor that they need to set one up, before the view."""

    def process_view(
        self, request: SiteRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """The way to set up a factor, or None to continue."""
        user, match, now = request.user, request.resolver_match, timezone.now()
        if not isinstance(user, User) or match is None or is_safe(user):
            return None
        policy = policy_of(view=view, name=match.url_name or "", namespaces=match.namespaces)
        if policy is not None and (policy.is_public or policy is API_KEY):
            return None
        if not match.namespaces and match.url_name in WITHOUT_FACTOR:
            return None
        if not lacks_factor(user, now=now):
            return None
        page = reverse("mfa_index")
        return HttpResponseClientRedirect(page) if request.htmx else redirect(page)


class ConfirmationMiddleware(BeforeViewMiddleware):
    """Asks for a fresh proof of who one is where `accounts.security.step_up` names the route.

    People whose role does not include the page are left to its policy.
    """

    def process_view(
        self, request: SiteRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """The way to the proof, or None to continue."""
        user, match = request.user, request.resolver_match
        if not isinstance(user, User) or match is None or match.namespaces:
            return None
        route = match.url_name or ""
        if not step_up.needs_confirmation(request, route=route):
            return None
        policy = policy_of(view=view, name=route)
        if policy and policy.permissions and not any(map(user.may, policy.permissions)):
            return None
        return step_up.ask(request, route=route)


def factor_reminder(request: HttpRequest) -> dict[str, Any]:
    """For templates: when the signed-in person needs a factor that is not set up; else None."""
    user = getattr(request, "user", None)
    if not isinstance(user, User) or user.is_staff or is_safe(user):
        return {"factor_needed_from": None}
    since = needed_from(user)
    is_near = since is not None and since - timezone.now() < timedelta(days=366)
    return {"factor_needed_from": since if is_near else None}
