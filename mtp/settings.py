"""Settings, read once from the environment; `.env.example` explains each variable.

Production refuses to start with missing or wrong ones and prints all of them (`mtp.production`).
"""

import logging
import sys
import zoneinfo
from pathlib import Path

from core import clock, sentinel
from core.telemetry import logs
from mtp import content_policy, database_limits, operations_theme, production, schedule, workers
from mtp.databases import databases
from mtp.environment import Environment, read_files, unreadable_files

# Use the tzdata package, not the system's rules, so that a month begins at the same instant on
# every machine.
zoneinfo.reset_tzpath(())

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()
read_files(BASE_DIR)

ENVIRONMENT: str = env.str("MTP_ENVIRONMENT", default="") or "production"
if ENVIRONMENT not in ("production", "development", "test"):
    sys.exit(f"MTP_ENVIRONMENT is {ENVIRONMENT!r}. Use production, development or test.")
IS_PRODUCTION = ENVIRONMENT == "production"
if IS_PRODUCTION and (
    faults := production.faults(
        lambda name: env.str(name, default=""), unreadable=unreadable_files(production.FROM_FILES)
    )
):
    sys.exit(production.refusal(faults))
# Whether operations may move the portal's clock forward (docs/decisions/0057).
TIME_TRAVEL: bool = env.bool("TIME_TRAVEL", default=False)
if TIME_TRAVEL:
    clock.install()
# The kind of process, for its time limits; `mtp.wsgi` sets "web".
PROCESS: str = env.str("MTP_PROCESS", default="worker")
if PROCESS not in database_limits.LIMITS:
    sys.exit(f"MTP_PROCESS is {PROCESS!r}. Use web or worker.")
# As gunicorn.conf.py; a server of another kind, as that of the tests, has a thread per request.
WEB_THREADS: int = env.int("WEB_THREADS", default=4) if PROCESS == "web" else 1000
DEBUG: bool = env.bool("DEBUG", default=False)


def secret(name: str) -> str:
    """A value that development needs too; ends the process with the variable's name without it."""
    value: str = env.str(name, default="")
    if not value.strip():
        sys.exit(
            f"{name} is missing or empty. Set it in the environment or in .env (see .env.example)."
        )
    return value


SECRET_KEY = secret("SECRET_KEY")
# Keys before it, which still verify sessions and reset links (docs/decisions/0038).
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", default=[])
SITE_URL: str = env.str("SITE_URL", default="http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS: list[str] = env.list(
    "ALLOWED_HOSTS", default=[] if IS_PRODUCTION else ["127.0.0.1", "localhost", "testserver"]
)
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- Apps: none of the portal's is in both lists (docs/decisions/0001) ---------------------------
SHARED_APPS = [
    "accounts",
    "core.outbox",
    "core.operations",
    # Before django_tenants, because its admin templates override those of later apps.
    "unfold",
    "django_tenants",
    "django.contrib.contenttypes",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    "csp",
    "ninja",  # static files of the API reference
]
TENANT_APPS = ["tenants", "usage", "billing", "integrations"]
# Those of mtp have no tables. The demo is first: its admin start page replaces unfold's.
DEMO = [] if IS_PRODUCTION else ["mtp.demo", "mtp.travel"]
INSTALLED_APPS = [
    *DEMO,
    *("mtp.backups", "mtp.doctor", "mtp.moving", "mtp.retention", "mtp.texts"),
    *SHARED_APPS,
    *TENANT_APPS,
]
TENANT_MODEL = "accounts.Provider"
TENANT_DOMAIN_MODEL = "accounts.Domain"
PUBLIC_SCHEMA_NAME = "public"
# Set the search path when the schema changes and after each rollback, not before each query. Behind
# a pooler this would read other providers' rows, so it needs DATABASE_POOLER (docs/decisions/0008).
TENANT_LIMIT_SET_CALLS = True

MIDDLEWARE = [
    "core.telemetry.middleware.TelemetryMiddleware",
    # For a web server without a proxy in front that compresses; deploy/nginx does.
    *(["django.middleware.gzip.GZipMiddleware"] if env.bool("COMPRESS_PAGES", False) else []),
    "core.middleware.ProbeHostMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "core.headers.HeadersMiddleware",
    "core.problems.ProblemsMiddleware",
    "core.middleware.OperationsAddressMiddleware",
    "core.middleware.PublicSchemaMiddleware",
    *(["mtp.travel.middleware.ClockMiddleware"] if TIME_TRAVEL else []),
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.security.middleware.SessionLimitsMiddleware",
    "core.middleware.ProviderMiddleware",
    "tenants.alerts.middleware.AlertsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.security.middleware.FactorMiddleware",
    "accounts.security.middleware.ConfirmationMiddleware",
    "billing.dunning.suspension.SuspensionMiddleware",
    "billing.leaving.access.StageMiddleware",
]
ROOT_URLCONF = "mtp.urls"
WSGI_APPLICATION = "mtp.wsgi.application"

# The portal's templates are Jinja2 (docs/decisions/0026). Those of packages, and templates of the
# operations admin that extend them, are in Django's language.
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "environment": "mtp.jinja.environment",
            "context_processors": [
                "core.templating.context_processors.csrf",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mtp.navigation.context.navigation",
                "billing.dunning.context_processors.dunning",
                "billing.leaving.access.leaving",
                "accounts.security.middleware.factor_reminder",
                *(["mtp.travel.bar.clock"] if not IS_PRODUCTION else []),
            ],
        },
    },
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates/operations"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# --- PostgreSQL, Redis ---------------------------------------------------------------------------
IS_TEST = ENVIRONMENT == "test"
# The numbers of the servers besides that of DATABASE_URL, which is 1 (docs/decisions/0046).
DATABASE_SERVERS: list[int] = env.list("DATABASE_SERVERS", cast=int, default=[])
try:
    DATABASES = databases(
        env.str("DATABASE_URL", default="postgres://mtp:mtp@127.0.0.1:5432/mtp"),
        pooler=env.str("DATABASE_POOLER", default=""),
        direct_url=env.str("DATABASE_DIRECT_URL", default=""),
        replica_url=env.str("DATABASE_REPLICA_URL", default=""),
        servers={n: env.str(f"DATABASE_URL_{n}", default="") for n in DATABASE_SERVERS},
        process=PROCESS,
        # Tests live in other months.
        clock="2999-12-31" if IS_TEST else "",
    )
except ValueError as fault:
    sys.exit(str(fault))
NEW_PROVIDERS_SERVER: int = env.int("NEW_PROVIDERS_SERVER", default=1)
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
if DATABASE_SERVERS:
    DATABASE_ROUTERS.insert(0, "core.servers.ServerRouter")
# Tables of the public schema that each server has for its providers.
MODELS_BESIDE_PROVIDERS = [
    "outbox.OutboxMessage",
    "outbox.OutboxPause",
    "operations.OperationsAlert",
    "accounts.Provider",
    "accounts.IssuedDocument",
    "accounts.HighestId",
    "accounts.ErasedUser",
    "accounts.ProviderChange",
    "accounts.ChangeCount",
    "accounts.RoundLook",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL: str = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
# Where there are sentinels, the host in REDIS_URL is the name of the master (core.sentinel).
REDIS_SENTINELS: list[str] = env.list("REDIS_SENTINELS", default=[])
REDIS_SENTINEL_PASSWORD: str = env.str("REDIS_SENTINEL_PASSWORD", default="")
_POOL = {
    "pool_class": "core.sentinel.MasterPool",
    "sentinels": REDIS_SENTINELS,
    "sentinel_password": REDIS_SENTINEL_PASSWORD,
}
_CACHE = {
    # A list: a text would be divided at each comma, also inside a password.
    "LOCATION": [REDIS_URL],
    "OPTIONS": {
        "socket_connect_timeout": 1,
        "socket_timeout": 1,
        **(_POOL if REDIS_SENTINELS else {}),
    },
}
CACHES = {
    # Shared by all providers, as sign-in limits must be.
    "default": {**_CACHE, "BACKEND": "core.cache.ForgivingCache"},
    "sessions": {**_CACHE, "BACKEND": "core.cache.SessionCache"},
    # Data of one provider: the schema is part of every key.
    "provider": {
        **_CACHE,
        "BACKEND": "core.cache.ForgivingCache",
        "KEY_FUNCTION": "django_tenants.cache.make_key",
        "REVERSE_KEY_FUNCTION": "django_tenants.cache.reverse_key",
    },
}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
SESSION_CACHE_ALIAS = "sessions"
SESSION_COOKIE_SECURE = IS_PRODUCTION
CSRF_COOKIE_SECURE = IS_PRODUCTION
# Browsers take a cookie of this prefix only over TLS, for this host alone and all its paths.
SESSION_COOKIE_NAME = "__Host-session" if IS_PRODUCTION else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrf" if IS_PRODUCTION else "csrftoken"
MFA_TRUST_COOKIE_NAME = "__Host-trusted" if IS_PRODUCTION else "trusted"
KNOWN_BROWSER_COOKIE_NAME = "__Host-known" if IS_PRODUCTION else "known"
CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=IS_PRODUCTION)
# Probes and Prometheus do not pass through the proxy.
SECURE_REDIRECT_EXEMPT = [r"^(live|ready|status)$", r"^metrics/$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_PRODUCTION else None
# Browsers remember it: 0 takes it back. With all hosts below that of SITE_URL, unless switched off.
SECURE_HSTS_SECONDS: int = env.int("HSTS_SECONDS", default=31_536_000 if IS_PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS: bool = env.bool("HSTS_SUBDOMAINS", default=IS_PRODUCTION)
SECURE_HSTS_PRELOAD = SECURE_HSTS_INCLUDE_SUBDOMAINS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Language, time, files -----------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))
STATICFILES_DIRS = [BASE_DIR / "static"]
# Addresses by content, which browsers keep for good; collected before the web server starts.
HAS_HASHED_FILES = IS_PRODUCTION or env.bool("HASHED_FILES", default=False)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_PRODUCTION
        else f"django.contrib.staticfiles.storage.{'Manifest' * HAS_HASHED_FILES}StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not HAS_HASHED_FILES

# --- Mail: a server that hangs blocks a worker for EMAIL_TIMEOUT seconds at most -----------------
vars().update(env.email("EMAIL_URL", default="filemail:////tmp/mtp-mail"), EMAIL_TIMEOUT=30)
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", default="MTP Billing <billing@mtp.example>")
SUPPORT_EMAIL: str = env.str("SUPPORT_EMAIL", default="support@mtp.example")
# Whom to write to about a hole in the portal, says /.well-known/security.txt.
SECURITY_EMAIL: str = env.str("SECURITY_EMAIL", default="") or SUPPORT_EMAIL
# Who gets the mails of operations alerts.
OPERATIONS_EMAIL: str = env.str("OPERATIONS_EMAIL", default="") or SUPPORT_EMAIL

# What Prometheus sends to read /metrics/; without it nothing is served there.
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")
# Where a worker shows its counters to Prometheus; 0: nowhere.
WORKER_METRICS_PORT: int = env.int("WORKER_METRICS_PORT", default=0)
# Networks whose probes may read /status without signing in.
PROBE_ADDRESSES: list[str] = env.list("PROBE_ADDRESSES", default=[])
# Error reports and traces; without them nothing of either is imported.
SENTRY_DSN: str = env.str("SENTRY_DSN", default="")
OTEL_EXPORTER_OTLP_ENDPOINT: str = env.str("OTEL_EXPORTER_OTLP_ENDPOINT", default="")

# A file that each worker touches every half minute, for the health check of its container.
HEARTBEAT_PATH: str = env.str("HEARTBEAT_PATH", default="")

# --- Celery --------------------------------------------------------------------------------------
CELERY_BROKER_URL = (
    sentinel.broker_url(REDIS_URL, sentinels=REDIS_SENTINELS) if REDIS_SENTINELS else REDIS_URL
)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Workers wait for the broker for as long as it is away: up to half a minute between two tries.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A task that was taken and not acknowledged is sent again after `visibility_timeout`: longer than
# any task may take. The first limit raises an error in the task, the second ends its process.
CELERY_TASK_SOFT_TIME_LIMIT = 20 * 60
CELERY_TASK_TIME_LIMIT = 25 * 60
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 2,
    # A Redis that hangs; longer than the second for which a worker asks it for a task.
    "socket_timeout": 5,
    "visibility_timeout": 60 * 60,
    "master_name": sentinel.master_name(REDIS_URL),
    "sentinel_kwargs": {"socket_timeout": 2, "password": REDIS_SENTINEL_PASSWORD or None},
}
# People wait while a worker is woken. Once more, because the first try may find that Redis was
# started again since; a lost wake-up costs seconds.
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1}
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_BEAT_SCHEDULE = schedule.schedule_of(DATABASE_SERVERS)
CELERY_BEAT_SCHEDULER = "core.beat:SteadyScheduler"
CELERY_TASK_DEFAULT_QUEUE = workers.SCHEDULED
CELERY_TASK_ROUTES = {task: {"queue": queue} for task, queue in workers.TASK_QUEUES.items()}
UNFOLD = operations_theme.UNFOLD

# --- Stripe --------------------------------------------------------------------------------------
STRIPE_API_KEY = secret("STRIPE_API_KEY")
STRIPE_WEBHOOK_SECRET = secret("STRIPE_WEBHOOK_SECRET")
STRIPE_PUBLISHABLE_KEY: str = env.str("STRIPE_PUBLISHABLE_KEY", default="pk_test_standin")
STRIPE_API_BASE: str = env.str("STRIPE_API_BASE", default="https://api.stripe.com")
STRIPE_JS_URL: str = env.str("STRIPE_JS_URL", default="https://js.stripe.com/v3/")
STRIPE_FRAME_SOURCES: list[str] = env.list(
    "STRIPE_FRAME_SOURCES",
    default=["https://js.stripe.com", "https://hooks.stripe.com", "https://api.stripe.com"],
)
# Whether the keys are those of Stripe's test mode, on purpose: a trial of production.
STRIPE_TEST_MODE: bool = env.bool("STRIPE_TEST_MODE", default=False)
# The first encrypts, all decrypt, so that a new key can be added before the old one is removed.
ENCRYPTION_KEYS: list[str] = env.list("ENCRYPTION_KEYS", default=[]) or [SECRET_KEY]
# The first signs payment links, all verify them.
PAYMENT_LINK_KEYS: list[str] = env.list("PAYMENT_LINK_KEYS", default=[]) or [SECRET_KEY]
AUTOTASK_BASE_URL: str = env.str(
    "AUTOTASK_BASE_URL", default="https://webservices.autotask.net/atservicesrest"
)

CONTENT_SECURITY_POLICY = content_policy.policy(stripe=STRIPE_FRAME_SOURCES)

# --- Limits, days and names of the product -------------------------------------------------------
# Imported here, because they read variables that the files above set.
from mtp.product_settings import *  # noqa: E402, F403
from mtp.sign_in_settings import *  # noqa: E402, F403

# Each line of production is JSON, those of Python's warnings too.
logging.captureWarnings(IS_PRODUCTION)
LOGGING = logs.configuration(level=env.str("LOG_LEVEL", default="INFO"), as_json=IS_PRODUCTION)
