"""Addresses of organizations, their members and administrators, and of alerts."""

from django.urls import URLPattern, URLResolver, include, path

from accounts.policies import requires
from accounts.roles import Permission
from tenants.models import ImportRun, ManagedUser
from tenants.views import (
    accept_invitation,
    administrators,
    alert_mail,
    alerts,
    audit_log,
    cap_request,
    impersonation,
    imports,
    locations,
    member_list,
    members,
    organization_admins,
    organization_switch,
    organizations,
    provider_security,
    support,
    user_names,
)
from tenants.views import account as provider_account
from tenants.views import organization_settings as settings
from tenants.views.organization_scope import ScopedPage, own_pages, own_routes, provider_routes

VIEW, CHANGE = Permission.VIEW_ORGANIZATIONS, Permission.CHANGE_MEMBERS
USERS = {"pages": member_list.USER_PAGES}
OWN = {"is_own": True}
DEVICES = {"pages": member_list.DEVICE_PAGES}

# On the provider's pages and on the organization's own.
scoped_pages = [
    ScopedPage("users/", member_list.member_list, "user_list", VIEW, USERS),
    ScopedPage("users/bulk/", member_list.member_bulk, "user_bulk", VIEW, USERS),
    ScopedPage("users/<int:user_id>/remove/", members.user_remove, "user_remove", CHANGE),
    ScopedPage("users/<int:user_id>/edit/", user_names.user_edit, "user_edit", CHANGE),
    ScopedPage(
        "users/<int:user_id>/aliases/<int:alias_id>/end/",
        user_names.alias_end,
        "alias_end",
        CHANGE,
    ),
    ScopedPage(
        "users/<int:user_id>/suspend/",
        members.user_state,
        "user_suspend",
        CHANGE,
        {"state": ManagedUser.State.SUSPENDED},
    ),
    ScopedPage(
        "users/<int:user_id>/reactivate/",
        members.user_state,
        "user_reactivate",
        CHANGE,
        {"state": ManagedUser.State.ACTIVE},
    ),
    ScopedPage("devices/", member_list.member_list, "device_list", VIEW, DEVICES),
    ScopedPage("devices/bulk/", member_list.member_bulk, "device_bulk", VIEW, DEVICES),
    ScopedPage("devices/<int:device_id>/remove/", members.device_remove, "device_remove", CHANGE),
    ScopedPage(
        "devices/<int:device_id>/location/", locations.device_location, "device_location", CHANGE
    ),
    ScopedPage("locations/", locations.location_list, "location_list", VIEW),
    ScopedPage("locations/add/", locations.location_form, "location_add", CHANGE),
    ScopedPage("locations/<int:location_id>/", locations.location_form, "location_edit", CHANGE),
    ScopedPage(
        "locations/<int:location_id>/remove/", locations.location_remove, "location_remove", CHANGE
    ),
    ScopedPage("imports/", imports.import_list, "import_list", VIEW),
    ScopedPage(
        "users/import/",
        imports.import_upload,
        "user_import",
        CHANGE,
        {"kind": ImportRun.Kind.USERS},
    ),
    ScopedPage(
        "devices/import/",
        imports.import_upload,
        "device_import",
        CHANGE,
        {"kind": ImportRun.Kind.DEVICES},
    ),
    ScopedPage(
        "active-users/import/",
        imports.import_upload,
        "activity_import",
        CHANGE,
        {"kind": ImportRun.Kind.ACTIVITY},
    ),
    ScopedPage("imports/<int:run_id>/refused.csv", imports.import_refused, "import_refused", VIEW),
    ScopedPage("imports/<int:run_id>/confirm/", imports.import_confirm, "import_confirm", CHANGE),
    ScopedPage("imports/<int:run_id>/discard/", imports.import_discard, "import_discard", CHANGE),
    ScopedPage("imports/<int:run_id>/check/", imports.import_check, "import_check", CHANGE),
    ScopedPage(
        "users.csv", imports.member_export, "user_export", VIEW, {"kind": ImportRun.Kind.USERS}
    ),
    ScopedPage(
        "devices.csv",
        imports.member_export,
        "device_export",
        VIEW,
        {"kind": ImportRun.Kind.DEVICES},
    ),
]

one_organization = [
    path("settings/", settings.organization_settings, name="organization_settings"),
    path("tags/", settings.tag_add, name="tag_add"),
    path("tags/remove/", settings.tag_remove, name="tag_remove"),
    path("links/", settings.link_add, name="link_add"),
    path("links/<int:link_id>/remove/", settings.link_remove, name="link_remove"),
    path("archive/", settings.organization_archive, name="organization_archive"),
    path("restore/", settings.organization_restore, name="organization_restore"),
    path("rename/", organizations.organization_rename, name="organization_rename"),
    path("remove/", organizations.organization_remove, name="organization_remove"),
    path("impersonate/", impersonation.impersonation_start, name="impersonation_start"),
    path(
        "administrators/",
        organization_admins.organization_admin_list,
        name="organization_admin_list",
    ),
    path(
        "administrators/invite/",
        organization_admins.organization_admin_invite,
        name="organization_admin_invite",
    ),
    path(
        "administrators/invitations/bulk/",
        organization_admins.organization_invitation_bulk,
        name="organization_invitation_bulk",
    ),
    path(
        "administrators/<int:admin_id>/remove/",
        organization_admins.organization_admin_remove,
        name="organization_admin_remove",
    ),
    *provider_routes(scoped_pages),
]

own_organization = [
    path("leave/", impersonation.impersonation_end, name="impersonation_end"),
    path("cap/", cap_request.own_cap_request, name="own_cap_request"),
    path("cap/withdraw/", cap_request.own_cap_request_withdraw, name="own_cap_request_withdraw"),
    *own_routes(scoped_pages),
    path("audit/", own_pages(audit_log.audit_log), {"is_own": True}, name="own_audit_log"),
    path(
        "audit.csv",
        own_pages(audit_log.audit_log_export),
        {"is_own": True},
        name="own_audit_log_export",
    ),
    path(
        "audit/<int:entry_id>/",
        own_pages(audit_log.audit_entry),
        {"is_own": True},
        name="own_audit_entry",
    ),
]

log = requires(Permission.VIEW_AUDIT_LOG)
audit_pages = [
    path("audit/", log(audit_log.audit_log), name="audit_log"),
    path("audit.csv", log(audit_log.audit_log_export), name="audit_log_export"),
    path("audit/<int:entry_id>/", log(audit_log.audit_entry), name="audit_entry"),
]

one_administrator = [
    path("", administrators.administrator_edit, name="administrator_edit"),
    path("remove/", administrators.administrator_remove, name="administrator_remove"),
    path("reinstate/", administrators.administrator_reinstate, name="administrator_reinstate"),
    path("make-owner/", administrators.ownership_transfer, name="ownership_transfer"),
]

account: list[URLPattern | URLResolver] = [
    path("", provider_account.account_overview, name="account_overview"),
    path("management/", provider_account.account_management, name="account_management"),
    path("api-key/", provider_account.api_key_generate, name="api_key_generate"),
    path("api-key/<int:key_id>/revoke/", provider_account.api_key_revoke, name="api_key_revoke"),
    path("security/", provider_security.provider_security, name="provider_security"),
    path("administrators/", administrators.administrator_list, name="administrator_list"),
    path(
        "administrators/invite/", administrators.administrator_invite, name="administrator_invite"
    ),
    path("administrators/<int:administrator_id>/", include(one_administrator)),
    path("invitations/bulk/", administrators.invitation_bulk, name="invitation_bulk"),
    path(
        "invitations/<int:invitation_id>/resend/",
        administrators.invitation_resend,
        name="invitation_resend",
    ),
    path(
        "invitations/<int:invitation_id>/revoke/",
        administrators.invitation_revoke,
        name="invitation_revoke",
    ),
]

alert_pages = [
    path("", alerts.alert_list, name="alert_list"),
    path("alerts.csv", alerts.alert_csv, name="alert_csv"),
    path("mail/", alert_mail.alert_mail, name="alert_mail"),
    path("acknowledge/", alerts.alert_acknowledge, name="alert_acknowledge"),
    path("withdraw/", alerts.alert_withdraw, name="alert_withdraw"),
    path("<int:alert_id>/", alerts.alert_detail, name="alert_detail"),
]

# The lists of users and devices over all organizations.
people: list[URLPattern | URLResolver] = [
    path("", member_list.people_list, USERS, name="people_list"),
    path("bulk/", member_list.people_bulk, USERS, name="people_bulk"),
    path("devices/bulk/", member_list.people_bulk, DEVICES, name="people_device_bulk"),
    path("devices/", member_list.people_list, DEVICES, name="people_device_list"),
    path(
        "users.csv",
        member_list.people_export,
        {"kind": ImportRun.Kind.USERS},
        name="people_user_export",
    ),
    path(
        "devices.csv",
        member_list.people_export,
        {"kind": ImportRun.Kind.DEVICES},
        name="people_device_export",
    ),
]

urlpatterns = [
    path("people/", include(people)),
    path("alerts/", include(alert_pages)),
    path("account/", include(account)),
    path("account/", include(audit_pages)),
    path("account/cases/", support.case_list, name="case_list"),
    path("account/cases/<int:case_id>/", support.case_detail, name="case_detail"),
    path("help/", support.help_page, name="help"),
    path("help/case/", support.case_submit, name="case_submit"),
    path("invitation/<str:token>/", accept_invitation.invitation_accept, name="invitation_accept"),
    path(
        "organizations/switch/",
        organization_switch.organization_switch,
        name="organization_switch",
    ),
    path("organizations/new/", organizations.organization_create, name="organization_create"),
    path("organizations/<int:organization_id>/", include(one_organization)),
    path("organization/", include(own_organization)),
]
