"""Forms of administrators, invitations and the API key."""

from typing import Any

from django import forms
from django.contrib.auth import password_validation

from accounts.models import User
from accounts.roles import EXTENDING_ROLES, LIMITABLE_ROLES, PROVIDER_ROLES, Role
from core.fields import NameField, RecipientField
from tenants.models import Organization
from tenants.people.api_keys import Overlap

ROLE_HELP = {
    Role.OWNER: "Full access, including administrators.",
    Role.BILLING_ADMIN: "All but administrators: caps, invoices, payment method, API key.",
    Role.ADMIN: "Organizations, their users and devices, usage. No billing access.",
    Role.READ_ONLY: "Sees what an Administrator sees, and can’t change anything.",
}


class OverlapForm(forms.Form):
    """The choice how long the old key works."""

    overlap = forms.ChoiceField(
        choices=Overlap, initial=Overlap.NONE, widget=forms.RadioSelect, label="The old key"
    )


class _LimitForm(forms.Form):
    """A role, and the organizations it is limited to."""

    role = forms.ChoiceField(
        choices=[(role.value, f"{role.label}: {ROLE_HELP[role]}") for role in PROVIDER_ROLES],
        widget=forms.RadioSelect,
        label="Role",
    )
    is_limited = forms.BooleanField(
        required=False,
        label="Only some organizations",
        help_text="For the roles Administrator and Read-only.",
    )
    organizations = forms.ModelMultipleChoiceField(
        queryset=Organization.objects.none(),
        required=False,
        label="Organizations",
        widget=forms.SelectMultiple(attrs={"size": 8}),
        help_text="Hold Ctrl or Cmd to choose several. Used only with the box above ticked.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["organizations"]
        if isinstance(field, forms.ModelMultipleChoiceField):
            field.queryset = Organization.objects.visible().order_by("name")

    def clean(self) -> dict[str, Any]:
        """A limit has organizations, and a role that can be limited."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("is_limited") and "role" in cleaned:
            if cleaned["role"] not in LIMITABLE_ROLES:
                self.add_error(
                    "is_limited", "This role sees the invoices, which name all organizations."
                )
            elif not cleaned.get("organizations"):
                self.add_error("organizations", "Choose at least one organization.")
        return cleaned

    @property
    def limited_to(self) -> list[int] | None:
        """The ids of the chosen organizations; None for all."""
        if not self.cleaned_data["is_limited"]:
            return None
        return [organization.pk for organization in self.cleaned_data["organizations"]]


class AdministratorForm(_LimitForm):
    """An administrator's role and limit, and the right to extend the allowance."""

    may_extend = forms.BooleanField(
        required=False,
        label="May extend the allowance",
        help_text="Orders packs of monthly active users, which are invoiced at once. Owners may "
        "without it; for administrators who see all organizations.",
    )

    @classmethod
    def of(cls, person: User) -> "AdministratorForm":
        """The form with the person's present values."""
        return cls(
            initial={
                "role": person.role,
                "is_limited": person.limited_to is not None,
                "organizations": person.limited_to or [],
                "may_extend": person.may_extend_allowance,
            }
        )

    def clean(self) -> dict[str, Any]:
        """The permission needs a role that can have it, and no limit."""
        cleaned = super().clean()
        if cleaned.get("may_extend") and "role" in cleaned:
            if cleaned["role"] == Role.OWNER:
                cleaned["may_extend"] = False
            elif cleaned["role"] not in EXTENDING_ROLES or cleaned.get("is_limited"):
                self.add_error(
                    "may_extend", "Only an administrator who sees all organizations can order."
                )
        return cleaned


class _PersonForm(forms.Form):
    """The name and e-mail address of an invited person."""

    name = NameField()
    email = RecipientField(label="E-mail")


class InviteOrganizationAdminForm(_PersonForm):
    """An invitation to administer one organization."""


class InviteAdministratorForm(_LimitForm, _PersonForm):
    """An invitation to administer the provider."""

    field_order = ("name", "email", "role", "is_limited", "organizations")


class AcceptForm(forms.Form):
    """The name and password of an invited person."""

    name = NameField(label="Your name")
    password = forms.CharField(
        label="Password",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 12 characters. A sentence is easy to remember.",
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        """The password is not short, not common and not the person's name."""
        cleaned: dict[str, Any] = super().clean() or {}
        if "password" in cleaned:
            person = User(email=self.email, name=cleaned.get("name", ""))
            try:
                password_validation.validate_password(cleaned["password"], person)
            except forms.ValidationError as refusal:
                self.add_error("password", refusal)
        return cleaned
