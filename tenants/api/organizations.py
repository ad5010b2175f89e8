"""The provider's organizations."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from ninja import Router, Schema, Status
from pydantic import Field

from accounts.api_access import ApiRequest, api_actor
from tenants.access import organization_or_404
from tenants.api.fields import Body, Name, Page, Paging, Whole, page_of
from tenants.models import (
    LARGEST_MAU_LIMIT,
    LARGEST_USER_CAP,
    SMALLEST_MAU_LIMIT,
    SMALLEST_USER_CAP,
    Organization,
)
from tenants.organizations.lifecycle import create_organization, set_user_cap
from tenants.organizations.member_counts import with_member_counts

router = Router(tags=["Organizations"])


class OrganizationOut(Schema):
    """An organization with its present numbers of users and devices; `user_cap` null is no cap.

    `mau_limit` is the most active users of a month, null for any number.
    """

    id: int
    name: str
    user_cap: int | None
    mau_limit: int | None
    users: int
    devices: int
    created_at: datetime


class NewOrganization(Body):
    """An organization to be created."""

    name: Name
    user_cap: Whole | None = Field(None, ge=SMALLEST_USER_CAP, le=LARGEST_USER_CAP)
    mau_limit: Whole | None = Field(None, ge=SMALLEST_MAU_LIMIT, le=LARGEST_MAU_LIMIT)


@router.get("/organizations", response=Page[OrganizationOut], summary="List organizations")
def list_organizations(
    request: ApiRequest,  # noqa: ARG001 - ninja's signature
    paging: Paging,
) -> dict[str, Any]:
    """Living organizations in order of id."""
    return page_of(with_member_counts(Organization.objects.visible()), paging)


@router.post("/organizations", response={201: OrganizationOut}, summary="Create an organization")
@transaction.atomic
def create(request: ApiRequest, body: NewOrganization) -> Status[Any]:
    """409 at the provider's organization limit, and for a name that is taken."""
    now = timezone.now()
    actor = api_actor(request)
    organization = create_organization(
        name=body.name,
        mau_limit=body.mau_limit,
        limit=request.provider.organization_limit,
        actor=actor,
        now=now,
    )
    if body.user_cap is not None:
        set_user_cap(organization=organization, cap=body.user_cap, actor=actor, now=now)
    return Status(201, with_member_counts(Organization.objects.visible()).get(pk=organization.pk))


@router.get(
    "/organizations/{organization_id}", response=OrganizationOut, summary="Get an organization"
)
def get_organization(
    request: ApiRequest,  # noqa: ARG001 - ninja's signature
    organization_id: int,
) -> Organization:
    """404 for any other id."""
    organization = organization_or_404(organization_id=organization_id)
    return with_member_counts(Organization.objects.visible()).get(pk=organization.pk)
