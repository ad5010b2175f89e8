"""The operations admin works under its content security policy, which blocks nothing of it."""

from collections.abc import Callable, Iterator

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from tests.personas import PASSWORD

pytestmark = pytest.mark.browser

PAGES = (
    "admin:index",
    "admin:accounts_provider_changelist",
    "admin:accounts_provider_add",
    "admin:accounts_user_changelist",
    "admin:accounts_package_add",
    "admin:operations_operationsalert_changelist",
    "admin:outbox_outboxmessage_changelist",
)


@pytest.fixture
def staff(committed: None) -> Iterator[User]:
    """One of operations; removed afterwards, because later tests must not find them."""
    person = User.objects.create_superuser(
        email="policy@operations.example", password=PASSWORD, name="Policy"
    )
    yield person
    person.delete()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_blocked(
    staff: User, portal: str, open_page: Callable[..., Page], theme: str
) -> None:
    # `open_page` fails for whatever the browser's console says of the policy.
    for name in PAGES:
        page = open_page(portal + reverse(name), person=staff, theme=theme)
        # Alpine has started: it removes what hides the page until then.
        expect(page.locator("html[x-cloak]")).to_have_count(0)
        expect(page.locator("#unfold-theme-colors")).to_have_count(1)
        primary = page.evaluate(
            "getComputedStyle(document.documentElement).getPropertyValue('--color-primary-600')"
        )
        assert primary.strip()
