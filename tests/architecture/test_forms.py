"""A rule of all forms of operations: what changes money is done once."""

from django.apps import apps
from django.contrib import admin

from billing.admin.base import BillingAdmin
from billing.admin.corrections.pages import CorrectingAdmin
from billing.pages.seen_form import SeenForm


def test_every_form_of_operations_billing_carries_what_was_seen() -> None:
    admins = [
        admin.site.get_model_admin(model)
        for model in apps.get_models()
        if admin.site.is_registered(model)
    ]
    of_billing = [each for each in admins if isinstance(each, BillingAdmin)]
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
