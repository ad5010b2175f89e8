"""Forms of organizations, users, devices and locations."""

from enum import StrEnum
from typing import Any, cast

from django import forms

from core.fields import AddressField, NameField
from core.names import name_key
from core.plain_numbers import typed_whole
from core.text import plain_lines, plain_text
from tenants.models import (
    LARGEST_MAU_LIMIT,
    LARGEST_USER_CAP,
    LONGEST_TAG,
    SMALLEST_MAU_LIMIT,
    SMALLEST_USER_CAP,
    Location,
    Organization,
)


class MauLimitField(forms.CharField):
    """A limit of active users a month; empty for any number."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            required=False,
            max_length=20,
            label="Active users a month",
            help_text=(
                "How many users may be active in a month; the next new one is refused. "
                "Empty for any number."
            ),
            widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
            **options,
        )

    def clean(self, value: Any) -> Any:
        """The number or None; whole numbers in range are accepted, with or without commas."""
        typed = super().clean(value)
        if not typed:
            return None
        number = typed_whole(typed, smallest=SMALLEST_MAU_LIMIT, largest=LARGEST_MAU_LIMIT)
        if number is None:
            raise forms.ValidationError(
                f"Enter a whole number from {SMALLEST_MAU_LIMIT} to "
                f"{LARGEST_MAU_LIMIT:,}, or nothing."
            )
        return number


class MauLimitForm(forms.Form):
    """An organization's limit of active users."""

    mau_limit = MauLimitField()


class OrganizationForm(forms.Form):
    """An organization's name."""

    name = NameField()

    def refuse_name(self) -> None:
        """Report that another living organization has a name that looks the same."""
        typed = self.cleaned_data.get("name", "")
        other = Organization.objects.living().filter(name_key=name_key(typed)).first()
        text = "You already have an organization of this name."
        if other is not None and other.name != typed:
            text = f"{text} It is written “{other.name}”."
        self.add_error("name", text)


class NewOrganizationForm(OrganizationForm):
    """A new organization's name and limit of active users."""

    mau_limit = MauLimitField()


class UserForm(forms.Form):
    """A user: its address, in any spelling, and name."""

    email = AddressField(label="E-mail")
    name = NameField(required=False)

    def refuse_duplicate(self) -> None:
        """Report that the organization has a living user who is known by this address."""
        self.add_error("email", "This organization already has a user with this e-mail.")


class DeviceForm(forms.Form):
    """A device to be added."""

    name = NameField()
    serial_number = forms.CharField(max_length=100, validators=[plain_text], label="Serial number")

    def refuse_duplicate(self) -> None:
        """Report that the organization has a living device with this serial number."""
        self.add_error(
            "serial_number", "This organization already has a device with this serial number."
        )


class LocationForm(forms.Form):
    """A location's name and address."""

    name = NameField()
    address = forms.CharField(
        max_length=500,
        validators=[plain_lines],
        required=False,
        label="Address",
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def refuse_name(self) -> None:
        """Report that the organization has another location with this name."""
        self.add_error("name", "This organization already has a location of this name.")


class DeviceLocationForm(forms.Form):
    """The location of a device."""

    location = forms.ModelChoiceField(
        queryset=Location.objects.none(),
        required=False,
        label="Location",
        empty_label="No location",
    )

    def __init__(self, *args: Any, organization: Organization, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast("forms.ModelChoiceField[Location]", self.fields["location"])
        field.queryset = organization.locations.order_by("name")


class RemovalForm(forms.Form):
    """Confirms a removal, which can't be undone, by typing the name."""

    typed_name = forms.CharField(max_length=200, label="Name of the organization")

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = name
        self.fields["typed_name"].help_text = "Type its name to confirm."

    def clean_typed_name(self) -> str:
        """Only the exact name confirms the removal."""
        typed: str = self.cleaned_data["typed_name"]
        if typed.strip() != self.name:
            raise forms.ValidationError("This is not the organization's name.")
        return typed


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
        typed = str(cleaned.get("cap", ""))
        number = typed_whole(typed, smallest=SMALLEST_USER_CAP, largest=LARGEST_USER_CAP)
        if number is None:
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


class TagForm(forms.Form):
    """A tag of organizations."""

    tag = NameField(label="Tag", max_length=LONGEST_TAG)


class LinkForm(forms.Form):
    """A link to a page about the organization elsewhere."""

    label = NameField(label="Name", max_length=80)
    url = forms.URLField(
        label="Address",
        max_length=500,
        assume_scheme="https",
        validators=[plain_text],
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off"}),
    )

    def clean_url(self) -> str:
        """Only pages: another scheme could run a script."""
        url: str = self.cleaned_data["url"]
        if not url.lower().startswith(("https://", "http://")):
            raise forms.ValidationError("Enter an address that begins with https:// or http://.")
        return url


class MoveForm(forms.Form):
    """The organization to which users or devices move, by its name."""

    organization = NameField(
        label="Move to",
        help_text="The name of the organization.",
        widget=forms.TextInput(attrs={"list": "organizations", "autocomplete": "off"}),
    )

    def clean_organization(self) -> Organization:
        """A living organization that the signed-in person may see."""
        key = name_key(self.cleaned_data["organization"])
        found = Organization.objects.visible().filter(name_key=key).first()
        if found is None:
            raise forms.ValidationError("You have no organization of this name.")
        return found
