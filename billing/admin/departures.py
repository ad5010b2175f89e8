"""Operations' pages of leave dates and exports."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.providers import current_provider
from billing.admin.base import BillingAdmin
from billing.formatting import local_date
from billing.leaving.departures import (
    CannotLeave,
    cancel_departure,
    current_departure,
    departures_token,
    leave_day_error,
    set_leave_date,
)
from billing.models import DataExport, Departure
from billing.pages.seen_form import SeenModelForm
from core.actors import actor_of
from core.text import plain_text


class DepartureForm(SeenModelForm):
    """The leave date that was agreed with the provider, and the reason."""

    confirmed = forms.BooleanField(
        label="The provider wants this",
        help_text="Billing ends on the day, the account is read-only, and closes 30 days later.",
    )

    class Meta:
        model = Departure
        fields = ("day", "reason")

    def token(self) -> str:
        """The token of the departures so far."""
        return departures_token()

    def clean(self) -> dict[str, Any]:
        """Require a later day, and no leave date that is set already."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        today = local_date(timezone.now(), current_provider().billing_zone())
        day = cleaned.get("day")
        if day and (error := leave_day_error(day, today=today)):
            self.add_error("day", error)
        elif current_departure():
            self.add_error("day", "A leave date is set already. Cancel it first.")
        return cleaned

    def clean_reason(self) -> str:
        """Without unreadable characters."""
        reason = " ".join(self.cleaned_data["reason"].split())
        plain_text(reason)
        return reason


@admin.register(Departure)
class DepartureAdmin(BillingAdmin):
    """Leave dates are set and cancelled, never changed."""

    may_add = True
    form = DepartureForm
    list_display = ("day", "closes_at", "made_by_name", "made_at", "cancelled_at", "reason")
    ordering = ("-made_at",)
    actions = ("cancel",)

    def save_model(
        self,
        request: HttpRequest,
        obj: Departure,
        form: Any,
        change: bool,  # noqa: ARG002 - Django's signature
    ) -> None:
        """Call the domain, which mails, logs and ends billing on the day."""
        made = set_leave_date(
            provider=current_provider(),
            day=obj.day,
            reason=form.cleaned_data["reason"],
            actor=actor_of(request),
            now=timezone.now(),
            seen=form.cleaned_data["seen"],
        )
        obj.pk = made.pk

    @admin.action(description="Cancel: the account stays open")
    def cancel(self, request: HttpRequest, queryset: QuerySet[Departure]) -> None:
        """Cancel the current departure, if it is chosen and its day has not come."""
        try:
            if not queryset.filter(cancelled_at=None).exists():
                raise CannotLeave("Choose the leave date that is not cancelled.")
            cancel_departure(
                provider=current_provider(), actor=actor_of(request), now=timezone.now()
            )
        except CannotLeave as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, "The leave date is cancelled.")


@admin.register(DataExport)
class DataExportAdmin(BillingAdmin):
    """Exports of the provider's data: who requested them, and how far they are."""

    list_display = ("requested_at", "requested_by_name", "finished_at", "expires_at", "size")
    ordering = ("-pk",)
