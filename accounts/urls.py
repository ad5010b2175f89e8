"""Routes of accounts. Of allauth's routes, only those of sign-in, passwords and factors."""

from collections.abc import Callable

from allauth.account import views as allauth_views
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as app
from allauth.mfa.webauthn import views as passkeys
from django.http import HttpResponseBase
from django.urls import include, path, re_path, reverse_lazy

from accounts import probes, site_security, views
from accounts.security import pages
from core.servers import with_directory


def _at_once(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """The change, its mail and its row in the log in one transaction."""
    return with_directory()(view)


remove_passkey = passkeys.RemoveWebAuthnView.as_view(success_url=reverse_lazy("mfa_index"))

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
    path("reauthenticate/", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("reauthenticate/code/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path(
        "reauthenticate/passkey/",
        passkeys.reauthenticate_webauthn,
        name="mfa_reauthenticate_webauthn",
    ),
    path("login/code/", mfa.authenticate, name="mfa_authenticate"),
    path("login/passkey/", passkeys.login_webauthn, name="mfa_login_webauthn"),
    path("login/browser/", mfa.trust, name="mfa_trust"),
]

# Below the profile, to which they belong in the menu.
security = [
    path("", pages.sign_in_security, name="mfa_index"),
    path("app/add/", _at_once(app.activate_totp), name="mfa_activate_totp"),
    path("app/remove/", _at_once(app.deactivate_totp), name="mfa_deactivate_totp"),
    path("passkeys/add/", _at_once(passkeys.add_webauthn), name="mfa_add_webauthn"),
    path("passkeys/<int:pk>/remove/", _at_once(remove_passkey), name="mfa_remove_webauthn"),
    path("codes/", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path(
        "codes/download/",
        recovery_codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
    path(
        "codes/renew/",
        _at_once(recovery_codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path("sessions/<int:session_id>/end/", pages.session_end, name="session_end"),
    path("sessions/end/", pages.sessions_end, name="sessions_end"),
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
    path("profile/sign-in/", include(security)),
]
