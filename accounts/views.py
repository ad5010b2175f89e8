"""Start page, profile, and the page of refusals."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_safe

from accounts.forms import CsvOptionsForm, ProfileForm
from accounts.models import User
from accounts.policies import NotPermitted, anyone, signed_in
from accounts.requests import PortalRequest, SiteRequest
from accounts.roles import Permission, Role
from core import audit
from core.actors import actor_of


@signed_in
@require_safe
def home(request: PortalRequest) -> HttpResponse:
    """Redirect to the role's start page."""
    if request.user.is_staff:
        return redirect("admin:index")
    if request.user.role == Role.ORGANIZATION_ADMIN:
        return redirect("own_organization")
    return redirect("dashboard")


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: PortalRequest) -> HttpResponse:
    """The person's own name, role and address."""
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST":
        if form.is_valid():
            _save(request, form)
            messages.success(request, "Your profile is saved.")
            return redirect("profile")
        # The page header shows the stored name, not the refused one.
        request.user.refresh_from_db()
    status = 422 if form.errors else 200
    context = {"form": form, "may_choose_alert_mail": request.user.may(Permission.VIEW_ALERTS)}
    return render(request, "accounts/profile.html", context, status=status)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def csv_options(request: PortalRequest) -> HttpResponse:
    """How the person gets CSV files; leads back to the page that led here."""
    back = request.POST.get("back") or request.GET.get("back", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = reverse("profile")
    form = CsvOptionsForm(request.POST or None, instance=request.user)
    if request.method == "POST":
        if form.is_valid():
            _save(request, form)
            messages.success(request, "Your CSV options are saved.")
            return redirect(back)
        request.user.refresh_from_db()
    status = 422 if form.errors else 200
    context = {"form": form, "back": back}
    return render(request, "accounts/csv_options.html", context, status=status)


def _save(request: PortalRequest, form: ProfileForm | CsvOptionsForm) -> None:
    """Save the person's own form, with an entry in the audit log of the own provider."""
    actor = actor_of(request)
    with transaction.atomic():
        form.save()
        if form.changed_data and request.provider is not None and request.provider.is_active:
            audit.record(
                actor=actor,
                action="profile.changed",
                subject=actor.name,
                subject_id=actor.id,
                organization=request.user.organization_id,
                before={name: str(form[name].initial) for name in form.changed_data},
                after={name: str(form.cleaned_data[name]) for name in form.changed_data},
                now=timezone.now(),
            )


@anyone
@require_safe
def operations_sign_in(request: HttpRequest) -> HttpResponse:
    """Redirect to the portal's sign-in, so that its limits and log cover the operations admin."""
    if request.user.is_authenticated and not request.user.is_staff:
        raise PermissionDenied("These pages are for operations staff.")
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))


def forbidden(request: SiteRequest, exception: PermissionDenied) -> HttpResponse:
    """403 with the reason, and whom to ask for what the person's role does not include."""
    reason = str(exception) if exception.args else ""
    context = {"reason": reason, **_whom_to_ask(request, exception)}
    return render(request, "403.html", context, status=403)


def _whom_to_ask(request: SiteRequest, exception: PermissionDenied) -> dict[str, Any]:
    """Those who have the permission; for an organization admin the provider's contact.

    An organization admin is not shown the names of the provider's administrators.
    """
    provider, user = request.provider, request.user
    if not isinstance(exception, NotPermitted) or provider is None or not isinstance(user, User):
        return {}
    if user.is_staff:
        return {}
    if user.role == Role.ORGANIZATION_ADMIN:
        return {"contact": provider}
    people = User.objects.whom_to_ask(exception.permission, provider=provider)
    return {"people": people, "permission": exception.permission}
