"""Settings, Security: what the provider asks of its people's sign-in, and who does not have it."""

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.models import User
from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from accounts.security.required import needed_from, people_without_factor
from core.plain_numbers import PlainIntegerField
from tenants.people.factor_rule import LONGEST_GRACE, require_factor


class FactorRuleForm(forms.Form):
    """Whether people need a second factor, and how long each has."""

    is_required = forms.BooleanField(
        required=False,
        label="Everyone needs a second factor",
        help_text="A passkey or an authenticator app. Who has none is led to set one up.",
    )
    grace_days = PlainIntegerField(
        min_value=0,
        max_value=LONGEST_GRACE,
        label="Days to set it up",
        help_text=f"0 to {LONGEST_GRACE}, from now on, or from the day of the invitation accepted.",
    )


@requires(Permission.MANAGE_ADMINISTRATORS)
@require_http_methods(["GET", "HEAD", "POST"])
def provider_security(request: PortalRequest) -> HttpResponse:
    """The rule, and the people without a factor; POST changes the rule."""
    provider = request.provider
    initial = {
        "is_required": provider.factor_required_at is not None,
        "grace_days": provider.factor_grace_days,
    }
    form = FactorRuleForm(request.POST or None, initial=initial)
    if form.is_valid():
        is_changed = require_factor(
            provider=provider,
            is_required=form.cleaned_data["is_required"],
            grace_days=form.cleaned_data["grace_days"],
            by=request.user,
            now=timezone.now(),
        )
        if is_changed:
            messages.success(request, "The rule is saved.")
        return redirect("provider_security")
    lacking = people_without_factor(provider)
    page = Paginator(lacking, 50).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "people": [(person, needed_from(person)) for person in page.object_list],
        "all_people": User.objects.filter(provider=provider, is_active=True).count(),
    }
    status = 422 if form.errors else 200
    return render(request, "tenants/provider_security.html", context, status=status)
