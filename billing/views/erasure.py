"""Erasing a removed user, and the period after which removed users are erased."""

from http import HTTPStatus
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.models.provider import LONGEST_ERASE_AFTER, SHORTEST_ERASE_AFTER
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from billing.erasure.erase import CannotErase, erase_user, refusal
from billing.erasure.period import set_erasure_period
from core.actors import actor_of
from core.plain_numbers import PlainIntegerField
from tenants.access import organization_or_404, owned_or_404
from tenants.models import ManagedUser


class ErasureForm(forms.Form):
    """The confirmation."""

    confirmed = forms.BooleanField(
        label="I understand that this can’t be undone",
        error_messages={"required": "Confirm that the name and address are to be erased."},
    )


class PeriodForm(forms.Form):
    """The days from the removal of a user to the erasure; empty for the portal's period."""

    days = PlainIntegerField(
        required=False,
        min_value=SHORTEST_ERASE_AFTER,
        max_value=LONGEST_ERASE_AFTER,
        label="Days after the removal",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["days"].help_text = (
            f"From {SHORTEST_ERASE_AFTER} to {LONGEST_ERASE_AFTER:,}. "
            f"Empty: {settings.ERASE_AFTER_DAYS:,} days, the period of the portal."
        )


@requires(Permission.ERASE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
def user_erase(request: PortalRequest, organization_id: int, user_id: int) -> HttpResponse:
    """Say what is erased and what stays, then erase; or say why it can't be done now."""
    organization = organization_or_404(organization_id=organization_id)
    user = owned_or_404(ManagedUser, organization=organization, pk=user_id)
    form = ErasureForm(request.POST if request.method == "POST" else None)
    back_url = reverse("user_list", args=[organization.pk]) + "?filter=removed"
    status, reason = HTTPStatus.OK, refusal(user)
    if request.method == "POST":
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        if form.is_valid():
            try:
                erase_user(user=user, actor=actor_of(request), now=timezone.now())
            except CannotErase as error:
                status, reason = HTTPStatus.CONFLICT, str(error)
            else:
                user.refresh_from_db()
                messages.success(request, f"The name and address are erased: now {user}.")
                return redirect(back_url)
    context = {
        "organization": organization,
        "member": user,
        "form": form,
        "reason": reason,
        "back_url": back_url,
    }
    return render(request, "billing/user_erase.html", context, status=status)


@requires(Permission.ERASE_USERS)
@require_http_methods(["GET", "HEAD", "POST"])
def erasure_period(request: PortalRequest) -> HttpResponse:
    """The provider's own period until removed users are erased."""
    provider, status = request.provider, HTTPStatus.OK
    form = PeriodForm(request.POST or None, initial={"days": provider.erase_after_days})
    if request.method == "POST":
        if form.is_valid():
            set_erasure_period(
                provider=provider,
                days=form.cleaned_data["days"],
                actor=actor_of(request),
                now=timezone.now(),
            )
            messages.success(
                request, f"Removed users are erased after {provider.erased_after:,} days."
            )
            return redirect("account_overview")
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    return render(request, "billing/erasure_period.html", {"form": form}, status=status)
