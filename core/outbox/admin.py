"""The outbox in the operations admin."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import Truncator

from core.outbox.delivery import try_again
from core.outbox.models import BLANK_BODY, OutboxMessage
from core.read_only_admin import ReadOnlyAdmin
from core.server_admin import EveryServersAdmin, ServerFilter

SHOWN_OF_ERROR = 90


class StateFilter(admin.SimpleListFilter):
    """Filters messages by state."""

    title = "state"
    parameter_name = "state"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        model_admin: Any,  # noqa: ARG002 - Django's signature
    ) -> list[tuple[str, str]]:
        """The states."""
        return [("pending", "Pending"), ("dead", "Dead"), ("done", "Done")]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[OutboxMessage],
    ) -> QuerySet[OutboxMessage]:
        """The messages in the chosen state."""
        chosen: dict[str, dict[str, Any]] = {
            "pending": {"finished_at": None, "dead_at": None},
            "dead": {"finished_at": None, "dead_at__isnull": False},
            "done": {"finished_at__isnull": False},
        }
        return queryset.filter(**chosen.get(self.value() or "", {}))


@admin.register(OutboxMessage)
class OutboxMessageAdmin(EveryServersAdmin, ReadOnlyAdmin):
    """Read-only, with an action that retries dead messages."""

    list_display = (
        "topic",
        "key",
        "schema_name",
        "lane",
        "state",
        "attempts",
        "due_at",
        "error",
    )
    list_filter = (StateFilter, ServerFilter, "lane", "topic")
    search_fields = ("key", "schema_name", "last_error")
    ordering = ("-created_at", "-id")
    actions = ("give_attempts_back",)
    fields = (
        "topic",
        "key",
        "schema_name",
        "lane",
        "shown_payload",
        "state",
        "attempts",
        "postponements",
        "waiting_since",
        "last_error",
        "created_at",
        "due_at",
        "leased_until",
        "finished_at",
        "dead_at",
    )
    readonly_fields = fields

    @admin.display(description="state")
    def state(self, message: OutboxMessage) -> str:
        """Done, dead, in work (leased to a worker), postponed or pending."""
        if message.finished_at:
            return "done"
        if message.dead_at:
            return "dead"
        if message.leased_until:
            return "in work"
        return "postponed" if message.waiting_since else "pending"

    @admin.display(description="last error", ordering="last_error")
    def error(self, message: OutboxMessage) -> str:
        """The begin of the last error, on one line."""
        shown = Truncator(message.last_error).chars(SHOWN_OF_ERROR)
        return format_html('<span class="whitespace-nowrap">{}</span>', shown)

    @admin.display(description="payload")
    def shown_payload(self, message: OutboxMessage) -> str:
        """The payload without the body of a mail."""
        shown = {key: fact for key, fact in message.payload.items() if key not in BLANK_BODY}
        return json.dumps(shown, indent=2, ensure_ascii=False)

    @admin.action(description="Try again", permissions=["view"])
    def give_attempts_back(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        """Make dead messages pending again with all their attempts; logged."""
        dead = queryset.filter(finished_at=None, dead_at__isnull=False)
        for message in dead:
            try_again(message=message, now=timezone.now())
            self.log_change(request, message, "Tried again.")
        self.message_user(
            request,
            f"{len(dead)} of {queryset.count()} chosen messages were dead and are tried again.",
        )
