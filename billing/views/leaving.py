"""Leaving: the leave date, and the export of the provider's data."""

from datetime import date
from http import HTTPStatus
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.policies import requires
from accounts.requests import PortalRequest
from accounts.roles import Permission
from accounts.stages import Stage
from billing.formatting import local_date
from billing.leaving.departures import (
    cancel_departure,
    current_departure,
    departures_token,
    leave_day_error,
    set_leave_date,
)
from billing.leaving.export import TableForm, export_pieces, latest_export, request_export
from billing.models import DataExport
from billing.pages.seen_form import SeenForm
from billing.seen import ChangeRefused
from core.actors import actor_of
from core.audit import looked_at
from core.table_files import FileFormat
from core.text import plain_text


class LeaveForm(SeenForm, forms.Form):
    """The first day without use, a reason, and the confirmation."""

    day = forms.DateField(
        label="Leave date",
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The first day on which the account is read-only.",
    )
    reason = forms.CharField(
        required=False,
        max_length=500,
        validators=[plain_text],
        label="Reason",
        help_text="Optional. It helps us to do better.",
    )
    confirmed = forms.BooleanField(
        label="Billing ends on this day, and my company can’t use the portal from then on",
        error_messages={"required": "Confirm that you want to leave."},
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today

    def token(self) -> str:
        """The token of the departures so far."""
        return departures_token()

    def clean_day(self) -> date:
        """A day from tomorrow on, within a year."""
        day: date = self.cleaned_data["day"]
        if error := leave_day_error(day, today=self.today):
            raise forms.ValidationError(error)
        return day


@requires(Permission.VIEW_BILLING)
@require_http_methods(["GET", "HEAD", "POST"])
def leaving(request: PortalRequest) -> HttpResponse:
    """The leave date and the export; POST sets the date, which only an Owner may."""
    now, provider = timezone.now(), request.provider
    may_leave = request.user.may(Permission.MANAGE_ADMINISTRATORS)
    today = local_date(now, provider.billing_zone())
    form = LeaveForm(request.POST or None, today=today)
    if request.method == "POST":
        if not may_leave:
            raise Http404
        if form.is_valid():
            return _set(request, form)
    context = {
        "form": form,
        "departure": current_departure(),
        "is_read_only": provider.stage(now) is Stage.READ_ONLY,
        "may_leave": may_leave,
        "read_only_days": settings.LEAVE_READ_ONLY_DAYS,
        "export": latest_export(now=now),
    }
    if request.htmx.target == "export":
        return render(request, "billing/_export.html", context)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "billing/leaving.html", context, status=status)


def _set(request: PortalRequest, form: LeaveForm) -> HttpResponse:
    try:
        set_leave_date(
            provider=request.provider,
            day=form.cleaned_data["day"],
            reason=form.cleaned_data["reason"],
            actor=actor_of(request),
            now=timezone.now(),
            seen=form.cleaned_data["seen"],
        )
    except ChangeRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "The leave date is set. Until then you can cancel it.")
    return redirect("leaving")


@requires(Permission.MANAGE_ADMINISTRATORS)
@require_POST
def leaving_cancel(request: PortalRequest) -> HttpResponse:
    """Keep the account open."""
    try:
        cancel_departure(
            provider=request.provider,
            actor=actor_of(request),
            now=timezone.now(),
            seen=request.POST.get("seen", ""),
        )
    except ChangeRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "The leave date is cancelled. Your account stays open.")
    return redirect("leaving")


@requires(Permission.VIEW_BILLING)
@require_POST
def export_request(request: PortalRequest) -> HttpResponse:
    """Let a worker build an export, with tables in the chosen format; one at a time."""
    try:
        file_format = FileFormat(request.POST.get("format", FileFormat.CSV))
    except ValueError:
        raise Http404 from None
    form = TableForm(file_format, request.user.csv_options)
    request_export(actor=actor_of(request), now=timezone.now(), form=form)
    return redirect("leaving")


@requires(Permission.VIEW_BILLING)
@require_safe
def export_download(request: PortalRequest, export_id: int) -> HttpResponse:
    """The file of a finished export that has not expired; others are 404."""
    export = DataExport.objects.filter(
        pk=export_id, finished_at__isnull=False, expires_at__gt=timezone.now()
    ).first()
    if export is None:
        raise Http404
    name = f"{request.provider.invoice_prefix}-{export.requested_at:%Y-%m-%d}.zip"
    # Not streamed: the middleware leaves the provider's schema before a stream would be read.
    response = HttpResponse(
        b"".join(export_pieces(export)),
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
    return looked_at(response, action="export.downloaded", subject=str(export), file_name=name)
