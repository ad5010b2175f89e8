"""The correction pages of operations: the form, a confirmation, then the correction."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from billing.admin.base import BillingAdmin
from billing.admin.corrections.forms import (
    AnswerForm,
    CorrectionForm,
    CreditForm,
    PayoutForm,
    ReasonForm,
    RefundForm,
    ReissueForm,
    TransferForm,
    WithdrawForm,
)
from billing.corrections.bank_transfers import record_transfer
from billing.corrections.credits import credit_amount, credit_lines
from billing.corrections.line_disputes import accept_dispute, decline_dispute
from billing.corrections.refunds import book_payout, order_refund, refundable_minor
from billing.corrections.reissue import check_reissuable, reissue
from billing.corrections.voids_and_write_offs import void_invoice, write_off
from billing.models import AnnouncedTransfer, Invoice, LineDispute, Payment, Refund
from billing.models.invoice_amounts import Status
from billing.money import format_money
from billing.payments.announced_transfers import withdraw_transfer
from billing.payments.balance_lock import CorrectionRefused
from billing.seen import ChangeRefused
from core.actors import Actor, actor_of


@dataclass(frozen=True, slots=True)
class CorrectionPage:
    """One correction of a record: its texts, its form and the function that makes it.

    `correct` takes the valid form and the record, and returns the message of success. `is_offered`
    decides whether the record can be corrected so.
    """

    title: str
    button: str
    effect: str
    form: type[CorrectionForm]
    correct: Callable[[Any, Any, Actor, datetime], str]
    is_offered: Callable[[Any], bool]


class CorrectingAdmin(BillingAdmin):
    """A record that is never changed by hand, with one page for each correction."""

    change_form_outer_before_template = "admin/billing/corrections.html"
    corrections: Mapping[str, CorrectionPage] = {}

    def get_urls(self) -> list[URLPattern]:
        """Add one page for each correction."""
        pages = [
            path(
                f"<int:pk>/{verb}/",
                self.admin_site.admin_view(partial(_correct, self, verb)),
                name=self.url_name(verb),
            )
            for verb in self.corrections
        ]
        return [*pages, *super().get_urls()]

    def url_name(self, verb: str) -> str:
        """Return the name of a correction's URL, without the admin's namespace."""
        return f"{self.opts.app_label}_{self.opts.model_name}_{verb.replace('-', '_')}"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Add links to the corrections that are possible now."""
        record = self.get_object(request, object_id)
        offered = [
            (page.title, reverse(f"admin:{self.url_name(verb)}", args=[record.pk]))
            for verb, page in self.corrections.items()
            if record is not None and self.may_correct(request) and page.is_offered(record)
        ]
        context = {
            **(extra_context or {}),
            "corrections": offered,
            "figures": self.figures(record) if record else [],
        }
        answer: HttpResponse = super().change_view(request, object_id, form_url, context)
        return answer

    def may_correct(self, request: HttpRequest) -> bool:
        """Whether the user may change records of this model, inside a provider."""
        may = f"{self.opts.app_label}.change_{self.opts.model_name}"
        return self.has_view_permission(request) and request.user.has_perm(may)

    def figures(self, record: Any) -> list[tuple[str, str]]:  # noqa: ARG002 - subclasses use it
        """The amounts on which a person decides: pairs of name and text."""
        return []


def _correct(
    model_admin: CorrectingAdmin, verb: str, request: HttpRequest, pk: int
) -> HttpResponse:
    return _page(request, model_admin=model_admin, page=model_admin.corrections[verb], pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
def _page(
    request: HttpRequest, *, model_admin: CorrectingAdmin, page: CorrectionPage, pk: int
) -> HttpResponse:
    if not model_admin.may_correct(request):
        raise PermissionDenied
    record = get_object_or_404(model_admin.model, pk=pk)
    back = reverse(
        f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_change", args=[pk]
    )
    if not page.is_offered(record):
        messages.error(request, f"{page.title}: not possible for {record} any more.")
        return redirect(back)
    form = page.form(request.POST or None, subject=record)
    is_confirming = request.method == "POST" and form.is_valid() and "change" not in request.POST
    if is_confirming and "confirmed" in request.POST:
        try:
            done = page.correct(form, record, actor_of(request), timezone.now())
        except ChangeRefused as refusal:
            form.refuse(refusal)
            is_confirming = False
        else:
            messages.success(request, done)
            return redirect(back)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": page.title,
        "page": page,
        "form": form,
        "is_confirming": is_confirming,
        "subject": record,
        "figures": model_admin.figures(record),
        "opts": model_admin.opts,
        "back_url": back,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return TemplateResponse(request, "admin/billing/correction.html", context, status=status)


def _record(form: TransferForm, invoice: Invoice, actor: Actor, now: datetime) -> str:
    payment = record_transfer(
        invoice_id=invoice.pk,
        amount_minor=form.cleaned_data["amount"],
        received_on=form.cleaned_data["received_on"],
        reference=form.cleaned_data["reference"],
        actor=actor,
        now=now,
        seen=form.cleaned_data["seen"],
    )
    return f"{format_money(payment.amount_minor, payment.currency)} is booked on {invoice.number}."


def _credit(form: CreditForm, invoice: Invoice, actor: Actor, now: datetime) -> str:
    reason, seen = form.cleaned_data["reason"], form.cleaned_data["seen"]
    if form.cleaned_data["lines"]:
        note = credit_lines(
            invoice_id=invoice.pk,
            line_ids=[int(pk) for pk in form.cleaned_data["lines"]],
            reason=reason,
            actor=actor,
            now=now,
            seen=seen,
        )
    else:
        note = credit_amount(
            invoice_id=invoice.pk,
            total_minor=form.cleaned_data["amount"],
            reason=reason,
            actor=actor,
            now=now,
            seen=seen,
        )
    return f"{note.number} over {format_money(note.total_minor, note.currency)} is issued."


def _void(form: ReasonForm, invoice: Invoice, actor: Actor, now: datetime) -> str:
    reason, seen = form.cleaned_data["reason"], form.cleaned_data["seen"]
    void_invoice(invoice_id=invoice.pk, reason=reason, actor=actor, now=now, seen=seen)
    return f"{invoice.number} is void. It can be issued again with corrections."


def _write_off(form: ReasonForm, invoice: Invoice, actor: Actor, now: datetime) -> str:
    reason, seen = form.cleaned_data["reason"], form.cleaned_data["seen"]
    write_off(invoice_id=invoice.pk, reason=reason, actor=actor, now=now, seen=seen)
    return f"{invoice.number} is written off."


def _reissue(form: ReissueForm, invoice: Invoice, actor: Actor, now: datetime) -> str:
    issued = reissue(
        invoice_id=invoice.pk,
        corrected=form.corrected(),
        actor=actor,
        now=now,
        seen=form.cleaned_data["seen"],
    )
    total = format_money(issued.total_minor, issued.currency)
    return f"{issued.number} over {total} takes the place of {invoice.number}."


def _is_reissuable(invoice: Invoice) -> bool:
    try:
        check_reissuable(invoice)
    except CorrectionRefused:
        return False
    return True


INVOICE_PAGES = {
    "record-transfer": CorrectionPage(
        title="Record a bank transfer",
        button="Record the transfer",
        effect="Records a bank transfer that pays the invoice, in full or in part.",
        form=TransferForm,
        correct=_record,
        is_offered=lambda invoice: not invoice.voided_at and invoice.amounts.unpaid_minor > 0,
    ),
    "credit": CorrectionPage(
        title="Issue a credit note",
        button="Issue the credit note",
        effect="Credits lines or an amount. The invoice itself stays as issued.",
        form=CreditForm,
        correct=_credit,
        is_offered=lambda invoice: not invoice.voided_at and invoice.amounts.creditable_minor > 0,
    ),
    "void": CorrectionPage(
        title="Void the invoice",
        button="Void it",
        effect=(
            "Cancels the invoice; its number stays. Only without payments: refund them first. The "
            "month can then be billed again with corrections."
        ),
        form=ReasonForm,
        correct=_void,
        is_offered=lambda invoice: (
            not (invoice.voided_at or invoice.written_off_at or invoice.paid_minor)
        ),
    ),
    "reissue": CorrectionPage(
        title="Issue again with corrections",
        button="Issue the new invoice",
        effect="A new invoice with a new number, from the same frozen month.",
        form=ReissueForm,
        correct=_reissue,
        is_offered=_is_reissuable,
    ),
    "write-off": CorrectionPage(
        title="Write off what is owed",
        button="Write it off",
        effect=(
            "Gives up what is owed: no charge, no dunning, no suspension. A payment that arrives "
            "later can be booked as a transfer."
        ),
        form=ReasonForm,
        correct=_write_off,
        is_offered=lambda invoice: invoice.status in (Status.OPEN, Status.PARTIALLY_PAID),
    ),
}


def _refund(form: RefundForm, payment: Payment, actor: Actor, now: datetime) -> str:
    refund = order_refund(
        payment=payment,
        amount_minor=form.cleaned_data["amount"],
        reason=form.cleaned_data["reason"],
        actor=actor,
        now=now,
        seen=form.cleaned_data["seen"],
    )
    amount = format_money(refund.amount_minor, refund.currency)
    if payment.method == Payment.Method.CARD:
        return f"{amount} is on its way back to the card."
    return f"Transfer {amount} back, and book it under Refunds once it is paid out."


PAYMENT_PAGES = {
    "refund": CorrectionPage(
        title="Refund",
        button="Refund it",
        effect="Refunds a payment, with a credit note for the part that was not overpaid.",
        form=RefundForm,
        correct=_refund,
        is_offered=lambda payment: refundable_minor(payment) > 0,
    )
}


def _pay_out(form: PayoutForm, refund: Refund, actor: Actor, now: datetime) -> str:
    book_payout(
        refund=refund,
        reference=form.cleaned_data["reference"],
        actor=actor,
        now=now,
        seen=form.cleaned_data["seen"],
    )
    return f"{format_money(refund.amount_minor, refund.currency)} is booked as paid out."


REFUND_PAGES = {
    "pay-out": CorrectionPage(
        title="Book the payout",
        button="Book it",
        effect="Records that you paid out the refund of a bank transfer.",
        form=PayoutForm,
        correct=_pay_out,
        is_offered=lambda refund: (
            refund.state == Refund.State.PENDING
            and refund.payment.method == Payment.Method.BANK_TRANSFER
        ),
    )
}


def _accept(form: AnswerForm, dispute: LineDispute, actor: Actor, now: datetime) -> str:
    answered = accept_dispute(
        dispute_id=dispute.pk,
        answer=form.cleaned_data["answer"],
        actor=actor,
        now=now,
        seen=form.cleaned_data["seen"],
    )
    return f"Accepted: {answered.credit_note or 'nothing was left to credit'}."


def _decline(form: AnswerForm, dispute: LineDispute, actor: Actor, now: datetime) -> str:
    answer, seen = form.cleaned_data["answer"], form.cleaned_data["seen"]
    decline_dispute(dispute_id=dispute.pk, answer=answer, actor=actor, now=now, seen=seen)
    return "Declined. What is open of the line is due again."


def _is_open(dispute: LineDispute) -> bool:
    return dispute.state == LineDispute.State.OPEN


DISPUTE_PAGES = {
    "accept": CorrectionPage(
        title="Accept: credit the line",
        button="Accept and credit it",
        effect="Issues a credit note over the rest of the line, and refunds what was paid.",
        form=AnswerForm,
        correct=_accept,
        is_offered=_is_open,
    ),
    "decline": CorrectionPage(
        title="Decline: the line stays",
        button="Decline it",
        effect="The amount is charged and dunned again, from today on.",
        form=AnswerForm,
        correct=_decline,
        is_offered=_is_open,
    ),
}


def _withdraw(_form: WithdrawForm, transfer: AnnouncedTransfer, actor: Actor, now: datetime) -> str:
    withdraw_transfer(invoice_id=transfer.invoice_id, actor=actor, now=now)
    return f"The transfer of {transfer.invoice.number} is withdrawn."


TRANSFER_PAGES = {
    "withdraw": CorrectionPage(
        title="Withdraw the announcement",
        button="Withdraw it",
        effect="A card is charged for the invoice again, at once if it is charged automatically.",
        form=WithdrawForm,
        correct=_withdraw,
        is_offered=lambda transfer: transfer.state == AnnouncedTransfer.State.UNDER_WAY,
    )
}
