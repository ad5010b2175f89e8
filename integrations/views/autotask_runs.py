"""The history: every run, its checks and pushes, and the reasons of what was not done."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.downloads import table_download
from accounts.requests import PortalRequest
from core.listing import Listing
from core.replica import reads_replica
from core.table_cells import Cell, instant_cell
from integrations.models import Push, SyncRun
from integrations.models.runs import NOT_DONE, Outcome
from integrations.views.autotask import manages

RUN_HEADER = (
    "Run", "Kind", "Day", "Ordered by", "Began", "Finished", "Due", "Checked", "Changed",
    "Unchanged", "Would change", "Kept or waiting", "Not done", "Calls", "Seconds", "Failure",
)  # fmt: skip
PUSH_HEADER = (
    "Push", "Run", "Organization", "Month", "Contract", "Contract service", "Effective date",
    "Units before", "Units desired", "Change", "Unit cost", "Sent", "Answer", "Answer text",
    "Units read back", "Outcome", "Read back at",
)  # fmt: skip
TABS = {
    "changed": (Outcome.CHANGED, Outcome.WOULD_CHANGE),
    "unchanged": (Outcome.UNCHANGED, Outcome.KEPT, Outcome.WAITS),
    "not_done": NOT_DONE,
}


@manages
@require_safe
def autotask_run_list(request: PortalRequest) -> HttpResponse:
    """Every run, the newest first."""
    listing = Listing.of(request)
    page = listing.page_of(SyncRun.objects.with_counts().order_by("-created_at", "-pk"))
    context = {"page": page, "zone": request.provider.billing_zone(), "path": request.path}
    return render(request, "integrations/run_list.html", context)


@manages
@require_safe
def autotask_run_detail(request: PortalRequest, sync_run_id: int) -> HttpResponse:
    """One run, service by service. The page refreshes itself until the run is finished."""
    # The counts are annotations, which the type of a model does not have.
    run: Any = SyncRun.objects.with_counts().filter(pk=sync_run_id).first()
    if run is None:
        raise Http404
    listing = Listing.of(request, filters=TABS)
    checks = run.checks.order_by("organization_name", "month")
    if listing.search:
        checks = checks.filter(organization_name__icontains=listing.search)
    if listing.filter:
        checks = checks.filter(outcome__in=TABS[listing.filter])
    context: dict[str, Any] = {
        "run": run,
        "page": listing.page_of(checks),
        "listing": listing,
        "tabs": [
            ("", "All", run.checked),
            (
                "changed",
                "Changed" if run.may_push else "Would change",
                run.changed + run.would_change,
            ),
            ("unchanged", "As it should be", run.unchanged + run.other_good),
            ("not_done", "Not done", run.not_done),
        ],
        "unchecked": max(0, run.services - run.checked),
        "bad": [outcome.value for outcome in NOT_DONE],
        "zone": request.provider.billing_zone(),
        "path": request.path,
    }
    is_partial = request.htmx.target == "checks"
    template = "integrations/_checks.html" if is_partial else "integrations/run_detail.html"
    return render(request, template, context)


@manages
@require_safe
@reads_replica
def autotask_runs_csv(request: PortalRequest) -> HttpResponseBase:
    """Every run, the newest first."""
    runs = SyncRun.objects.with_counts().order_by("-created_at", "-pk")
    return table_download(
        request, name="autotask-runs", header=RUN_HEADER, rows=[_run_row(run) for run in runs]
    )


@manages
@require_safe
@reads_replica
def autotask_pushes_csv(request: PortalRequest) -> HttpResponseBase:
    """Every adjustment, with its answer and the reading after it, the newest first."""
    pushes = Push.objects.select_related("mapping__organization", "answer", "reading")
    return table_download(
        request,
        name="autotask-pushes",
        header=PUSH_HEADER,
        rows=[_push_row(push) for push in pushes.order_by("-pk")],
    )


def _run_row(run: Any) -> tuple[object, ...]:
    return (
        *(run.pk, run.get_kind_display(), run.day, run.requested_by_name),
        *(_instant(run.created_at), _instant(run.finished_at)),
        *(run.services, run.checked, run.changed, run.unchanged, run.would_change),
        *(
            run.other_good,
            run.not_done,
            run.calls,
            Decimal(f"{run.worked_ms / 1000:.1f}"),
            run.failure,
        ),
    )


def _push_row(push: Push) -> tuple[object, ...]:
    answer, reading = getattr(push, "answer", None), getattr(push, "reading", None)
    return (
        *(push.pk, push.run_id, push.mapping.organization.name, f"{push.month:%Y-%m}"),
        *(push.contract_id, push.contract_service_id, push.effective_date),
        *(push.units_before, push.units_target, push.delta),
        "" if push.unit_cost is None else push.unit_cost,
        _instant(push.created_at),
        answer.get_kind_display() if answer else "Cut off",
        answer.text if answer else "",
        "" if reading is None or reading.units is None else reading.units,
        reading.get_outcome_display() if reading else "Not read back yet",
        _instant(reading.at) if reading else "",
    )


def _instant(at: datetime | None) -> Cell:
    return instant_cell(at, UTC, whole_seconds=True)
