"""The admin of the sign-in log, read-only."""

from django.contrib import admin
from django.http import HttpRequest

from accounts.models import SignInEvent
from accounts.operations import PermanentModelAdmin


@admin.register(SignInEvent)
class SignInEventAdmin(PermanentModelAdmin):
    """Sign-ins and refused attempts, with address and browser."""

    list_display = ("at", "email", "outcome", "ip_address", "user_agent")
    list_filter = ("outcome",)
    search_fields = ("email", "ip_address")
    date_hierarchy = "at"
    ordering = ("-at", "-id")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Never: sign-ins write the log."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never: the log is append-only."""
        return False
