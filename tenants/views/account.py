"""Account Management, and its account overview: Provider ID and API key."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.api_key_callers import callers_of
from accounts.models import ApiKey
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from tenants.people.api_keys import Overlap, generate_key, revoke_key
from tenants.people.forms import OverlapForm


@requires(Permission.VIEW_ACCOUNT)
@require_safe
def account_management(request: PortalRequest) -> HttpResponse:
    """The sections of Account Management that the role includes."""
    context = {"may_see_billing": request.user.may(Permission.VIEW_BILLING)}
    return render(request, "tenants/account_management.html", context)


@requires(Permission.VIEW_ACCOUNT)
@require_safe
def account_overview(request: PortalRequest) -> HttpResponse:
    """The provider's data and its API keys."""
    may_manage = request.user.may(Permission.MANAGE_API_KEY)
    keys = ApiKey.objects.alive(timezone.now()).filter(provider=request.provider)
    context = {
        "provider": request.provider,
        "zone": request.provider.billing_zone(),
        "may_manage_key": may_manage,
        "may_erase": request.user.may(Permission.ERASE_USERS),
        "may_see_billing": request.user.may(Permission.VIEW_BILLING),
        "keys": keys.order_by("-created_at") if may_manage else [],
    }
    return render(request, "tenants/account_overview.html", context)


@requires(Permission.MANAGE_API_KEY)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def api_key_generate(request: PortalRequest) -> HttpResponse:
    """Ask how long the old key works, then show the new key once."""
    current = ApiKey.objects.current().filter(provider=request.provider).first()
    form = OverlapForm(request.POST or None)
    if current is None:
        form.fields["overlap"].required = False
    if request.method == "POST" and form.is_valid():
        new = generate_key(
            provider=request.provider,
            overlap=Overlap(form.cleaned_data["overlap"] or Overlap.NONE),
            actor=actor_of(request),
            now=timezone.now(),
        )
        # No redirect: the secret would have to be stored for the next request.
        return render(request, "tenants/api_key_shown.html", {"new": new, "before": current})
    status = 422 if request.method == "POST" else 200
    context = {
        "form": form,
        "current": current,
        "callers": callers_of(current, now=timezone.now()) if current else [],
        "zone": request.provider.billing_zone(),
    }
    return render(request, "tenants/api_key_generate.html", context, status=status)


@requires(Permission.MANAGE_API_KEY)
@require_http_methods(["GET", "HEAD", "POST"])
def api_key_revoke(request: PortalRequest, key_id: int) -> HttpResponse:
    """Ask, then revoke the key."""
    key = ApiKey.objects.filter(pk=key_id, provider=request.provider).first()
    if key is None:
        raise Http404
    if request.method == "POST":
        revoke_key(key=key, actor=actor_of(request), now=timezone.now())
        messages.success(request, f"The key {key} is revoked.")
        return redirect("account_overview")
    context = {
        "key": key,
        "callers": callers_of(key, now=timezone.now()),
        "zone": request.provider.billing_zone(),
    }
    return render(request, "tenants/api_key_revoke.html", context)
