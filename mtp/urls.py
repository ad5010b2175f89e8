"""Every address of the portal; each app names its own, and each route its policy."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("accounts.urls")),
    path("", include("tenants.urls")),
    path("", include("usage.urls")),
    path("", include("billing.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("operations/", admin.site.urls),
]
