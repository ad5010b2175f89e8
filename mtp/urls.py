"""All URLs of the portal, from each app's `urls`; each route names its policy."""

from allauth.account.views import logout
from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from accounts.urls import sign_in
from accounts.views import operations_sign_in
from mtp.api import api
from mtp.styleguide import styleguide

urlpatterns = [
    # First, as it is called most: each request is compared with one route after the other.
    path("api/v1/", api.urls),
    path("", include("accounts.urls")),
    path("", include("tenants.urls")),
    path("", include("usage.urls")),
    path("", include("billing.urls")),
    path("", include("integrations.urls")),
    path("", include("mtp.search.urls")),
    path("accounts/", include(sign_in)),
    # Before the admin's sign-in, which has neither the sign-in limits nor the sign-in log.
    path("operations/login/", operations_sign_in, name="operations_sign_in"),
    path("operations/logout/", logout, name="operations_sign_out"),
    path("operations/", admin.site.urls),
]
handler403 = "accounts.views.forbidden"
handler500 = "core.unavailable.server_error"

if not settings.IS_PRODUCTION:
    urlpatterns.append(path("styleguide/", styleguide, name="styleguide"))
    # Before the admin, which answers every other URL below "operations/".
    urlpatterns.insert(0, path("operations/mails/", include("mtp.demo.urls")))
    urlpatterns.append(path("demo/clock/", include("mtp.travel.urls")))
