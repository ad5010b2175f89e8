"""An organization's own pages: its users and devices, for its admin or the provider who entered."""

from django.http import HttpResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from tenants.models import ManagedUser
from tenants.users.new_peak import NewPeakOf
from tenants.views import members
from tenants.views.organization_scope import OrganizationScope

own_pages = requires(Permission.USE_OWN_ORGANIZATION, Permission.IMPERSONATE)


@own_pages
@require_safe
def own_user_list(request: PortalRequest) -> HttpResponse:
    """The own organization's users."""
    return members.list_users(request, OrganizationScope.of_own(request))


@own_pages
@require_safe
def own_device_list(request: PortalRequest) -> HttpResponse:
    """The own organization's devices."""
    return members.list_devices(request, OrganizationScope.of_own(request))


@own_pages
@require_http_methods(["GET", "HEAD", "POST"])
def own_user_add(request: PortalRequest, new_peak: NewPeakOf) -> HttpResponse:
    """Add a user to the own organization."""
    return members.add_one_user(request, OrganizationScope.of_own(request), new_peak)


@own_pages
@require_http_methods(["GET", "HEAD", "POST"])
def own_device_add(request: PortalRequest, new_peak: NewPeakOf) -> HttpResponse:
    """Add a device to the own organization."""
    return members.add_one_device(request, OrganizationScope.of_own(request), new_peak)


@own_pages
@require_http_methods(["GET", "HEAD", "POST"])
def own_user_remove(request: PortalRequest, user_id: int) -> HttpResponse:
    """Remove a user of the own organization."""
    return members.remove_one_user(request, OrganizationScope.of_own(request), user_id)


@own_pages
@require_http_methods(["GET", "HEAD", "POST"])
def own_device_remove(request: PortalRequest, device_id: int) -> HttpResponse:
    """Remove a device of the own organization."""
    return members.remove_one_device(request, OrganizationScope.of_own(request), device_id)


@own_pages
@require_POST
def own_user_suspend(request: PortalRequest, user_id: int) -> HttpResponse:
    """Suspend a user of the own organization."""
    place = OrganizationScope.of_own(request)
    return members.switch_user_state(request, place, user_id, ManagedUser.State.SUSPENDED)


@own_pages
@require_POST
def own_user_reactivate(request: PortalRequest, user_id: int) -> HttpResponse:
    """Reactivate a user of the own organization."""
    place = OrganizationScope.of_own(request)
    return members.switch_user_state(request, place, user_id, ManagedUser.State.ACTIVE)
