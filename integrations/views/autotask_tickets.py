"""The page of step four: tickets from alerts."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.requests import PortalRequest
from core.actors import actor_of
from core.encryption import SecretsUnreadable
from integrations.autotask.api.errors import AutotaskError
from integrations.autotask.api.picklists import picklists
from integrations.autotask.connection import NotConnected, current_client
from integrations.autotask.tickets.form import TicketForm
from integrations.autotask.tickets.tickets import ticket_open_alerts
from integrations.models import AlertTicket, AutotaskConnection
from integrations.views.autotask import manages
from tenants import audit


@manages
@require_http_methods(["GET", "HEAD", "POST"])
def autotask_tickets(request: PortalRequest) -> HttpResponse:
    """The settings of tickets, and below them the latest tickets."""
    settings = AutotaskConnection.objects.current()
    if settings is None or not settings.is_connected:
        return redirect("autotask_credentials")
    try:
        with current_client() as client:
            choices = picklists(client, entity="Tickets")
    except (AutotaskError, NotConnected, SecretsUnreadable) as error:
        messages.error(request, str(error))
        return redirect("autotask")
    form = TicketForm(request.POST or None, instance=settings, choices=choices)
    if form.is_bound and form.is_valid():
        now = timezone.now()
        with transaction.atomic():
            settings.save(update_fields=list(form.fields))
            audit.record(
                actor=actor_of(request),
                action="autotask.tickets_set",
                subject=str(settings),
                after=dict(form.cleaned_data),
                now=now,
            )
            ticket_open_alerts(now=now)
        messages.success(request, "Saved.")
        return redirect("autotask")
    context = {"form": form, "tickets": AlertTicket.objects.order_by("-pk")[:20]}
    return render(
        request, "integrations/tickets.html", context, status=422 if form.is_bound else 200
    )
