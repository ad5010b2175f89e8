"""Creating a provider: refused input, and the command."""

from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Provider, User
from accounts.provisioning.new_provider import create_provider
from tests.personas import Personas


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("name", "", "cannot be blank"),
        ("name", "x" * 201, "at most 200"),
        ("name", "a\0b", "can't be seen"),
        ("invoice_prefix", "north", "capital letters"),
        ("invoice_prefix", "NORTH", "Another provider has this prefix"),
        ("invoice_prefix", 'A"; DROP', "capital letters"),
        ("billing_time_zone", "Mars/Olympus", "is not a time zone"),
        ("currency", "XXY", "is not a currency"),
        ("contact_email", "fay", "valid email"),
        ("organization_limit", 0, "greater than or equal to 1"),
    ],
)
def test_bad_input_is_refused_by_field(
    field: str, value: object, text: str, north: Provider
) -> None:
    values = {
        "name": "Fresh",
        "invoice_prefix": "FRESH",
        "contact_name": "Fay",
        "contact_email": "fay@fresh.example",
        field: value,
    }
    with pytest.raises(ValidationError) as refused:
        create_provider(**values, now=timezone.now())
    assert text in " ".join(refused.value.message_dict[field])
    assert Provider.objects.count() == 2


def command(**changed: str) -> str:
    values = {
        "name": "Fresh",
        "invoice_prefix": "FRESH",
        "owner_name": "Fay",
        "owner_email": "Fay@Fresh.example",
        **changed,
    }
    out = StringIO()
    call_command("create_provider", **values, stdout=out)
    return out.getvalue()


def test_the_command_creates_provider_schema_and_owner(db: None) -> None:
    output = command(time_zone="America/Denver")
    owner = User.objects.get(email="fay@fresh.example")
    assert owner.provider.is_active
    assert owner.provider.billing_time_zone == "America/Denver"
    assert (owner.role, owner.has_usable_password()) == ("owner", False)
    assert "http://testserver/accounts/password/reset/" in output


def test_the_command_creates_nothing_if_one_option_is_refused(people: Personas) -> None:
    with pytest.raises(CommandError) as refused:
        command(owner_email=people.olive.email)
    assert "--owner-email: Another login has this address." in str(refused.value)
    assert not Provider.objects.filter(invoice_prefix="FRESH").exists()


def test_the_command_reports_a_schema_that_could_not_be_created(
    db: None, failing_step: None
) -> None:
    with pytest.raises(CommandError, match="the power went out"):
        command()
    assert Provider.objects.get(invoice_prefix="FRESH").state == Provider.State.FAILED
