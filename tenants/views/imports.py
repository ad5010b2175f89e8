"""Import and export of an organization's users and devices, in either place."""

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from core.csv_files import csv_response
from core.listing import Listing
from core.metrics import Metric
from tenants.imports.export import (
    COLUMNS,
    DEVICE_COLUMNS,
    USER_COLUMNS,
    device_rows,
    refused_rows,
    user_rows,
)
from tenants.imports.file_reading import NotReadable
from tenants.imports.forms import ConfirmationForm, UploadForm
from tenants.imports.remaining_seats import remaining_user_seats
from tenants.imports.runs import (
    AlreadyDecided,
    LinesRefused,
    NothingToImport,
    check_again,
    confirm_import,
    discard_import,
    start_import,
)
from tenants.models import ImportRun, RefusedLine
from tenants.models.imports import Reason
from tenants.users.new_peak import Addition, NewPeak, NewPeakOf
from tenants.views.organization_scope import OrganizationScope

_LATEST = 5
_LISTS = {
    ImportRun.Kind.USERS: "user_list",
    ImportRun.Kind.DEVICES: "device_list",
    ImportRun.Kind.ACTIVITY: "active_users_of",
}
_OVER_LIMIT = {Reason.OVER_CAP, Reason.OVER_ALLOWANCE}


def import_or_404(*, place: OrganizationScope, run_id: int, content: bool = False) -> ImportRun:
    """An import of the place's organization, without the file unless asked for."""
    runs = ImportRun.objects.filter(organization=place.organization)
    run = (runs if content else runs.defer("content")).filter(pk=run_id).first()
    if run is None:
        raise Http404
    run.organization = place.organization
    return run


def list_imports(request: PortalRequest, place: OrganizationScope) -> HttpResponse:
    """The organization's imports, the latest first."""
    runs = ImportRun.objects.filter(organization=place.organization).defer("content")
    page = Listing.of(request).page_of(runs.order_by("-id"))
    template = "_imports" if request.htmx.target == "imports" else "import_list"
    return render(request, f"tenants/{template}.html", _context(request, place) | {"page": page})


def upload_file(
    request: PortalRequest, place: OrganizationScope, kind: ImportRun.Kind
) -> HttpResponse:
    """Takes a file and has it checked; what can't be read at all is said at once."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            run = start_import(
                organization=place.organization,
                kind=kind,
                file_name=upload.name,
                content=upload.read(),
                actor=actor_of(request),
                now=timezone.now(),
            )
        except NotReadable as refusal:
            form.add_error("file", str(refusal))
        else:
            return redirect(place.url("import_run", run_id=run.pk))
    latest = ImportRun.objects.filter(organization=place.organization, kind=kind)
    context = _context(request, place) | {
        "form": form,
        "kind": kind,
        "list_url": _list_url(place, kind),
        "latest": latest.defer("content").order_by("-id")[:_LATEST],
        "columns": COLUMNS[kind],
    }
    status = 422 if form.is_bound else 200
    return render(request, "tenants/import_upload.html", context, status=status)


def show_import(
    request: PortalRequest, place: OrganizationScope, run_id: int, new_peak: NewPeakOf
) -> HttpResponse:
    """Where an import stands: progress, what would be refused, what was done."""
    run = import_or_404(place=place, run_id=run_id)
    return _render_run(request, place, run, peak=_peak_of(run, new_peak))


def decide_import(request: PortalRequest, place: OrganizationScope, run_id: int) -> HttpResponse:
    """Starts the import as confirmed."""
    run = import_or_404(place=place, run_id=run_id)
    form = ConfirmationForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose how the file is imported.")
        return redirect(place.url("import_run", run_id=run.pk))
    try:
        confirm_import(
            run=run,
            mode=ImportRun.Mode(form.cleaned_data["mode"]),
            actor=actor_of(request),
            now=timezone.now(),
        )
    except LinesRefused:
        messages.error(request, "Lines of this file are refused, so all or nothing is nothing.")
    except NothingToImport:
        messages.error(request, "Every line of this file is refused: there is nothing to import.")
    except AlreadyDecided:
        _say_decided(request)
    return redirect(place.url("import_run", run_id=run.pk))


def drop_import(request: PortalRequest, place: OrganizationScope, run_id: int) -> HttpResponse:
    """Discards a checked file."""
    run = import_or_404(place=place, run_id=run_id)
    try:
        discard_import(run=run, actor=actor_of(request), now=timezone.now())
    except AlreadyDecided:
        _say_decided(request)
    else:
        messages.success(request, f"Nothing of {run.file_name} was imported.")
    return redirect(place.url("import_run", run_id=run.pk))


def recheck_import(request: PortalRequest, place: OrganizationScope, run_id: int) -> HttpResponse:
    """Checks the file once more, against who is there now and the cap of now."""
    run = import_or_404(place=place, run_id=run_id)
    try:
        check_again(run=run, now=timezone.now())
    except AlreadyDecided:
        _say_decided(request)
    return redirect(place.url("import_run", run_id=run.pk))


def download_refused(place: OrganizationScope, run_id: int) -> HttpResponse:
    """The refused lines with their reasons, to be corrected and imported."""
    run = import_or_404(place=place, run_id=run_id, content=True)
    header, rows = refused_rows(run=run)
    return csv_response(filename=f"refused-lines-{run.pk}.csv", header=header, rows=rows)


def export_users(place: OrganizationScope) -> HttpResponse:
    """The organization's users as CSV."""
    rows = user_rows(organization=place.organization)
    name = f"users-{place.organization.pk}.csv"
    return csv_response(filename=name, header=USER_COLUMNS, rows=rows)


def export_devices(place: OrganizationScope) -> HttpResponse:
    """The organization's devices as CSV."""
    rows = device_rows(organization=place.organization)
    name = f"devices-{place.organization.pk}.csv"
    return csv_response(filename=name, header=DEVICE_COLUMNS, rows=rows)


def _render_run(
    request: PortalRequest, place: OrganizationScope, run: ImportRun, *, peak: NewPeak | None
) -> HttpResponse:
    refused = RefusedLine.objects.filter(run=run)
    counts = refused.order_by().values_list("reason").annotate(lines=Count("pk"))
    by_reason = {Reason(reason): lines for reason, lines in counts}
    listing = Listing.of(request, filters=[reason.value for reason in by_reason])
    if listing.filter:
        refused = refused.filter(reason=listing.filter)
    tabs = [(each.value, each.label, by_reason[each]) for each in Reason if each in by_reason]
    is_over = bool(_OVER_LIMIT & set(by_reason))
    context = _context(request, place) | {
        "run": run,
        "run_url": place.url("import_run", run_id=run.pk),
        "list_url": _list_url(place, run.kind),
        "listing": listing,
        "tabs": [("", "All", run.refused), *tabs],
        "page": listing.page_of(refused.order_by("line")),
        "room": remaining_user_seats(organization=place.organization) if is_over else None,
        "peak": peak,
        "sees_money": request.user.may(Permission.VIEW_BILLING),
        "may_cap": request.user.may(Permission.CHANGE_CAPS),
        "contact": request.provider,
    }
    partials = {"import-run": "_import_run", "refused-lines": "_refused_lines"}
    template = partials.get(request.htmx.target or "", "import_run")
    return render(request, f"tenants/{template}.html", context)


def _peak_of(run: ImportRun, new_peak: NewPeakOf) -> NewPeak | None:
    """The new peak that the good lines of a file that waits would make."""
    is_waiting = run.state == ImportRun.State.CHECKED and run.good_lines
    if not is_waiting or run.kind == ImportRun.Kind.ACTIVITY:
        return None
    addition = Addition(run.organization, Metric(run.kind), run.good_lines)
    return new_peak(addition, timezone.now())


def _list_url(place: OrganizationScope, kind: str) -> str:
    return place.url(_LISTS[ImportRun.Kind(kind)])


def _context(request: PortalRequest, place: OrganizationScope) -> dict[str, object]:
    return {
        "place": place,
        "organization": place.organization,
        "zone": request.provider.billing_zone(),
    }


def _say_decided(request: PortalRequest) -> None:
    messages.info(request, "This import was decided meanwhile.")
