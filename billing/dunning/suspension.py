"""What a suspended provider may still do: one list, for pages, partial requests and the API alike.

Whoever is signed in for a suspended provider, its own administrators and those of its
organizations, gets 403 at every route that is neither public, nor the operations admin's, nor named
in `STILL_ALLOWED`; and so does every call with its API key.
"""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.api_access import ProviderKey
from accounts.models import ApiKey, Provider, User
from accounts.policies import API_KEY, OPERATIONS, policy_of
from accounts.requests import SiteRequest
from accounts.roles import Permission
from billing.dunning.stages import CURRENT, DunningStatus
from billing.dunning.status import dunning_status
from core.problems import Problem

# By route name: paying, looking at what is to be paid, and signing out.
STILL_ALLOWED = frozenset(
    {
        "billing_information",
        "mailing_address",
        "billing_address",
        "card_replace",
        "card_setup",
        "card_return",
        "card_charges",
        "payment_history",
        "payment_history_csv",
        "invoice_detail",
        "invoice_pdf",
        "invoice_csv",
        "credit_note_pdf",
        "line_dispute",
        "account_logout",
    }
)
Handler = Callable[[HttpRequest], HttpResponse]


def dunning_status_of_request(request: HttpRequest, *, now: datetime) -> DunningStatus:
    """The standing of the signed-in person's provider, asked once a request.

    Operations staff stand for no provider, whichever they work in.
    """
    known: DunningStatus | None = getattr(request, "standing", None)
    if known is None:
        known = _standing(request, now=now)
        request.standing = known  # type: ignore[attr-defined]
    return known


def _standing(request: HttpRequest, *, now: datetime) -> DunningStatus:
    user = getattr(request, "user", None)
    provider: Provider | None = getattr(request, "provider", None)
    if not isinstance(user, User) or user.is_staff or provider is None or not provider.is_active:
        return CURRENT
    return dunning_status(provider=provider, now=now)


def is_still_allowed(*, view: Any, name: str, namespaces: list[str]) -> bool:
    """Whether a route stays open to a suspended provider.

    The API's routes answer to `SuspendableKey` instead: they know no session.
    """
    policy = policy_of(view=view, name=name, namespaces=namespaces)
    if policy is not None and (policy.is_public or policy in (OPERATIONS, API_KEY)):
        return True
    return not namespaces and name in STILL_ALLOWED


class SuspensionMiddleware:
    """Refuses what `is_still_allowed` does not name, before the view and its policy."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Only the route decides, which is known later."""
        return self.get_response(request)

    def process_view(
        self, request: SiteRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """The refusal, or None to go on."""
        match = request.resolver_match
        if match is None or is_still_allowed(
            view=view, name=match.url_name or "", namespaces=match.namespaces
        ):
            return None
        assessment = dunning_status_of_request(request, now=timezone.now())
        return _refusal(request) if assessment.is_suspended else None


def _refusal(request: SiteRequest) -> HttpResponse:
    if request.htmx:
        # The whole page has to go: a fragment would show the refusal where the list was.
        page = request.htmx.current_url_abs_path or "/"
        return HttpResponse(status=HTTPStatus.FORBIDDEN, headers={"HX-Redirect": page})
    return render(request, "billing/suspended.html", status=HTTPStatus.FORBIDDEN)


class SuspendableKey(ProviderKey):
    """A provider's API key, which opens nothing while the provider is suspended."""

    def authenticate(self, request: HttpRequest, key: str | None) -> ApiKey:
        """As `ProviderKey`; raises `Problem` 403 for a suspended provider."""
        found = super().authenticate(request, key)
        if dunning_status(provider=found.provider, now=timezone.now()).is_suspended:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "suspended",
                "This account is suspended: invoices are outstanding for at least 45 days. "
                "Access is restored with their payment, in the portal under Billing Information.",
            )
        return found


def sees_dunning(user: Any) -> bool:
    """Whether a person is told of the balance: who works for the provider, with money or not.

    The admins of its organizations are not: it is none of their debts.
    """
    return isinstance(user, User) and user.may(Permission.VIEW_ORGANIZATIONS)
