"""The forms of a cap request and of its decision."""

from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from django import forms

from core.plain_numbers import PlainIntegerField
from core.text import plain_lines
from tenants.models import LARGEST_USER_CAP

LONGEST_TEXT = 1000
LONGEST_APPROVAL = timedelta(days=731)


class CapRequestForm(forms.Form):
    """A higher cap and the reason for it."""

    cap = PlainIntegerField(max_value=LARGEST_USER_CAP, label="Users you need in all")
    reason = forms.CharField(
        max_length=LONGEST_TEXT,
        label="Why",
        validators=[plain_lines],
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="For your MSP administrator, who decides.",
    )

    def __init__(self, *args: Any, present: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cap = self.fields["cap"]
        cap.help_text = f"More than the present cap of {present:,}; at most {LARGEST_USER_CAP:,}."
        cap.widget.attrs["min"] = present + 1


class Decision(StrEnum):
    """The button of the form that was pressed."""

    APPROVE = "approve"
    DECLINE = "decline"


class DecisionForm(forms.Form):
    """Approve, permanently or until a day, or decline with a reason."""

    decision = forms.ChoiceField(choices=[(each.value, each.value) for each in Decision])
    last_day = forms.DateField(
        required=False,
        label="Only until",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The last day of the higher cap. Leave empty to raise it for good.",
    )
    answer = forms.CharField(
        required=False,
        max_length=LONGEST_TEXT,
        label="Answer",
        validators=[plain_lines],
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Mailed with your decision. Needed when you decline.",
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        self.fields["last_day"].widget.attrs["min"] = today.isoformat()

    def clean_last_day(self) -> date | None:
        """The day is today or later, at most two years ahead."""
        day: date | None = self.cleaned_data["last_day"]
        if day is not None and not self.today <= day <= self.today + LONGEST_APPROVAL:
            raise forms.ValidationError("Choose a day from today on, at most two years ahead.")
        return day

    def clean(self) -> dict[str, Any]:
        """A declined request needs a reason."""
        cleaned = super().clean() or self.cleaned_data
        declines = cleaned.get("decision") == Decision.DECLINE
        if declines and not cleaned.get("answer") and "answer" not in self.errors:
            self.add_error("answer", "Give a reason: it is mailed to the requester.")
        return cleaned
