"""The URLs of billing."""

from django.urls import URLPattern, include, path

from accounts.policies import requires
from accounts.roles import Permission
from billing.customer.billing_information_form import BILLING, MAILING
from billing.pages.organization_invoices import invoices
from billing.planning.bill_after import bills_after
from billing.planning.new_peak_cost import cost_of_peak
from billing.views import (
    account_statement,
    active_users,
    allowance,
    announced_transfer,
    billing_information,
    cap_drafts,
    cap_requests,
    cap_simulation,
    card,
    contract,
    dashboard,
    disputes,
    documents,
    erasure,
    forecast,
    leaving,
    licenses,
    new_card_charges,
    organizations,
    pay_all,
    payment_history,
    payment_link,
    preview,
    webhook,
)
from tenants.views import bulk, imports, member_list, members
from tenants.views.organization_scope import ScopedPage, own_pages, own_routes, provider_routes
from usage.views.organization import organization_detail

# Pages of tenants that show what an addition costs before it is made.
addition_pages = [
    ScopedPage(
        "users/add/",
        members.member_add,
        "user_add",
        Permission.CHANGE_MEMBERS,
        {"pages": member_list.USER_PAGES, "new_peak": cost_of_peak},
    ),
    ScopedPage(
        "devices/add/",
        members.member_add,
        "device_add",
        Permission.CHANGE_MEMBERS,
        {"pages": member_list.DEVICE_PAGES, "new_peak": cost_of_peak},
    ),
    ScopedPage(
        "imports/<int:run_id>/",
        imports.import_run,
        "import_run",
        Permission.VIEW_ORGANIZATIONS,
        {"new_peak": cost_of_peak, "bills_after": bills_after},
    ),
]

# Actions on many rows. Each view checks the permission for what is done.
effects = {"new_peak": cost_of_peak, "bills_after": bills_after}


def bulk_pages(*, is_own: bool) -> list[URLPattern]:
    """The pages of an action; on an organization's own pages, the names begin with `own_`."""
    policy = own_pages if is_own else requires(Permission.VIEW_ORGANIZATIONS)
    prefix = "own_" if is_own else ""
    values = {"is_own": is_own}
    return [
        path(
            "bulk/<int:bulk_action_id>/",
            policy(bulk.bulk_action),
            values | effects,
            name=f"{prefix}bulk_action",
        ),
        path(
            "bulk/<int:bulk_action_id>/discard/",
            policy(bulk.bulk_discard),
            values,
            name=f"{prefix}bulk_discard",
        ),
        path(
            "bulk/<int:bulk_action_id>/undo/",
            policy(bulk.bulk_undo),
            values | {"new_peak": cost_of_peak},
            name=f"{prefix}bulk_undo",
        ),
    ]


urlpatterns = [
    path(
        "organizations/<int:organization_id>/",
        requires(Permission.VIEW_ORGANIZATIONS)(organization_detail),
        {"invoices": invoices},
        name="organization_detail",
    ),
    path("organizations/", organizations.organization_list, name="organization_list"),
    path("organizations.csv", organizations.organization_list_csv, name="organization_list_csv"),
    path("organizations/bulk/", organizations.organization_bulk, name="organization_bulk"),
    path("organizations/columns/", organizations.organization_columns, name="organization_columns"),
    path(
        "organizations/views/", organizations.organization_view_list, name="organization_view_list"
    ),
    path(
        "organizations/views/<int:view_id>/rename/",
        organizations.organization_view_rename,
        name="organization_view_rename",
    ),
    path(
        "organizations/views/<int:view_id>/delete/",
        organizations.organization_view_delete,
        name="organization_view_delete",
    ),
    path("", include(bulk_pages(is_own=False))),
    path("organization/", include(bulk_pages(is_own=True))),
    path("organizations/<int:organization_id>/", include(provider_routes(addition_pages))),
    path("organization/", include(own_routes(addition_pages))),
    path(
        "organizations/<int:organization_id>/users/<int:user_id>/erase/",
        erasure.user_erase,
        name="user_erase",
    ),
    path("account/erasure/", erasure.erasure_period, name="erasure_period"),
    path("dashboard/", dashboard.dashboard, name="dashboard"),
    path("dashboard/chart/", dashboard.dashboard_chart, name="dashboard_chart"),
    path("account/active-users/", active_users.active_users, name="active_users"),
    path("account/active-users.csv", active_users.active_users_csv, name="active_users_csv"),
    path(
        "account/active-users/<int:organization_id>/threshold/",
        active_users.mau_limit_edit,
        name="mau_limit_edit",
    ),
    path("account/active-users/allowance/", allowance.allowance, name="allowance"),
    path(
        "account/active-users/allowance/order/",
        allowance.pack_order,
        name="pack_order",
    ),
    path("account/licenses/", licenses.licenses, name="licenses"),
    path("account/leave/", leaving.leaving, name="leaving"),
    path("account/leave/cancel/", leaving.leaving_cancel, name="leaving_cancel"),
    path("account/leave/export/", leaving.export_request, name="export_request"),
    path(
        "account/leave/export/<int:export_id>.zip", leaving.export_download, name="export_download"
    ),
    path("account/contract/", contract.contract, name="contract"),
    path(
        "account/contract/<int:contract_id>/contract.pdf",
        contract.contract_pdf,
        name="contract_pdf",
    ),
    path(
        "account/payments/months/<str:month>.zip",
        documents.month_zip,
        name="month_zip",
    ),
    path("account/statement/", account_statement.account_statement, name="account_statement"),
    path(
        "account/statement.pdf",
        account_statement.account_statement_pdf,
        name="account_statement_pdf",
    ),
    path(
        "account/statement.csv",
        account_statement.account_statement_csv,
        name="account_statement_csv",
    ),
    path("account/payments/", payment_history.payment_history, name="payment_history"),
    path("account/payments/pay/", pay_all.pay_all, name="pay_all"),
    path("account/payments/pay/<int:order_id>/", pay_all.charge_order, name="charge_order"),
    path("account/payments.csv", payment_history.payment_history_csv, name="payment_history_csv"),
    path(
        "account/payments/<int:invoice_id>/", payment_history.invoice_detail, name="invoice_detail"
    ),
    path(
        "account/payments/<int:invoice_id>/transfer/",
        announced_transfer.transfer_announce,
        name="transfer_announce",
    ),
    path(
        "account/payments/<int:invoice_id>/transfer/withdraw/",
        announced_transfer.transfer_withdraw,
        name="transfer_withdraw",
    ),
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
        "account/payments/<int:invoice_id>/receipts/<int:payment_id>.pdf",
        documents.receipt_pdf,
        name="receipt_pdf",
    ),
    path(
        "account/payments/<int:invoice_id>/lines/<int:position>/dispute/",
        disputes.line_dispute,
        name="line_dispute",
    ),
    path("account/billing/", billing_information.billing_information, name="billing_information"),
    path(
        "account/billing/automatic/",
        billing_information.automatic_payment,
        name="automatic_payment",
    ),
    path(
        "account/billing/mailing-address/",
        billing_information.address_fields,
        {"part": MAILING},
        name="mailing_address",
    ),
    path(
        "account/billing/billing-address/",
        billing_information.address_fields,
        {"part": BILLING},
        name="billing_address",
    ),
    path("account/billing/card/", billing_information.card_replace, name="card_replace"),
    path("account/billing/card/setup/", card.card_setup, name="card_setup"),
    path("account/billing/card/return/", card.card_return, name="card_return"),
    path(
        "account/billing/card/<int:card_id>/charges/",
        new_card_charges.card_charges,
        name="card_charges",
    ),
    path("account/next-invoice.csv", preview.invoice_preview_csv, name="invoice_preview_csv"),
    path("account/usage/forecast/", forecast.forecast, name="forecast"),
    path("account/usage/forecast.csv", forecast.forecast_csv, name="forecast_csv"),
    path(
        "account/usage/forecast/<int:organization_id>/",
        forecast.forecast_organization,
        name="forecast_organization",
    ),
    path("account/cap-simulation/", cap_simulation.cap_simulation, name="cap_simulation"),
    path(
        "account/cap-simulation/blocked.csv",
        cap_simulation.cap_simulation_csv,
        name="cap_simulation_csv",
    ),
    path(
        "account/cap-simulation/<int:organization_id>/",
        cap_simulation.cap_simulation_organization,
        name="cap_simulation_organization",
    ),
    path("account/cap-simulation/rule/", cap_drafts.cap_drafts_rule, name="cap_drafts_rule"),
    path("account/cap-simulation/list/", cap_drafts.cap_drafts_paste, name="cap_drafts_paste"),
    path(
        "account/cap-simulation/discard/", cap_drafts.cap_drafts_discard, name="cap_drafts_discard"
    ),
    path("account/cap-simulation/renew/", cap_drafts.cap_drafts_renew, name="cap_drafts_renew"),
    path("account/cap-simulation/apply/", cap_drafts.cap_drafts_apply, name="cap_drafts_apply"),
    path("account/cap-requests/", cap_requests.cap_request_list, name="cap_request_list"),
    path(
        "account/cap-requests/<int:cap_request_id>/",
        cap_requests.cap_request_detail,
        name="cap_request_detail",
    ),
    path("terms/", billing_information.terms, name="terms"),
    path("pay/<str:token>/", payment_link.pay_invoice, name="pay_invoice"),
    path("pay/<str:token>/begin/", payment_link.pay_begin, name="pay_begin"),
    path("pay/<str:token>/return/", payment_link.pay_return, name="pay_return"),
    path("webhooks/stripe/", webhook.stripe_webhook, name="stripe_webhook"),
]
