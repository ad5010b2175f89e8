"""The base of operations' pages of billing."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from accounts.operations import ProviderModelAdmin
from billing.money import format_money


class BillingAdmin(ProviderModelAdmin):
    """Read-only by default; nothing of billing is ever deleted."""

    may_add = False
    may_change = False

    def has_add_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Only with `may_add`."""
        return self.may_add and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Only with `may_change`."""
        return self.may_change and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False


class PlainDecimalField(forms.DecimalField):
    """A number in ASCII digits: Python reads the digits of every script."""

    def to_python(self, value: Any) -> Any:
        """Refuse what is not ASCII before it is read."""
        if isinstance(value, str) and not value.strip().isascii():
            raise forms.ValidationError("Use the digits 0 to 9.")
        return super().to_python(value)


def money_column(
    description: str, field: str, *, currency: str = "currency"
) -> Callable[[Any, Any], str]:
    """Return a column with an amount in minor units as text; "nothing" for None.

    `field` and `currency` are attributes of the record, dotted for those of related records.
    """

    @admin.display(description=description)
    def column(_model_admin: Any, record: Any) -> str:
        minor = attrgetter(field)(record)
        return "nothing" if minor is None else format_money(minor, attrgetter(currency)(record))

    return column
