"""The files of ../shared/data/imports by their pages, and their people by form and API as well."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Provider
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tenants.imports.file_reading import read_table
from tenants.imports.kinds import import_kind
from tenants.imports.reading.options import ReadingOptions
from tenants.models import ManagedUser, Organization, UserAlias
from tests.api_client import System
from tests.personas import Personas
from tests.tenants.import_files import lift_allowance, upload
from tests.tenants.imports.test_shared_files import DENTAL, EXPECTED, FOLDER
from tests.tenants.imports.test_sources import COUNTED, LEFT
from tests.usage.counting import at, new_user, set_policy
from tests.usage.sightings import first_seen
from usage.models import MonthlyUsage

SignIn = Callable[..., Client]
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is not on this machine")


@pytest.fixture
def acme(north: Provider) -> Organization:
    with provider_schema(north):
        lift_allowance()
        return Organization.objects.create(name="Acme Nordlicht")


@pytest.fixture
def as_adam(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.adam)


def checked_page(client: Client, address: str, name: str) -> str:
    """Upload a file by the page and have it checked; returns the import's address."""
    answer = client.post(address, upload((FOLDER / name).read_bytes(), name.rpartition("/")[2]))
    assert answer.status_code == 302, answer.text
    deliver_due(now=timezone.now())
    return str(answer["Location"])


def imported_page(client: Client, run_page: str) -> str:
    """Import the good lines by the page; returns the page with the result."""
    client.post(f"{run_page}confirm/", {"mode": "good_lines"})
    deliver_due(now=timezone.now())
    return client.get(run_page).text


def counted_of(name: str) -> dict[str, str]:
    """The address and state of everybody whom a file counts."""
    return {key: state for key, state, category in EXPECTED[name] if category == COUNTED}


def spellings_of(name: str) -> list[str]:
    """The cells of the addresses that count, as they are in the file."""
    options = ReadingOptions()
    table, users = read_table((FOLDER / name).read_bytes(), options), import_kind("users")
    columns = users.columns_of(table=table, options=options)
    cells = [cells for _, cells in table.lines()]
    lines = zip(cells, EXPECTED[name], strict=True)
    return [
        next(cells[position] for position in columns.of("address") if cells[position].strip())
        for cells, (_, _, category) in lines
        if category == COUNTED
    ]


def living(north: Provider, organization: Organization) -> dict[str, str]:
    """The address and state of each user; there are no more rows than addresses."""
    with provider_schema(north):
        users = ManagedUser.objects.living().filter(organization=organization)
        rows = list(users.values_list("email", "state"))
    assert Counter(email for email, _ in rows).most_common(1)[0][1] == 1
    return dict(rows)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_page_imports_who_counts_and_shows_who_stays_out(
    as_adam: Client, north: Provider, acme: Organization, name: str
) -> None:
    address = f"/organizations/{acme.pk}/users/import/"
    run_page = checked_page(as_adam, address, name)
    page = as_adam.get(run_page).text
    for key, _, category in EXPECTED[name]:
        assert key.replace("'", "&#39;") in page or key in page
        if category not in (COUNTED, LEFT) and key not in counted_of(name):
            assert "left out" in page
    if LEFT in {category for _, _, category in EXPECTED[name]}:
        assert "of a person who left" in page
    imported_page(as_adam, run_page)
    assert living(north, acme) == counted_of(name)
    again = checked_page(as_adam, address, name)
    imported_page(as_adam, again)
    assert living(north, acme) == counted_of(name)


@pytest.mark.parametrize("name", EXPECTED)
def test_people_who_came_by_form_and_api_are_those_of_the_file(
    as_adam: Client, north: Provider, acme: Organization, name: str
) -> None:
    system, root = System.of(north), f"/organizations/{acme.pk}"
    seen: set[str] = set()
    for number, (spelling, key) in enumerate(
        zip(
            spellings_of(name),
            [line[0] for line in EXPECTED[name] if line[2] == COUNTED],
            strict=True,
        )
    ):
        is_new = key not in seen
        seen.add(key)
        if number % 2:
            fields = {"email": spelling, "name": "", "seen_peak": "999"}
            status = as_adam.post(f"{root}/users/add/", fields).status_code
            assert status == (302 if is_new else 422), spelling
        else:
            answer = system.post(f"{root}/users", {"email": spelling})
            assert answer.status_code == (201 if is_new else 409), spelling
    assert set(living(north, acme)) == set(counted_of(name))
    imported_page(as_adam, checked_page(as_adam, f"{root}/users/import/", name))
    assert living(north, acme) == counted_of(name), "the file tells who is suspended"
    with provider_schema(north):
        usage = MonthlyUsage.objects.get(organization=acme, metric="users")
    assert usage.high_water_mark == len(counted_of(name))


def test_a_rename_by_the_page_keeps_the_person_and_the_mark(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    address = f"/organizations/{acme.pk}/users/import/"
    for month in (1, 2):
        imported_page(as_adam, checked_page(as_adam, address, f"m365-rename-month{month}.csv"))
    assert list(living(north, acme)) == ["mia.jones@rename.example"]
    with provider_schema(north):
        assert UserAlias.objects.get(kind="address").text == "mia.smith@rename.example"
        assert MonthlyUsage.objects.get(organization=acme).high_water_mark == 1


ACTIVITY = {
    "entra-sign-in-log.csv": datetime.fromisoformat("2026-11-01T03:00:00+00:00"),
    "google-users-last-sign-in.csv": datetime.fromisoformat("2026-11-27T10:11:12+01:00"),
    "m365-active-user-detail.csv": datetime.fromisoformat("2026-11-27T00:00:00+00:00"),
    "m365-email-activity-detail.csv": datetime.fromisoformat("2026-11-26T00:00:00+00:00"),
    "okta-last-login.csv": datetime.fromisoformat("2026-11-27T10:11:12+00:00"),
}


@pytest.mark.parametrize("name", ACTIVITY)
def test_activity_by_the_page_counts_one_user_in_november(
    as_adam: Client, north: Provider, name: str
) -> None:
    with provider_schema(north):
        set_policy(free_user_limit=None, billing_time_zone="Europe/Berlin")
        dental = Organization.objects.create(name="Dental", created_at=at("2026-01-10"))
        for local in ("ada.example", "lou", "dan"):
            new_user(dental, at("2026-02-01"), email=f"{local}@{DENTAL}").save()
    address = f"/organizations/{dental.pk}/active-users/import/"
    run_page = checked_page(as_adam, address, f"activity/{name}")
    if "Time zone of the file" in as_adam.get(run_page).text:
        assert name.startswith("google"), "only a file without a zone asks"
        as_adam.post(f"{run_page}check/", {"reading": "1", "zone": "Europe/Berlin"})
        deliver_due(now=timezone.now())
    imported_page(as_adam, run_page)
    with provider_schema(north):
        ada = ManagedUser.objects.get(email=f"ada.example@{DENTAL}")
        seen = first_seen(dental)
    assert set(seen) == {("2026-11", ada.pk)}
    if ACTIVITY[name].time() != at("2026-01-01").time():
        assert seen["2026-11", ada.pk] == ACTIVITY[name]


def test_every_activity_file_is_expected() -> None:
    assert {path.name for path in (FOLDER / "activity").glob("*.csv")} == set(ACTIVITY)
