"""Every address of the portal; each app names its own, and each route its policy."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from mtp.styleguide import styleguide

urlpatterns = [
    path("", include("accounts.urls")),
    path("", include("tenants.urls")),
    path("", include("usage.urls")),
    path("", include("billing.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("operations/", admin.site.urls),
]

if not settings.IS_PRODUCTION:
    urlpatterns.append(path("styleguide/", styleguide, name="styleguide"))
