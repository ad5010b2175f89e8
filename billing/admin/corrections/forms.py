"""The forms of corrections."""

from collections.abc import Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any, cast

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.providers import current_provider
from billing.corrections.credits import left_to_credit
from billing.corrections.line_disputes import dispute_token
from billing.corrections.refunds import payout_token, refundable_minor
from billing.corrections.reissue import (
    Corrected,
    draft_again,
    reissue_token,
    terms_as_issued,
)
from billing.customer.profile import buyer, profile_or_draft
from billing.models import Invoice, LineDispute, Payment, Refund
from billing.money import exponent, format_money, major, round_minor
from billing.pages.seen_form import SeenForm
from billing.payments.balance_lock import CorrectionRefused, invoice_token
from billing.seen import ChangeRefused, seen_token
from core.plain_numbers import PlainDecimalField, PlainIntegerField
from core.text import plain_text

LARGEST = Decimal(10) ** 12


class MoneyField(PlainDecimalField):
    """An amount in major units, cleaned to minor units; `set_currency` sets the currency."""

    widget = UnfoldAdminDecimalFieldWidget
    currency = "USD"
    at_most: int | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_value=LARGEST, **kwargs)

    def set_currency(self, currency: str) -> None:
        """Set the currency, which the label then names, and its smallest step."""
        self.currency = currency
        self.label = f"{self.label} ({currency})"
        self.widget.attrs |= {"step": str(Decimal(1).scaleb(-exponent(currency)))}

    def clean(self, value: Any) -> int | None:
        """Return minor units; refuse an amount that the currency does not have."""
        amount = super().clean(value)
        if amount is None:
            return None
        minor = round_minor(amount, self.currency)
        if major(minor, self.currency) != amount:
            raise forms.ValidationError("This currency has no such amount.")
        if minor <= 0:
            raise forms.ValidationError("Enter an amount above zero.")
        if self.at_most is not None and minor > self.at_most:
            limit = format_money(self.at_most, self.currency)
            raise forms.ValidationError(f"This is more than {limit}.")
        return minor


class OneLineField(forms.CharField):
    """A text that is stored as one line."""

    widget = UnfoldAdminTextareaWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 500, **kwargs})
        self.widget.attrs |= {"rows": 3}

    def clean(self, value: Any) -> str:
        """Join the lines; refuse invisible characters."""
        text = " ".join(str(super().clean(value)).split())
        plain_text(text)
        return text


class CorrectionForm(SeenForm, forms.Form):
    """A form about one record, the `subject`."""

    def __init__(self, *args: Any, subject: Any, **kwargs: Any) -> None:
        self.subject = subject
        super().__init__(*args, **kwargs)

    def set_limit(self, name: str, *, currency: str, at_most: int, help_text: str) -> None:
        """Set an amount's currency and its limit, which `help_text` shows at `{}`."""
        field = cast("MoneyField", self.fields[name])
        field.set_currency(currency)
        field.at_most = at_most
        field.help_text = help_text.format(format_money(at_most, currency))

    def refuse(self, refusal: ChangeRefused) -> None:
        """Show a refusal at its field, or above the form."""
        self.add_error(refusal.field if refusal.field in self.fields else None, str(refusal))

    def summary(self) -> list[str]:
        """Describe in sentences what the valid form will do."""
        return []


class InvoiceForm(CorrectionForm):
    """A form about an invoice or a payment of it."""

    def __init__(self, *args: Any, subject: Invoice | Payment, **kwargs: Any) -> None:
        self.invoice: Invoice = subject.invoice if isinstance(subject, Payment) else subject
        super().__init__(*args, subject=subject, **kwargs)

    def token(self) -> str:
        """The invoice's token."""
        return invoice_token(self.invoice)

    def money(self, minor: int) -> str:
        """Format an amount in the invoice's currency."""
        return format_money(minor, self.invoice.currency)


class TransferForm(InvoiceForm):
    """A received bank transfer."""

    amount = MoneyField(label="Amount received")
    received_on = forms.DateField(
        label="Received on",
        widget=UnfoldAdminSingleDateWidget,
        help_text="The day of the bank statement, in the billing time zone of the invoice.",
    )
    reference = forms.CharField(
        max_length=140,
        widget=UnfoldAdminTextInputWidget,
        validators=[plain_text],
        help_text="The reference on the bank statement, which identifies this transfer.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.set_limit(
            "amount",
            currency=self.invoice.currency,
            at_most=self.invoice.amounts.unpaid_minor,
            help_text="{} is unpaid.",
        )

    def summary(self) -> list[str]:
        """The booked and the remaining amount."""
        amount = self.cleaned_data["amount"]
        left = self.invoice.amounts.unpaid_minor - amount
        return [
            f"{self.money(amount)} is booked as paid by bank transfer.",
            "The invoice is then paid in full." if left == 0 else f"{self.money(left)} stays open.",
        ]


class CreditForm(InvoiceForm):
    """A credit of chosen lines, or of an amount."""

    lines = forms.MultipleChoiceField(
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
        help_text="The rest of each chosen line is credited, with its tax.",
    )
    amount = MoneyField(label="Or an amount", required=False)
    reason = OneLineField(help_text="Printed on the credit note and mailed with it.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["lines"].choices = self._lines()  # type: ignore[attr-defined]
        self.set_limit(
            "amount",
            currency=self.invoice.currency,
            at_most=self.invoice.amounts.creditable_minor,
            help_text="Tax included; {} at most.",
        )

    def _lines(self) -> list[tuple[str, str]]:
        lines = self.invoice.lines.filter(amount_minor__gt=0).order_by("position")
        left = [(line, left_to_credit(self.invoice, line)) for line in lines]
        return [
            (str(line.pk), f"{line.position}. {line.description}: {self.money(minor)}")
            for line, minor in left
            if minor > 0
        ]

    def clean(self) -> dict[str, Any]:
        """Require lines or an amount, not both."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if bool(cleaned.get("lines")) == bool(cleaned.get("amount")) and not self.errors:
            self.add_error("lines", "Choose lines, or enter an amount: one of the two.")
        return cleaned

    def summary(self) -> list[str]:
        """The credited lines or amount; the note computes the exact amounts."""
        names = dict(self._lines())
        chosen: Sequence[str] = self.cleaned_data["lines"]
        credited = (
            [f"Credited with its tax: {names[pk]}" for pk in chosen]
            if chosen
            else [f"{self.money(self.cleaned_data['amount'])} is credited, tax included."]
        )
        return [
            *credited,
            "The credit note takes the next number and is mailed to the billing contacts.",
            "The part that was paid already is refunded the way it was paid.",
        ]


class ReasonForm(InvoiceForm):
    """The reason of a void or a write-off."""

    reason = OneLineField(help_text="Kept with the invoice and in the provider's audit log.")

    def summary(self) -> list[str]:
        """The amount that is no longer owed."""
        return [f"{self.money(self.invoice.owed_minor)} is no longer owed."]


class RefundForm(InvoiceForm):
    """A refund of a payment, in full or in part."""

    amount = MoneyField(label="Amount to refund")
    reason = OneLineField(help_text="Printed on the credit note and mailed to the provider.")

    def __init__(self, *args: Any, subject: Payment, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        self.payment = subject
        self.set_limit(
            "amount",
            currency=subject.currency,
            at_most=refundable_minor(subject),
            help_text="{} at most.",
        )

    def summary(self) -> list[str]:
        """The refunded amount, and the credit note with it."""
        amount = self.cleaned_data["amount"]
        credited = max(0, amount - self.payment.invoice.amounts.overpaid_minor)
        is_card = self.payment.method == Payment.Method.CARD
        where = "to the card that was charged" if is_card else "by a transfer that you make by hand"
        sentences = [f"{self.money(amount)} is refunded {where}."]
        if credited:
            sentences.append(
                f"A credit note over {self.money(credited)} is issued with it, so that nothing is "
                "owed again."
            )
        return sentences


class PayoutForm(CorrectionForm):
    """The payout of a bank transfer's refund."""

    reference = forms.CharField(
        max_length=140,
        widget=UnfoldAdminTextInputWidget,
        validators=[plain_text],
        help_text="The reference of the transfer at the bank; the provider sees it.",
    )

    def token(self) -> str:
        """The refund's token."""
        return payout_token(self.subject)

    def summary(self) -> list[str]:
        """The booked payout."""
        refund: Refund = self.subject
        amount = format_money(refund.amount_minor, refund.currency)
        return [f"{amount} is booked as paid out, and the billing contacts are notified."]


class WithdrawForm(CorrectionForm):
    """The end of an announced bank transfer."""

    def token(self) -> str:
        """The transfer's token."""
        return seen_token(self.subject.pk, self.subject.state)


class AnswerForm(CorrectionForm):
    """Operations' answer to a dispute."""

    answer = OneLineField(max_length=1000, help_text="Mailed to the billing contacts and shown.")

    def token(self) -> str:
        """The dispute's token."""
        return dispute_token(self.subject)

    def summary(self) -> list[str]:
        """The disputed amount, the person and the reason."""
        dispute: LineDispute = self.subject
        amount = format_money(dispute.amount_minor, dispute.currency)
        return [f"{amount}, disputed by {dispute.opened_by_name}: {dispute.reason}"]


class ReissueForm(CorrectionForm):
    """The corrected terms of a voided invoice; the buyer is the provider's current profile."""

    unit_price = PlainDecimalField(
        min_value=Decimal(0),
        max_digits=12,
        decimal_places=4,
        widget=UnfoldAdminDecimalFieldWidget,
    )
    committed_quantity = PlainIntegerField(
        min_value=1, max_value=10_000_000, widget=UnfoldAdminIntegerFieldWidget
    )
    tax_rate = PlainDecimalField(
        label="Tax in percent",
        min_value=Decimal(0),
        max_value=Decimal(100),
        max_digits=6,
        decimal_places=3,
        widget=UnfoldAdminDecimalFieldWidget,
    )

    def __init__(self, *args: Any, subject: Invoice, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        for name, value in asdict(terms_as_issued(subject)).items():
            self.fields[name].initial = value
        self.fields["unit_price"].label = f"Unit price ({subject.currency})"
        if self.fields["committed_quantity"].initial is None:
            del self.fields["committed_quantity"]

    def token(self) -> str:
        """The token of the voided invoice, and of what the new one depends on."""
        return reissue_token(self.subject)

    def corrected(self) -> Corrected:
        """Return the entered terms."""
        return Corrected(
            unit_price=self.cleaned_data["unit_price"],
            committed_quantity=self.cleaned_data.get("committed_quantity"),
            tax_rate=self.cleaned_data["tax_rate"],
        )

    def clean(self) -> dict[str, Any]:
        """Draft the new invoice, which must bill something."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.draft = draft_again(self.subject, self.corrected())
            except CorrectionRefused as refusal:
                self.refuse(refusal)
        return cleaned

    def summary(self) -> list[str]:
        """The buyer, and the new total beside the old one."""
        provider = current_provider()
        name = buyer(provider=provider, profile=profile_or_draft(provider=provider))["name"]
        before, currency = self.subject.total_minor, self.subject.currency
        total = format_money(self.draft.total_minor, currency)
        return [
            f"Made out to {name}, with the billing information as it is now.",
            f"{total} instead of {format_money(before, currency)}.",
            "It is charged or mailed like any new invoice.",
        ]
