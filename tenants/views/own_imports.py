"""Import and export on an organization's own pages."""

from django.http import HttpResponse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.requests import PortalRequest
from tenants.models import ImportRun
from tenants.users.new_peak import NewPeakOf
from tenants.views import imports
from tenants.views.organization_scope import OrganizationScope
from tenants.views.own_members import own_pages


@own_pages
@require_safe
def own_import_list(request: PortalRequest) -> HttpResponse:
    """The organization's imports."""
    return imports.list_imports(request, OrganizationScope.of_own(request))


@own_pages
@require_http_methods(["GET", "HEAD", "POST"])
def own_user_import(request: PortalRequest) -> HttpResponse:
    """Upload a file of users."""
    return imports.upload_file(request, OrganizationScope.of_own(request), ImportRun.Kind.USERS)


@own_pages
@require_http_methods(["GET", "HEAD", "POST"])
def own_device_import(request: PortalRequest) -> HttpResponse:
    """Upload a file of devices."""
    return imports.upload_file(request, OrganizationScope.of_own(request), ImportRun.Kind.DEVICES)


@own_pages
@require_http_methods(["GET", "HEAD", "POST"])
def own_activity_import(request: PortalRequest) -> HttpResponse:
    """Upload a file of who was active."""
    return imports.upload_file(request, OrganizationScope.of_own(request), ImportRun.Kind.ACTIVITY)


@own_pages
@require_safe
def own_import_run(request: PortalRequest, run_id: int, new_peak: NewPeakOf) -> HttpResponse:
    """One import: its progress, what it would refuse, what it did."""
    return imports.show_import(request, OrganizationScope.of_own(request), run_id, new_peak)


@own_pages
@require_safe
def own_import_refused(request: PortalRequest, run_id: int) -> HttpResponse:
    """The refused lines of an import as CSV."""
    return imports.download_refused(OrganizationScope.of_own(request), run_id)


@own_pages
@require_POST
def own_import_confirm(request: PortalRequest, run_id: int) -> HttpResponse:
    """Import a checked file."""
    return imports.decide_import(request, OrganizationScope.of_own(request), run_id)


@own_pages
@require_POST
def own_import_discard(request: PortalRequest, run_id: int) -> HttpResponse:
    """Import nothing of a checked file."""
    return imports.drop_import(request, OrganizationScope.of_own(request), run_id)


@own_pages
@require_POST
def own_import_check(request: PortalRequest, run_id: int) -> HttpResponse:
    """Check a file once more."""
    return imports.recheck_import(request, OrganizationScope.of_own(request), run_id)


@own_pages
@require_safe
def own_user_export(request: PortalRequest) -> HttpResponse:
    """The organization's users as CSV."""
    return imports.export_users(OrganizationScope.of_own(request))


@own_pages
@require_safe
def own_device_export(request: PortalRequest) -> HttpResponse:
    """The organization's devices as CSV."""
    return imports.export_devices(OrganizationScope.of_own(request))
