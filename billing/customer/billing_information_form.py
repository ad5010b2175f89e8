"""The form of Billing Information: two addresses, names and contacts, and the terms."""

import re
from dataclasses import dataclass
from typing import Any

from django import forms
from django.urls import reverse, reverse_lazy
from django.utils.html import format_html

from billing.customer.address_form import AddressForm, typed_address
from billing.customer.addresses import address_lines
from billing.customer.tax_ids import NoTaxId, checked_tax_id, kind_of
from billing.models import BillingProfile
from core.addresses import address_key
from core.fields import mail_recipient
from core.text import plain_text

MOST_CONTACTS = 10
MAILING, BILLING = "mailing", "billing"


class DetailsForm(forms.Form):
    """The recipients of letters and invoices, and the billing contacts."""

    mailing_name = forms.CharField(
        max_length=200,
        validators=[plain_text],
        label="Company or recipient",
        error_messages={"required": "Company or recipient is required."},
        widget=forms.TextInput(attrs={"autocomplete": "section-mailing organization"}),
    )
    is_same_as_mailing = forms.BooleanField(
        required=False,
        label="The billing address is the mailing address",
        # The country of the tax id may change with it.
        widget=forms.CheckboxInput(
            attrs={
                "hx-post": reverse_lazy("billing_address"),
                "hx-target": "#billing-parts",
                "hx-swap": "outerHTML",
            }
        ),
    )
    legal_name = forms.CharField(
        max_length=200,
        validators=[plain_text],
        label="Legal name",
        error_messages={"required": "Legal name is required."},
        widget=forms.TextInput(attrs={"autocomplete": "section-billing organization"}),
    )
    tax_id = forms.CharField(max_length=40, required=False, validators=[plain_text], label="Tax ID")
    purchase_order = forms.CharField(
        max_length=60, required=False, validators=[plain_text], label="Purchase order"
    )
    contact_emails = forms.CharField(
        max_length=3000,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Billing contacts",
        error_messages={"required": "Billing contacts is required: at least one address."},
        help_text="Invoices and notices go to these e-mail addresses, one per line.",
    )

    def clean_contact_emails(self) -> list[str]:
        """The clean e-mail addresses without duplicates; an error names the invalid one."""
        emails: dict[str, str] = {}
        for line in self.cleaned_data["contact_emails"].splitlines():
            for part in _addresses(line):
                try:
                    email = mail_recipient(part)
                except forms.ValidationError as error:
                    problem = (
                        "is not an e-mail address" if error.code == "invalid" else "gets no mail"
                    )
                    raise forms.ValidationError(f"“{part.strip()[:80]}” {problem}.") from None
                emails.setdefault(address_key(email), email)
        if not emails:
            raise forms.ValidationError("Enter at least one address.")
        if len(emails) > MOST_CONTACTS:
            raise forms.ValidationError(f"Use {MOST_CONTACTS} addresses at most.")
        return list(emails.values())


def _addresses(line: str) -> list[str]:
    """The texts of a line that should be addresses: `Lee, Ann <a@b>` is one, `a@b, c@d` are two."""
    if line.count("@") <= 1:
        return [line] if line.strip() else []
    return [part for part in re.split("[,;]", line) if part.strip()]


class TermsForm(forms.Form):
    """The acceptance of the terms, if the current version is not accepted yet."""

    terms = forms.BooleanField(
        error_messages={"required": "Accept the terms of service to put a card on file."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["terms"].label = format_html(
            'I accept the <a href="{}" target="_blank">terms of service</a>', reverse("terms")
        )


@dataclass(frozen=True)
class InformationForms:
    """The parts of the page's form; `terms` is None if they are accepted."""

    mailing: AddressForm
    billing: AddressForm
    details: DetailsForm
    terms: TermsForm | None

    def __post_init__(self) -> None:
        """Set the help text of the tax id for the billing country."""
        kind = kind_of(self.billing_country)
        self.details.fields["tax_id"].help_text = (
            f"Your {kind.name}, for example {kind.example}."
            if kind
            else "Shown on invoices as you type it."
        )

    @classmethod
    def of(
        cls,
        profile: BillingProfile,
        *,
        posted: Any = None,
        typed: Any = None,
        terms: TermsForm | None = None,
    ) -> "InformationForms":
        """Show the profile or the values typed so far, or validate the posted ones."""
        mailing, billing, details = _saved(profile) if typed is None else _typed(typed)
        return cls(
            mailing=AddressForm(posted, prefix=MAILING, values=mailing),
            billing=AddressForm(posted, prefix=BILLING, values=billing),
            details=DetailsForm(posted, initial=details),
            terms=terms,
        )

    @property
    def active_forms(self) -> list[forms.Form]:
        """The forms that are validated: not the billing address if it is the mailing address."""
        active = [self.mailing, self.details, *([] if self._is_same() else [self.billing])]
        return [*active, *([self.terms] if self.terms else [])]

    @property
    def billing_country(self) -> str:
        """The country of the tax id, as typed so far."""
        return (self.mailing if self._is_same() else self.billing).rules.country

    def is_valid(self) -> bool:
        """Whether every form is valid; each invalid field has an error."""
        are_valid = all([form.is_valid() for form in self.active_forms])  # noqa: C419 - every form collects its errors
        typed = self.details.cleaned_data.get("tax_id", "")
        try:
            tax_id = checked_tax_id(country=self.billing_country, typed=typed)
        except NoTaxId as problem:
            self.details.add_error("tax_id", str(problem))
            return False
        self.details.cleaned_data["tax_id"] = tax_id
        return are_valid

    def missing(self) -> list[str]:
        """The labels of the empty required fields, in the order of the page."""
        return [
            "acceptance of the terms" if form is self.terms else str(bound.label)
            for form in self.active_forms
            for bound in form
            if bound.field.required and not bound.value()
        ]

    def changes(self) -> dict[str, Any]:
        """The cleaned values by field of the profile."""
        is_same = self._is_same()
        billing = self.mailing if is_same else self.billing
        country, parts = billing.cleaned_data["country"], billing.parts()
        return {
            **self.details.cleaned_data,
            "is_same_as_mailing": is_same,
            "mailing_country": self.mailing.cleaned_data["country"],
            "mailing_address": self.mailing.parts(),
            "country": country,
            "address": parts,
            "address_lines": address_lines(country=country, parts=parts),
        }

    def _is_same(self) -> bool:
        return bool(self.details["is_same_as_mailing"].value())


def _saved(profile: BillingProfile) -> tuple[dict[str, str], dict[str, str], dict[str, Any]]:
    """The saved values; an address without parts is shown in the street's field, to be split."""
    parts = profile.address or {"street_address": "\n".join(profile.address_lines)}
    details = {
        "mailing_name": profile.mailing_name or profile.legal_name,
        "is_same_as_mailing": profile.is_same_as_mailing,
        "legal_name": profile.legal_name,
        "tax_id": profile.tax_id,
        "purchase_order": profile.purchase_order,
        "contact_emails": "\n".join(profile.contact_emails),
    }
    billing = {"country": profile.country, **parts}
    mailing = {"country": profile.mailing_country, **profile.mailing_address}
    return mailing if profile.mailing_country else billing, billing, details


def _typed(typed: Any) -> tuple[dict[str, str], dict[str, str], dict[str, Any]]:
    return (
        typed_address(typed, prefix=MAILING),
        typed_address(typed, prefix=BILLING),
        {name: typed.get(name, "") for name in DetailsForm.base_fields},
    )
