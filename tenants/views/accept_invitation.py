"""The page of an invitation's link, on which the invited person creates a login."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import Invitation
from accounts.policies import anyone
from accounts.roles import Role
from core.schema import provider_schema
from tenants.models import Organization
from tenants.people.forms import AcceptForm
from tenants.people.invitations import AddressTaken, InvitationOver, accept, invitation_of


@anyone
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_accept(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for a name and a password, create the login, and redirect to signing in."""
    now = timezone.now()
    try:
        invitation = invitation_of(token=token, now=now)
        form = AcceptForm(
            request.POST or None, email=invitation.email, initial={"name": invitation.name}
        )
        if form.is_valid():
            accept(token=token, **form.cleaned_data, now=now)
            # Only the sign-in page has the rate limit, the log and second factors.
            messages.success(request, "Your login is ready. Sign in with your new password.")
            return redirect("account_login")
    except InvitationOver:
        return render(request, "tenants/invitation_over.html", status=410)
    except AddressTaken:
        taken = {"invitation": invitation}
        return render(request, "tenants/invitation_address_taken.html", taken, status=409)
    context = {
        "form": form,
        "invitation": invitation,
        "inviting": _inviting(invitation),
        "role": Role(invitation.role).label,
    }
    status = 422 if form.errors else 200
    return render(request, "tenants/invitation_accept.html", context, status=status)


def _inviting(invitation: Invitation) -> str:
    """The name of the organization or provider that the invitation is for."""
    if invitation.organization_id is None:
        return invitation.provider.name
    with provider_schema(invitation.provider):
        names = Organization.objects.filter(pk=invitation.organization_id)
        return names.values_list("name", flat=True).get()
