"""Invoices that bill an organization, as events of its timeline."""

from collections.abc import Iterator
from datetime import datetime

from django.urls import reverse

from billing.models import Invoice, InvoiceLine
from tenants.views.organization_scope import OrganizationScope
from usage.timeline.events import Event, Source


def invoices(scope: OrganizationScope) -> Source:
    """Issued invoices with a line of the organization; for roles that see payment information."""

    def read(until: datetime, most: int) -> Iterator[Event]:
        lines = InvoiceLine.objects.filter(organization_id=scope.organization.pk)
        billing = Invoice.objects.filter(pk__in=lines.values("invoice_id"), issued_at__lte=until)
        for invoice in billing.order_by("-issued_at", "-pk")[:most]:
            url = reverse("invoice_detail", args=[invoice.pk])
            text = f"Invoice {invoice.number} issued"
            yield Event(invoice.issued_at, ("invoice", invoice.pk), text, url=url)

    return read
