"""Routes of the integrations. A page of Autotask has the name of its view."""

from django.urls import URLPattern, path

from accounts.policies import View
from billing.views import preview
from integrations.preview_checks import psa
from integrations.views import (
    autotask,
    autotask_drifts,
    autotask_mapping,
    autotask_runs,
    autotask_tickets,
    statement,
)


def _page(address: str, view: View) -> URLPattern:
    return path(f"integrations/autotask/{address}", view, name=view.__name__)


urlpatterns = [
    # A page of billing with the check of the PSA, which billing may not import.
    path(
        "account/next-invoice/", preview.invoice_preview, {"checks": [psa]}, name="invoice_preview"
    ),
    _page("", autotask.autotask),
    _page("setup/", autotask.autotask_setup),
    _page("credentials/", autotask.autotask_credentials),
    _page("pause/", autotask.autotask_pause),
    _page("resume/", autotask.autotask_resume),
    _page("disconnect/", autotask.autotask_disconnect),
    _page("dates/", autotask.autotask_date_policy),
    _page("run/", autotask.autotask_run),
    _page("company-types/", autotask_mapping.autotask_company_types),
    _page("mapping/", autotask_mapping.autotask_mapping),
    _page("mapping/<int:organization_id>/", autotask_mapping.autotask_map),
    _page("mapping/<int:organization_id>/remove/", autotask_mapping.autotask_unmap),
    _page("tickets/", autotask_tickets.autotask_tickets),
    _page("runs/", autotask_runs.autotask_run_list),
    _page("runs.csv", autotask_runs.autotask_runs_csv),
    _page("pushes.csv", autotask_runs.autotask_pushes_csv),
    _page("runs/<int:sync_run_id>/", autotask_runs.autotask_run_detail),
    _page("changes/", autotask_drifts.autotask_drift_list),
    _page("changes/<int:drift_id>/accept/", autotask_drifts.autotask_drift_accept),
    _page("changes/<int:drift_id>/overwrite/", autotask_drifts.autotask_drift_overwrite),
    _page("statement/", statement.autotask_statement),
    _page("statement.csv", statement.autotask_statement_csv),
]
