"""Redis, the mail server, Stripe, Autotask, and the clocks of two of them and of this machine."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.core.mail import get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.urls import reverse

from billing.gateway.endpoints import webhook_endpoints
from billing.webhooks.inbox import APPLIED_EVENTS
from core import sentinel
from core.schema import connection
from mtp.doctor.findings import Finding, problem

TIMEOUT_SECONDS = 10.0
LARGEST_SKEW_SECONDS = 5.0
# A name that no customer has: an answer of any kind shows that Autotask is reached.
NO_USER = "doctor@mtp.invalid"


def redis_server() -> Iterator[Finding]:
    """Whether Redis answers, where Sentinel says that it is, and stores what it is given."""
    with sentinel.client(timeout=TIMEOUT_SECONDS) as client:
        client.set("mtp.doctor", "1", ex=10)
        kept = client.getdel("mtp.doctor")
        version: Any = client.info("server")
        replicas: Any = client.info("replication")
    where = urlsplit(settings.REDIS_URL)
    if not kept:
        yield problem("Redis", "It answers and stores nothing.", "Look at its maxmemory and disk.")
    else:
        server = version.get("valkey_version") or version.get("redis_version")
        found = f"at {where.hostname}:{where.port}"
        if settings.REDIS_SENTINELS:
            number = replicas.get("connected_slaves")
            found = f"is the master {sentinel.master_name(settings.REDIS_URL)}, replicas: {number}"
        yield Finding("Redis", f"Version {server} {found}.")


def mail_server() -> Iterator[Finding]:
    """Whether the mail server takes the login; sends nothing."""
    backend = get_connection(timeout=TIMEOUT_SECONDS)
    if not isinstance(backend, EmailBackend):
        yield Finding("Mail", f"No server: {settings.EMAIL_BACKEND} keeps mails on this machine.")
        return
    try:
        backend.open()
        secured = "with TLS" if backend.use_tls or backend.use_ssl else "without TLS"
        yield Finding("Mail", f"{backend.host}:{backend.port} answers {secured}; nothing was sent.")
    finally:
        backend.close()


def stripe() -> Iterator[Finding]:
    """Whether Stripe takes the key, and sends every event that is needed to this portal."""
    endpoints = webhook_endpoints()
    mode = "test" if "_test_" in settings.STRIPE_API_KEY else "live"
    yield Finding("Stripe", f"{urlsplit(settings.STRIPE_API_BASE).hostname} takes the {mode} key.")
    url = settings.SITE_URL + reverse("stripe_webhook")
    ours = [endpoint for endpoint in endpoints if endpoint.url == url]
    lacks = [each.missing(APPLIED_EVENTS) for each in ours if each.is_enabled]
    if not ours:
        yield problem(
            "Stripe webhook",
            f"The account has no endpoint {url}.",
            "Add it in Stripe's dashboard under Developers, Webhooks, with the events that "
            "docs/install.md lists, and set STRIPE_WEBHOOK_SECRET to its signing secret.",
        )
    elif not lacks:
        yield problem("Stripe webhook", f"{url} is disabled.", "Enable it in Stripe's dashboard.")
    elif fewest := min(lacks, key=len):
        yield problem(
            "Stripe webhook",
            f"{url} does not get {', '.join(sorted(fewest))}.",
            "Add these events to the endpoint in Stripe's dashboard.",
        )
    else:
        yield Finding("Stripe webhook", f"{url} gets every event that the portal applies.")


def autotask() -> Iterator[Finding]:
    """Whether Autotask is reached. Credentials are each provider's own and are not tried here."""
    address = f"{settings.AUTOTASK_BASE_URL.rstrip('/')}/v1.0/zoneInformation"
    answer = httpx.get(address, params={"user": NO_USER}, timeout=TIMEOUT_SECONDS)
    if "json" not in answer.headers.get("Content-Type", ""):
        yield problem(
            "Autotask",
            f"{address} answers {answer.status_code}, and not as Autotask does.",
            "Correct AUTOTASK_BASE_URL, or leave it empty.",
        )
    else:
        yield Finding("Autotask", f"{urlsplit(address).hostname} answers.")


def clocks() -> Iterator[Finding]:
    """This machine's clock beside those of the database and of Stripe."""
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        (theirs,) = cursor.fetchone()
    yield _skew("database", theirs, before, time.time())
    before = time.time()
    date = httpx.get(settings.STRIPE_API_BASE, timeout=TIMEOUT_SECONDS).headers.get("Date", "")
    if date:
        # Its header has whole seconds: half of one is the best guess.
        yield _skew("Stripe", parsedate_to_datetime(date).timestamp() + 0.5, before, time.time())


def _skew(name: str, theirs: float, before: float, after: float) -> Finding:
    skew = (before + after) / 2 - theirs
    if abs(skew) <= LARGEST_SKEW_SECONDS + (after - before) / 2:
        return Finding("Clock", f"{abs(skew):.1f} s from the clock of {name}.")
    way = "ahead of" if skew > 0 else "behind"
    return problem(
        "Clock",
        f"This machine is {abs(skew):,.0f} s {way} {name}: months would begin at another instant, "
        "and Stripe's events would be refused.",
        "Start time synchronization on both machines (chrony or systemd-timesyncd).",
    )
