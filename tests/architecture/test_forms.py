"""Rules of all forms: numbers are plain, and what changes money is done once."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.apps import apps
from django.contrib import admin
from django.forms.models import BaseModelForm
from django.http import HttpRequest

from billing.admin.base import BillingAdmin
from billing.admin.corrections.pages import CorrectingAdmin
from billing.pages.seen_form import SeenForm
from core.plain_numbers import PlainDecimalField, PlainIntegerField
from core.schema import provider_schema
from integrations.autotask.tickets.form import PICKLISTS
from tests.personas import Personas

APPS = ("accounts", "billing", "core", "integrations", "mtp", "tenants", "usage")
NOT_PLAIN = (
    "\u0663", "\uff13", "3\u0663.00", "NaN", "sNaN", "Infinity", "-inf", "1e3", "1E400",
    "1_000", "+1", "0x10", ".5", "5.", "1,000", "9" * 5_000,
)  # fmt: skip


def subclasses(base: type) -> Iterator[type]:
    for each in base.__subclasses__():
        yield each
        yield from subclasses(each)


def forms_of_the_portal() -> list[type[forms.BaseForm]]:
    """Every form class of ours; those of the admin's models are built by the admin."""
    for app in APPS:
        package = importlib.import_module(app)
        for module in pkgutil.walk_packages(package.__path__, f"{app}."):
            if ".migrations" not in module.name and not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    return [
        form
        for form in dict.fromkeys(subclasses(forms.BaseForm))
        if hasattr(form, "base_fields")
        and form.__module__.split(".")[0] in APPS
        and not (issubclass(form, BaseModelForm) and ".admin" in form.__module__)
    ]


def admins() -> list[Any]:
    """The operations admin of every model that has one."""
    return [
        admin.site.get_model_admin(model)
        for model in apps.get_models()
        if admin.site.is_registered(model)
    ]


def forms_of_the_admin(request: HttpRequest) -> list[type[forms.BaseForm]]:
    """The form of every model that a person adds or changes in the admin, and of its inlines."""
    found: list[type[forms.BaseForm]] = []
    for model_admin in admins():
        if not (
            model_admin.has_add_permission(request) or model_admin.has_change_permission(request)
        ):
            continue
        found.append(model_admin.get_form(request))
        found += [
            inline.get_formset(request).form for inline in model_admin.get_inline_instances(request)
        ]
    return found


@pytest.fixture
def number_fields(rf, people: Personas) -> dict[str, forms.Field]:
    request = rf.get("/operations/")
    request.user = people.staff
    request.provider = people.north
    with provider_schema(people.north):
        every_form = [*forms_of_the_portal(), *forms_of_the_admin(request)]
    return {
        f"{form.__name__}.{name}": field
        for form in every_form
        for name, field in form.base_fields.items()
        # Those of a ticket are chosen from Autotask's lists, which replace them.
        if isinstance(field, forms.IntegerField) and name not in PICKLISTS
    }


def test_every_number_that_a_person_types_is_plain(number_fields: dict[str, forms.Field]) -> None:
    names = {name.partition(".")[2] for name in number_fields}
    assert names >= {
        "unit_price", "tax_rate", "automatic_limit", "price", "quantity", "months", "amount",
        "committed_quantity", "payment_terms_days", "organization_limit", "cap", "percent",
        "non_billable_users", "ticket_due_days",
    }  # fmt: skip
    other = {
        name
        for name, field in number_fields.items()
        if not isinstance(field, PlainDecimalField | PlainIntegerField)
    }
    assert other == set()


@pytest.mark.parametrize("typed", NOT_PLAIN, ids=lambda typed: ascii(typed[:12]))
def test_another_notation_is_refused_at_the_field(
    typed: str, number_fields: dict[str, forms.Field]
) -> None:
    for name, field in number_fields.items():
        with pytest.raises(forms.ValidationError) as refusal:
            field.clean(typed)
        assert "in the digits 0 to 9" in refusal.value.messages[0], name


def test_a_number_of_too_many_digits_is_refused_by_the_fields_own_limit(
    number_fields: dict[str, forms.Field],
) -> None:
    # The limit of a column alone is checked with the row, which names the field too.
    limited = {
        name: field
        for name, field in number_fields.items()
        if getattr(field, "max_digits", None) or getattr(field, "max_value", None)
    }
    assert len(limited) > 10
    for name, field in limited.items():
        with pytest.raises(forms.ValidationError) as refusal:
            field.clean("9" * 25)
        assert "in the digits 0 to 9" not in refusal.value.messages[0], name


def test_every_form_of_operations_billing_carries_what_was_seen() -> None:
    of_billing = [each for each in admins() if isinstance(each, BillingAdmin)]
    written = [each.form for each in of_billing if each.may_add or each.may_change]
    corrections = [
        page.form
        for each in of_billing
        if isinstance(each, CorrectingAdmin)
        for page in each.corrections.values()
    ]
    assert len(written) >= 4
    assert len(corrections) >= 9
    for form in (*written, *corrections):
        assert issubclass(form, SeenForm), form
