"""Addresses of organizations, their users and devices."""

from django.urls import include, path

from tenants.views import entering, organizations, own, provider

members_of_organization = [
    path("users/", provider.user_list, name="user_list"),
    path("users/add/", provider.user_add, name="user_add"),
    path("users/<int:user_id>/remove/", provider.user_remove, name="user_remove"),
    path("users/<int:user_id>/suspend/", provider.user_suspend, name="user_suspend"),
    path("users/<int:user_id>/reactivate/", provider.user_reactivate, name="user_reactivate"),
    path("devices/", provider.device_list, name="device_list"),
    path("devices/add/", provider.device_add, name="device_add"),
    path("devices/<int:device_id>/remove/", provider.device_remove, name="device_remove"),
]

one_organization = [
    path("rename/", organizations.organization_rename, name="organization_rename"),
    path("remove/", organizations.organization_remove, name="organization_remove"),
    path("enter/", entering.organization_enter, name="organization_enter"),
    *members_of_organization,
]

own_organization = [
    path("leave/", entering.organization_leave, name="organization_leave"),
    path("users/", own.own_user_list, name="own_user_list"),
    path("users/add/", own.own_user_add, name="own_user_add"),
    path("users/<int:user_id>/remove/", own.own_user_remove, name="own_user_remove"),
    path("users/<int:user_id>/suspend/", own.own_user_suspend, name="own_user_suspend"),
    path("users/<int:user_id>/reactivate/", own.own_user_reactivate, name="own_user_reactivate"),
    path("devices/", own.own_device_list, name="own_device_list"),
    path("devices/add/", own.own_device_add, name="own_device_add"),
    path("devices/<int:device_id>/remove/", own.own_device_remove, name="own_device_remove"),
]

urlpatterns = [
    path("organizations/", organizations.organization_list, name="organization_list"),
    path("organizations/new/", organizations.organization_create, name="organization_create"),
    path("organizations/<int:organization_id>/", include(one_organization)),
    path("organization/", include(own_organization)),
]
