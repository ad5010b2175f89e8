"""Addresses of billing."""

from django.urls import path

from billing.information.forms import BILLING, MAILING
from billing.peak_guard import cost_of_peak
from billing.views import (
    active_users,
    allowance,
    cap_requests,
    card,
    contract,
    dashboard,
    disputes,
    documents,
    forecast,
    history,
    information,
    licences,
    outstanding,
    pay,
    rehearsal,
    webhook,
    what_if,
    what_if_draft,
)
from tenants.views import own, own_imports, provider, provider_imports

# Pages of the floor below that say what an addition costs before it is made.
additions = [
    path(
        "organizations/<int:organization_id>/users/add/",
        provider.user_add,
        {"new_peak": cost_of_peak},
        name="user_add",
    ),
    path(
        "organizations/<int:organization_id>/devices/add/",
        provider.device_add,
        {"new_peak": cost_of_peak},
        name="device_add",
    ),
    path(
        "organizations/<int:organization_id>/imports/<int:run_id>/",
        provider_imports.import_run,
        {"new_peak": cost_of_peak},
        name="import_run",
    ),
    path(
        "organization/users/add/",
        own.own_user_add,
        {"new_peak": cost_of_peak},
        name="own_user_add",
    ),
    path(
        "organization/devices/add/",
        own.own_device_add,
        {"new_peak": cost_of_peak},
        name="own_device_add",
    ),
    path(
        "organization/imports/<int:run_id>/",
        own_imports.own_import_run,
        {"new_peak": cost_of_peak},
        name="own_import_run",
    ),
]

urlpatterns = [
    *additions,
    path("dashboard/", dashboard.dashboard, name="dashboard"),
    path("account/active-users/", active_users.active_users, name="active_users"),
    path("account/active-users.csv", active_users.active_users_csv, name="active_users_csv"),
    path(
        "account/active-users/<int:organization_id>/threshold/",
        active_users.mau_threshold_edit,
        name="mau_threshold_edit",
    ),
    path("account/active-users/allowance/", allowance.allowance, name="allowance"),
    path(
        "account/active-users/allowance/order/",
        allowance.allowance_order,
        name="allowance_order",
    ),
    path("account/licences/", licences.licences, name="licences"),
    path("account/contract/", contract.contract, name="contract"),
    path(
        "account/contract/<int:contract_id>/contract.pdf",
        contract.contract_pdf,
        name="contract_pdf",
    ),
    path("account/payments/", history.payment_history, name="payment_history"),
    path("account/payments.csv", history.payment_history_csv, name="payment_history_csv"),
    path("account/payments/<int:invoice_id>/", history.invoice_detail, name="invoice_detail"),
    path(
        "account/payments/<int:invoice_id>/invoice.pdf", documents.invoice_pdf, name="invoice_pdf"
    ),
    path(
        "account/payments/<int:invoice_id>/invoice.csv", documents.invoice_csv, name="invoice_csv"
    ),
    path(
        "account/payments/<int:invoice_id>/credit-notes/<int:note_id>.pdf",
        documents.credit_note_pdf,
        name="credit_note_pdf",
    ),
    path(
        "account/payments/<int:invoice_id>/lines/<int:position>/dispute/",
        disputes.line_dispute,
        name="line_dispute",
    ),
    path("account/billing/", information.billing_information, name="billing_information"),
    path(
        "account/billing/mailing-address/",
        information.address_fields,
        {"part": MAILING},
        name="mailing_address",
    ),
    path(
        "account/billing/billing-address/",
        information.address_fields,
        {"part": BILLING},
        name="billing_address",
    ),
    path("account/billing/card/", information.card_replace, name="card_replace"),
    path("account/billing/card/setup/", card.card_setup, name="card_setup"),
    path("account/billing/card/return/", card.card_return, name="card_return"),
    path(
        "account/billing/card/<int:card_id>/charges/", outstanding.card_charges, name="card_charges"
    ),
    path("account/rehearsal.csv", rehearsal.month_rehearsal_csv, name="month_rehearsal_csv"),
    path("account/usage/forecast/", forecast.forecast, name="forecast"),
    path("account/usage/forecast.csv", forecast.forecast_csv, name="forecast_csv"),
    path(
        "account/usage/forecast/<int:organization_id>/",
        forecast.forecast_organization,
        name="forecast_organization",
    ),
    path("account/what-if/", what_if.what_if, name="what_if"),
    path("account/what-if/blocked.csv", what_if.what_if_csv, name="what_if_csv"),
    path(
        "account/what-if/<int:organization_id>/",
        what_if.what_if_organization,
        name="what_if_organization",
    ),
    path("account/what-if/rule/", what_if_draft.what_if_rule, name="what_if_rule"),
    path("account/what-if/list/", what_if_draft.what_if_paste, name="what_if_paste"),
    path("account/what-if/discard/", what_if_draft.what_if_discard, name="what_if_discard"),
    path("account/what-if/renew/", what_if_draft.what_if_renew, name="what_if_renew"),
    path("account/what-if/apply/", what_if_draft.what_if_apply, name="what_if_apply"),
    path("account/cap-requests/", cap_requests.cap_request_list, name="cap_request_list"),
    path(
        "account/cap-requests/<int:cap_request_id>/",
        cap_requests.cap_request_detail,
        name="cap_request_detail",
    ),
    path("terms/", information.terms, name="terms"),
    path("pay/<str:token>/", pay.pay_invoice, name="pay_invoice"),
    path("pay/<str:token>/begin/", pay.pay_begin, name="pay_begin"),
    path("pay/<str:token>/return/", pay.pay_return, name="pay_return"),
    path("webhooks/stripe/", webhook.stripe_webhook, name="stripe_webhook"),
]
