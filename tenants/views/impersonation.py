"""Impersonation: an administrator opens an organization's own pages, under the own identity."""

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from tenants import audit
from tenants.access import IMPERSONATED_ORGANIZATION_KEY, organization_or_404
from tenants.models import Organization


def _log(request: PortalRequest, *, action: str, organization: Organization) -> None:
    audit.record(
        actor=actor_of(request),
        action=action,
        subject=organization.name,
        organization=organization,
        now=timezone.now(),
    )


@requires(Permission.IMPERSONATE)
@require_POST
@transaction.atomic
def impersonation_start(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Open the organization's own pages, with an audit entry; from another's, leave those."""
    organization = organization_or_404(organization_id=organization_id)
    entered = request.session.get(IMPERSONATED_ORGANIZATION_KEY)
    former = Organization.objects.filter(pk=entered).first() if entered else None
    if former is not None and former != organization:
        _log(request, action="organization.left", organization=former)
    request.session[IMPERSONATED_ORGANIZATION_KEY] = organization.pk
    _log(request, action="organization.entered", organization=organization)
    return redirect("own_organization")


@requires(Permission.IMPERSONATE)
@require_POST
@transaction.atomic
def impersonation_end(request: PortalRequest) -> HttpResponse:
    """Return to the provider's pages, with an audit entry; without impersonation, only redirect."""
    organization_id = request.session.pop(IMPERSONATED_ORGANIZATION_KEY, None)
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is None:
        return redirect("organization_list")
    _log(request, action="organization.left", organization=organization)
    if organization.removed_at is not None:
        return redirect("organization_list")
    return redirect("organization_detail", organization_id=organization.pk)
