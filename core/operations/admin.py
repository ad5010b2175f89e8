"""Operations alerts in the operations admin."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from core.operations.kinds import kinds
from core.operations.models import OperationsAlert


class KindFilter(admin.SimpleListFilter):
    """Filters alerts by kind, with the kinds' titles."""

    title = "kind"
    parameter_name = "kind"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        model_admin: Any,  # noqa: ARG002 - Django's signature
    ) -> list[tuple[str, str]]:
        """The kinds by title."""
        return sorted(((kind.name, kind.title) for kind in kinds().values()), key=lambda k: k[1])

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[OperationsAlert],
    ) -> QuerySet[OperationsAlert]:
        """The alerts of the chosen kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


class OpenFilter(admin.SimpleListFilter):
    """Filters alerts by state; open ones by default."""

    title = "state"
    parameter_name = "state"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        model_admin: Any,  # noqa: ARG002 - Django's signature
    ) -> list[tuple[str, str]]:
        """The states besides the default."""
        return [("settled", "Settled"), ("all", "All")]

    def choices(self, changelist: Any) -> Any:
        """Name the default."""
        for position, choice in enumerate(super().choices(changelist)):
            yield choice | {"display": "Open"} if position == 0 else choice

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[OperationsAlert],
    ) -> QuerySet[OperationsAlert]:
        """The alerts in the chosen state."""
        if self.value() == "all":
            return queryset
        return queryset.filter(settled_at__isnull=self.value() != "settled")


@admin.register(OperationsAlert)
class OperationsAlertAdmin(ModelAdmin):  # type: ignore[misc]
    """Alerts, written by the product; a person acknowledges them."""

    list_display = ("title", "schema_name", "summary", "opened_at", "last_seen_at", "times_seen")
    list_filter = (OpenFilter, KindFilter)
    search_fields = ("schema_name", "key", "summary")
    ordering = ("-opened_at", "-id")
    actions = ("acknowledge",)
    show_full_result_count = False
    fields = (
        "title",
        "schema_name",
        "summary",
        "next_step",
        "link",
        "opened_at",
        "last_seen_at",
        "times_seen",
        "mailed_at",
        "acknowledged_at",
        "acknowledged_by_name",
        "settled_at",
        "settled_by_name",
        "note",
    )
    readonly_fields = fields

    @admin.action(description="Acknowledge", permissions=["view"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[OperationsAlert]) -> None:
        """Record that a person looks after these alerts; they stay open."""
        waiting = queryset.filter(settled_at=None, acknowledged_at=None)
        for alert in waiting:
            alert.acknowledged_at = timezone.now()
            alert.acknowledged_by_name = str(request.user)
            alert.save(update_fields=["acknowledged_at", "acknowledged_by_name"])
            self.log_change(request, alert, "Acknowledged.")

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        """Written by the product only."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never changed by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object | None = None) -> bool:  # noqa: ARG002 - Django's signature
        """Never deleted by hand."""
        return False
