"""What browsers report that the content security policy blocked."""

import hashlib
import json
import logging
from urllib.parse import urlsplit

from django.core.cache import cache

logger = logging.getLogger(__name__)

LARGEST_REPORT = 16_384
_REPORTED_LENGTH = 200
_SILENT_SECONDS = 3600


class UnreadableReport(ValueError):
    """The body is no report of a browser."""


def log_reports(body: bytes) -> int:
    """Log what browsers report that they blocked, each kind once an hour; the number of reports.

    Takes both formats: that of `report-uri` and that of the Reporting API. Raises UnreadableReport
    for anything else. Only the directive, the site that was blocked and the path of the page are
    logged: the rest of an address may carry names and secrets.
    """
    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableReport from error
    reports = given if isinstance(given, list) else [given]
    found = [_parts(report) for report in reports]
    for directive, blocked, page in found:
        key = hashlib.sha256(f"{directive} {blocked} {page}".encode()).hexdigest()
        if cache.add(f"csp-report:{key}", 1, timeout=_SILENT_SECONDS):
            logger.warning(
                "A browser blocked %s on %s: %s does not allow it.", blocked, page, directive
            )
    return len(found)


def _parts(report: object) -> tuple[str, str, str]:
    """The directive, what was blocked and the page's path."""
    if not isinstance(report, dict):
        raise UnreadableReport
    inside = report.get("csp-report", report.get("body"))
    if not isinstance(inside, dict):
        raise UnreadableReport

    def said(*names: str) -> str:
        return next((str(inside[name]) for name in names if inside.get(name)), "")

    directive = said("effective-directive", "effectiveDirective", "violated-directive")
    blocked = said("blocked-uri", "blockedURL")
    try:
        site = urlsplit(blocked)
        page = urlsplit(said("document-uri", "documentURL")).path
    except ValueError as error:
        raise UnreadableReport from error
    blocked = f"{site.scheme}://{site.netloc}" if site.netloc else blocked
    short = (part[:_REPORTED_LENGTH] for part in (directive, blocked or "inline", page))
    directive, blocked, page = short
    return directive, blocked, page
