"""Reissue of a voided invoice: the same frozen month, with corrected terms."""

from copy import copy
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from accounts.providers import current_provider
from billing.choices import InvoiceKind, LineKind
from billing.customer.profile import buyer, profile_or_draft
from billing.invoicing.issue import deliveries_of, issue_invoices
from billing.models import BillingProfile, Contract, Invoice, InvoiceLine
from billing.money import format_money
from billing.payments.balance_lock import CorrectionRefused, change_balance, invoice_token
from billing.rating.billed_quantities import (
    billed_quantities,
    combined_billed,
    combined_quantity,
)
from billing.rating.peak import Peak
from billing.rating.rate_month import InvoiceDraft, LineDraft, rate_month
from billing.rating.terms import terms_of
from billing.seen import require_seen, seen_token
from core.actors import Actor
from core.months import Month
from core.outbox.delivery import enqueue_all
from tenants import audit


@dataclass(frozen=True, slots=True)
class Corrected:
    """The corrected terms: `unit_price` in major units, `tax_rate` in percent.

    `committed_quantity` is None without a commitment. The buyer is not part of the terms: it is
    read from the provider's current billing information.
    """

    unit_price: Decimal
    committed_quantity: int | None
    tax_rate: Decimal


def terms_as_issued(invoice: Invoice) -> Corrected:
    """Return the terms of the voided invoice, as first values of a correction."""
    summary = invoice.contract_summary
    return Corrected(
        unit_price=Decimal(summary["unit_price"]),
        committed_quantity=summary["committed_quantity"],
        tax_rate=invoice.tax_rate,
    )


def check_reissuable(invoice: Invoice) -> None:
    """Raise `CorrectionRefused` if no other invoice can replace this one."""
    if not invoice.voided_at:
        raise CorrectionRefused(f"{invoice.number} is not void. Void it first.")
    if invoice.kind == InvoiceKind.ORDER:
        raise CorrectionRefused(f"{invoice.number} bills an order: the provider orders again.")
    replacement = Invoice.objects.filter(replaces=invoice).first()
    if replacement is not None:
        raise CorrectionRefused(f"{invoice.number} was issued again as {replacement.number}.")
    same = Invoice.objects.filter(month=invoice.month, kind=invoice.kind, voided_at=None).first()
    if same is not None:
        raise CorrectionRefused(f"This month is billed by {same.number}.")


def draft_again(invoice: Invoice, corrected: Corrected) -> InvoiceDraft:
    """Draft the new invoice from the frozen month; raises `CorrectionRefused` if it has no lines.

    Usage adjustments of earlier months are copied from the voided invoice, unless a later close
    has billed them again.
    """
    contract, profile = _as_corrected(invoice, corrected)
    month = Month.of_day(invoice.month)
    terms = terms_of(contract, profile, month=month)
    combined = combined_billed(month=month, terms=terms)
    drafts = rate_month(
        terms=terms,
        quantities=billed_quantities(month=month, metric=terms.metric),
        combined=combined_quantity(combined) if combined else None,
        month_name=f"{month.first_day:%B %Y}",
        adjustments=[
            _copied(line)
            for line in invoice.lines.filter(adjusted_month__isnull=False).order_by("position")
            if not is_billed_since(line, void=invoice)
        ],
    )
    for draft in drafts:
        if draft.kind.value == invoice.kind:
            return draft
    raise CorrectionRefused("With these terms nothing would be billed: leave the invoice void.")


def _as_corrected(invoice: Invoice, corrected: Corrected) -> tuple[Contract, BillingProfile]:
    """Return the month's contract and the profile with the corrected terms; neither is saved."""
    contract = Contract.objects.current(Month.of_day(invoice.month))
    if contract is None:
        raise CorrectionRefused("No contract is active for this month any more.")
    contract = copy(contract)
    contract.unit_price = corrected.unit_price
    contract.committed_quantity = corrected.committed_quantity
    profile = copy(profile_or_draft(provider=current_provider()))
    profile.tax_rate = corrected.tax_rate
    profile.tax_name = profile.tax_name or invoice.tax_name
    return contract, profile


def is_billed_since(
    line: LineDraft | InvoiceLine, *, void: Invoice, until: Invoice | None = None
) -> bool:
    """Whether a close after the void invoice has billed the adjustment again.

    With `until`, as it was when that invoice was issued.
    """
    later = InvoiceLine.objects.filter(
        kind=LineKind.ADJUSTMENT,
        adjusted_month=line.adjusted_month,
        invoice__issued_at__gt=void.issued_at,
    ).exclude(invoice=void)
    if line.kind == LineKind.ADJUSTMENT:
        later = later.filter(organization_id=line.organization_id)
    is_valid = Q(invoice__voided_at=None)
    if until is not None:
        later = later.filter(invoice_id__lt=until.pk)
        is_valid |= Q(invoice__voided_at__gt=until.issued_at)
    return later.filter(is_valid).exists()


def _copied(line: InvoiceLine) -> LineDraft:
    return LineDraft(
        kind=LineKind(line.kind),
        description=line.description,
        metric=line.metric,
        quantity=int(line.quantity),
        unit_price=line.unit_price,
        amount_minor=line.amount_minor,
        organization_id=line.organization_id,
        organization_name=line.organization_name,
        peak=Peak(
            event_id=line.peak_event_id,
            at=line.peak_at,
            count_before=line.peak_count_before,
            subject_name=line.peak_subject_name,
            actor_name=line.peak_actor_name,
        ),
        adjusted_month=line.adjusted_month,
        adjusted_from=line.adjusted_from,
        reason=line.reason,
    )


def reissue_token(void: Invoice) -> str:
    """The token of a voided invoice, and of the buyer and the contract of the new one."""
    provider = current_provider()
    contract = Contract.objects.current(Month.of_day(void.month))
    return seen_token(
        invoice_token(void),
        buyer(provider=provider, profile=profile_or_draft(provider=provider)),
        contract.pk if contract else None,
    )


def reissue(
    *,
    invoice_id: int,
    corrected: Corrected,
    actor: Actor,
    now: datetime,
    seen: str | None = None,
) -> Invoice:
    """Issue a voided invoice again under a new number; queue documents, mail and charge.

    Its due date is counted from `now`. Raises `ChangedSince` and `CorrectionRefused`.
    """

    def issue(void: Invoice) -> Invoice:
        if seen is not None:
            require_seen(seen, now=reissue_token(void), subject=void.number)
        check_reissuable(void)
        draft = draft_again(void, corrected)
        contract, profile = _as_corrected(void, corrected)
        (issued,) = issue_invoices(
            provider=current_provider(),
            contract=contract,
            profile=profile,
            drafts=[draft],
            month=Month.of_day(void.month),
            now=now,
        )
        issued.replaces = void
        issued.save(update_fields=["replaces"])
        enqueue_all(messages=deliveries_of(issued), now=now)
        audit.record(
            actor=actor,
            action="invoice.reissued",
            subject=issued.number,
            subject_id=issued.pk,
            before=_summary(void, terms_as_issued(void)),
            after=_summary(issued, corrected),
            now=now,
        )
        return issued

    return change_balance(issue, invoice_id=invoice_id, now=now)


def _summary(invoice: Invoice, terms: Corrected) -> dict[str, str]:
    return {
        "invoice": invoice.number,
        "total": format_money(invoice.total_minor, invoice.currency),
        "unit_price": str(terms.unit_price),
        "committed_quantity": str(terms.committed_quantity or ""),
        "tax_rate": str(terms.tax_rate),
        "buyer": str(invoice.buyer["name"]),
    }
