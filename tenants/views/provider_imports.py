"""Import and export on the provider's pages."""

from django.http import HttpResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from tenants.models import ImportRun
from tenants.users.new_peak import NewPeakOf
from tenants.views import imports
from tenants.views.organization_scope import OrganizationScope


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def import_list(request: PortalRequest, organization_id: int) -> HttpResponse:
    """The organization's imports."""
    return imports.list_imports(request, OrganizationScope.of_provider(request, organization_id))


@requires(Permission.CHANGE_MEMBERS)
@require_http_methods(["GET", "HEAD", "POST"])
def user_import(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Upload a file of users."""
    return imports.upload_file(
        request, OrganizationScope.of_provider(request, organization_id), ImportRun.Kind.USERS
    )


@requires(Permission.CHANGE_MEMBERS)
@require_http_methods(["GET", "HEAD", "POST"])
def device_import(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Upload a file of devices."""
    return imports.upload_file(
        request, OrganizationScope.of_provider(request, organization_id), ImportRun.Kind.DEVICES
    )


@requires(Permission.CHANGE_MEMBERS)
@require_http_methods(["GET", "HEAD", "POST"])
def activity_import(request: PortalRequest, organization_id: int) -> HttpResponse:
    """Upload a file of who was active."""
    return imports.upload_file(
        request, OrganizationScope.of_provider(request, organization_id), ImportRun.Kind.ACTIVITY
    )


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def import_run(
    request: PortalRequest, organization_id: int, run_id: int, new_peak: NewPeakOf
) -> HttpResponse:
    """One import: its progress, what it would refuse, what it did."""
    place = OrganizationScope.of_provider(request, organization_id)
    return imports.show_import(request, place, run_id, new_peak)


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def import_refused(request: PortalRequest, organization_id: int, run_id: int) -> HttpResponse:
    """The refused lines of an import as CSV."""
    return imports.download_refused(OrganizationScope.of_provider(request, organization_id), run_id)


@requires(Permission.CHANGE_MEMBERS)
@require_POST
def import_confirm(request: PortalRequest, organization_id: int, run_id: int) -> HttpResponse:
    """Import a checked file."""
    return imports.decide_import(
        request, OrganizationScope.of_provider(request, organization_id), run_id
    )


@requires(Permission.CHANGE_MEMBERS)
@require_POST
def import_discard(request: PortalRequest, organization_id: int, run_id: int) -> HttpResponse:
    """Import nothing of a checked file."""
    return imports.drop_import(
        request, OrganizationScope.of_provider(request, organization_id), run_id
    )


@requires(Permission.CHANGE_MEMBERS)
@require_POST
def import_check(request: PortalRequest, organization_id: int, run_id: int) -> HttpResponse:
    """Check a file once more."""
    return imports.recheck_import(
        request, OrganizationScope.of_provider(request, organization_id), run_id
    )


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def user_export(request: PortalRequest, organization_id: int) -> HttpResponse:
    """The organization's users as CSV."""
    return imports.export_users(OrganizationScope.of_provider(request, organization_id))


@requires(Permission.VIEW_ORGANIZATIONS)
@require_safe
def device_export(request: PortalRequest, organization_id: int) -> HttpResponse:
    """The organization's devices as CSV."""
    return imports.export_devices(OrganizationScope.of_provider(request, organization_id))
