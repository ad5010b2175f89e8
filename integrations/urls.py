"""Addresses of the integrations."""

from django.urls import path

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

PSA = "integrations/autotask/"

urlpatterns = [
    # A page of billing with the check of the PSA, which billing may not import.
    path(
        "account/next-invoice/", preview.invoice_preview, {"checks": [psa]}, name="invoice_preview"
    ),
    path(
        "integrations/autotask/statement/",
        statement.autotask_statement,
        name="autotask_statement",
    ),
    path(
        "integrations/autotask/statement.csv",
        statement.autotask_statement_csv,
        name="autotask_statement_csv",
    ),
]

urlpatterns += [
    path(PSA, autotask.autotask, name="autotask"),
    path(f"{PSA}credentials/", autotask.autotask_credentials, name="autotask_credentials"),
    path(f"{PSA}pause/", autotask.autotask_pause, name="autotask_pause"),
    path(f"{PSA}resume/", autotask.autotask_resume, name="autotask_resume"),
    path(f"{PSA}disconnect/", autotask.autotask_disconnect, name="autotask_disconnect"),
    path(f"{PSA}dates/", autotask.autotask_date_policy, name="autotask_date_policy"),
    path(f"{PSA}run/", autotask.autotask_run, name="autotask_run"),
    path(
        f"{PSA}company-types/",
        autotask_mapping.autotask_company_types,
        name="autotask_company_types",
    ),
    path(f"{PSA}mapping/", autotask_mapping.autotask_mapping, name="autotask_mapping"),
    path(
        f"{PSA}mapping/<int:organization_id>/",
        autotask_mapping.autotask_map,
        name="autotask_map",
    ),
    path(
        f"{PSA}mapping/<int:organization_id>/remove/",
        autotask_mapping.autotask_unmap,
        name="autotask_unmap",
    ),
    path(f"{PSA}tickets/", autotask_tickets.autotask_tickets, name="autotask_tickets"),
    path(f"{PSA}runs/", autotask_runs.autotask_run_list, name="autotask_run_list"),
    path(f"{PSA}runs.csv", autotask_runs.autotask_runs_csv, name="autotask_runs_csv"),
    path(f"{PSA}pushes.csv", autotask_runs.autotask_pushes_csv, name="autotask_pushes_csv"),
    path(
        f"{PSA}runs/<int:sync_run_id>/",
        autotask_runs.autotask_run_detail,
        name="autotask_run_detail",
    ),
    path(f"{PSA}changes/", autotask_drifts.autotask_drift_list, name="autotask_drift_list"),
    path(
        f"{PSA}changes/<int:drift_id>/accept/",
        autotask_drifts.autotask_drift_accept,
        name="autotask_drift_accept",
    ),
    path(
        f"{PSA}changes/<int:drift_id>/overwrite/",
        autotask_drifts.autotask_drift_overwrite,
        name="autotask_drift_overwrite",
    ),
]
