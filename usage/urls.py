"""Addresses of usage."""

from django.urls import path

from usage.views import activity, history, organization, usage_page, why

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
    path(
        "account/active-users/<int:organization_id>/",
        activity.active_users_of,
        name="active_users_of",
    ),
    path(
        "account/active-users/<int:organization_id>/why/<str:month>/",
        activity.active_users_why,
        name="active_users_why",
    ),
    path(
        "account/active-users/<int:organization_id>/why/<str:month>.csv",
        activity.active_users_why_csv,
        name="active_users_why_csv",
    ),
    path("organization/active-users/", activity.own_active_users_of, name="own_active_users_of"),
    path(
        "organization/active-users/why/<str:month>/",
        activity.own_active_users_why,
        name="own_active_users_why",
    ),
    path(
        "organization/active-users/why/<str:month>.csv",
        activity.own_active_users_why_csv,
        name="own_active_users_why_csv",
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
