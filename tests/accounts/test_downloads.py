"""Downloads of tables: the format of the address, the person's CSV options, refusals, rights."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from django.urls import get_resolver

from accounts.models import Provider, User
from core.schema import provider_schema
from tenants.imports.file_reading import read_table
from tenants.models import ManagedUser, Organization
from tests.personas import Personas
from tests.spreadsheets import sheet_rows

SignIn = Callable[..., Client]
OPTIONS = "/profile/csv/"
GERMAN = {"csv_separator": "semicolon", "csv_decimal_mark": "comma", "csv_encoding": "windows-1252"}


@pytest.fixture
def acme(north: Provider) -> Organization:
    with provider_schema(north):
        made = Organization.objects.create(name="Größe Nordlicht")
        ManagedUser.objects.create(organization=made, email="zoe@acme.example", name="Zoë; =1")
    return made


@pytest.fixture
def as_adam(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.adam)


def test_the_choice_is_kept_for_the_person_alone(
    as_adam: Client, acme: Organization, people: Personas
) -> None:
    page = as_adam.get(f"{OPTIONS}?back=/account/usage/")
    assert 'name="back" value="/account/usage/"' in page.text
    saved = as_adam.post(OPTIONS, GERMAN | {"back": "/account/usage/"})
    assert (saved.status_code, saved["Location"]) == (302, "/account/usage/")
    content = as_adam.get(f"/organizations/{acme.pk}/users.csv").content
    assert content.decode("cp1252") == 'E-mail;Name;State\r\nzoe@acme.example;"Zoë; =1";Active\r\n'
    others = User.objects.exclude(pk=people.adam.pk)
    assert set(others.values_list("csv_separator", "csv_encoding")) == {("comma", "utf-8-mark")}


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "javascript:x", ""])
def test_it_leads_back_to_pages_of_the_portal_only(as_adam: Client, back: str) -> None:
    assert as_adam.post(OPTIONS, GERMAN | {"back": back})["Location"] == "/profile/"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"csv_separator": "comma"}, "A comma can’t separate cells and decimals"),
        ({"csv_separator": "pipe"}, "not one of the available choices"),
        ({"csv_encoding": ""}, "required"),
    ],
)
def test_a_wrong_choice_is_refused_by_its_field(
    as_adam: Client, people: Personas, changed: dict[str, str], said: str
) -> None:
    answer = as_adam.post(OPTIONS, GERMAN | changed)
    assert answer.status_code == 422
    assert said in answer.text
    people.adam.refresh_from_db()
    assert people.adam.csv_options.separator == "comma"


@pytest.mark.parametrize("separator", ["comma", "semicolon", "tab"])
@pytest.mark.parametrize("encoding", ["utf-8-mark", "utf-8", "windows-1252", "utf-16"])
def test_the_import_reads_each_form_of_the_export(
    as_adam: Client, acme: Organization, separator: str, encoding: str
) -> None:
    chosen = {"csv_separator": separator, "csv_decimal_mark": "point", "csv_encoding": encoding}
    assert as_adam.post(OPTIONS, chosen).status_code == 302
    content = as_adam.get(f"/organizations/{acme.pk}/users.csv").content
    table = read_table(content)
    assert list(table.header) == ["E-mail", "Name", "State"]
    ((_, cells),) = table.lines()
    assert list(cells) == ["zoe@acme.example", "Zoë; =1", "Active"]


def test_excel_is_offered_beside_the_csv(as_adam: Client, acme: Organization) -> None:
    page = as_adam.get(f"/organizations/{acme.pk}/users/").text
    address = f"/organizations/{acme.pk}/users.csv"
    assert f'href="{address}"' in page
    assert f'href="{address}?format=xlsx"' in page
    answer = as_adam.get(f"{address}?format=xlsx")
    assert answer["Content-Disposition"] == f'attachment; filename="users-{acme.pk}.xlsx"'
    header, cells = sheet_rows(answer.content)
    assert [each.text for each in header if each] == ["E-mail", "Name", "State"]
    assert [each.text for each in cells if each] == ["zoe@acme.example", "Zoë; =1", "Active"]


def test_a_query_is_kept_beside_the_format(as_adam: Client, acme: Organization) -> None:
    page = as_adam.get("/account/usage/?q=nordlicht").text
    assert "?q=nordlicht&amp;format=xlsx" in page


def test_a_character_that_the_encoding_lacks_is_said_and_utf_8_offered(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        ManagedUser.objects.create(organization=acme, email="a@acme.example", name="Жанна")
    as_adam.post(OPTIONS, GERMAN)
    address = f"/organizations/{acme.pk}/users.csv"
    answer = as_adam.get(address)
    assert answer.status_code == 422
    assert "line 2: “Ж” (U+0416)" in answer.text
    assert "Content-Disposition" not in answer
    assert f'href="{address}?encoding=utf-8-mark"' in answer.text
    whole = as_adam.get(f"{address}?encoding=utf-8-mark").content.decode("utf-8-sig")
    assert [cells[1] for cells in csv.reader(io.StringIO(whole), delimiter=";")][1:] == [
        "Жанна",
        "Zoë; =1",
    ]


@pytest.mark.parametrize("query", ["format=pdf", "format=", "encoding=latin-9", "format=csv%00"])
def test_an_unknown_form_is_not_found(as_adam: Client, acme: Organization, query: str) -> None:
    assert as_adam.get(f"/organizations/{acme.pk}/users.csv?{query}").status_code == 404


@pytest.mark.parametrize("form", ["", "?format=xlsx", "?format=csv&encoding=utf-8"])
def test_no_form_gives_more_than_the_rights_do(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization, form: str
) -> None:
    for page in ("/account/payments.csv", "/account/next-invoice.csv"):
        assert sign_in(client, people.rita).get(f"{page}{form}").status_code in (403, 404)
    stranger = sign_in(client, people.sofia)
    assert stranger.get(f"/organizations/{acme.pk}/users.csv{form}").status_code == 404
    client.logout()
    answer = client.get(f"/organizations/{acme.pk}/users.csv{form}")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/login/")


def _addresses_of_csv() -> dict[str, tuple[str, frozenset[str]]]:
    """The address of each CSV as a pattern, and the names of its variables, by the page's name."""
    found = get_resolver().reverse_dict
    return {
        name: (address, frozenset(variables))
        for name in found
        if isinstance(name, str)
        for forms, *_ in found.getlist(name)
        for address, variables in forms
        if address.endswith(".csv")
    }


def test_each_address_of_a_csv_gives_an_excel_file_too(
    client: Client, sign_in: SignIn, people: Personas, acme: Organization
) -> None:
    given: dict[str, object] = {"organization_id": acme.pk, "month": "2026-03"}
    client = sign_in(client, people.olive)
    asked, answered = set(), set()
    for name, (address, variables) in _addresses_of_csv().items():
        if variables <= given.keys():
            asked.add(name)
            answer = client.get(f"/{address % given}?format=xlsx")
            assert answer.status_code in (200, 404), (name, answer.status_code)
            if answer.status_code == 200:
                answered.add(name)
                assert "spreadsheetml" in answer["Content-Type"], name
    assert {"user_export", "alert_csv", "usage_csv", "forecast_csv"} <= answered, asked - answered


def test_no_page_offers_a_csv_without_excel_and_the_options() -> None:
    """Its link is made by the macro, or by the list of an invoice's formats."""
    named = [f'("{name}"' for name in _addresses_of_csv()]
    for path in sorted(Path("templates").rglob("*.html")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            offers = any(each in line for each in named) or '.csv"' in line
            if offers and path.name != "_invoice_download.html":
                assert "ui.download(" in line, f"{path}:{number}"
