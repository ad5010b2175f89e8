"""The form of an administrator's choice of mail about alerts."""

from functools import cache

from django import forms

from accounts.validation import time_zone_names
from tenants.models import AlertMailPreference, Severity
from tenants.models.alerts import LAST_HOUR


@cache
def _zones() -> list[tuple[str, str]]:
    names = sorted(time_zone_names())
    return [(name, name.replace("_", " ")) for name in names]


class AlertMailForm(forms.Form):
    """Delivery, minimum severity, and the hour and time zone of the digest."""

    delivery = forms.ChoiceField(
        choices=AlertMailPreference.Delivery.choices,
        widget=forms.RadioSelect,
        label="Mail about alerts",
    )
    minimum_severity = forms.TypedChoiceField(
        choices=[
            (Severity.INFO, "All"),
            (Severity.WARNING, "Warning and critical"),
            (Severity.CRITICAL, "Critical only"),
        ],
        coerce=lambda value: Severity(int(value)),
        label="Which alerts",
    )
    digest_hour = forms.TypedChoiceField(
        choices=[(hour, f"{hour:02}:00") for hour in range(LAST_HOUR + 1)],
        coerce=int,
        label="Hour of the daily mail",
    )
    time_zone = forms.ChoiceField(choices=_zones, label="Your time zone")
