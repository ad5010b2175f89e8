"""How people sign in: the first and the second factor, sessions, and limits of attempts.

`mtp.settings` reads `.env` and then imports this module; `.env.example` explains each variable.
"""

from mtp.environment import Environment

env = Environment()

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.sign_in.EmailBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.sign_in.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_FORMS = {
    "login": "accounts.forms.SignInForm",
    "reset_password": "accounts.forms.PasswordResetForm",
}
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
PASSWORD_RESET_TIMEOUT = 4 * 60 * 60
# Proxies that append to X-Forwarded-For: limits and the sign-in log need the person's address.
ALLAUTH_TRUSTED_PROXY_COUNT: int = env.int("TRUSTED_PROXY_COUNT", default=0)
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "reset_password": "20/m/ip,5/m/key",
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}Validator", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarity", {"user_attributes": ("name", "email")}),
        ("MinimumLength", {"min_length": 12}),
        ("CommonPassword", {}),
    )
]

# --- Second factors, and passkeys, which may be the only one (docs/decisions/0071) ---------------
MFA_ADAPTER = "accounts.security.factors.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# Addresses are proved by the mail of the invitation.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "activate_totp": "accounts.security.forms.ActivateAppForm",
    "add_webauthn": "accounts.security.forms.AddPasskeyForm",
    "authenticate": "accounts.security.forms.CodeForm",
    "reauthenticate": "accounts.security.forms.ConfirmByCodeForm",
}
MFA_TRUST_ENABLED = True
MFA_TRUST_COOKIE_AGE = 24 * 60 * 60 * env.int("TRUSTED_BROWSER_DAYS", default=30)
# Off in development and demos, whose people share logins; production refuses that.
OPERATIONS_NEED_FACTOR: bool = env.bool("OPERATIONS_NEED_FACTOR", default=True)

# --- Sessions: they end so long after they began, and after the last request ---------------------
SESSION_COOKIE_AGE = 24 * 60 * 60 * env.int("SESSION_DAYS", default=14)
SESSION_IDLE_MINUTES: int = env.int("SESSION_IDLE_MINUTES", default=12 * 60)
# Money, keys, roles and exports need a sign-in, or its confirmation, not longer ago than this.
CONFIRMED_MINUTES: int = env.int("CONFIRMED_MINUTES", default=15)
ACCOUNT_REAUTHENTICATION_TIMEOUT = 60 * CONFIRMED_MINUTES
