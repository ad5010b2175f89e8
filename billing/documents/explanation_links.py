"""The address of a line's explanation, for documents that leave the portal."""

from datetime import date

from django.conf import settings

from billing.models import InvoiceLine


def explanation_url(line: InvoiceLine, *, month: date) -> str:
    """The address, with the site (setting SITE_URL), of the page that explains the line's peak.

    Empty for a line of no organization. `month` is the invoice's.
    """
    path = line.explanation_path(month=month)
    return f"{settings.SITE_URL}{path}" if path else ""
