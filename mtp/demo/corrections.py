"""Corrections of the demo's invoices: a credit with its refund, and an open dispute."""

from datetime import timedelta

from accounts.models import Provider
from billing.choices import InvoiceKind
from billing.corrections.credits import credit_lines
from billing.corrections.line_disputes import open_dispute
from billing.models import Invoice
from core.actors import Actor, ActorKind
from core.outbox.delivery import deliver_due
from mtp.demo.companies import OPERATIONS, DemoProvider

SOON_AFTER = timedelta(days=3)


def correct_invoices(plan: DemoProvider, provider: Provider) -> None:
    """Credit a line of the last invoice but one, and dispute one of the last; in its schema.

    Does nothing without a card, in arrears, or with fewer than two invoices. Both are paid, so no
    debt arises.
    """
    usage = Invoice.objects.filter(kind=InvoiceKind.USAGE).newest_first()
    if not plan.has_card or plan.arrears or usage.count() < 2:  # noqa: PLR2004 - the two of the next line
        return
    last, before = usage[:2]
    credited = before.lines.filter(amount_minor__gt=0).order_by("amount_minor", "position").first()
    disputed = last.lines.filter(amount_minor__gt=0).order_by("-amount_minor", "position").first()
    if credited is None or disputed is None:
        return
    credit_lines(
        invoice_id=before.pk,
        line_ids=[credited.pk],
        reason=f"{credited.organization_name} had left before the month began, as you wrote to us.",
        actor=Actor(id=None, name=OPERATIONS[0], kind=ActorKind.OPERATIONS),
        now=before.issued_at + SOON_AFTER,
    )
    open_dispute(
        line=disputed,
        reason="Some of these accounts were made twice in our migration. Please look again.",
        actor=Actor(id=None, name=plan.actors[0]),
        now=last.issued_at + SOON_AFTER,
    )
    while deliver_due(now=last.issued_at + SOON_AFTER, schema=provider.schema_name):
        pass
