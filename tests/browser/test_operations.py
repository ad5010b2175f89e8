"""Every page of the operations admin in Chromium, in both themes; its routes list the pages."""

from collections.abc import Callable, Iterator

import pytest
from django.apps import apps
from django.conf import settings
from django.db.models import Model, QuerySet
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page

from accounts.models import PackagePrice, Provider
from accounts.operations import OPERATIONS_PROVIDER_KEY
from accounts.roles import Role
from billing.models import MonthClose
from core.operations.alerts import raise_alert
from core.operations.unmatched_events import UNMATCHED
from core.schema import provider_schema
from tenants.models import Organization
from tests.browser.conftest import DESKTOP
from tests.personas import create_persona
from tests.routes import all_routes
from tests.sandbox_fixtures import StripeStandIn
from tests.test_isolation import NOON, ROWS_BY_PARAMETER

pytestmark = pytest.mark.browser
OpenPage = Callable[..., Page]
Violations = Callable[[Page], list[str]]
# The pages to look back and to delete are unfold's, and the same for every model.
SAME_FOR_EVERY_MODEL = ("_history", "_delete")
# What only unfold's scripts and inline forms could mend: each area that simplebar scrolls is
# a region of the same name, select2 names neither its box nor its search, and in a table of inline
# rows the heading stands for the label, and is empty above the button that removes a row.
UNFOLD = (
    'landmark-unique: <div class="simplebar-content-wrapper"',
    'aria-input-field-name: <span class="select2-selection',
    'label: <input class="select2-search__field"',
    'color-contrast: <input class="select2-search__field"',
    'label: <input type="text" name="prices-0-',
    'label: <input type="number" name="prices-0-',
    'empty-table-header: <th class="align-middle border-b',
)


@pytest.fixture
def staff(
    own_provider: Callable[..., Provider],
    price_list: PackagePrice,
    stripe_of_portal: StripeStandIn,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Client, Provider]]:
    """Operations, working inside a provider that has a row in most tables."""
    # In production Pygments is missing, with which unfold colors JSON by inline styles.
    monkeypatch.setattr("unfold.fields.prettify_json", lambda *_: None)
    provider = own_provider(canary="Betriebsam")
    for role, name in ((Role.OWNER, "Olive"), (Role.BILLING_ADMIN, "Bill")):
        email = f"{name}@betriebsam.example".lower()
        create_persona(provider=provider, role=role, name=name, email=email)
    with provider_schema(provider):
        organization = Organization.objects.create(name="Acme")
        for make in ROWS_BY_PARAMETER.values():
            make(organization)
        MonthClose.objects.create(
            month="2026-03-01", started_at=NOON, issued_at=NOON, outcome="1 invoice, $1.00"
        )
        raise_alert(
            kind=UNMATCHED,
            key="k",
            summary="It broke.",
            next_step="Mend it.",
            link="/operations/billing/invoice/",
            now=NOON,
        )
    person = create_persona(provider=None, role="", name="Sam", email="axe@operations.example")
    client = Client()
    client.force_login(person)
    # Not by the page: what is logged is never deleted, and so its person could not be.
    session = client.session
    session[OPERATIONS_PROVIDER_KEY] = provider.pk
    session.save()
    yield client, provider
    person.delete()


def addresses() -> Iterator[str]:
    """The pages of operations: the start, each model's list, form and row, and our own."""
    yield "/operations/"
    for route in all_routes():
        if route.namespaces != ("admin",) or route.name.endswith(SAME_FOR_EVERY_MODEL):
            continue
        model = _model_of(route.name)
        if model is None:
            continue
        if not route.parameters:
            yield reverse(f"admin:{route.name}")
        elif len(route.parameters) == 1 and (row := _objects_of(model).first()):
            (parameter,) = route.parameters
            yield reverse(f"admin:{route.name}", kwargs={parameter: row.pk})


def _objects_of(model: type[Model]) -> QuerySet[Model]:
    return QuerySet(model)


def _model_of(name: str) -> type[Model] | None:
    app, _, rest = name.partition("_")
    found = (
        model
        for model in apps.get_models()
        if model._meta.app_label == app and rest.startswith(f"{model._meta.model_name}_")
    )
    return max(found, key=lambda model: len(str(model._meta.model_name)), default=None)


def pages(client: Client, provider: Provider) -> list[str]:
    """Those of the addresses that answer with a page."""
    with provider_schema(provider):
        known = list(addresses())
    found = []
    for address in known:
        answer = client.get(address)
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            found.append(address)
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_of_operations_is_accessible(
    theme: str,
    staff: tuple[Client, Provider],
    portal: str,
    open_page: OpenPage,
    violations: Violations,
) -> None:
    client, provider = staff
    listed = pages(client, provider)
    some = {"/operations/", "/operations/accounts/provider/", "/operations/billing/invoice/"}
    assert some <= set(listed)
    name = settings.SESSION_COOKIE_NAME
    page = open_page(f"{portal}/accounts/login/", theme=theme)
    page.context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": portal}])
    found: list[str] = []
    for address in listed:
        page.goto(portal + address)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > DESKTOP:
            found.append(f"{address} is {wide} px wide")
        found += [
            f"{theme} {address} {each}" for each in violations(page) if not each.startswith(UNFOLD)
        ]
    assert not found, "\n".join(found)
