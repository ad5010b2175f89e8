"""The action with which operations deliver again what nothing delivers."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from core.actors import actor_of


def deliver_again(deliver: Callable[..., None], record_name: str) -> Callable[..., None]:
    """The action that calls `deliver` with each selected record; the audit log records it."""

    @admin.action(description="Deliver again: its document, and its mail, charge or refund")
    def action(_model_admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for record in queryset:
            deliver(**{record_name: record}, actor=actor_of(request), now=timezone.now())
        messages.success(
            request, f"{len(queryset)} queued again. What was delivered already is not repeated."
        )

    action.__name__ = "deliver_again"
    return action
