"""Every route that changes something leaves an entry in the audit log.

A new route that answers a POST fails here until `FORMS` says what its form sends (nothing, for a
button), or `WITHOUT_ENTRY` why it needs none.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.test import Client

from tests.audited import LOG, changes
from tests.personas import Personas
from tests.routes import Route, all_routes
from tests.test_isolation import impersonate, north_ids  # noqa: F401 - a fixture

Ids = dict[str, Any]
Form = dict[str, Any]
HTTP_ERROR = 400
NOT_ALLOWED = 405

# What a form sends; {} for a button. A function gets the ids of the rows and the people.
FORMS: dict[str, Form | Callable[[Ids, Personas], Form]] = {
    "administrator_invite": {"name": "New", "email": "new@n.example", "role": "admin"},
    "alert_acknowledge": lambda ids, _: {"pick": ids["alert_id"]},
    "alert_mail": {
        "delivery": "digest",
        "minimum_severity": "2",
        "digest_hour": "8",
        "time_zone": "UTC",
    },
    "alias_end": {},
    "api_key_revoke": {},
    "bulk_action": {},
    "cap_request_detail": {"decision": "decline", "answer": "No"},
    "case_detail": {"text": "More"},
    "device_add": {"name": "Laptop", "serial_number": "S-1"},
    "device_location": lambda ids, _: {"location": ids["location_id"]},
    "device_remove": {},
    "erasure_period": {"days": "90"},
    "export_request": {},
    "impersonation_end": {},
    "impersonation_start": {},
    "invitation_resend": {},
    "invitation_revoke": {},
    "link_add": {"label": "Wiki", "url": "https://wiki.example/"},
    "link_remove": {},
    "location_add": {"name": "Basel", "address": "Street 1"},
    "location_edit": {"name": "Bern", "address": "Street 2"},
    "location_remove": {},
    "mau_limit_edit": {"mau_limit": "50"},
    "organization_admin_invite": {"name": "New", "email": "new@n.example"},
    "organization_admin_remove": {},
    "organization_create": {"name": "New", "mau_limit": ""},
    "organization_rename": {"name": "Renamed"},
    "ownership_transfer": {},
    "tag_add": {"tag": "gold"},
    "user_add": {"email": "new@n.example", "name": "New"},
    "user_edit": {"email": "edited@n.example", "name": "Edited"},
    "user_merge": lambda ids, _: {"address": ids["later_id"]},
    "user_remove": {},
    "user_suspend": {},
}
# Routes that change nothing of the product, or whose change is recorded where it takes effect.
WITHOUT_ENTRY: dict[str, str] = {
    **dict.fromkeys(
        ("user_bulk", "device_bulk", "people_bulk", "people_device_bulk", "organization_bulk"),
        "keeps what was selected; confirming it is recorded (bulk_action)",
    ),
    **dict.fromkeys(
        ("usage_bulk", "caps_bulk", "organization_archive", "user_reactivate"), "as user_bulk"
    ),
    "bulk_discard": "ends a selection that was never confirmed",
    **dict.fromkeys(
        ("user_import", "device_import", "activity_import", "import_check"),
        "reads a file; importing or discarding it is recorded (import_confirm, import_discard)",
    ),
    **dict.fromkeys(
        (
            "cap_simulation",
            "cap_drafts_rule",
            "cap_drafts_paste",
            "cap_drafts_discard",
            "cap_drafts_renew",
        ),
        "a person's own draft; applying it is recorded (cap_drafts_apply)",
    ),
    **dict.fromkeys(
        (
            "organization_columns",
            "organization_view_list",
            "organization_view_rename",
            "organization_view_delete",
        ),
        "how a person sees a list",
    ),
    **dict.fromkeys(("mailing_address", "billing_address"), "shows other fields of a form"),
    "card_setup": "the card itself is recorded when Stripe has it (billing/payments/cards.py)",
}
# Routes whose change needs a state that the rows here do not have; the test that asserts the entry.
ELSEWHERE: dict[str, str] = {
    **dict.fromkeys(
        (
            "autotask_company_types",
            "autotask_credentials",
            "autotask_date_policy",
            "autotask_disconnect",
            "autotask_drift_accept",
            "autotask_drift_overwrite",
            "autotask_map",
            "autotask_pause",
            "autotask_resume",
            "autotask_run",
            "autotask_tickets",
            "autotask_unmap",
        ),
        "tests/integrations: Autotask must be connected",
    ),
    **dict.fromkeys(
        ("administrator_edit", "administrator_reinstate", "administrator_remove"),
        "tests/tenants/people/test_administrators.py",
    ),
    "api_key_generate": "tests/tenants/people/test_api_keys.py: a fresh proof comes first",
    "alert_withdraw": "tests/tenants/alerts: the alert must be acknowledged",
    "automatic_payment": "tests/billing/payments/test_automatic_payment.py",
    "billing_information": "tests/billing/views/test_billing_information.py",
    "bulk_undo": "tests/tenants/bulk",
    "cap_drafts_apply": "tests/billing/planning/test_cap_simulation.py",
    **dict.fromkeys(("cap_edit", "caps_edit"), "tests/usage/views/test_usage.py"),
    **dict.fromkeys(("import_confirm", "import_discard"), "tests/tenants/imports: a read file"),
    "leaving": "tests/billing/leaving/test_departures.py",
    "leaving_cancel": "tests/billing/leaving/test_departures.py",
    "line_dispute": "tests/billing/corrections/test_line_disputes.py",
    "organization_remove": "tests/tenants/organizations: it must be empty",
    "organization_restore": "tests/tenants/organizations: it must be archived",
    **dict.fromkeys(("own_cap_request", "own_cap_request_withdraw"), "tests/tenants/cap_requests"),
    "pack_order": "tests/billing/invoicing/test_pack_orders.py",
    **dict.fromkeys(
        ("invitation_bulk", "organization_invitation_bulk"),
        "tests/tenants/people: each invitation has its entry",
    ),
    "pay_all": "tests/billing/views/test_pay_all.py: invoices must be unpaid",
    "provider_security": "tests/accounts: the form is another one",
    "tag_remove": "tests/tenants/organizations",
    **dict.fromkeys(
        ("transfer_announce", "transfer_withdraw"),
        "tests/billing/payments/test_announced_transfers.py",
    ),
    "user_erase": "tests/billing/erasure/test_pages.py: the month must be closed",
}


class _Undo(Exception):
    """Ends a case, so that the next one finds the rows as they were."""


@contextmanager
def undone() -> Iterator[None]:
    """Roll the block back."""
    try:
        with transaction.atomic():
            yield
            raise _Undo
    except _Undo:
        pass


def changing_routes() -> list[Route]:
    """Routes of people of a provider; those that exist twice, on the provider's pages only."""
    routes = [
        route for route in all_routes() if route.names_policy and route.view.policy.permissions
    ]
    names = {route.name for route in routes}
    return [
        route for route in routes if route.name.removeprefix("own_") not in names - {route.name}
    ]


def form_of(route: Route, ids: Ids, people: Personas) -> Form:
    form = FORMS.get(route.name, {})
    return form(ids, people) if callable(form) else form


def test_each_route_that_changes_something_writes_an_entry(
    client: Client,
    people: Personas,
    north_ids: Ids,  # noqa: F811 - the fixture
) -> None:
    wrong: list[str] = []
    for route in changing_routes():
        if not route.parameters <= set(north_ids):
            continue  # tests/test_isolation.py fails on it
        client.force_login(people.olive)
        impersonate(client, north_ids["organization_id"])
        with undone(), changes() as found:
            answer = client.post(route.url(north_ids), form_of(route, north_ids, people))
        if answer.status_code == NOT_ALLOWED:
            continue
        if not found.are_audited:
            if route.name not in WITHOUT_ENTRY:
                wrong.append(f"{route}: changed {sorted(found.of_the_product)} without an entry")
        elif LOG in found.tables:
            if route.name in WITHOUT_ENTRY:
                wrong.append(f"{route}: writes an entry, but is listed in WITHOUT_ENTRY")
        elif route.name not in WITHOUT_ENTRY and route.name not in ELSEWHERE:
            wrong.append(f"{route}: the form here changes nothing ({answer.status_code})")
    assert not wrong, "\n".join(wrong)


def test_the_lists_name_routes() -> None:
    names = {route.name for route in changing_routes()}
    assert set(FORMS) | set(WITHOUT_ENTRY) | set(ELSEWHERE) <= names
