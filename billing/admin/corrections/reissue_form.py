"""With which terms a voided invoice is issued again."""

from decimal import Decimal
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminIntegerFieldWidget

from accounts.providers import current_provider
from billing.admin.corrections.forms import CorrectionForm
from billing.corrections.reissue import Corrected, draft_again, terms_as_issued
from billing.customer.profile import buyer, profile_or_draft
from billing.models import Invoice
from billing.money import format_money
from billing.payments.balance_lock import CorrectionRefused


class ReissueForm(CorrectionForm):
    """The terms as they were, to be put right; the buyer is the provider's profile as it is now."""

    unit_price = forms.DecimalField(
        min_value=Decimal(0),
        max_digits=12,
        decimal_places=4,
        widget=UnfoldAdminDecimalFieldWidget,
    )
    committed_quantity = forms.IntegerField(
        min_value=1, max_value=10_000_000, widget=UnfoldAdminIntegerFieldWidget
    )
    tax_rate = forms.DecimalField(
        label="Tax in percent",
        min_value=Decimal(0),
        max_value=Decimal(100),
        max_digits=6,
        decimal_places=3,
        widget=UnfoldAdminDecimalFieldWidget,
    )

    def __init__(self, *args: Any, subject: Invoice, **kwargs: Any) -> None:
        super().__init__(*args, subject=subject, **kwargs)
        terms = terms_as_issued(subject)
        self.fields["unit_price"].initial = terms.unit_price
        self.fields["unit_price"].label = f"Unit price ({subject.currency})"
        self.fields["tax_rate"].initial = terms.tax_rate
        if terms.committed_quantity is None:
            del self.fields["committed_quantity"]
        else:
            self.fields["committed_quantity"].initial = terms.committed_quantity

    def corrected(self) -> Corrected:
        """The terms as entered."""
        return Corrected(
            unit_price=self.cleaned_data["unit_price"],
            committed_quantity=self.cleaned_data.get("committed_quantity"),
            tax_rate=self.cleaned_data["tax_rate"],
        )

    def clean(self) -> dict[str, Any]:
        """Something has to be billed."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.draft = draft_again(self.subject, self.corrected())
            except CorrectionRefused as refusal:
                self.refuse(refusal)
        return cleaned

    def summary(self) -> list[str]:
        """To whom, and how much instead of how much."""
        provider = current_provider()
        name = buyer(provider=provider, profile=profile_or_draft(provider=provider))["name"]
        before, currency = self.subject.total_minor, self.subject.currency
        total = format_money(self.draft.total_minor, currency)
        return [
            f"Made out to {name}, with the billing information as it is now.",
            f"{total} instead of {format_money(before, currency)}.",
            "It is charged or mailed like any new invoice.",
        ]
