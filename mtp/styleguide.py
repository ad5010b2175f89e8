"""The style guide: a page with every component; production has no route to it."""

from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.policies import anyone
from core.plain_numbers import PlainIntegerField

ROWS_PER_PAGE = 8


class SampleForm(forms.Form):
    """One field of each kind; validation always fails, for the sake of its message."""

    email = forms.EmailField(label="E-mail", help_text="Invoices go here.")
    cap = PlainIntegerField(
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
        """Raise an error of the whole form, so that the page shows one."""
        raise forms.ValidationError("The card and the address do not belong together.")


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


def _row(number: int) -> dict[str, Any]:
    users, cap = 120 + 7 * number, CAPS[number % len(CAPS)]
    return {
        "name": NAMES[number % len(NAMES)],
        "place": "Denver, CO",
        "users": users,
        "devices": 60 + number,
        "cap": cap,
        "is_at_cap": cap is not None and users >= cap,
        "is_near_cap": cap is not None and users + 10 >= cap,
    }


@anyone
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every component with sample content; without database access."""
    rows = [_row(number) for number in range(40)]
    page = Paginator(rows, ROWS_PER_PAGE).get_page(request.GET.get("page"))
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
