"""The form of an address, with the fields, labels and regions of its country."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse_lazy

from billing.customer.addresses import (
    PARTS,
    Field,
    Rules,
    country_choices,
    is_country,
    postal_code_problem,
    rules_for,
)
from core.text import plain_lines, plain_text

MOST_STREET_LINES = 3
LONGEST_PART = 100
# The region typed for another country: kept in the page in case that country is chosen again.
_ELSEWHERE = "elsewhere"
_AUTOCOMPLETE = {
    "street_address": "street-address",
    "city": "address-level2",
    "city_area": "address-level3",
    "country_area": "address-level1",
    "postal_code": "postal-code",
}


class AddressForm(forms.Form):
    """An address with the fields of its country; `prefix` distinguishes the page's addresses.

    Parts that the country does not have, and a region of another country, are hidden fields:
    choosing the former country again shows them.
    """

    def __init__(self, posted: Any, *, prefix: str, values: Mapping[str, str]) -> None:
        """Bind the form to the posted values, or show `values` by part without validation."""
        typed = values if posted is None else typed_address(posted, prefix=prefix)
        super().__init__(posted, prefix=prefix, initial=dict(typed))
        country = typed.get("country", "")
        code = country if is_country(country) else ""
        self.rules = rules_for(code) if code else Rules(country="", fields=())
        self.fields["country"] = self._country_field(prefix)
        for field in self.rules.fields:
            self.fields[field.name] = _form_field(field, prefix=prefix)
        self._add_hidden_fields(typed)

    def _country_field(self, prefix: str) -> forms.ChoiceField:
        return forms.ChoiceField(
            choices=country_choices,
            label="Country",
            error_messages={"required": "Country is required."},
            widget=forms.Select(
                attrs={
                    "autocomplete": f"section-{prefix} country",
                    "hx-post": reverse_lazy(f"{prefix}_address"),
                    "hx-target": f"#{prefix}-parts",
                    "hx-swap": "outerHTML",
                }
            ),
        )

    def _add_hidden_fields(self, typed: Mapping[str, str]) -> None:
        field = self.rules.field("country_area")
        region, elsewhere = typed.get("country_area", ""), typed.get(_ELSEWHERE, "")
        if field and field.choices:
            offered = dict(field.choices)
            if region not in offered and elsewhere in offered:
                self.initial["country_area"], elsewhere = elsewhere, region
            elif region and region not in offered:
                elsewhere = region
        self.initial[_ELSEWHERE] = elsewhere
        for name in (*PARTS, _ELSEWHERE):
            if name not in self.fields:
                self.fields[name] = forms.CharField(required=False, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """Check that the postal code exists in the country and in the chosen region."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        postal_code = cleaned.get("postal_code", "")
        if postal_code and self.rules.field("postal_code"):
            cleaned["postal_code"] = postal_code = postal_code.upper()
            problem = postal_code_problem(
                country=self.rules.country,
                region=cleaned.get("country_area", ""),
                postal_code=postal_code,
            )
            if problem:
                self.add_error("postal_code", problem)
        return cleaned

    def parts(self) -> dict[str, str]:
        """The cleaned parts of the country that are not empty."""
        return {
            field.name: self.cleaned_data[field.name]
            for field in self.rules.fields
            if self.cleaned_data.get(field.name)
        }


def typed_address(posted: Any, *, prefix: str) -> dict[str, str]:
    """The values typed into the address of this prefix, including hidden parts."""
    names = ("country", *PARTS, _ELSEWHERE)
    return {name: str(posted.get(f"{prefix}-{name}", "")) for name in names}


def _form_field(field: Field, *, prefix: str) -> forms.Field:
    errors = {"required": f"{field.label} is required."}
    attrs = {"autocomplete": f"section-{prefix} {_AUTOCOMPLETE.get(field.name, 'off')}"}
    if field.choices:
        return forms.ChoiceField(
            choices=[("", f"Choose a {field.label.lower()}"), *field.choices],
            label=field.label,
            required=field.is_required,
            error_messages={**errors, "invalid_choice": f"Choose a {field.label.lower()}."},
            widget=forms.Select(attrs=attrs),
        )
    is_street = field.name == "street_address"
    return forms.CharField(
        label=field.label,
        required=field.is_required,
        max_length=LONGEST_PART * (MOST_STREET_LINES if is_street else 1),
        validators=[_street if is_street else plain_text],
        error_messages=errors,
        help_text=f"For example {field.example}" if field.example else "",
        widget=forms.Textarea(attrs={**attrs, "rows": 2})
        if is_street
        else forms.TextInput(attrs=attrs),
    )


def _street(text: str) -> None:
    plain_lines(text)
    if len(text.splitlines()) > MOST_STREET_LINES:
        raise ValidationError(f"Use {MOST_STREET_LINES} lines at most.")
    if any(len(line) > LONGEST_PART for line in text.splitlines()):
        raise ValidationError(f"A line may have {LONGEST_PART} characters at most.")
