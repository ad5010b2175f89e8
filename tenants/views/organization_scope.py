"""Where an organization's users and devices are looked at: by its provider, or on its own pages.

The same pages serve both; a place says whose they are, how they link and what may be done.
"""

from dataclasses import dataclass

from django.urls import reverse

from accounts.requests import PortalRequest
from accounts.roles import Permission
from tenants.access import (
    IMPERSONATED_ORGANIZATION_KEY,
    organization_or_404,
    own_organization_or_404,
)
from tenants.models import Organization


@dataclass(frozen=True)
class OrganizationScope:
    """An organization as seen from the provider's pages or from its own."""

    organization: Organization
    is_own: bool
    may_change: bool
    is_impersonated: bool

    @classmethod
    def of_provider(
        cls, request: PortalRequest, organization: Organization | int
    ) -> "OrganizationScope":
        """The provider's pages; 404 when the organization is not the provider's."""
        if isinstance(organization, int):
            organization = organization_or_404(organization_id=organization)
        may_change = request.user.may(Permission.CHANGE_MEMBERS)
        return cls(organization, is_own=False, may_change=may_change, is_impersonated=False)

    @classmethod
    def of_own(cls, request: PortalRequest) -> "OrganizationScope":
        """The organization's own pages; 404 without one."""
        organization = own_organization_or_404(request)
        entered = IMPERSONATED_ORGANIZATION_KEY in request.session
        return cls(organization, is_own=True, may_change=True, is_impersonated=entered)

    def url(self, name: str, **parameters: int) -> str:
        """The address of a page (`user_list`, `device_add`, …) in this place."""
        if self.is_own:
            return reverse(f"own_{name}", kwargs=parameters)
        return reverse(name, kwargs={"organization_id": self.organization.pk, **parameters})

    @property
    def home_url(self) -> str:
        """The organization's first page here."""
        return reverse("own_organization") if self.is_own else self.url("organization_detail")

    @property
    def user_list_url(self) -> str:
        """Its users."""
        return self.url("user_list")

    @property
    def user_add_url(self) -> str:
        """Adding a user."""
        return self.url("user_add")

    @property
    def device_list_url(self) -> str:
        """Its devices."""
        return self.url("device_list")

    @property
    def device_add_url(self) -> str:
        """Adding a device."""
        return self.url("device_add")

    @property
    def user_import_url(self) -> str:
        """Adding users from a file."""
        return self.url("user_import")

    @property
    def device_import_url(self) -> str:
        """Adding devices from a file."""
        return self.url("device_import")

    @property
    def user_export_url(self) -> str:
        """Its users as a file."""
        return self.url("user_export")

    @property
    def device_export_url(self) -> str:
        """Its devices as a file."""
        return self.url("device_export")

    @property
    def import_list_url(self) -> str:
        """Its imports, what a single one's address begins with."""
        return self.url("import_list")

    @property
    def location_list_url(self) -> str:
        """Its locations."""
        return self.url("location_list")

    @property
    def location_add_url(self) -> str:
        """Adding a location."""
        return self.url("location_add")
