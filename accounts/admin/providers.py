"""The admin of providers: create one with its schema, watch the progress, work inside it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts import operations
from accounts.models import Provider
from accounts.operations import PermanentModelAdmin
from accounts.provisioning.new_provider import request_schema, retry_schema, schema_name_of

NEVER_CHANGES = ("invoice_prefix", "billing_time_zone", "currency")


@admin.register(Provider)
class ProviderAdmin(PermanentModelAdmin):
    """Providers. They are never deleted, because their invoices stay."""

    list_display = ("name", "invoice_prefix", "state", "schema_name", "billing_time_zone")
    list_filter = ("state",)
    search_fields = ("name", "invoice_prefix", "schema_name")
    ordering = ("name",)
    change_form_outer_before_template = "admin/accounts/provider_actions.html"
    fields = (
        "name",
        "invoice_prefix",
        "contact_name",
        "contact_email",
        "billing_time_zone",
        "locale",
        "currency",
        "organization_limit",
        "issue_day",
        "account_manager_name",
        "account_manager_email",
    )
    record_fields = (
        "state",
        "state_detail",
        "schema_name",
        "provider_id",
        "stripe_customer_id",
        "created_at",
    )

    def get_fields(self, request: HttpRequest, obj: Provider | None = None) -> tuple[str, ...]:  # noqa: ARG002 - Django's signature
        """The form's fields, and for an existing provider the fields that the product sets."""
        return (*self.fields, *self.record_fields) if obj else self.fields

    def get_readonly_fields(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: Provider | None = None,
    ) -> tuple[str, ...]:
        """The fields that issued invoices and metered months depend on."""
        return (*NEVER_CHANGES, *self.record_fields) if obj else ()

    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: bool) -> None:
        """Save the provider, a new one with the task that creates its schema."""
        if not change:
            obj.schema_name = schema_name_of(invoice_prefix=obj.invoice_prefix)
        super().save_model(request, obj, form, change)
        if not change:
            request_schema(provider=obj, now=timezone.now())

    def response_add(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        obj: Provider,
        post_url_continue: str | None = None,  # noqa: ARG002 - Django's signature
    ) -> HttpResponse:
        """Redirect to the progress page."""
        return redirect("admin:accounts_provider_progress", obj.pk)

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes, and those of one provider."""
        views = {
            "progress": self.progress,
            "retry": require_POST(self.retry),
            "work-in": require_POST(self.work_in),
        }
        own = [
            path(
                f"<int:provider_pk>/{verb}/",
                self.admin_site.admin_view(view),
                name=f"accounts_provider_{verb.replace('-', '_')}",
            )
            for verb, view in views.items()
        ]
        leave = self.admin_site.admin_view(require_POST(self.leave))
        own.append(path("leave/", leave, name="accounts_provider_leave"))
        return [*own, *super().get_urls()]

    def _provider(self, request: HttpRequest, provider_pk: int) -> Provider:
        """The provider, for those who may look at it. Raises `PermissionDenied` and `Http404`."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(Provider, pk=provider_pk)

    def progress(self, request: HttpRequest, provider_pk: int) -> HttpResponse:
        """The progress of the schema; the page refreshes itself until it is created."""
        provider = self._provider(request, provider_pk)
        context = {
            **self.admin_site.each_context(request),
            "title": provider.name,
            "provider": provider,
            "opts": Provider._meta,
        }
        return TemplateResponse(request, "admin/accounts/provider_progress.html", context)

    def retry(self, request: HttpRequest, provider_pk: int) -> HttpResponse:
        """Create the schema again after a failure."""
        provider = self._provider(request, provider_pk)
        if not self.has_change_permission(request, provider):
            raise PermissionDenied
        if not provider.is_active:
            retry_schema(provider=provider, now=timezone.now())
            self.log_change(request, provider, "Tried again to set up the schema.")
        return redirect("admin:accounts_provider_progress", provider.pk)

    def work_in(self, request: HttpRequest, provider_pk: int) -> HttpResponse:
        """Work inside the provider in this session; opens `next`, a page of this site."""
        provider = self._provider(request, provider_pk)
        if provider.is_active:
            operations.work_in(request, provider=provider)
        else:
            messages.error(request, f"{provider} is not set up yet.")
        page = request.POST.get("next", "")
        if not url_has_allowed_host_and_scheme(page, allowed_hosts=None):
            page = reverse("admin:index")
        return redirect(page)

    def leave(self, request: HttpRequest) -> HttpResponse:
        """Stop working inside a provider."""
        operations.leave(request)
        return redirect("admin:accounts_provider_changelist")
