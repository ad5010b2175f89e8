"""Addresses of usage."""

from django.urls import path

from usage.views import organization, usage_page

urlpatterns = [
    path("account/usage/", usage_page.usage, name="usage"),
    path("account/usage.csv", usage_page.usage_csv, name="usage_csv"),
    path("account/usage/<int:organization_id>/cap/", usage_page.cap_edit, name="cap_edit"),
    path(
        "organizations/<int:organization_id>/",
        organization.organization_detail,
        name="organization_detail",
    ),
    path("organization/", organization.own_organization, name="own_organization"),
]
