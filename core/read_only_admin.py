"""The operations admin of rows that only the product writes."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows are looked at, and changed by a page's own actions at most."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Written by the product only."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never changed by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never deleted."""
        return False


class FilterWithDefault(admin.SimpleListFilter):
    """A filter whose first choice, without a value, is not all rows but what `default` names."""

    default = ""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Name the default."""
        for position, choice in enumerate(super().choices(changelist)):
            yield choice | {"display": self.default} if position == 0 else choice
