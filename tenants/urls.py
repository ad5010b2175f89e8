"""Addresses of organizations, their users and devices."""

from django.urls import URLPattern, URLResolver, include, path

from tenants.views import (
    accept_invitation,
    administrators,
    alert_mail,
    alerts,
    cap_request,
    impersonation,
    locations,
    organization_admins,
    organizations,
    own_imports,
    own_members,
    provider_imports,
    provider_members,
)
from tenants.views import account as provider_account

members_of_organization = [
    path("users/", provider_members.user_list, name="user_list"),
    path("users/<int:user_id>/remove/", provider_members.user_remove, name="user_remove"),
    path("users/<int:user_id>/suspend/", provider_members.user_suspend, name="user_suspend"),
    path(
        "users/<int:user_id>/reactivate/", provider_members.user_reactivate, name="user_reactivate"
    ),
    path("devices/", provider_members.device_list, name="device_list"),
    path("devices/<int:device_id>/remove/", provider_members.device_remove, name="device_remove"),
    path("devices/<int:device_id>/location/", locations.device_location, name="device_location"),
    path("locations/", locations.location_list, name="location_list"),
    path("locations/add/", locations.location_add, name="location_add"),
    path("locations/<int:location_id>/", locations.location_edit, name="location_edit"),
    path("locations/<int:location_id>/remove/", locations.location_remove, name="location_remove"),
]

imports_of_organization = [
    path("imports/", provider_imports.import_list, name="import_list"),
    path("users/import/", provider_imports.user_import, name="user_import"),
    path("devices/import/", provider_imports.device_import, name="device_import"),
    path("active-users/import/", provider_imports.activity_import, name="activity_import"),
    path(
        "imports/<int:run_id>/refused.csv", provider_imports.import_refused, name="import_refused"
    ),
    path("imports/<int:run_id>/confirm/", provider_imports.import_confirm, name="import_confirm"),
    path("imports/<int:run_id>/discard/", provider_imports.import_discard, name="import_discard"),
    path("imports/<int:run_id>/check/", provider_imports.import_check, name="import_check"),
    path("users.csv", provider_imports.user_export, name="user_export"),
    path("devices.csv", provider_imports.device_export, name="device_export"),
]

one_organization = [
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
        "administrators/<int:admin_id>/remove/",
        organization_admins.organization_admin_remove,
        name="organization_admin_remove",
    ),
    *members_of_organization,
    *imports_of_organization,
]

own_organization = [
    path("leave/", impersonation.impersonation_end, name="impersonation_end"),
    path("cap/", cap_request.own_cap_request, name="own_cap_request"),
    path("cap/withdraw/", cap_request.own_cap_request_withdraw, name="own_cap_request_withdraw"),
    path("users/", own_members.own_user_list, name="own_user_list"),
    path("users/<int:user_id>/remove/", own_members.own_user_remove, name="own_user_remove"),
    path("users/<int:user_id>/suspend/", own_members.own_user_suspend, name="own_user_suspend"),
    path(
        "users/<int:user_id>/reactivate/",
        own_members.own_user_reactivate,
        name="own_user_reactivate",
    ),
    path("devices/", own_members.own_device_list, name="own_device_list"),
    path(
        "devices/<int:device_id>/remove/", own_members.own_device_remove, name="own_device_remove"
    ),
    path(
        "devices/<int:device_id>/location/",
        locations.own_device_location,
        name="own_device_location",
    ),
    path("locations/", locations.own_location_list, name="own_location_list"),
    path("locations/add/", locations.own_location_add, name="own_location_add"),
    path("locations/<int:location_id>/", locations.own_location_edit, name="own_location_edit"),
    path(
        "locations/<int:location_id>/remove/",
        locations.own_location_remove,
        name="own_location_remove",
    ),
    path("imports/", own_imports.own_import_list, name="own_import_list"),
    path("users/import/", own_imports.own_user_import, name="own_user_import"),
    path("devices/import/", own_imports.own_device_import, name="own_device_import"),
    path("active-users/import/", own_imports.own_activity_import, name="own_activity_import"),
    path(
        "imports/<int:run_id>/refused.csv",
        own_imports.own_import_refused,
        name="own_import_refused",
    ),
    path(
        "imports/<int:run_id>/confirm/", own_imports.own_import_confirm, name="own_import_confirm"
    ),
    path(
        "imports/<int:run_id>/discard/", own_imports.own_import_discard, name="own_import_discard"
    ),
    path("imports/<int:run_id>/check/", own_imports.own_import_check, name="own_import_check"),
    path("users.csv", own_imports.own_user_export, name="own_user_export"),
    path("devices.csv", own_imports.own_device_export, name="own_device_export"),
]

one_administrator = [
    path("", administrators.administrator_edit, name="administrator_edit"),
    path("remove/", administrators.administrator_remove, name="administrator_remove"),
    path("reinstate/", administrators.administrator_reinstate, name="administrator_reinstate"),
    path("make-owner/", administrators.ownership_transfer, name="ownership_transfer"),
]

account: list[URLPattern | URLResolver] = [
    path("", provider_account.account_overview, name="account_overview"),
    path("api-key/", provider_account.api_key_generate, name="api_key_generate"),
    path("api-key/<int:key_id>/revoke/", provider_account.api_key_revoke, name="api_key_revoke"),
    path("administrators/", administrators.administrator_list, name="administrator_list"),
    path(
        "administrators/invite/", administrators.administrator_invite, name="administrator_invite"
    ),
    path("administrators/<int:administrator_id>/", include(one_administrator)),
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

urlpatterns = [
    path("alerts/", include(alert_pages)),
    path("account/", include(account)),
    path("invitation/<str:token>/", accept_invitation.invitation_accept, name="invitation_accept"),
    path("organizations/", organizations.organization_list, name="organization_list"),
    path("organizations/new/", organizations.organization_create, name="organization_create"),
    path("organizations/<int:organization_id>/", include(one_organization)),
    path("organization/", include(own_organization)),
]
