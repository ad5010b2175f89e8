"""The page on which an administrator chooses mail about alerts."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from tenants.alerts.forms import AlertMailForm
from tenants.alerts.preferences import preference_of, save_preference
from tenants.models import AlertMailPreference

CONFIRMATIONS = {
    AlertMailPreference.Delivery.OFF: "You get no mail about alerts.",
    AlertMailPreference.Delivery.DIGEST: "You get a mail a day, on days with something to tell.",
    AlertMailPreference.Delivery.AT_ONCE: "You get a mail as soon as an alert opens.",
}


@requires(Permission.VIEW_ALERTS)
@require_http_methods(["GET", "HEAD", "POST"])
def alert_mail(request: PortalRequest) -> HttpResponse:
    """Choose no mail, a mail a day, or a mail at once."""
    preference = preference_of(
        user_id=request.user.pk, time_zone=request.provider.billing_time_zone
    )
    form = AlertMailForm(
        request.POST or None,
        initial={
            "delivery": preference.delivery,
            "minimum_severity": preference.minimum_severity,
            "digest_hour": preference.digest_hour,
            "time_zone": preference.time_zone,
        },
    )
    if form.is_valid():
        values = form.cleaned_data
        delivery = AlertMailPreference.Delivery(values.pop("delivery"))
        save_preference(person=request.user, delivery=delivery, now=timezone.now(), **values)
        messages.success(request, CONFIRMATIONS[delivery])
        return redirect("alert_list")
    status = 422 if form.errors else 200
    return render(request, "tenants/alert_mail.html", {"form": form}, status=status)
