"""The account overview: Provider ID and API key."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import ApiKey
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from tenants.people.api_keys import Overlap, generate_key, revoke_key
from tenants.people.forms import OverlapForm


@requires(Permission.VIEW_ACCOUNT)
@require_safe
def account_overview(request: PortalRequest) -> HttpResponse:
    """Who the provider is here, and the keys of its systems."""
    may_manage = request.user.may(Permission.MANAGE_API_KEY)
    keys = ApiKey.objects.alive(timezone.now()).filter(provider=request.provider)
    context = {
        "provider": request.provider,
        "zone": request.provider.billing_zone(),
        "may_manage_key": may_manage,
        "may_manage_administrators": request.user.may(Permission.MANAGE_ADMINISTRATORS),
        "keys": keys.order_by("-created_at") if may_manage else [],
    }
    return render(request, "tenants/account_overview.html", context)


@requires(Permission.MANAGE_API_KEY)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def api_key_generate(request: PortalRequest) -> HttpResponse:
    """Asks what becomes of the old key, then shows the new one, this once."""
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
        # Never a redirect: the secret would have to be kept somewhere on the way.
        return render(request, "tenants/api_key_shown.html", {"new": new, "before": current})
    status = 422 if request.method == "POST" else 200
    context = {"form": form, "current": current, "zone": request.provider.billing_zone()}
    return render(request, "tenants/api_key_generate.html", context, status=status)


@requires(Permission.MANAGE_API_KEY)
@require_http_methods(["GET", "HEAD", "POST"])
def api_key_revoke(request: PortalRequest, key_id: int) -> HttpResponse:
    """Asks, then stops the key."""
    key = ApiKey.objects.filter(pk=key_id, provider=request.provider).first()
    if key is None:
        raise Http404
    if request.method == "POST":
        revoke_key(key=key, actor=actor_of(request), now=timezone.now())
        messages.success(request, f"The key {key} is revoked.")
        return redirect("account_overview")
    context = {"key": key, "zone": request.provider.billing_zone()}
    return render(request, "tenants/api_key_revoke.html", context)
