"""From an invoice's line to the explanation of its number."""

from datetime import date

from django.conf import settings

from billing.models import InvoiceLine
from usage.explain.links import explanation_path


def explanation_of_line(line: InvoiceLine, *, month: date) -> str:
    """The path of the page that explains the line's peak; empty for a line of no organization.

    `month` is the invoice's; a line that adjusts an earlier one is explained by that one.
    """
    if line.organization_id is None:
        return ""
    return explanation_path(
        organization_id=line.organization_id,
        month=line.adjusted_month or month,
        metric=line.metric,
    )


def explanation_url(line: InvoiceLine, *, month: date) -> str:
    """The same as a whole address, for documents that leave the portal (setting SITE_URL)."""
    path = explanation_of_line(line, month=month)
    return f"{settings.SITE_URL}{path}" if path else ""
