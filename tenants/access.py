"""Load a row of the current provider or answer 404, the same for missing rows and for others'."""

from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import BigIntegerField, QuerySet
from django.http import Http404

from accounts.requests import PortalRequest
from core.given import Given
from core.origin import act_for
from core.remembered import columns_of, instance_of, remembered
from core.scope import visible_organizations
from tenants.models import CountedRow, Location, Organization

Owned = TypeVar("Owned", bound=CountedRow | Location)

# Session key: the organization an MSP administrator is logged in to.
IMPERSONATED_ORGANIZATION_KEY = "entered_organization_id"


@remembered
def _visible_organization() -> QuerySet[Organization, Any]:
    organizations = Organization.objects.visible().filter(pk=Given("pk", BigIntegerField()))
    return organizations.values_list(*columns_of(Organization))


def organization_or_404(*, organization_id: int) -> Organization:
    """A living organization of the current provider that the signed-in person may see."""
    for row in _visible_organization().rows(pk=organization_id):
        return instance_of(Organization, row)
    raise Http404


def metered_organization_or_404(*, organization_id: int) -> Organization:
    """Like `organization_or_404`, but also a removed one, because its usage can be explained."""
    ids = visible_organizations()
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is None or (ids is not None and organization_id not in ids):
        raise Http404
    return organization


def owned_or_404(model: type[Owned], *, organization: Organization, pk: int) -> Owned:
    """A user, device or location of the organization; users and devices removed or not."""
    rows: QuerySet[Any] = model.objects.filter(pk=pk, organization=organization)
    row: Owned | None = rows.first()
    if row is None:
        raise Http404
    row.organization = organization
    return row


def own_organization_or_404(request: PortalRequest) -> Organization:
    """The organization of an organization admin, or the one that an MSP administrator impersonates.

    It is never read from the address. Raises PermissionDenied with the MSP's contact when the
    admin's organization was removed, because each of the admin's pages would be a 404.
    """
    organization_id = request.user.organization_id or request.session.get(
        IMPERSONATED_ORGANIZATION_KEY
    )
    if organization_id is None:
        raise Http404
    try:
        organization = organization_or_404(organization_id=organization_id)
    except Http404:
        if request.user.organization_id is None:
            raise
        provider = request.provider
        raise PermissionDenied(
            "Your organization is no longer in the portal. Contact your MSP administrator, "
            f"{provider.contact_name} ({provider.contact_email})."
        ) from None
    if request.user.organization_id is None:
        act_for(request, organization_id=organization.pk)
    return organization
