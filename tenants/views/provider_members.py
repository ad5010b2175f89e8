"""An organization's users and devices on the provider's pages."""

from django.http import HttpResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from tenants.models import ManagedUser
from tenants.users.new_peak import NewPeakOf
from tenants.views import members
from tenants.views.organization_scope import OrganizationScope


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def user_list(request: PortalRequest, organization_id: int) -> HttpResponse:
    """The organization's users."""
    return members.list_users(request, OrganizationScope.of_provider(request, organization_id))


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def device_list(request: PortalRequest, organization_id: int) -> HttpResponse:
    """The organization's devices."""
    return members.list_devices(request, OrganizationScope.of_provider(request, organization_id))


@requires(Permission.CHANGE_MEMBERS)
@require_http_methods(["GET", "HEAD", "POST"])
def user_add(request: PortalRequest, organization_id: int, new_peak: NewPeakOf) -> HttpResponse:
    """Add a user to the organization."""
    return members.add_one_user(
        request, OrganizationScope.of_provider(request, organization_id), new_peak
    )


@requires(Permission.CHANGE_MEMBERS)
@require_http_methods(["GET", "HEAD", "POST"])
def device_add(request: PortalRequest, organization_id: int, new_peak: NewPeakOf) -> HttpResponse:
    """Add a device to the organization."""
    return members.add_one_device(
        request, OrganizationScope.of_provider(request, organization_id), new_peak
    )


@requires(Permission.CHANGE_MEMBERS)
@require_http_methods(["GET", "HEAD", "POST"])
def user_remove(request: PortalRequest, organization_id: int, user_id: int) -> HttpResponse:
    """Remove a user of the organization."""
    return members.remove_one_user(
        request, OrganizationScope.of_provider(request, organization_id), user_id
    )


@requires(Permission.CHANGE_MEMBERS)
@require_http_methods(["GET", "HEAD", "POST"])
def device_remove(request: PortalRequest, organization_id: int, device_id: int) -> HttpResponse:
    """Remove a device of the organization."""
    place = OrganizationScope.of_provider(request, organization_id)
    return members.remove_one_device(request, place, device_id)


@requires(Permission.CHANGE_MEMBERS)
@require_POST
def user_suspend(request: PortalRequest, organization_id: int, user_id: int) -> HttpResponse:
    """Suspend a user of the organization."""
    place = OrganizationScope.of_provider(request, organization_id)
    return members.switch_user_state(request, place, user_id, ManagedUser.State.SUSPENDED)


@requires(Permission.CHANGE_MEMBERS)
@require_POST
def user_reactivate(request: PortalRequest, organization_id: int, user_id: int) -> HttpResponse:
    """Reactivate a user of the organization."""
    place = OrganizationScope.of_provider(request, organization_id)
    return members.switch_user_state(request, place, user_id, ManagedUser.State.ACTIVE)
