"""Public pages about the site's security: how to report a hole, and where browsers report."""

from datetime import timedelta

from allauth.core.internal.ratelimit import consume
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from accounts.policies import anyone
from core.telemetry.browser_reports import LARGEST_REPORT, UnreadableReport, log_reports

REPORTS_RATE = {"reports": "60/m/ip"}
VALID_DAYS = 180


@anyone
@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view's signature
    """Where to report a hole in the portal (RFC 9116)."""
    expires = (timezone.now() + timedelta(days=VALID_DAYS)).replace(microsecond=0)
    lines = [
        f"Contact: mailto:{settings.SECURITY_EMAIL}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        f"Canonical: {settings.SITE_URL.rstrip('/')}/.well-known/security.txt",
        "Preferred-Languages: en",
    ]
    return HttpResponse("\n".join([*lines, ""]), content_type="text/plain; charset=utf-8")


@anyone
@csrf_exempt
@require_POST
def browser_reports(request: HttpRequest) -> HttpResponse:
    """Log what a browser says it blocked. 204; 400, 413 or 429 if it can't be taken."""
    if not consume(request, app="mtp", action="reports", config=REPORTS_RATE):
        return HttpResponse(status=429, headers={"Retry-After": "60"})
    body = request.read(LARGEST_REPORT + 1)
    if len(body) > LARGEST_REPORT:
        return HttpResponse(status=413)
    try:
        log_reports(body)
    except UnreadableReport:
        return HttpResponse(status=400)
    return HttpResponse(status=204)
