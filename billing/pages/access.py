"""Loading what belongs to the current provider's billing, or 404."""

from django.http import Http404

from billing.models import Invoice


def invoice_or_404(*, invoice_id: int) -> Invoice:
    """An invoice of the current provider, with what was paid of it."""
    invoice: Invoice | None = Invoice.objects.with_paid().filter(pk=invoice_id).first()
    if invoice is None:
        raise Http404
    return invoice
