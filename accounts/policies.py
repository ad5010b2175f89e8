"""Policies of routes: who may call a view. A test fails on a route without one.

A policy is the outermost decorator of a view, so it answers before the view reads the request.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django_htmx.http import HttpResponseClientRedirect

from accounts.requests import SiteRequest
from accounts.roles import Permission
from core.audit import record_look
from core.scope import limited_to

View = Callable[..., HttpResponseBase]
REFUSALS = {
    Permission.VIEW_BILLING: "You don't have permission to see payment information.",
    Permission.CHANGE_BILLING: "You don't have permission to see payment information.",
    Permission.CHANGE_CAPS: "You don't have permission to change user caps.",
    Permission.MANAGE_ADMINISTRATORS: "Only an Owner may see and change administrators.",
    Permission.EXTEND_ALLOWANCE: "Only an Owner, or whom an Owner permits it, may order.",
    Permission.MANAGE_INTEGRATIONS: "You don't have permission to manage integrations.",
    Permission.MANAGE_API_KEY: "You don't have permission to change the API key.",
}
REFUSAL = "Your role does not include this. Ask an Owner of your provider if you need it."
NOT_READY_STATUS = 503


class NotPermitted(PermissionDenied):
    """The person's role lacks the permission; the page of refusal names those who have it."""

    def __init__(self, permission: Permission) -> None:
        super().__init__(REFUSALS.get(permission, REFUSAL))
        self.permission = permission


@dataclass(frozen=True, slots=True)
class Policy:
    """Requires one of the permissions; with none, a sign-in, or nothing if `is_public`."""

    name: str
    permissions: tuple[Permission, ...] = ()
    is_public: bool = False


ANYONE = Policy("anyone", is_public=True)
SIGNED_IN = Policy("signed in")
OPERATIONS = Policy("operations staff")
API_KEY = Policy("a provider's API key")

# Routes of libraries, which check access themselves, by name or by namespace with a colon.
LIBRARY_POLICIES: dict[str, Policy] = {
    "account_login": ANYONE,
    "account_logout": ANYONE,
    "account_signup": ANYONE,
    "account_inactive": ANYONE,
    "account_reset_password": ANYONE,
    "account_reset_password_done": ANYONE,
    "account_reset_password_from_key": ANYONE,
    "account_reset_password_from_key_done": ANYONE,
    "account_change_password": SIGNED_IN,
    "account_reauthenticate": SIGNED_IN,
    "mfa_reauthenticate": SIGNED_IN,
    "mfa_reauthenticate_webauthn": SIGNED_IN,
    # Between the password and the second factor the person is not signed in yet.
    "mfa_authenticate": ANYONE,
    "mfa_login_webauthn": ANYONE,
    "mfa_trust": ANYONE,
    "mfa_activate_totp": SIGNED_IN,
    "mfa_deactivate_totp": SIGNED_IN,
    "mfa_add_webauthn": SIGNED_IN,
    "mfa_remove_webauthn": SIGNED_IN,
    "mfa_view_recovery_codes": SIGNED_IN,
    "mfa_download_recovery_codes": SIGNED_IN,
    "mfa_generate_recovery_codes": SIGNED_IN,
    "operations_sign_out": ANYONE,
    "admin:": OPERATIONS,
    # The API's reference names its own policy; tests/mtp/test_api.py checks every operation.
    "api:": API_KEY,
}


def anyone(view: View) -> View:
    """A route for everyone, signed in or not."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return view(request, *args, **kwargs)

    return _named(guarded, ANYONE)


def signed_in(view: View) -> View:
    """A route for everyone who is signed in, with any role. Others are sent to sign in."""

    @wraps(view)
    def guarded(request: SiteRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        return view(request, *args, **kwargs)

    return _named(guarded, SIGNED_IN)


def requires(*permissions: Permission) -> Callable[[View], View]:
    """A route for roles with one of these permissions, in their provider's schema.

    Other roles get 403 with the reason; people who are not signed in are sent to sign in; people of
    a provider that is being set up or restored get a 503 page. A look that the answer is marked
    with (`core/audit.py`) gets its row in the audit log.
    """
    policy = Policy("requires " + " or ".join(permissions), permissions)

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: SiteRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            if not any(request.user.may(permission) for permission in permissions):
                raise NotPermitted(permissions[0])
            if request.provider is None or not request.provider.is_active:
                return _not_ready(request)
            with limited_to(request.user.visible_organizations):
                response = view(request, *args, **kwargs)
            record_look(request, response)
            return response

        return _named(guarded, policy)

    return guard


def is_for_people_of_a_provider(policy: Policy | None) -> bool:
    """Whether the route acts for a signed-in person of a provider.

    Not: public routes, those of operations, and the API, whose keys have their own checks.
    """
    return policy is None or not (policy.is_public or policy in (OPERATIONS, API_KEY))


def policy_of(*, view: View, name: str, namespaces: Sequence[str] = ()) -> Policy | None:
    """The policy of a route, None if it has none."""
    own: Policy | None = getattr(view, "policy", None)
    if own is not None:
        return own
    for namespace in namespaces:
        if policy := LIBRARY_POLICIES.get(f"{namespace}:"):
            return policy
    return LIBRARY_POLICIES.get(name)


def _named(view: View, policy: Policy) -> View:
    view.policy = policy  # type: ignore[attr-defined]
    return view


def _to_sign_in(request: SiteRequest) -> HttpResponse:
    if request.htmx:
        # htmx would load a redirect into the fragment; the whole page must go to sign in.
        page = request.htmx.current_url_abs_path or "/"
        return HttpResponseClientRedirect(redirect_to_login(page).url)
    return redirect_to_login(request.get_full_path())


def _not_ready(request: SiteRequest) -> HttpResponse:
    context = {"provider": request.provider, "support_email": settings.SUPPORT_EMAIL}
    response = render(request, "accounts/not_ready.html", context, status=NOT_READY_STATUS)
    response["Retry-After"] = "5"
    return response
