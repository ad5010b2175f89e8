"""Operations' pages of month closes and of their verification."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe

from accounts.providers import current_provider
from billing.admin.base import BillingAdmin
from billing.models import MonthClose
from billing.verification.verify import verify_month
from core.months import Month


@admin.register(MonthClose)
class MonthCloseAdmin(BillingAdmin):
    """Each month's close; an unfinished one is resumed within the hour."""

    list_display = ("month", "started_at", "issued_at", "invoices", "outcome")
    ordering = ("-month",)
    change_form_outer_before_template = "admin/billing/verify_link.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the verification of one month."""
        verify = path(
            "<int:pk>/verify/",
            self.admin_site.admin_view(require_safe(self.verify)),
            name="billing_monthclose_verify",
        )
        return [verify, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Add a link to the verification of an issued close."""
        run = self.get_object(request, object_id)
        is_closed = run is not None and run.issued_at is not None
        verify_url = (
            reverse("admin:billing_monthclose_verify", args=[run.pk]) if run and is_closed else ""
        )
        context = {**(extra_context or {}), "verify_url": verify_url}
        answer: HttpResponse = super().change_view(request, object_id, form_url, context)
        return answer

    def verify(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Recompute the month and compare it.

        PDFs are compared by hash only: a web process never renders (docs/decisions/0007).
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = get_object_or_404(MonthClose, pk=pk, issued_at__isnull=False)
        provider = current_provider()
        month = Month.of_day(run.month)
        verification = verify_month(provider=provider, month=month, renders=False)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Verification of {run.month:%B %Y}",
            "verification": verification,
            "run": run,
            "opts": self.opts,
            "command": f"manage.py verify_month --provider {provider.invoice_prefix.lower()} "
            f"--month {month}",
            "back_url": reverse("admin:billing_monthclose_change", args=[pk]),
        }
        return TemplateResponse(request, "admin/billing/verification.html", context)
