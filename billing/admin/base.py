"""The base of operations' pages of billing: read-only records, and forms that are done once."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.operations import ProviderModelAdmin, RefusalsAsMessages
from billing.money import format_money
from billing.seen import ChangeRefused


class BillingAdmin(RefusalsAsMessages, ProviderModelAdmin):
    """Read-only by default; nothing of billing is ever deleted."""

    may_add = False
    may_change = False
    change_form_before_template = "admin/billing/seen.html"

    def has_add_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Only with `may_add`."""
        return self.may_add and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Only with `may_change`."""
        return self.may_change and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False

    def refusal_of(self, error: Exception) -> str | None:
        """The reason of the domain."""
        return str(error) if isinstance(error, ChangeRefused) else None


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
