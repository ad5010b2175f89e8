"""The addresses of usage."""

from django.urls import include, path

from accounts.roles import Permission
from tenants.views.organization_scope import ScopedPage, own_pages, own_routes, provider_routes
from usage.views import active_users, combined, doubles, explain, history, organization, usage, user

VIEW = Permission.VIEW_USAGE
CHANGE = Permission.CHANGE_MEMBERS

# On the provider's pages and on the organization's own.
explanations = [
    ScopedPage("why/<str:month>/", explain.usage_explanation, "usage_explanation", VIEW),
    ScopedPage("why/<str:month>.csv", explain.usage_explanation_csv, "usage_explanation_csv", VIEW),
]
user_pages = [
    ScopedPage("", user.user_detail, "user_detail", Permission.VIEW_ORGANIZATIONS),
]
double_pages = [
    ScopedPage("", doubles.double_list, "double_list", Permission.VIEW_ORGANIZATIONS),
    ScopedPage("<int:earlier_id>/<int:later_id>/", doubles.user_merge, "user_merge", CHANGE),
]
active_users_pages = [
    ScopedPage("", active_users.active_users_of, "active_users_of", VIEW),
    ScopedPage(
        "why/<str:month>/", active_users.active_users_explanation, "active_users_explanation", VIEW
    ),
    ScopedPage(
        "why/<str:month>.csv",
        active_users.active_users_explanation_csv,
        "active_users_explanation_csv",
        VIEW,
    ),
]

urlpatterns = [
    path("account/usage/", usage.usage, name="usage"),
    path("account/usage.csv", usage.usage_csv, name="usage_csv"),
    path("account/usage/bulk/", usage.usage_bulk, name="usage_bulk"),
    path("account/caps/", usage.caps, name="caps"),
    path("account/caps/bulk/", usage.usage_bulk, {"here": usage.CAPS_PAGE}, name="caps_bulk"),
    path(
        "account/caps/<int:organization_id>/",
        usage.cap_edit,
        {"here": usage.CAPS_PAGE},
        name="caps_edit",
    ),
    path("account/usage/history/", history.usage_history, name="usage_history"),
    path("account/usage/history.csv", history.usage_history_csv, name="usage_history_csv"),
    path(
        "account/usage/together/<str:month>/",
        combined.combined_explanation,
        name="combined_explanation",
    ),
    path(
        "account/usage/together/<str:month>.csv",
        combined.combined_explanation_csv,
        name="combined_explanation_csv",
    ),
    path("account/usage/<int:organization_id>/cap/", usage.cap_edit, name="cap_edit"),
    path("account/usage/<int:organization_id>/", include(provider_routes(explanations))),
    path(
        "account/active-users/<int:organization_id>/", include(provider_routes(active_users_pages))
    ),
    path(
        "organizations/<int:organization_id>/users/doubles/",
        include(provider_routes(double_pages)),
    ),
    path(
        "organizations/<int:organization_id>/users/<int:user_id>/",
        include(provider_routes(user_pages)),
    ),
    path("organization/users/<int:user_id>/", include(own_routes(user_pages))),
    path("organization/users/doubles/", include(own_routes(double_pages))),
    path("organization/active-users/", include(own_routes(active_users_pages))),
    path("organization/", include(own_routes(explanations))),
    path(
        "organizations/<int:organization_id>/usage/",
        organization.organization_usage,
        name="organization_usage",
    ),
    path("organization/", own_pages(organization.organization_detail), name="own_organization"),
]
