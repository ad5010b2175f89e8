"""Forms of the Autotask pages."""

from datetime import datetime
from typing import Any

from django import forms

from accounts.requests import PortalRequest
from core.actors import actor_of
from core.plain_numbers import PlainIntegerField
from core.text import plain_text
from integrations.autotask.api.credentials import Credentials
from integrations.autotask.api.errors import AutotaskError, SignInRefused, UnknownUser
from integrations.autotask.connection import connect
from integrations.autotask.mapping.service_mappings import LARGEST_NON_BILLABLE
from integrations.choices import DatePolicy

LONGEST_SECRET = 200


class CredentialsForm(forms.Form):
    """The credentials of an API user. No page shows them again."""

    user_name = forms.CharField(
        label="User name (key)",
        max_length=LONGEST_SECRET,
        validators=[plain_text],
        help_text="Of an API user (system), under Admin, Resources/Users in Autotask.",
    )
    secret = forms.CharField(
        label="Password (secret)",
        max_length=LONGEST_SECRET,
        validators=[plain_text],
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
    integration_code = forms.CharField(
        label="Tracking identifier",
        max_length=LONGEST_SECRET,
        validators=[plain_text],
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="The integration vendor or internal code that the API user shows.",
    )

    def connects(self, request: PortalRequest, *, now: datetime) -> bool:
        """Store the credentials if Autotask accepts them; otherwise the form has the error."""
        credentials = Credentials(
            user_name=self.cleaned_data["user_name"],
            secret=self.cleaned_data["secret"],
            integration_code=self.cleaned_data["integration_code"],
        )
        try:
            connect(credentials=credentials, actor=actor_of(request), now=now)
        except UnknownUser as error:
            self.add_error("user_name", str(error))
        except SignInRefused as error:
            self.add_error("secret", str(error))
        except AutotaskError as error:
            self.add_error(None, str(error))
        return not self.errors


class DatePolicyForm(forms.Form):
    """The effective date of a changed quantity."""

    date_policy = forms.ChoiceField(label="A changed quantity counts", choices=DatePolicy.choices)


class CompanyTypesForm(forms.Form):
    """The types of companies that are offered for mapping."""

    types = forms.TypedMultipleChoiceField(
        label="Company types", coerce=int, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *arguments: Any, choices: list[tuple[int, str]], **named: Any) -> None:
        super().__init__(*arguments, **named)
        field = self.fields["types"]
        if isinstance(field, forms.TypedMultipleChoiceField):
            field.choices = choices


class MappingForm(forms.Form):
    """One of a company's services, and the number of non-billable users."""

    contract_service_id = forms.TypedChoiceField(
        label="Contract and service", coerce=int, widget=forms.RadioSelect
    )
    non_billable_users = PlainIntegerField(
        label="Non-billable users",
        min_value=0,
        max_value=LARGEST_NON_BILLABLE,
        initial=0,
        help_text="Subtracted from the high-water mark: your own technicians, for example.",
    )

    def __init__(self, *arguments: Any, choices: list[tuple[int, str]], **named: Any) -> None:
        super().__init__(*arguments, **named)
        field = self.fields["contract_service_id"]
        if isinstance(field, forms.TypedChoiceField):
            field.choices = choices
