"""What a provider types in about its bills."""

from functools import lru_cache
from typing import Any

from babel import Locale
from django import forms
from django.core.validators import validate_email

from accounts.text import plain_text
from billing.models import BillingProfile

MOST_CONTACTS = 10
MOST_ADDRESS_LINES = 6
LONGEST_ADDRESS_LINE = 100


@lru_cache(maxsize=1)
def country_choices() -> list[tuple[str, str]]:
    """ISO 3166 codes and English names, by name."""
    territories = Locale("en").territories
    # Two-letter codes that CLDR uses for groups and the unknown.
    no_countries = {"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"}
    known = [
        (code, name)
        for code, name in territories.items()
        if len(code) == len("US") and code.isalpha() and code not in no_countries
    ]
    return [("", "Choose a country"), *sorted(known, key=lambda entry: entry[1])]


class BillingProfileForm(forms.Form):
    """Whom invoices are made out to and where they go."""

    legal_name = forms.CharField(max_length=200, validators=[plain_text], label="Legal name")
    address = forms.CharField(
        max_length=700,
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "street-address"}),
        label="Address",
        help_text="As it is to stand on invoices, one line each.",
    )
    country = forms.ChoiceField(choices=country_choices, label="Country")
    tax_id = forms.CharField(max_length=40, required=False, validators=[plain_text], label="Tax ID")
    purchase_order = forms.CharField(
        max_length=60, required=False, validators=[plain_text], label="Purchase order"
    )
    contact_emails = forms.CharField(
        max_length=3000,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="Billing contacts",
        help_text="Invoices and notices go to these addresses, one per line.",
    )

    @classmethod
    def of(cls, profile: BillingProfile, posted: Any = None) -> "BillingProfileForm":
        """The form of a profile, filled with what was posted where something was."""
        return cls(
            posted,
            initial={
                "legal_name": profile.legal_name,
                "address": "\n".join(profile.address_lines),
                "country": profile.country,
                "tax_id": profile.tax_id,
                "purchase_order": profile.purchase_order,
                "contact_emails": "\n".join(profile.contact_emails),
            },
        )

    def clean_address(self) -> list[str]:
        """The lines that hold something."""
        lines = _lines(self.cleaned_data["address"])
        if not lines:
            raise forms.ValidationError("Enter the address that invoices are to show.")
        if len(lines) > MOST_ADDRESS_LINES:
            raise forms.ValidationError(f"Use {MOST_ADDRESS_LINES} lines at most.")
        for line in lines:
            plain_text(line)
            if len(line) > LONGEST_ADDRESS_LINE:
                raise forms.ValidationError(
                    f"A line may have {LONGEST_ADDRESS_LINE} characters at most."
                )
        return lines

    def clean_contact_emails(self) -> list[str]:
        """Each address once, in lower case; the message names the one that is none."""
        emails = list(dict.fromkeys(_lines(self.cleaned_data["contact_emails"].lower())))
        if not emails:
            raise forms.ValidationError("Enter at least one address.")
        if len(emails) > MOST_CONTACTS:
            raise forms.ValidationError(f"Use {MOST_CONTACTS} addresses at most.")
        for email in emails:
            try:
                validate_email(email)
            except forms.ValidationError:
                raise forms.ValidationError(f"“{email[:80]}” is not an e-mail address.") from None
        return emails

    def changes(self) -> dict[str, Any]:
        """The cleaned fields by their names on the profile."""
        cleaned = dict(self.cleaned_data)
        cleaned["address_lines"] = cleaned.pop("address")
        return cleaned


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
