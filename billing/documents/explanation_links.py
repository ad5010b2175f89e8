"""Links from a line of an invoice to the page that explains its quantity."""

from datetime import date

from django.conf import settings

from billing.models import InvoiceLine
from usage.explain.links import explanation_path


def explanation_of_line(line: InvoiceLine, *, month: date) -> str:
    """The path of the page that explains the line's peak; empty without an organization.

    `month` is the invoice's; an adjustment is explained by the month that it adjusts.
    """
    if line.organization_id is None:
        return ""
    return explanation_path(
        organization_id=line.organization_id,
        month=line.adjusted_month or month,
        metric=line.metric,
    )


def explanation_url(line: InvoiceLine, *, month: date) -> str:
    """The absolute address of that page (setting SITE_URL), for documents."""
    path = explanation_of_line(line, month=month)
    return f"{settings.SITE_URL}{path}" if path else ""
