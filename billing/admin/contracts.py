"""Operations' pages of a provider's contracts and tax."""

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Package
from accounts.providers import current_provider
from billing.admin.base import BillingAdmin
from billing.charge_limits import automatic_limit
from billing.choices import ContractKind
from billing.contracts.contracts import agree_contract, contracts_token
from billing.contracts.renewals import TERM_MONTHS, is_whole_terms
from billing.customer.profile import OWN_FIELDS, set_tax, tax_token
from billing.models import BillingProfile, Contract, MonthClose
from billing.money import major, round_minor
from billing.pages.seen_form import SeenModelForm
from core.actors import actor_of
from core.months import MONTHS_OF_A_YEAR, Month
from core.plain_numbers import PlainDecimalField

# With more days, a due date could lie outside the calendar, and the month could not be closed.
LONGEST_TERMS_DAYS = 365


class ContractForm(SeenModelForm):
    """A contract as agreed; name, contents and metric are copied from the package."""

    package = forms.ModelChoiceField(queryset=Package.objects.none())
    automatic_limit = PlainDecimalField(
        min_value=0,
        max_digits=15,
        required=False,
        help_text="In major units of the provider's currency: invoices below it are charged to the "
        "card. Empty: the usual limit. 0: every invoice is mailed.",
    )
    closes_past_months = forms.BooleanField(
        required=False,
        label="Close and bill months that are over",
        help_text="A contract that begins before this month bills every month since: the schedule "
        "closes them within the hour, each once its issue day has come.",
    )

    class Meta:
        model = Contract
        fields = (
            "kind",
            "term",
            "unit_price",
            "committed_quantity",
            "commitment_basis",
            "starts_on",
            "ends_on",
            "invoice_agreement",
            "payment_terms_days",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["package"].queryset = Package.objects.order_by("name")  # type: ignore[attr-defined]

    def token(self) -> str:
        """The token of the contracts so far."""
        return contracts_token()

    def clean(self) -> dict[str, Any]:
        """Require a quantity for committed contracts only, and whole months and terms."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        is_committed = cleaned.get("kind") == ContractKind.COMMITTED
        if is_committed != bool(cleaned.get("committed_quantity")):
            self.add_error(
                "committed_quantity",
                "Enter how many are committed." if is_committed else "Only for committed users.",
            )
        for name in ("starts_on", "ends_on"):
            day = cleaned.get(name)
            if day and day.day != 1:
                self.add_error(name, "A contract begins and ends with a month: use its first day.")
        starts_on, ends_on = cleaned.get("starts_on"), cleaned.get("ends_on")
        if starts_on and ends_on and ends_on <= starts_on:
            self.add_error("ends_on", "A contract ends after it begins.")
        term = cleaned.get("term")
        if (
            starts_on
            and ends_on
            and term
            and not is_whole_terms(
                starts_on=starts_on, ends_on=ends_on, months=TERM_MONTHS[Contract.Term(term)]
            )
        ):
            self.add_error("ends_on", "An annual contract ends after whole years.")
        if (cleaned.get("payment_terms_days") or 0) > LONGEST_TERMS_DAYS:
            self.add_error("payment_terms_days", f"Use {LONGEST_TERMS_DAYS} days at most.")
        if starts_on and MonthClose.objects.filter(month__gte=starts_on).exists():
            self.add_error("starts_on", "This month is closed already.")
        elif starts_on and not cleaned.get("closes_past_months"):
            self._ask_about_past_months(starts_on)
        return cleaned

    def clean_automatic_limit(self) -> Decimal | None:
        """Require an amount that the currency has."""
        limit: Decimal | None = self.cleaned_data["automatic_limit"]
        currency = current_provider().currency
        if limit is not None and major(round_minor(limit, currency), currency) != limit:
            raise forms.ValidationError(f"{currency} has no such amount: it has fewer decimals.")
        return limit

    def automatic_limit_minor(self) -> int:
        """The limit in minor units; the usual one if none was entered."""
        limit, currency = self.cleaned_data["automatic_limit"], current_provider().currency
        return automatic_limit(currency) if limit is None else round_minor(limit, currency)

    def _ask_about_past_months(self, starts_on: date) -> None:
        """Require a confirmation: the scheduler would close these months within the hour."""
        zone = current_provider().billing_zone()
        first, running = Month.of_day(starts_on), Month.of(timezone.now(), zone)
        over = (running.year - first.year) * MONTHS_OF_A_YEAR + running.month - first.month
        if over > 0:
            noun = "month that is" if over == 1 else f"{over} months that are"
            self.add_error(
                "closes_past_months",
                f"This contract would close and bill the {noun} over since {first}. "
                "Tick this if that is meant.",
            )


@admin.register(Contract)
class ContractAdmin(BillingAdmin):
    """Contracts are added, never changed: another contract follows from a later month on."""

    may_add = True
    form = ContractForm
    list_display = (
        "package_name",
        "kind",
        "term",
        "unit_price",
        "committed_quantity",
        "commitment_basis",
        "starts_on",
        "ends_on",
    )
    ordering = ("-starts_on",)

    def save_model(self, request: HttpRequest, obj: Contract, form: Any, change: bool) -> None:  # noqa: ARG002 - Django's signature
        """Call the domain, which copies the package, lifts the allowance and logs."""
        obj.automatic_limit_minor = form.automatic_limit_minor()
        agree_contract(
            provider=current_provider(),
            contract=obj,
            package=form.cleaned_data["package"],
            actor=actor_of(request),
            now=timezone.now(),
            seen=form.cleaned_data["seen"],
        )


class TaxForm(SeenModelForm):
    """The tax on a provider's invoices."""

    class Meta:
        model = BillingProfile
        fields = ("tax_name", "tax_rate")

    def token(self) -> str:
        """The token of the tax so far."""
        return tax_token()


@admin.register(BillingProfile)
class BillingProfileAdmin(BillingAdmin):
    """Operations set the tax; the provider sets the rest."""

    may_add = True
    may_change = True
    form = TaxForm
    list_display = ("legal_name", "country", "tax_id", "tax_name", "tax_rate")
    readonly_fields = ("id", *OWN_FIELDS)

    def has_add_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Only before the provider saved its part, so that its first invoice has the tax."""
        return super().has_add_permission(request, obj) and not BillingProfile.objects.exists()

    def save_model(
        self,
        request: HttpRequest,
        obj: BillingProfile,
        form: Any,
        change: bool,  # noqa: ARG002 - Django's signature
    ) -> None:
        """Call the domain, which saves and logs the tax alone."""
        profile = set_tax(
            provider=current_provider(),
            tax_name=obj.tax_name,
            tax_rate=obj.tax_rate,
            actor=actor_of(request),
            now=timezone.now(),
            seen=form.cleaned_data["seen"],
        )
        obj.pk, obj.legal_name = profile.pk, profile.legal_name
