"""Operations alerts and unmatched events in the operations admin."""

from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_tenants.utils import get_tenant_model
from unfold.widgets import UnfoldAdminTextareaWidget

from core.actors import actor_of
from core.operations.kinds import kinds
from core.operations.models import NotSettledByHand, OperationsAlert, UnmatchedEvent
from core.operations.unmatched_events import settle_unmatched
from core.read_only_admin import FilterWithDefault, ReadOnlyAdmin
from core.server_admin import EveryServersAdmin, ServerFilter
from core.servers import on_server
from core.text import plain_lines


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


class OpenFilter(FilterWithDefault):
    """Filters by state; open ones by default."""

    title = "state"
    parameter_name = "state"
    default = "Open"

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        model_admin: Any,  # noqa: ARG002 - Django's signature
    ) -> list[tuple[str, str]]:
        """The states besides the default."""
        return [("settled", "Settled"), ("all", "All")]

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Any],
    ) -> QuerySet[Any]:
        """The alerts or events in the chosen state."""
        if self.value() == "all":
            return queryset
        return queryset.filter(settled_at__isnull=self.value() != "settled")


class NoteForm(forms.Form):
    """The note with which a person settles an alert."""

    note = forms.CharField(
        max_length=1000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        validators=[plain_lines],
        help_text="What you found and did; kept with the alert.",
    )


@admin.register(OperationsAlert)
class OperationsAlertAdmin(EveryServersAdmin, ReadOnlyAdmin):
    """Alerts, written by the product; a person acknowledges them and acts on them."""

    list_display = ("title", "where", "summary", "opened_at", "times_seen", "looked_after_by")
    list_filter = (OpenFilter, ServerFilter, KindFilter)
    search_fields = ("schema_name", "key", "summary")
    ordering = ("-opened_at", "-id")
    actions = ("acknowledge",)
    change_form_outer_before_template = "admin/operations/alert_actions.html"
    fields = (
        "title",
        "where",
        "summary",
        "next_step",
        ("opened_at", "last_seen_at", "times_seen"),
        "mailed_at",
        ("acknowledged_at", "acknowledged_by_name"),
        ("settled_at", "settled_by_name"),
        "note",
    )
    # The columns are read-only anyway: no login may change an alert.
    readonly_fields = ("title", "where")

    def get_queryset(self, request: HttpRequest) -> QuerySet[OperationsAlert]:
        """With the names of the providers."""
        providers = get_tenant_model().objects.filter(schema_name=OuterRef("schema_name"))
        alerts: QuerySet[OperationsAlert] = super().get_queryset(request)
        return alerts.annotate(provider_name=Subquery(providers.values("name")[:1]))

    @admin.display(description="where", ordering="schema_name")
    def where(self, alert: Any) -> str:
        """The name of the provider."""
        return str(alert.provider_name or alert.schema_name or "Platform")

    @admin.display(description="looked after by")
    def looked_after_by(self, alert: OperationsAlert) -> str:
        """The person who acknowledged it."""
        return alert.acknowledged_by_name

    @admin.action(description="Acknowledge", permissions=["view"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[OperationsAlert]) -> None:
        """Record that a person looks after these alerts; they stay open."""
        for alert in queryset:
            if alert.acknowledge(by=actor_of(request).name, now=timezone.now()):
                self.log_change(request, alert, "Acknowledged.")

    def get_urls(self) -> list[URLPattern]:
        """Add the button and the page of one alert."""
        views = {"acknowledge": require_POST(self.acknowledge_one), "settle": self.settle_one}
        own = [
            path(
                f"<int:pk>/{name}/",
                self.admin_site.admin_view(view),
                name=f"operations_operationsalert_{name}",
            )
            for name, view in views.items()
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Add the provider to enter."""
        with on_server(self.server_of(object_id)):
            alert = self.get_object(request, object_id)
        providers = get_tenant_model().objects.filter(
            schema_name=alert.schema_name if alert else ""
        )
        context = {
            **(extra_context or {}),
            "alert": alert,
            "provider_to_enter": providers.first(),
        }
        answer: HttpResponse = super().change_view(request, object_id, form_url, context)
        return answer

    def acknowledge_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Acknowledge the alert of the page."""
        self._require_view(request)
        with on_server(self.server_of(pk)):
            self.acknowledge(request, OperationsAlert.objects.filter(pk=pk))
        return redirect("admin:operations_operationsalert_change", pk)

    def settle_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Settle the alert with a note."""
        with on_server(self.server_of(pk)):
            return self._settle(request, pk)

    def _settle(self, request: HttpRequest, pk: int) -> HttpResponse:
        self._require_view(request)
        alert = get_object_or_404(OperationsAlert, pk=pk)
        form = NoteForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            note = form.cleaned_data["note"]
            try:
                alert.settle_by_hand(by=actor_of(request).name, note=note, now=timezone.now())
            except NotSettledByHand as refusal:
                messages.error(request, str(refusal))
            else:
                self.log_change(request, alert, f"Settled: {note}")
                messages.success(request, "The alert is settled.")
            return redirect("admin:operations_operationsalert_change", pk)
        context = {
            **self.admin_site.each_context(request),
            "title": "Settle the alert",
            "alert": alert,
            "form": form,
            "opts": self.opts,
        }
        status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
        page = "admin/operations/settle_alert.html"
        return TemplateResponse(request, page, context, status=status)

    def _require_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied


@admin.register(UnmatchedEvent)
class UnmatchedEventAdmin(ReadOnlyAdmin):
    """Events of Stripe that match no provider; a person compares them with Stripe."""

    list_display = ("type", "object_id", "reason", "received_at", "settled_at")
    list_filter = (OpenFilter,)
    search_fields = ("event_id", "object_id", "type")
    ordering = ("-received_at", "-id")
    actions = ("settle",)

    @admin.action(description="Settle", permissions=["view"])
    def settle(self, request: HttpRequest, queryset: QuerySet[UnmatchedEvent]) -> None:
        """Record that a person compared these events with Stripe and nothing is left to do."""
        chosen = list(queryset.filter(settled_at=None))
        settle_unmatched(event_ids=[event.event_id for event in chosen], now=timezone.now())
        for event in chosen:
            self.log_change(request, event, "Settled")
        messages.success(request, f"Settled: {len(chosen)}.")
