"""The operations admin answers whatever is typed into its addresses with less than 500."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from tests.personas import Personas

PAGES = {
    f"{model._meta.app_label}_{model._meta.model_name}": page
    for model, page in admin.site._registry.items()  # noqa: SLF001 - there is no other list
}
MODELS = sorted(PAGES)
IDS = ("1", "99999999999999999999", "\0", "x" * 3000, "-1", "1_2F")
VALUES = ("\0", "9" * 5000, "x" * 3000, "-1", "\U0001f600", "']", "%ff")
PARAMETERS = ("q", "o", "p", "all", "e", "id__exact", "pk__in", "role__exact", "state", "is_open")


@pytest.fixture
def operations(people: Personas, client: Client) -> Client:
    """Signed in, with no provider chosen."""
    client.force_login(people.staff)
    client.raise_request_exception = False
    return client


def faults(client: Client, addresses: Iterator[str]) -> list[str]:
    return [
        f"{answer.status_code} {address[:120]}"
        for address in addresses
        if (answer := client.get(address)).status_code >= 500
    ]


@pytest.mark.parametrize("model", MODELS)
def test_rows_without_a_chosen_provider(operations: Client, model: str) -> None:
    pages = ("change", "delete", "history")
    found = faults(
        operations,
        (reverse(f"admin:{model}_{page}", args=[row]) for page in pages for row in IDS),
    )
    assert found == []


@pytest.mark.parametrize("model", MODELS)
def test_lists_with_hostile_parameters(operations: Client, model: str) -> None:
    page = PAGES[model]
    own = [each for each in page.list_filter if isinstance(each, str)]
    own += [each.parameter_name for each in page.list_filter if hasattr(each, "parameter_name")]
    address = reverse(f"admin:{model}_changelist")
    names = [*PARAMETERS, *(f"{name}__exact" for name in own), *own]
    found = faults(
        operations,
        (f"{address}?{urlencode({name: value})}" for name in names for value in VALUES),
    )
    assert found == []


@pytest.mark.parametrize("value", VALUES)
def test_the_search_of_a_field(operations: Client, value: str) -> None:
    field = {"app_label": "accounts", "model_name": "user", "field_name": "provider"}
    address = reverse("admin:autocomplete")
    for given in (field | {"term": value}, field | {"page": value}, field | {"app_label": value}):
        assert faults(operations, iter([f"{address}?{urlencode({'term': '', **given})}"])) == []


def test_no_list_is_narrowed_by_the_hash_of_a_password(operations: Client) -> None:
    address = reverse("admin:accounts_user_changelist")
    for lookup in ("password", "password__startswith", "password__regex"):
        assert operations.get(f"{address}?{lookup}=pbkdf2").status_code == 400


def test_factors_and_sessions_have_no_list() -> None:
    assert not {name for name in MODELS if name.startswith(("mfa_", "usersessions_"))}
