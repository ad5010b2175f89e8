"""What operations' pages of billing have in common."""

from django.http import HttpRequest

from accounts.operations import ProviderModelAdmin


class BillingAdmin(ProviderModelAdmin):
    """Read unless said otherwise; nothing of billing is ever deleted."""

    may_add = False
    may_change = False

    def has_add_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Only where a record is made by hand."""
        return self.may_add and super().has_add_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:
        """Only where a record may be changed by hand."""
        return self.may_change and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never."""
        return False
