"""Operations' pages of dunning steps and of deferred suspensions."""

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.providers import current_provider
from billing.admin.base import BillingAdmin
from billing.dunning.deferrals import defer_suspension, deferrals_token, withdraw_deferral
from billing.formatting import local_date
from billing.models import DunningStep, SuspensionDeferral
from billing.pages.seen_form import SeenModelForm
from core.actors import actor_of
from core.text import plain_text


@admin.register(DunningStep)
class DunningStepAdmin(BillingAdmin):
    """Each dunning step: when it was reached, mailed and left."""

    list_display = ("step", "invoice", "since", "at", "mailed_at", "ended_at")
    list_filter = ("step",)
    list_select_related = ("invoice",)
    ordering = ("-at", "-id")


class DeferralForm(SeenModelForm):
    """The last day of a deferral, and its reason."""

    reason = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept in the provider's audit log.",
    )

    class Meta:
        model = SuspensionDeferral
        fields = ("last_day", "reason")

    today: date

    def token(self) -> str:
        """The token of the deferrals so far."""
        return deferrals_token()

    def clean_last_day(self) -> date:
        """Accept today or a later day, in the billing time zone."""
        day: date = self.cleaned_data["last_day"]
        if day < self.today:
            raise forms.ValidationError("This day is over already.")
        return day

    def clean_reason(self) -> str:
        """Join it to one line, without unreadable characters."""
        reason = " ".join(self.cleaned_data["reason"].split())
        plain_text(reason)
        return reason


@admin.register(SuspensionDeferral)
class SuspensionDeferralAdmin(BillingAdmin):
    """Deferrals are made and withdrawn, never changed."""

    may_add = True
    form = DeferralForm
    list_display = ("last_day", "reason", "made_by_name", "made_at", "withdrawn_at")
    ordering = ("-made_at",)
    actions = ("withdraw",)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Give the form today's date in the provider's billing zone."""
        form = super().get_form(request, obj, change=change, **kwargs)
        form.today = local_date(timezone.now(), current_provider().billing_zone())
        return form

    def save_model(
        self,
        request: HttpRequest,
        obj: SuspensionDeferral,
        form: Any,
        change: bool,  # noqa: ARG002 - Django's signature
    ) -> None:
        """Call the domain, which logs the deferral and restores access at once."""
        made = defer_suspension(
            provider=current_provider(),
            reason=form.cleaned_data["reason"],
            last_day=obj.last_day,
            actor=actor_of(request),
            now=timezone.now(),
            seen=form.cleaned_data["seen"],
        )
        obj.pk = made.pk

    @admin.action(description="Withdraw: suspend as without a deferral")
    def withdraw(self, request: HttpRequest, queryset: QuerySet[SuspensionDeferral]) -> None:
        """Withdraw the selected deferrals now."""
        count = sum(
            withdraw_deferral(deferral=deferral, actor=actor_of(request), now=timezone.now())
            for deferral in queryset
        )
        messages.success(request, f"{count} withdrawn.")
