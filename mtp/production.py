"""What production refuses: every fault of the settings at once, in words that say what to set.

Pure: reads variables through the function that it is given, and imports no settings.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from urllib.parse import urlsplit

Read = Callable[[str], str]

SHORTEST_KEY = 50
FEWEST_CHARACTERS = 5
A_DATABASE = "postgres://user:password@host:5432/name"
# Required, with what to set.
REQUIRED = {
    "SECRET_KEY": "50 random characters or more, the same on every machine",
    "ENCRYPTION_KEYS": "a phrase of 50 random characters or more, other than SECRET_KEY",
    "PAYMENT_LINK_KEYS": "a phrase of 50 random characters or more, other than SECRET_KEY",
    "SITE_URL": "the address that people use, https://portal.your-company.com",
    "ALLOWED_HOSTS": "the host name of SITE_URL",
    "TRUSTED_PROXY_COUNT": "the number of proxies in front; 0 on purpose if there is none",
    "DATABASE_URL": A_DATABASE,
    "REDIS_URL": "redis://:password@host:6379/0",
    "EMAIL_URL": "the mail server, smtp+tls://user:password@host:587",
    "DEFAULT_FROM_EMAIL": "the sender of mails, Your Company <billing@your-company.com>",
    "SUPPORT_EMAIL": "the address that pages and mails name for help",
    "STRIPE_API_KEY": "the secret key of your Stripe account, sk_live_...",
    "STRIPE_PUBLISHABLE_KEY": "the publishable key of the same account, pk_live_...",
    "STRIPE_WEBHOOK_SECRET": "the signing secret of the webhook endpoint, whsec_...",
    "SELLER_NAME": "who sends the invoices",
    "SELLER_ADDRESS": "the lines of the seller's address, separated by commas",
    "SELLER_COUNTRY": "the seller's country, two letters",
    "SELLER_TAX_ID": "the seller's tax id, as invoices print it",
    "SELLER_EMAIL": "the seller's address for questions about invoices",
}
# Those whose value may be in a file that NAME_FILE names.
FROM_FILES = (
    *REQUIRED,
    *("DATABASE_DIRECT_URL", "DATABASE_REPLICA_URL", "REDIS_SENTINEL_PASSWORD"),
    *("METRICS_TOKEN", "OPERATIONS_EMAIL", "SECRET_KEY_FALLBACKS", "SENTRY_DSN"),
)
KEYS = ("SECRET_KEY", "ENCRYPTION_KEYS", "PAYMENT_LINK_KEYS")
MAIL_SCHEMES = ("smtp", "smtps", "smtp+tls", "smtp+ssl")
REDIS_SCHEMES = ("redis", "rediss", "unix")
DATABASES = ("DATABASE_URL", "DATABASE_DIRECT_URL", "DATABASE_REPLICA_URL")
DATABASE_SCHEMES = ("postgres", "postgresql", "psql", "pgsql")
SWITCHES = (
    *("COMPRESS_PAGES", "DEBUG", "HASHED_FILES", "HSTS_SUBDOMAINS", "OPERATIONS_NEED_FACTOR"),
    *("SECURE_SSL_REDIRECT", "STRIPE_TEST_MODE", "TIME_TRAVEL"),
)
# With the smallest number that makes sense.
WHOLE_NUMBERS = {
    "API_REQUESTS_PER_MINUTE": 1,
    "CARD_EXPIRY_NOTICE_DAYS": 1,
    "CONFIRMED_MINUTES": 1,
    "ERASE_AFTER_DAYS": 1,
    "EXPORT_DAYS": 1,
    "FORECAST_CACHE_SECONDS": 0,
    "FREE_USER_ALLOWANCE": 0,
    "HSTS_SECONDS": 0,
    "INVOICE_TERMS_DAYS": 0,
    "LEAVE_READ_ONLY_DAYS": 0,
    "MENU_CACHE_SECONDS": 0,
    "NEW_PROVIDERS_SERVER": 1,
    "OUTBOX_LEASE_SECONDS": 60,
    "OUTSIDE_FAILURES": 1,
    "OUTSIDE_PAUSE_SECONDS": 1,
    "PAYMENT_LINK_DAYS": 1,
    "RENEWAL_NOTICE_DAYS": 1,
    "SESSION_DAYS": 1,
    "SESSION_IDLE_MINUTES": 5,
    "SMALL_BALANCE_MONTHS": 0,
    "TRANSFER_DAYS": 1,
    "TRUSTED_BROWSER_DAYS": 0,
    "TRUSTED_PROXY_COUNT": 0,
    "WEB_PROCESSES": 1,
    "WEB_THREADS": 1,
    "WORKER_METRICS_PORT": 0,
}
AMOUNTS = ("AUTOMATIC_CHARGE_LIMITS", "SMALLEST_CHARGES", "LARGEST_CHARGES")


def faults(given: Read, *, unreadable: Mapping[str, str] | None = None) -> list[str]:
    """Every fault of production's settings, a sentence each; empty if the portal may start.

    `given(name)` is the value of a variable, or "" if it is not set. `unreadable` names variables
    whose file can't be read, with the fault; they are not read.
    """
    unreadable = unreadable or {}
    read = _stripped(lambda name: "" if name in unreadable else given(name))
    checks = (
        *(_missing, _keys, _site, _services, _databases, _sentinels, _stripe),
        *(_stand_ins, _switches, _numbers, _names),
    )
    found = [fault for check in checks for fault in check(read)]
    named = tuple(f"{name} is missing or empty" for name in unreadable)
    return [*unreadable.values(), *(fault for fault in found if not fault.startswith(named))]


def refusal(found: Iterable[str]) -> str:
    """The faults as the text with which the process ends."""
    listed = list(found)
    settings = "1 setting is" if len(listed) == 1 else f"{len(listed)} settings are"
    return "\n".join(
        [
            f"The portal does not start: {settings} missing or wrong for production.",
            *(f"  - {fault}" for fault in listed),
            "Set them in the environment or in .env; .env.example explains each.",
        ]
    )


def _stripped(read: Read) -> Read:
    return lambda name: read(name).strip()


def _missing(read: Read) -> Iterator[str]:
    for name, what in REQUIRED.items():
        if not read(name):
            yield f"{name} is missing or empty: {what}."


def _keys(read: Read) -> Iterator[str]:
    first = {name: listed(read(name))[0] for name in KEYS if listed(read(name))}
    if "SECRET_KEY" in first:
        # A comma is a character of this one as any other.
        first["SECRET_KEY"] = read("SECRET_KEY")
    for name, key in first.items():
        if len(key) < SHORTEST_KEY:
            yield f"{name} has {len(key)} characters: at least {SHORTEST_KEY} random ones."
        elif len(set(key)) < FEWEST_CHARACTERS or key.startswith("django-insecure"):
            yield f"{name} can be guessed: use {SHORTEST_KEY} random characters."
        if name != "SECRET_KEY" and key == first.get("SECRET_KEY"):
            yield f"{name} begins with SECRET_KEY: put a separate key first."
    token = read("METRICS_TOKEN")
    if token and len(token) < SHORTEST_KEY:
        yield f"METRICS_TOKEN has {len(token)} characters: at least {SHORTEST_KEY} random ones."


def _site(read: Read) -> Iterator[str]:
    hosts = listed(read("ALLOWED_HOSTS"))
    if "*" in hosts:
        yield "ALLOWED_HOSTS is *: name the hosts that the portal answers to."
    address = read("SITE_URL")
    if not address:
        return
    site = urlsplit(address)
    if site.scheme != "https" or not site.hostname or site.path.strip("/") or is_local(address):
        yield f"SITE_URL is {address}: it must be https://, a public host name, and no path."
    elif (
        hosts
        and "*" not in hosts
        and not any(
            site.hostname == host or (host.startswith(".") and f".{site.hostname}".endswith(host))
            for host in hosts
        )
    ):
        yield f"ALLOWED_HOSTS does not name {site.hostname}, the host of SITE_URL."


def _services(read: Read) -> Iterator[str]:
    for name, schemes, what in (
        *((name, DATABASE_SCHEMES, f"PostgreSQL, {A_DATABASE}") for name in DATABASES),
        ("REDIS_URL", REDIS_SCHEMES, "Redis, redis://:password@host:6379/0"),
        (
            "EMAIL_URL",
            MAIL_SCHEMES,
            "a mail server, smtp+tls://...; files and consoles are for development",
        ),
    ):
        # Only the scheme is shown: the rest contains a password.
        scheme, found, _ = read(name).partition("://")
        if read(name) and (not found or scheme not in schemes):
            shown = f"begins with {scheme}://" if found else "has no scheme"
            yield f"{name} {shown}: it must name {what}."


def _databases(read: Read) -> Iterator[str]:
    """The pooler and the other addresses of the database."""
    named = {name: urlsplit(read(name)).path.strip("/") for name in DATABASES if read(name)}
    for name, database in named.items():
        if not database:
            yield f"{name} names no database: add its name after the host, /mtp."
        elif named.get("DATABASE_URL") not in ("", None, database):
            yield f"{name} names the database {database}: it must be that of DATABASE_URL."
    pooler, direct = read("DATABASE_POOLER"), read("DATABASE_DIRECT_URL")
    if pooler not in ("", "transaction"):
        yield f"DATABASE_POOLER is {pooler!r}: use transaction, or leave it empty."
    elif pooler and not direct:
        yield (
            "DATABASE_DIRECT_URL is missing: with DATABASE_POOLER it names PostgreSQL itself, for "
            "migrations, locks and dumps."
        )


def _sentinels(read: Read) -> Iterator[str]:
    sentinels = listed(read("REDIS_SENTINELS"))
    for sentinel in sentinels:
        if not re.fullmatch(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", sentinel):
            yield f"REDIS_SENTINELS names {sentinel!r}: use host:port, separated by commas."
    redis = urlsplit(read("REDIS_URL"))
    if sentinels and (redis.scheme != "redis" or ":" in redis.netloc.rpartition("@")[2]):
        yield (
            "REDIS_URL must be redis://:password@NAME/0 beside REDIS_SENTINELS: NAME is the one "
            "of the master, without a port, and sentinels are not asked with TLS."
        )


def _stripe(read: Read) -> Iterator[str]:
    mode = "test" if is_on(read("STRIPE_TEST_MODE")) else "live"
    because = " because STRIPE_TEST_MODE is on" if mode == "test" else ""
    for name, kinds in (
        ("STRIPE_API_KEY", ("sk", "rk")),
        ("STRIPE_PUBLISHABLE_KEY", ("pk",)),
    ):
        if read(name) and not read(name).startswith(tuple(f"{kind}_{mode}_" for kind in kinds)):
            yield f"{name} must begin with {kinds[0]}_{mode}_{because}."
    secret = read("STRIPE_WEBHOOK_SECRET")
    if secret and not secret.startswith("whsec_"):
        yield "STRIPE_WEBHOOK_SECRET must begin with whsec_: it is the endpoint's signing secret."


def _stand_ins(read: Read) -> Iterator[str]:
    """Addresses that are not those of Stripe and Autotask."""
    for name, domain in (
        ("STRIPE_API_BASE", "stripe.com"),
        ("STRIPE_JS_URL", "stripe.com"),
        ("STRIPE_FRAME_SOURCES", "stripe.com"),
        ("AUTOTASK_BASE_URL", "autotask.net"),
    ):
        for address in listed(read(name)):
            parts = urlsplit(address)
            if parts.scheme != "https":
                yield f"{name} is {address}: only https:// protects what is sent there."
            elif not f".{parts.hostname}".endswith(f".{domain}"):
                yield f"{name} is {address}, a stand-in: leave it empty, or use one of {domain}."


def _switches(read: Read) -> Iterator[str]:
    for name in SWITCHES:
        if read(name) and not (is_on(read(name)) or is_off(read(name))):
            yield f"{name} is {read(name)!r}: use true or false."
    if is_on(read("TIME_TRAVEL")):
        yield "TIME_TRAVEL must be off in production: the clock of real invoices is never moved."
    if is_off(read("OPERATIONS_NEED_FACTOR")):
        yield (
            "OPERATIONS_NEED_FACTOR must be on in production: a password alone would reach every "
            "provider's money."
        )
    if is_on(read("DEBUG")):
        yield "DEBUG must be off in production: its pages show settings."


def _numbers(read: Read) -> Iterator[str]:
    for name, smallest in WHOLE_NUMBERS.items():
        value = read(name)
        if value and not (re.fullmatch("[0-9]{1,9}", value) and int(value) >= smallest):
            yield f"{name} is {value!r}: use a whole number, {smallest} or more."
    days = read("RETRY_DAYS")
    if days and not all(re.fullmatch("[0-9]{1,4}", day) for day in listed(days)):
        yield f"RETRY_DAYS is {days!r}: use whole numbers separated by commas."
    for name in AMOUNTS:
        if not all(map(_is_amount, listed(read(name)))):
            yield f"{name} is {read(name)!r}: use amounts by currency, USD=4000,EUR=4000."


def _names(read: Read) -> Iterator[str]:
    dsn = read("SENTRY_DSN")
    if dsn and not dsn.startswith("https://"):
        yield "SENTRY_DSN must begin with https://."
    country = read("SELLER_COUNTRY")
    if country and not re.fullmatch("[A-Z]{2}", country):
        yield f"SELLER_COUNTRY is {country!r}: use the two capital letters of ISO 3166."
    logo = read("SELLER_LOGO")
    if logo and not (logo.endswith((".svg", ".png")) and Path(logo).is_file()):
        yield f"SELLER_LOGO is {logo!r}: name an SVG or PNG file on this machine."
    addresses = ("DEFAULT_FROM_EMAIL", "SUPPORT_EMAIL", "OPERATIONS_EMAIL", "SECURITY_EMAIL")
    for name in (*addresses, "SELLER_EMAIL"):
        if read(name) and "@" not in read(name):
            yield f"{name} is {read(name)!r}, which is no e-mail address."


def listed(value: str) -> list[str]:
    """The entries of a value, which commas separate."""
    return [entry.strip() for entry in value.split(",") if entry.strip()]


def is_on(value: str) -> bool:
    """Whether the settings read the value as true."""
    return value.lower() in ("true", "on", "ok", "y", "yes", "1")


def is_off(value: str) -> bool:
    """Whether the value says false."""
    return value.lower() in ("false", "off", "n", "no", "0")


def is_local(address: str) -> bool:
    """Whether the address names this machine."""
    host = urlsplit(address).hostname or ""
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return number.is_loopback or number.is_unspecified


def _is_amount(entry: str) -> bool:
    currency, _, amount = entry.partition("=")
    try:
        return bool(re.fullmatch("[A-Z]{3}", currency)) and Decimal(amount) >= 0
    except InvalidOperation:
        return False
