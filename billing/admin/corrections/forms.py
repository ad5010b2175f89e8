"""What operations enter for a correction, each field checked with words of its own."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, cast

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from billing.corrections.credits import left_to_credit
from billing.corrections.refunds import refundable_minor
from billing.models import Invoice, LineDispute, Payment, Refund
from billing.models.invoice_amounts import Amounts
from billing.money import exponent, format_money, major, round_minor
from billing.payments.balance_lock import CorrectionRefused
from core.text import plain_text

LARGEST = Decimal(10) ** 12


class MoneyField(forms.DecimalField):
    """An amount in major units of a currency that is known later; cleaned to minor units."""

    widget = UnfoldAdminDecimalFieldWidget
    currency = "USD"
    at_most: int | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_value=LARGEST, **kwargs)

    def set_currency(self, currency: str) -> None:
        """Say which, so that the label tells it and no smaller unit is accepted."""
        self.currency = currency
        self.label = f"{self.label} ({currency})"
        self.widget.attrs |= {"step": str(Decimal(1).scaleb(-exponent(currency)))}

    def clean(self, value: Any) -> int | None:
        """Minor units; refused where the currency has no such amount."""
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
    """Words kept as one line that can be read."""

    widget = UnfoldAdminTextareaWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 500, **kwargs})
        self.widget.attrs |= {"rows": 3}

    def clean(self, value: Any) -> str:
        """Without line breaks; refused with characters that can't be seen."""
        text = " ".join(str(super().clean(value)).split())
        plain_text(text)
        return text


class CorrectionForm(forms.Form):
    """A form about one record, its `subject`."""

    def __init__(self, *args: Any, subject: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subject = subject

    def price(self, name: str, *, currency: str, at_most: int, words: str) -> None:
        """Give an amount its currency and its limit, which is said beside it."""
        field = cast("MoneyField", self.fields[name])
        field.set_currency(currency)
        field.at_most = at_most
        field.help_text = words.format(format_money(at_most, currency))

    def refuse(self, refusal: CorrectionRefused) -> None:
        """Show a refusal at its field."""
        self.add_error(refusal.field if refusal.field in self.fields else None, str(refusal))

    def summary(self) -> list[str]:
        """What will be done, in sentences; the form is valid."""
        return []


class InvoiceForm(CorrectionForm):
    """A form about an invoice; `seen` are the amounts that the person decided by."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, subject: Invoice, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        self.invoice = subject
        self.fields["seen"].initial = _token(subject.amounts)

    def amounts_seen(self) -> Amounts | None:
        """As the form was opened with; None is never taken for "nothing changed"."""
        now = self.invoice.amounts
        return now if self.cleaned_data["seen"] == _token(now) else Amounts(-1, 0, 0)

    def money(self, minor: int) -> str:
        """An amount in the invoice's currency."""
        return format_money(minor, self.invoice.currency)


def _token(amounts: Amounts) -> str:
    parts = (
        amounts.credited_minor,
        amounts.paid_minor,
        amounts.disputed_minor,
        int(amounts.is_void),
        int(amounts.is_written_off),
    )
    return "-".join(map(str, parts))


class TransferForm(InvoiceForm):
    """Money that came to the bank."""

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
        help_text="What the statement says: it tells this transfer from any other.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.price(
            "amount",
            currency=self.invoice.currency,
            at_most=self.invoice.amounts.unpaid_minor,
            words="{} is unpaid.",
        )

    def summary(self) -> list[str]:
        """What is booked, and what is left."""
        amount = self.cleaned_data["amount"]
        left = self.invoice.amounts.unpaid_minor - amount
        return [
            f"{self.money(amount)} is booked as paid by bank transfer.",
            "The invoice is then paid in full." if left == 0 else f"{self.money(left)} stays open.",
        ]


class CreditForm(InvoiceForm):
    """Chosen lines, or an amount."""

    lines = forms.MultipleChoiceField(
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
        help_text="What is left of each chosen line is credited, with its tax.",
    )
    amount = MoneyField(label="Or an amount", required=False)
    reason = OneLineField(help_text="Printed on the credit note and mailed with it.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["lines"].choices = self._lines()  # type: ignore[attr-defined]
        self.price(
            "amount",
            currency=self.invoice.currency,
            at_most=self.invoice.amounts.creditable_minor,
            words="Tax included; {} at most.",
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
        """One of the two."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if bool(cleaned.get("lines")) == bool(cleaned.get("amount")) and not self.errors:
            self.add_error("lines", "Choose lines, or enter an amount: one of the two.")
        return cleaned

    def summary(self) -> list[str]:
        """What is credited; exact amounts are those of the note."""
        names = dict(self._lines())
        chosen: Sequence[str] = self.cleaned_data["lines"]
        what = (
            [f"Credited with its tax: {names[pk]}" for pk in chosen]
            if chosen
            else [f"{self.money(self.cleaned_data['amount'])} is credited, tax included."]
        )
        return [
            *what,
            "The credit note takes the next number and is mailed to the billing contacts.",
            "What was paid of it already is refunded the way it was paid.",
        ]


class ReasonForm(InvoiceForm):
    """Nothing but why."""

    reason = OneLineField(help_text="Kept with the invoice and in the provider's audit log.")

    def summary(self) -> list[str]:
        """What nobody asks for any more."""
        return [f"{self.money(self.invoice.owed_minor)} is asked for no more."]


class RefundForm(CorrectionForm):
    """A part of a payment, or all of it."""

    amount = MoneyField(label="Amount to refund")
    reason = OneLineField(help_text="Printed on the credit note and mailed to the provider.")

    def __init__(self, *args: Any, subject: Payment, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        self.payment = subject
        self.price(
            "amount",
            currency=subject.currency,
            at_most=refundable_minor(subject),
            words="{} at most.",
        )

    def money(self, minor: int) -> str:
        """An amount in the payment's currency."""
        return format_money(minor, self.payment.currency)

    def summary(self) -> list[str]:
        """What goes back, and what is credited with it."""
        amount = self.cleaned_data["amount"]
        credited = max(0, amount - self.payment.invoice.amounts.overpaid_minor)
        is_card = self.payment.method == Payment.Method.CARD
        where = "to the card that was charged" if is_card else "by a transfer that you make by hand"
        told = [f"{self.money(amount)} goes back {where}."]
        if credited:
            told.append(
                f"A credit note over {self.money(credited)} is issued with it, so that nothing is "
                "owed again."
            )
        return told


class PayoutForm(CorrectionForm):
    """A refund that was transferred by hand."""

    reference = forms.CharField(
        max_length=140,
        widget=UnfoldAdminTextInputWidget,
        validators=[plain_text],
        help_text="What the bank knows the transfer by; the provider reads it.",
    )

    def summary(self) -> list[str]:
        """What is booked."""
        refund: Refund = self.subject
        amount = format_money(refund.amount_minor, refund.currency)
        return [f"{amount} is booked as paid out, and the billing contacts are told."]


class AnswerForm(CorrectionForm):
    """Operations' answer to a dispute."""

    answer = OneLineField(max_length=1000, help_text="Mailed to the billing contacts and shown.")

    def summary(self) -> list[str]:
        """What is disputed, by whom and why."""
        dispute: LineDispute = self.subject
        amount = format_money(dispute.amount_minor, dispute.currency)
        return [f"{amount}, disputed by {dispute.opened_by_name}: {dispute.reason}"]
