"""Suspension: the routes of a suspended provider that are refused.

Administrators of a suspended provider and of its organizations get 403 from every route that is
not public, not of the operations admin and not named in `STILL_ALLOWED`. Calls with the provider's
API key get 403 too.
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
from accounts.policies import is_for_people_of_a_provider, policy_of
from accounts.requests import SiteRequest, refused_fragment
from accounts.roles import Permission
from billing.dunning.stages import CURRENT, DunningStatus
from billing.dunning.status import dunning_status
from core.middleware import BeforeViewMiddleware
from core.problems import Problem

# Names of routes: to see and pay invoices, to read and write to support, and to sign out.
STILL_ALLOWED = frozenset(
    {
        "billing_information",
        "automatic_payment",
        "mailing_address",
        "billing_address",
        "card_replace",
        "card_setup",
        "card_return",
        "card_charges",
        "pay_all",
        "charge_order",
        "payment_history",
        "payment_history_csv",
        "invoice_detail",
        "invoice_pdf",
        "invoice_csv",
        "receipt_pdf",
        "month_zip",
        "account_statement",
        "account_statement_csv",
        "account_statement_pdf",
        "credit_note_pdf",
        "line_dispute",
        "case_list",
        "case_detail",
        "account_logout",
    }
)
Handler = Callable[[HttpRequest], HttpResponse]


def dunning_status_of_request(request: HttpRequest, *, now: datetime) -> DunningStatus:
    """The dunning status of the signed-in user's provider, read once per request.

    `CURRENT` for operations staff, in any provider.
    """
    status: DunningStatus | None = getattr(request, "dunning_status", None)
    if status is None:
        user = getattr(request, "user", None)
        provider: Provider | None = getattr(request, "provider", None)
        status = CURRENT
        if isinstance(user, User) and not user.is_staff and provider and provider.is_active:
            status = dunning_status(provider=provider, now=now)
        request.dunning_status = status  # type: ignore[attr-defined] # kept for this request
    return status


def is_still_allowed(*, view: Any, name: str, namespaces: list[str]) -> bool:
    """Whether a suspended provider may use a route.

    The routes of the API have no session; `SuspendableKey` refuses them.
    """
    policy = policy_of(view=view, name=name, namespaces=namespaces)
    if not is_for_people_of_a_provider(policy):
        return True
    return not namespaces and name in STILL_ALLOWED


class SuspensionMiddleware(BeforeViewMiddleware):
    """Refuses every route that is not `is_still_allowed`, before the view and its policy."""

    def process_view(
        self, request: SiteRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """Return the refusal, or None to continue."""
        match = request.resolver_match
        if match is None or is_still_allowed(
            view=view, name=match.url_name or "", namespaces=match.namespaces
        ):
            return None
        status = dunning_status_of_request(request, now=timezone.now())
        return _refusal(request) if status.is_suspended else None


def _refusal(request: SiteRequest) -> HttpResponse:
    if request.htmx:
        return refused_fragment(request)
    return render(request, "billing/suspended.html", status=HTTPStatus.FORBIDDEN)


class SuspendableKey(ProviderKey):
    """Authenticates a provider's API key; refuses it while the provider is suspended."""

    def authenticate(self, request: HttpRequest, key: str | None) -> ApiKey:
        """As `ProviderKey`; raises `Problem` 403 for a suspended provider."""
        api_key = super().authenticate(request, key)
        if dunning_status(provider=api_key.provider, now=timezone.now()).is_suspended:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "suspended",
                "This account is suspended: invoices are outstanding for at least 45 days. "
                "Access is restored with their payment, in the portal under Billing Information.",
            )
        return api_key


def sees_dunning(user: Any) -> bool:
    """Whether a user sees the balance: every administrator of the provider.

    Administrators of its organizations don't: the debt is not theirs.
    """
    return isinstance(user, User) and user.may(Permission.VIEW_ORGANIZATIONS)
