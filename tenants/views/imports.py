"""Import and export of an organization's users and devices, in either scope."""

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.downloads import table_download
from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.actors import actor_of
from core.listing import Listing
from core.replica import reads_replica
from tenants.imports.export import COLUMNS, exported_rows, refused_rows
from tenants.imports.forms import ConfirmationForm, ReadingForm, UploadForm
from tenants.imports.reading.records import NotReadable
from tenants.imports.remaining_seats import remaining_user_seats
from tenants.imports.runs import (
    AlreadyDecided,
    GoneNotConfirmed,
    LinesRefused,
    NotAnswered,
    NothingToImport,
    Sync,
    check_again,
    confirm_import,
    discard_import,
    start_import,
)
from tenants.models import ImportRun, RefusedLine
from tenants.models.imports import Reason
from tenants.users.new_peak import BillsOf, NewPeakOf
from tenants.views.import_figures import figures_of
from tenants.views.organization_scope import OrganizationScope, scoped

LATEST = 5
LIST_PAGES = {
    ImportRun.Kind.USERS: "user_list",
    ImportRun.Kind.DEVICES: "device_list",
    ImportRun.Kind.ACTIVITY: "active_users_of",
}
ALREADY_DECIDED = "This import was decided meanwhile."
OVER_LIMIT = {Reason.OVER_CAP, Reason.OVER_ALLOWANCE, Reason.OVER_ACCOUNT_LIMIT}
_NOTHING = {
    ImportRun.Purpose.ADD: "Every line of this file is refused: there is nothing to import.",
    ImportRun.Purpose.SYNC: "The organization is equal to this file already.",
}


def import_or_404(*, scope: OrganizationScope, run_id: int, content: bool = False) -> ImportRun:
    """An import into the organization; with `content`, the uploaded file is loaded too."""
    runs = ImportRun.objects.filter(organization=scope.organization)
    run = (runs if content else runs.defer("content")).filter(pk=run_id).first()
    if run is None:
        raise Http404
    run.organization = scope.organization
    return run


@require_safe
@scoped
def import_list(request: PortalRequest, scope: OrganizationScope) -> HttpResponse:
    """The organization's imports, the latest first."""
    runs = ImportRun.objects.filter(organization=scope.organization).defer("content")
    context = scope.context(
        page=Listing.of(request).page_of(runs.order_by("-id")),
        zone=request.provider.billing_zone(),
    )
    template = "_imports" if request.htmx.target == "imports" else "import_list"
    return render(request, f"tenants/{template}.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@scoped
def import_upload(
    request: PortalRequest, scope: OrganizationScope, kind: ImportRun.Kind
) -> HttpResponse:
    """Upload a file and have a worker read and check it; one without titles is refused at once."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_valid():
        upload = form.cleaned_data["file"]
        try:
            run = start_import(
                organization=scope.organization,
                kind=kind,
                file_name=upload.name,
                file=upload.file,
                actor=actor_of(request),
                now=timezone.now(),
            )
        except NotReadable as refusal:
            form.add_error("file", str(refusal))
        else:
            return redirect(scope.url("import_run", run_id=run.pk))
    latest = ImportRun.objects.filter(organization=scope.organization, kind=kind)
    context = scope.context(
        form=form,
        kind=kind,
        list_url=scope.url(LIST_PAGES[kind]),
        latest=latest.defer("content").order_by("-id")[:LATEST],
        columns=COLUMNS[kind],
        zone=request.provider.billing_zone(),
    )
    status = 422 if form.is_bound else 200
    return render(request, "tenants/import_upload.html", context, status=status)


@require_safe
@scoped
def import_run(
    request: PortalRequest,
    scope: OrganizationScope,
    run_id: int,
    new_peak: NewPeakOf,
    bills_after: BillsOf,
) -> HttpResponse:
    """One import: its progress, what it would do, its refused lines, its result."""
    run = import_or_404(scope=scope, run_id=run_id)
    refused = RefusedLine.objects.filter(run=run)
    counts = refused.order_by().values_list("reason").annotate(lines=Count("pk"))
    by_reason = {Reason(reason): lines for reason, lines in counts}
    listing = Listing.of(request, filters=[reason.value for reason in by_reason])
    if listing.filter:
        refused = refused.filter(reason=listing.filter)
    tabs = [(each.value, each.label, by_reason[each]) for each in Reason if each in by_reason]
    is_over_limit = bool(OVER_LIMIT & set(by_reason))
    sees_money = request.user.may(Permission.VIEW_BILLING)
    context = scope.context(
        run=run,
        reading=ReadingForm(run=run) if run.waits else None,
        confirmation=ConfirmationForm(),
        figures=figures_of(run, new_peak, bills_after if sees_money else None),
        run_url=scope.url("import_run", run_id=run.pk),
        list_url=scope.url(LIST_PAGES[ImportRun.Kind(run.kind)]),
        listing=listing,
        tabs=[("", "All", run.refused), *tabs],
        keeps_lines=bool(by_reason),
        page=listing.page_of(refused.order_by("line")),
        seats=remaining_user_seats(organization=scope.organization, now=timezone.now())
        if is_over_limit
        else None,
        sees_money=sees_money,
        may_cap=request.user.may(Permission.CHANGE_CAPS),
        contact=request.provider,
        zone=request.provider.billing_zone(),
    )
    partials = {"import-run": "_import_run", "refused-lines": "_refused_lines"}
    template = partials.get(request.htmx.target or "", "import_run")
    return render(request, f"tenants/{template}.html", context)


@require_POST
@scoped
def import_confirm(request: PortalRequest, scope: OrganizationScope, run_id: int) -> HttpResponse:
    """Import a checked file."""
    run = import_or_404(scope=scope, run_id=run_id)
    form = ConfirmationForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose how the file is imported.")
        return redirect(scope.url("import_run", run_id=run.pk))
    given = form.cleaned_data
    purpose = ImportRun.Purpose(given["purpose"] or ImportRun.Purpose.ADD)
    gone_are = ImportRun.Gone(given["gone_are"] or ImportRun.Gone.REMOVE)
    is_sync = purpose == ImportRun.Purpose.SYNC
    try:
        confirm_import(
            run=run,
            mode=ImportRun.Mode(given["mode"]),
            sync=Sync(gone_are, given["gone_confirmed"] or 0) if is_sync else None,
            actor=actor_of(request),
            now=timezone.now(),
        )
    except GoneNotConfirmed as refusal:
        messages.error(
            request,
            f"More than a fifth of the users are not in the file. Type how many: {refusal.gone:,}. "
            "Or discard the file, if it is a wrong one.",
        )
    except NotAnswered as refusal:
        messages.error(request, f"Answer this first, under “How the file is read”: {refusal}")
    except LinesRefused:
        messages.error(request, "Lines of this file are refused, so all or nothing is nothing.")
    except NothingToImport:
        messages.error(request, _NOTHING[purpose])
    except AlreadyDecided:
        messages.info(request, ALREADY_DECIDED)
    return redirect(scope.url("import_run", run_id=run.pk))


@require_POST
@scoped
def import_discard(request: PortalRequest, scope: OrganizationScope, run_id: int) -> HttpResponse:
    """Discard a checked file."""
    run = import_or_404(scope=scope, run_id=run_id)
    try:
        discard_import(run=run, actor=actor_of(request), now=timezone.now())
    except AlreadyDecided:
        messages.info(request, ALREADY_DECIDED)
    else:
        messages.success(request, f"Nothing of {run.file_name} was imported.")
    return redirect(scope.url("import_run", run_id=run.pk))


@require_POST
@scoped
def import_check(request: PortalRequest, scope: OrganizationScope, run_id: int) -> HttpResponse:
    """Check the file once more, against the present members and cap; read as the form says."""
    run = import_or_404(scope=scope, run_id=run_id)
    options = None
    if "reading" in request.POST:
        form = ReadingForm(request.POST, run=run)
        if not form.is_valid():
            for name, errors in form.errors.items():
                messages.error(request, f"{form.fields[name].label}: {errors[0]}")
            return redirect(scope.url("import_run", run_id=run.pk))
        options = form.options()
    try:
        check_again(run=run, now=timezone.now(), options=options)
    except AlreadyDecided:
        messages.info(request, ALREADY_DECIDED)
    return redirect(scope.url("import_run", run_id=run.pk))


@require_safe
@scoped
def import_refused(
    request: PortalRequest, scope: OrganizationScope, run_id: int
) -> HttpResponseBase:
    """The refused lines with their reasons as CSV, to be corrected and imported."""
    run = import_or_404(scope=scope, run_id=run_id, content=True)
    if not run.content:  # its period is over
        raise Http404
    header, rows = refused_rows(run=run)
    return table_download(request, name=f"refused-lines-{run.pk}", header=header, rows=rows)


@require_safe
@scoped
@reads_replica
def member_export(
    request: PortalRequest, scope: OrganizationScope, kind: ImportRun.Kind
) -> HttpResponseBase:
    """The organization's users or devices as CSV."""
    return table_download(
        request,
        name=f"{kind}-{scope.organization.pk}",
        header=COLUMNS[kind],
        rows=exported_rows(kind=kind, organization=scope.organization),
    )
