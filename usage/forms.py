"""The form of the cap dialog."""

import re
from enum import StrEnum

from django import forms

from tenants.models import LARGEST_USER_CAP, SMALLEST_USER_CAP

_WHOLE_NUMBER = re.compile(r"[0-9]+|[0-9]{1,3}(,[0-9]{3})+", re.ASCII)
_LONGEST = 9


class Choice(StrEnum):
    """With or without a cap."""

    NO_CAP = "none"
    CAPPED = "capped"


class CapForm(forms.Form):
    """ "No User Cap", or a cap from 1 to 10,000 users."""

    choice = forms.ChoiceField(
        choices=[(Choice.NO_CAP, "No User Cap"), (Choice.CAPPED, "Cap Users at")],
        widget=forms.RadioSelect,
        label="User cap",
    )
    cap = forms.CharField(
        required=False,
        label="Number of users",
        max_length=20,
        help_text=f"{SMALLEST_USER_CAP} to {LARGEST_USER_CAP:,}. If it is below the current count, "
        "no user is removed, and none can be added until the count falls below it.",
        widget=forms.TextInput(
            attrs={
                "inputmode": "numeric",
                "autocomplete": "off",
                "data-chooses": Choice.CAPPED,
                "size": 8,
                # Its visible label is the choice before it, on the same line.
                "aria-label": "Number of users",
            }
        ),
    )

    def clean(self) -> dict[str, object]:
        """Require a valid number only with a cap."""
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("choice") != Choice.CAPPED or "cap" in self.errors:
            return {**cleaned, "cap": None}
        typed = str(cleaned.get("cap", "")).strip()
        number = int(typed.replace(",", "")) if _WHOLE_NUMBER.fullmatch(typed[:_LONGEST]) else 0
        if len(typed) > _LONGEST or not SMALLEST_USER_CAP <= number <= LARGEST_USER_CAP:
            self.add_error(
                "cap",
                f"Enter a whole number from {SMALLEST_USER_CAP} to {LARGEST_USER_CAP:,}.",
            )
        return {**cleaned, "cap": number}

    @property
    def user_cap(self) -> int | None:
        """The cap of a valid form; None for "No User Cap"."""
        cap: int | None = self.cleaned_data["cap"]
        return cap
