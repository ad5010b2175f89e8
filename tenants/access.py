"""Loading what belongs to the current provider, or 404: the same for missing and not yours."""

from django.core.exceptions import PermissionDenied
from django.http import Http404

from accounts.requests import PortalRequest
from core.scope import visible_organizations
from tenants.models import Device, Location, ManagedUser, Organization

# Session key: the organization an MSP administrator is logged in to.
IMPERSONATED_ORGANIZATION_KEY = "entered_organization_id"


def organization_or_404(*, organization_id: int) -> Organization:
    """A living organization of the current provider that this person may see."""
    organization: Organization | None = (
        Organization.objects.visible().filter(pk=organization_id).first()
    )
    if organization is None:
        raise Http404
    return organization


def metered_organization_or_404(*, organization_id: int) -> Organization:
    """Like `organization_or_404`, of removed ones too: what they had must have an answer."""
    ids = visible_organizations()
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is None or (ids is not None and organization_id not in ids):
        raise Http404
    return organization


def user_or_404(*, organization: Organization, user_id: int) -> ManagedUser:
    """A user of the organization, removed or not."""
    user = ManagedUser.objects.filter(pk=user_id, organization=organization).first()
    if user is None:
        raise Http404
    user.organization = organization
    return user


def device_or_404(*, organization: Organization, device_id: int) -> Device:
    """A device of the organization, removed or not."""
    device = Device.objects.filter(pk=device_id, organization=organization).first()
    if device is None:
        raise Http404
    device.organization = organization
    return device


def location_or_404(*, organization: Organization, location_id: int) -> Location:
    """A location of the organization."""
    location = Location.objects.filter(pk=location_id, organization=organization).first()
    if location is None:
        raise Http404
    location.organization = organization
    return location


def own_organization_or_404(request: PortalRequest) -> Organization:
    """The organization whose own pages this person uses: their own, or the one entered.

    Never taken from the address: an organization admin has exactly one. Raises PermissionDenied
    with whom to ask when that one was removed: every page of theirs would be a 404.
    """
    organization_id = request.user.organization_id or request.session.get(
        IMPERSONATED_ORGANIZATION_KEY
    )
    if organization_id is None:
        raise Http404
    try:
        return organization_or_404(organization_id=organization_id)
    except Http404:
        if request.user.organization_id is None:
            raise
        provider = request.provider
        raise PermissionDenied(
            "Your organization is no longer in the portal. Contact your MSP administrator, "
            f"{provider.contact_name} ({provider.contact_email})."
        ) from None
