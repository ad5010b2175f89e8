"""Addresses of usage."""

from django.urls import path

from usage.views import active_users, explain, history, organization, usage

urlpatterns = [
    path("account/usage/", usage.usage, name="usage"),
    path("account/usage.csv", usage.usage_csv, name="usage_csv"),
    path("account/usage/history/", history.usage_history, name="usage_history"),
    path("account/usage/history.csv", history.usage_history_csv, name="usage_history_csv"),
    path("account/usage/<int:organization_id>/cap/", usage.cap_edit, name="cap_edit"),
    path(
        "account/usage/<int:organization_id>/why/<str:month>/",
        explain.usage_explanation,
        name="usage_explanation",
    ),
    path(
        "account/usage/<int:organization_id>/why/<str:month>.csv",
        explain.usage_explanation_csv,
        name="usage_explanation_csv",
    ),
    path(
        "account/active-users/<int:organization_id>/",
        active_users.active_users_of,
        name="active_users_of",
    ),
    path(
        "account/active-users/<int:organization_id>/why/<str:month>/",
        active_users.active_users_explanation,
        name="active_users_explanation",
    ),
    path(
        "account/active-users/<int:organization_id>/why/<str:month>.csv",
        active_users.active_users_explanation_csv,
        name="active_users_explanation_csv",
    ),
    path(
        "organization/active-users/", active_users.own_active_users_of, name="own_active_users_of"
    ),
    path(
        "organization/active-users/why/<str:month>/",
        active_users.own_active_users_explanation,
        name="own_active_users_explanation",
    ),
    path(
        "organization/active-users/why/<str:month>.csv",
        active_users.own_active_users_explanation_csv,
        name="own_active_users_explanation_csv",
    ),
    path(
        "organization/why/<str:month>/", explain.own_usage_explanation, name="own_usage_explanation"
    ),
    path(
        "organization/why/<str:month>.csv",
        explain.own_usage_explanation_csv,
        name="own_usage_explanation_csv",
    ),
    path(
        "organizations/<int:organization_id>/",
        organization.organization_detail,
        name="organization_detail",
    ),
    path("organization/", organization.own_organization, name="own_organization"),
]
