"""What probes, Prometheus and operations read: is this process alive, ready, and well?

Probes may call this server by any name or address (`core.middleware.ProbeHostMiddleware`).
"""

import ipaddress
import logging
from datetime import datetime

import redis
from allauth.core.internal.httpkit import get_client_ip
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.figures import coverage, provider_gauges
from accounts.policies import anyone
from accounts.provisioning.release import missing_in_public, unknown_contracts
from core import sentinel
from core.circuit_breakers import silent_services
from core.clock import machine_now
from core.operations.heartbeats import ages
from core.operations.metrics import operations_gauges
from core.operations.open_alerts import open_alerts
from core.operations.outbox_watch import lane_states
from core.servers import from_each_server, has_many, servers
from core.telemetry.counters import CONTENT_TYPE, exposition
from core.telemetry.token import is_metrics_token

logger = logging.getLogger(__name__)
TIMEOUT_SECONDS = 2
RETRY_AFTER_SECONDS = "5"
OK = "ok"


@anyone
@never_cache
@require_safe
def live(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's signature
    """200 while this process answers; looks at nothing else.

    For a proxy, and for what starts a process again: a database that is away is no reason for that.
    """
    return JsonResponse({"live": OK})


@anyone
@never_cache
@require_safe
def ready(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's signature
    """200 if PostgreSQL answers with this release's migrations, and Redis answers; otherwise 503.

    For a release, which waits for it before it goes on.
    """
    parts = _parts()
    is_ready = set(parts.values()) == {OK}
    response = JsonResponse(parts, status=200 if is_ready else 503)
    if not is_ready:
        response["Retry-After"] = RETRY_AFTER_SECONDS
    return response


@anyone
@never_cache
@require_safe
def status(request: HttpRequest) -> HttpResponse:
    """How the whole portal is, for operations who are signed in and for PROBE_ADDRESSES.

    503 if it is not ready. Everything else is shown and does not make it fail: alerts and metrics
    watch it.
    """
    if not _is_from_a_probe(request):
        if not request.user.is_authenticated:
            return redirect_to_login(request.path)
        if not request.user.is_staff:
            raise PermissionDenied("This page is for operations staff.")
    parts: dict[str, object] = dict(_parts())
    is_ready = set(parts.values()) == {OK}
    try:
        parts |= _state(now=timezone.now())
    except DatabaseError:
        logger.warning("The state of the portal cannot be read.", exc_info=True)
    return JsonResponse(
        {"ready": is_ready, **parts},
        status=200 if is_ready else 503,
        json_dumps_params={"indent": 2},
    )


@anyone
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus, for the bearer of METRICS_TOKEN; 404 while no token is set."""
    if not settings.METRICS_TOKEN:
        raise Http404
    if not is_metrics_token(request.headers.get("Authorization", "")):
        return HttpResponse("Send METRICS_TOKEN as a bearer token.\n", status=401)
    now = timezone.now()
    figures = [*operations_gauges(now=now), *provider_gauges(now=now)]
    return HttpResponse(exposition(figures), content_type=CONTENT_TYPE)


def _parts() -> dict[str, str]:
    """The parts that a ready process needs, each `ok` or what is wrong."""
    parts = {"database": OK, "migrations": "unknown", "redis": _redis()}
    try:
        missing, contracts = missing_in_public(), unknown_contracts()
    except DatabaseError:
        logger.warning("The database does not answer.", exc_info=True)
        parts["database"] = "does not answer"
    else:
        parts["migrations"] = OK
        if missing:
            parts["migrations"] = f"{len(missing)} are missing"
        if contracts:
            parts["migrations"] = "a later release has taken away what this one uses"
    return parts


def _redis() -> str:
    try:
        with sentinel.client(timeout=TIMEOUT_SECONDS) as client:
            client.ping()
    except redis.RedisError:
        logger.warning("Redis does not answer.", exc_info=True)
        return "does not answer"
    return OK


def _state(*, now: datetime) -> dict[str, object]:
    covered = coverage(now=now)
    return {
        "heartbeat_seconds": {
            name: round(age.total_seconds()) for name, age in ages(now=machine_now()).items()
        },
        "outbox": {
            lane: {
                "due": state.due,
                "dead": state.dead,
                "oldest_due_seconds": round(state.oldest.total_seconds()),
            }
            for lane, state in lane_states(now=now).items()
        },
        "open_alerts": sum(each.count for each in open_alerts()),
        **_servers(),
        "services_that_do_not_answer": [str(service) for service in silent_services()],
        "providers": {"active": covered.providers, "without_recent_figures": covered.without},
    }


def _servers() -> dict[str, object]:
    """The migrations that each database server lacks, where there are several."""
    if not has_many():
        return {}
    missing = from_each_server(lambda: len(missing_in_public()))
    return {
        "database_servers": {
            str(server): "does not answer"
            if server not in missing
            else f"{missing[server]} migrations are missing"
            if missing[server]
            else OK
            for server in servers()
        }
    }


def _is_from_a_probe(request: HttpRequest) -> bool:
    address = get_client_ip(request)
    return address is not None and any(
        ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
        for network in settings.PROBE_ADDRESSES
    )
