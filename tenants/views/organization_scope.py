"""Pages of one organization that exist twice: for its provider, and as the organization's own.

One view serves both. Its route has an `organization_id` on the provider's pages and none on the
organization's own; `OrganizationScope` says which, how the pages link and what may be changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, ClassVar

from django.http import HttpResponseBase
from django.urls import URLPattern, path, reverse

from accounts.policies import View, requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from tenants.access import (
    IMPERSONATED_ORGANIZATION_KEY,
    organization_or_404,
    own_organization_or_404,
)
from tenants.models import CountedRow, Organization

own_pages = requires(Permission.USE_OWN_ORGANIZATION, Permission.IMPERSONATE)


@dataclass(frozen=True)
class OrganizationScope:
    """An organization as seen from the provider's pages or from its own."""

    organization: Organization
    is_own: bool
    may_change: bool
    is_impersonated: bool
    is_every: ClassVar = False

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
        is_impersonated = IMPERSONATED_ORGANIZATION_KEY in request.session
        return cls(organization, is_own=True, may_change=True, is_impersonated=is_impersonated)

    def context(self, **values: Any) -> dict[str, Any]:
        """The context of a page in this scope, with these values."""
        return {"scope": self, "organization": self.organization, **values}

    def url(self, name: str, **parameters: int | str) -> str:
        """The address of a page (`user_list`, `device_add`, …) in this scope."""
        if self.is_own:
            return reverse(f"own_{name}", kwargs=parameters)
        return reverse(name, kwargs={"organization_id": self.organization.pk, **parameters})

    def members_url(self, member: CountedRow) -> str:
        """The address below which the member's own pages are."""
        return self.url(f"{member.noun}_list")

    @property
    def home_url(self) -> str:
        """The organization's first page in this scope."""
        return reverse("own_organization") if self.is_own else self.url("organization_detail")


@dataclass(frozen=True, slots=True)
class EveryOrganization:
    """All organizations that the person may see, for lists that are else one organization's."""

    may_change: bool
    is_own: ClassVar = False
    is_impersonated: ClassVar = False
    is_every: ClassVar = True

    @classmethod
    def of(cls, request: PortalRequest) -> "EveryOrganization":
        """What the person may do."""
        return cls(may_change=request.user.may(Permission.CHANGE_MEMBERS))

    def context(self, **values: Any) -> dict[str, Any]:
        """The context of a page in this scope, with these values."""
        return {"scope": self, "organization": None, **values}

    def url(self, name: str) -> str:
        """The address of the list or export (`user_list`, `device_export`, …) in this scope."""
        return reverse("people_list" if name == "user_list" else f"people_{name}")

    def members_url(self, member: CountedRow) -> str:
        """The address below which the member's own pages are."""
        return reverse(f"{member.noun}_list", args=[member.organization_id])


def scoped(view: View) -> View:
    """Pass the scope of the request to the view, instead of the `organization_id` of the route."""

    @wraps(view)
    def page(
        request: PortalRequest, organization_id: int | None = None, **parameters: Any
    ) -> HttpResponseBase:
        scope = (
            OrganizationScope.of_own(request)
            if organization_id is None
            else OrganizationScope.of_provider(request, organization_id)
        )
        return view(request, scope, **parameters)

    return page


@dataclass(frozen=True, slots=True)
class ScopedPage:
    """A page that is routed twice; `permission` is required on the provider's pages."""

    pattern: str
    view: View
    name: str
    permission: Permission
    parameters: dict[str, Any] = field(default_factory=dict)


def provider_routes(pages: Iterable[ScopedPage]) -> list[URLPattern]:
    """The pages below an address with an `organization_id`."""
    return [
        path(page.pattern, requires(page.permission)(page.view), page.parameters, name=page.name)
        for page in pages
    ]


def own_routes(pages: Iterable[ScopedPage]) -> list[URLPattern]:
    """The pages of the own organization; the names begin with `own_`."""
    return [
        path(page.pattern, own_pages(page.view), page.parameters, name=f"own_{page.name}")
        for page in pages
    ]
