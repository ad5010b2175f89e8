"""Routes of accounts. Of allauth's routes, only those of sign-in and passwords."""

from allauth.account import views as allauth_views
from django.urls import path, re_path

from accounts import probes, site_security, views

sign_in = [
    path("login/", allauth_views.login, name="account_login"),
    path("logout/", allauth_views.logout, name="account_logout"),
    path("signup/", allauth_views.signup, name="account_signup"),
    path("inactive/", allauth_views.account_inactive, name="account_inactive"),
    path("password/change/", allauth_views.password_change, name="account_change_password"),
    path("password/reset/", allauth_views.password_reset, name="account_reset_password"),
    path(
        "password/reset/done/",
        allauth_views.password_reset_done,
        name="account_reset_password_done",
    ),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        allauth_views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        allauth_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]

urlpatterns = [
    path("", views.home, name="home"),
    path("live", probes.live, name="live"),
    path("ready", probes.ready, name="ready"),
    path("status", probes.status, name="status"),
    path("metrics/", probes.metrics, name="metrics"),
    path(".well-known/security.txt", site_security.security_txt, name="security_txt"),
    path("browser-reports/", site_security.browser_reports, name="browser_reports"),
    path("profile/", views.profile, name="profile"),
    path("profile/csv/", views.csv_options, name="csv_options"),
]
