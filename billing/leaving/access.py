"""What a provider that has left may still do: look, pay and download, then nothing.

`accounts.stages` has the table. In a read-only account every unsafe request is refused, except to
public routes and those of `STILL_ALLOWED`. In a closed one only signing out is left.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.models import Provider, User
from accounts.policies import is_for_people_of_a_provider, policy_of
from accounts.requests import SiteRequest, refused_fragment
from accounts.stages import Stage, Use
from core.middleware import BeforeViewMiddleware

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# Unsafe requests of a read-only account: to pay, to get the export, to write to support, and to
# leave a page.
STILL_ALLOWED = frozenset(
    {
        "billing_information",
        "mailing_address",
        "billing_address",
        "card_setup",
        "card_charges",
        "pay_all",
        "transfer_announce",
        "transfer_withdraw",
        "export_request",
        "impersonation_start",
        "impersonation_end",
        "account_change_password",
        "case_detail",
    }
)
Handler = Callable[[HttpRequest], HttpResponse]


class StageMiddleware(BeforeViewMiddleware):
    """Refuses what the stage of the signed-in user's provider does not allow."""

    def process_view(
        self, request: SiteRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """Return the refusal, or None to continue."""
        match, provider = request.resolver_match, leaving_provider(request)
        if provider is None or match is None:
            return None
        policy = policy_of(view=view, name=match.url_name or "", namespaces=match.namespaces)
        if not is_for_people_of_a_provider(policy):
            return None
        now = timezone.now()
        if not provider.allows(Use.SIGN_IN, now):
            return closed_page(request, provider)
        is_allowed = request.method in SAFE or match.url_name in STILL_ALLOWED
        return None if is_allowed or provider.allows(Use.CHANGE, now) else _read_only(request)


def leaving_provider(request: HttpRequest) -> Provider | None:
    """The provider of the signed-in user if it has a leave date; None for operations staff."""
    user, provider = getattr(request, "user", None), getattr(request, "provider", None)
    if not isinstance(user, User) or user.is_staff or not isinstance(provider, Provider):
        return None
    return None if provider.leaves_at is None else provider


def closed_page(request: HttpRequest, provider: Provider) -> HttpResponse:
    """The page of a closed account, with whom to write to."""
    context = {"provider": provider, "support_email": settings.SUPPORT_EMAIL}
    return render(request, "accounts/closed.html", context, status=HTTPStatus.FORBIDDEN)


def _read_only(request: SiteRequest) -> HttpResponse:
    if request.htmx:
        messages.error(request, "Nothing was changed: this account is read-only.")
        return refused_fragment(request)
    context = {"support_email": settings.SUPPORT_EMAIL}
    return render(request, "billing/read_only.html", context, status=HTTPStatus.FORBIDDEN)


def leaving(request: HttpRequest) -> dict[str, Any]:
    """Add `leaving`: the stage and its instants for the banner of every page, else None."""
    provider = leaving_provider(request)
    if provider is None:
        return {"leaving": None}
    stage = provider.stage(timezone.now())
    return {
        "leaving": {
            "is_read_only": stage is Stage.READ_ONLY,
            "leaves_at": provider.leaves_at,
            "closes_at": provider.closes_at,
        }
        if stage is not Stage.CLOSED
        else None
    }
