"""The page that shows every component at work; has an address in development only."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.policies import anyone

ROWS_PER_PAGE = 8


class SampleForm(forms.Form):
    """One field of each kind; always has an error of its own."""

    email = forms.EmailField(label="E-mail", help_text="Invoices go here.")
    cap = forms.IntegerField(
        label="User cap",
        min_value=1,
        max_value=10_000,
        required=False,
        help_text="1 to 10,000, or empty for no cap.",
    )
    role = forms.ChoiceField(
        choices=[("billing", "Administrator with Billing"), ("read", "Read-only")]
    )
    note = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    collection = forms.ChoiceField(
        label="Collect by",
        widget=forms.RadioSelect,
        choices=[("card", "Card"), ("invoice", "Invoice")],
    )
    table = forms.FileField(label="CSV file", required=False)
    terms = forms.BooleanField(label="I accept the terms of service")

    def clean(self) -> dict[str, Any]:
        """Refuse, so that the page shows how an error of the whole form looks."""
        raise forms.ValidationError("The card and the address do not belong together.")


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A line of the sample table; `cap` None means no cap."""

    name: str
    place: str
    users: int
    devices: int
    cap: int | None

    @property
    def is_at_cap(self) -> bool:
        """Whether nobody more can be added."""
        return self.cap is not None and self.users >= self.cap

    @property
    def is_near_cap(self) -> bool:
        """Whether ten more at most can be added."""
        return self.cap is not None and self.users + 10 >= self.cap


NAMES = [
    "Alder Dental Group",
    "Birch & Sons Law",
    "Cedar Logistics",
    "Dogwood Veterinary Clinic",
    "Elm Street Accounting",
    "Fir Property Management",
    "Ginkgo Wellness",
    "Hazel Engineering",
]
CAPS = [None, 130, 140, 1_000]
ROWS = [
    SampleRow(
        name=NAMES[number % len(NAMES)],
        place="Denver, CO",
        users=120 + 7 * number,
        devices=60 + number,
        cap=CAPS[number % len(CAPS)],
    )
    for number in range(40)
]


@anyone
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component, with texts such as the portal has; reads nothing and changes nothing."""
    page = Paginator(ROWS, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    sample = {"email": "billing", "cap": "150", "role": "billing", "collection": "card"}
    return render(
        request,
        "styleguide.html",
        {
            "form": SampleForm(sample),
            "page": page,
            "sort": request.GET.get("sort", "-users"),
            "tabs": [("", "All", 40), ("near", "Near limit", 3), ("reached", "Limit reached", 1)],
        },
    )
