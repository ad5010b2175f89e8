"""Addresses of usage."""

from django.urls import path

from usage.views import history, organization, usage_page, why

urlpatterns = [
    path("account/usage/", usage_page.usage, name="usage"),
    path("account/usage.csv", usage_page.usage_csv, name="usage_csv"),
    path("account/usage/history/", history.usage_history, name="usage_history"),
    path("account/usage/history.csv", history.usage_history_csv, name="usage_history_csv"),
    path("account/usage/<int:organization_id>/cap/", usage_page.cap_edit, name="cap_edit"),
    path("account/usage/<int:organization_id>/why/<str:month>/", why.usage_why, name="usage_why"),
    path(
        "account/usage/<int:organization_id>/why/<str:month>.csv",
        why.usage_why_csv,
        name="usage_why_csv",
    ),
    path("organization/why/<str:month>/", why.own_usage_why, name="own_usage_why"),
    path("organization/why/<str:month>.csv", why.own_usage_why_csv, name="own_usage_why_csv"),
    path(
        "organizations/<int:organization_id>/",
        organization.organization_detail,
        name="organization_detail",
    ),
    path("organization/", organization.own_organization, name="own_organization"),
]
