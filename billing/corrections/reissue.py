"""A voided invoice is issued again: the same frozen month, with what was wrong put right."""

from copy import copy
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from accounts.providers import current_provider
from billing.choices import InvoiceKind, LineKind
from billing.customer.profile import profile_or_draft
from billing.invoicing.issue import deliveries_of, issue_invoices
from billing.models import BillingProfile, Contract, Invoice, InvoiceLine
from billing.money import format_money
from billing.payments.balance_lock import CorrectionRefused, change_balance
from billing.rating.billed_quantities import billed_quantities
from billing.rating.rate_month import InvoiceDraft, LineDraft, Peak, rate_month
from billing.rating.terms import terms_of
from core.actors import Actor
from core.months import Month
from core.outbox.delivery import enqueue_all
from tenants import audit


@dataclass(frozen=True, slots=True)
class Corrected:
    """What the new invoice is billed by. `unit_price` in major units, `tax_rate` a percentage.

    `committed_quantity` is None where nothing is committed. The buyer is the provider's billing
    information as it is now.
    """

    unit_price: Decimal
    committed_quantity: int | None
    tax_rate: Decimal


def terms_as_issued(invoice: Invoice) -> Corrected:
    """What the voided invoice was billed by: where a correction starts from."""
    summary = invoice.contract_summary
    return Corrected(
        unit_price=Decimal(summary["unit_price"]),
        committed_quantity=summary["committed_quantity"],
        tax_rate=invoice.tax_rate,
    )


def check_reissuable(invoice: Invoice) -> None:
    """Raises `CorrectionRefused` where no other invoice can take this one's place."""
    if not invoice.voided_at:
        raise CorrectionRefused(f"{invoice.number} is not void. Void it first.")
    if invoice.kind == InvoiceKind.ORDER:
        raise CorrectionRefused(f"{invoice.number} bills an order: the provider orders anew.")
    replacement = Invoice.objects.filter(replaces=invoice).first()
    if replacement is not None:
        raise CorrectionRefused(f"{invoice.number} was issued again as {replacement.number}.")
    same = Invoice.objects.filter(month=invoice.month, kind=invoice.kind, voided_at=None).first()
    if same is not None:
        raise CorrectionRefused(f"This month is billed by {same.number}.")


def draft_again(invoice: Invoice, corrected: Corrected) -> InvoiceDraft:
    """What the new invoice would say, by the frozen month; raises `CorrectionRefused` for nothing.

    Lines that were told late of earlier months are taken over as they were.
    """
    contract, profile = _as_corrected(invoice, corrected)
    month = Month.of_day(invoice.month)
    terms = terms_of(contract, profile, month=month)
    drafts = rate_month(
        terms=terms,
        quantities=billed_quantities(month=month, metric=terms.metric),
        month_name=f"{month.first_day:%B %Y}",
        adjustments=[_taken_over(line) for line in _late_lines(invoice)],
    )
    for draft in drafts:
        if draft.kind.value == invoice.kind:
            return draft
    raise CorrectionRefused("With these terms nothing would be billed: leave the invoice void.")


def _as_corrected(invoice: Invoice, corrected: Corrected) -> tuple[Contract, BillingProfile]:
    """The month's contract and the profile as this one invoice has them; neither is saved."""
    contract = Contract.objects.current(Month.of_day(invoice.month))
    if contract is None:
        raise CorrectionRefused("No contract is in force for this month any more.")
    contract = copy(contract)
    contract.unit_price = corrected.unit_price
    contract.committed_quantity = corrected.committed_quantity
    profile = copy(profile_or_draft(provider=current_provider()))
    profile.tax_rate = corrected.tax_rate
    profile.tax_name = profile.tax_name or invoice.tax_name
    return contract, profile


def _late_lines(invoice: Invoice) -> list[InvoiceLine]:
    return list(invoice.lines.filter(adjusted_month__isnull=False).order_by("position"))


def _taken_over(line: InvoiceLine) -> LineDraft:
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


def reissue(*, invoice_id: int, corrected: Corrected, actor: Actor, now: datetime) -> Invoice:
    """Issue a voided invoice again under a new number; documents, mail and charge follow.

    Due dates count from today. Raises `CorrectionRefused`.
    """

    def act(void: Invoice) -> Invoice:
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
        _log(void, issued, corrected, actor=actor, now=now)
        return issued

    return change_balance(act, invoice_id=invoice_id, now=now)


def _log(
    void: Invoice, issued: Invoice, corrected: Corrected, *, actor: Actor, now: datetime
) -> None:
    before = terms_as_issued(void)
    audit.record(
        actor=actor,
        action="invoice.reissued",
        subject=issued.number,
        before={"invoice": void.number, **_told(void, before)},
        after={"invoice": issued.number, **_told(issued, corrected)},
        now=now,
    )


def _told(invoice: Invoice, terms: Corrected) -> dict[str, str]:
    return {
        "total": format_money(invoice.total_minor, invoice.currency),
        "unit_price": str(terms.unit_price),
        "committed_quantity": str(terms.committed_quantity or ""),
        "tax_rate": str(terms.tax_rate),
        "buyer": str(invoice.buyer["name"]),
    }
