"""The pages of an import, from the upload to the result."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Provider
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tenants.imports.reading.upload import LARGEST_FILE
from tenants.models import ImportRun, ManagedUser, Organization
from tenants.organizations.lifecycle import set_user_cap
from tests.personas import Personas
from tests.tenants.import_files import (
    ADAM,
    NOW,
    applied,
    checked,
    emails,
    lift_allowance,
    upload,
)

SignIn = Callable[..., Client]


@pytest.fixture
def acme(north: Provider) -> Organization:
    with provider_schema(north):
        return Organization.objects.create(name="Acme Nordlicht")


@pytest.fixture
def as_adam(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.adam)


def work() -> None:
    """Run the worker's part of the import."""
    deliver_due(now=timezone.now())


def test_an_import_goes_from_the_upload_to_the_result(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    address = f"/organizations/{acme.pk}"
    assert "Check the file" in as_adam.get(f"{address}/users/import/").text
    answer = as_adam.post(f"{address}/users/import/", upload("email\na@acme.example\nbad line"))
    assert answer.status_code == 302
    run_page = answer["Location"]
    waiting = as_adam.get(run_page).text
    assert "Reading the file" in waiting
    assert '<meta http-equiv="refresh"' in waiting, "goes on without scripts"
    assert 'hx-trigger="every 1s"' in waiting
    work()
    found = as_adam.get(run_page).text
    assert "Not an e-mail address" in found
    assert 'hx-trigger="every' not in found, "nothing more to wait for"
    assert "http-equiv" not in found
    assert "Import 1 good line" in found
    with provider_schema(north):
        assert not ManagedUser.objects.exists()
    as_adam.post(f"{run_page}confirm/", {"mode": "good_lines"})
    assert "You may leave this page" in as_adam.get(run_page).text
    work()
    assert "1 user was added; 1 line was refused" in as_adam.get(run_page).text
    with provider_schema(north):
        user = ManagedUser.objects.get()
    assert (user.email, user.added_by_name, user.added_via) == (
        "a@acme.example",
        "Adam Nordlicht",
        "import",
    )
    assert run_page in as_adam.get(f"{address}/imports/").text
    assert "users.csv" in as_adam.get(f"{address}/users/import/").text


def test_an_htmx_request_gets_only_the_partial(as_adam: Client, acme: Organization) -> None:
    started = as_adam.post(f"/organizations/{acme.pk}/users/import/", upload(emails(2)))
    part = as_adam.get(
        started["Location"], headers={"HX-Request": "true", "HX-Target": "import-run"}
    ).text
    assert part.strip().startswith('<div id="import-run"')
    assert "<html" not in part


def test_all_or_nothing_is_offered_for_a_good_file_only(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        good, bad = checked(acme, emails(2)), checked(acme, "email\nbad\na@acme.example")
    pages = f"/organizations/{acme.pk}/imports/"
    assert 'value="all_or_nothing"' in as_adam.get(f"{pages}{good.pk}/").text
    assert 'value="all_or_nothing"' not in as_adam.get(f"{pages}{bad.pk}/").text
    answer = as_adam.post(f"{pages}{bad.pk}/confirm/", {"mode": "all_or_nothing"}, follow=True)
    assert "Lines of this file are refused" in answer.text
    for mode in ("", "everything", "nul\0"):
        answer = as_adam.post(f"{pages}{bad.pk}/confirm/", {"mode": mode}, follow=True)
        assert "Choose how the file is imported" in answer.text
    as_adam.post(f"{pages}{good.pk}/confirm/", {"mode": "all_or_nothing"})
    answer = as_adam.post(f"{pages}{good.pk}/discard/", follow=True)
    assert "decided meanwhile" in answer.text
    work()
    assert "All 2 users were added" in as_adam.get(f"{pages}{good.pk}/").text


def test_refused_lines_are_listed_by_page_and_reason_and_as_csv(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    text = "E-mail;Note\n" + "".join(f"bad {n};=run({n})\n" for n in range(60))
    with provider_schema(north):
        run = checked(acme, text + "a@acme.example;\nA@acme.example;\n")
    page = f"/organizations/{acme.pk}/imports/{run.pk}/"
    assert "bad 10" in as_adam.get(page).text
    assert "bad 55" in as_adam.get(f"{page}?page=2").text
    twice = as_adam.get(f"{page}?filter=twice_in_file").text
    assert "first in line 62" in twice
    assert "bad 10" not in twice
    for query in ("?page=junk", "?page=-1", "?filter=nul%00", "?filter=over_cap", "?page=99999999"):
        assert as_adam.get(page + query).status_code == 200
    answer = as_adam.get(f"{page}refused.csv")
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines[0] == "Line,Reason,E-mail,Note"
    assert lines[1] == "2,Not an e-mail address,bad 0,'=run(0)"
    assert len(lines) == 62


def test_a_file_of_users_who_are_there_does_not_ask_for_corrections(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        applied(checked(acme, emails(2)))
        runs = [checked(acme, emails(2)), checked(acme, "email,type\ng@x.example,Guest")]
    pages = [as_adam.get(f"/organizations/{acme.pk}/imports/{run.pk}/").text for run in runs]
    assert "Everybody in this file who counts is there already." in pages[0]
    assert "No line of this file counts." in pages[1]
    assert not any("Every line is refused" in page for page in pages)


def test_a_reached_cap_is_reported_and_the_file_checked_again(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        lift_allowance()
        set_user_cap(organization=acme, cap=1, actor=ADAM, now=NOW)
        run = checked(acme, emails(3))
    page = f"/organizations/{acme.pk}/imports/{run.pk}/"
    assert "This organization has 0 users and may have 1" in as_adam.get(page).text
    with provider_schema(north):
        set_user_cap(organization=acme, cap=None, actor=ADAM, now=NOW)
    as_adam.post(f"{page}check/")
    work()
    assert "Every line is good" in as_adam.get(page).text


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "The file is empty"),
        (b"email\na@acme.example\0", "NUL"),
        (b'email\n"a@acme.example', "quotation mark"),
        (b"PK\x03\x04", "not a CSV file"),
        (b"email,password\na@acme.example,pa55\0", "NUL"),
        (b"a" * (LARGEST_FILE + 1), "larger than 40 MB"),
    ],
)
def test_a_file_without_titles_or_with_unread_passwords_is_refused_at_once(
    as_adam: Client, north: Provider, acme: Organization, content: bytes, reason: str
) -> None:
    answer = as_adam.post(f"/organizations/{acme.pk}/users/import/", upload(content))
    assert answer.status_code == 422
    assert reason in answer.text
    with provider_schema(north):
        assert not ImportRun.objects.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"name\nAnn", "No column with the e-mail address"),
        (b"\n;;;\n", "no line behind"),
        (b"\xef\xbb\xbfemail\n", "no line behind"),
        (b"email\n" + b"a@acme.example\n" * 50_001, "more than 50,000 lines"),
    ],
)
def test_a_worker_refuses_a_file_that_can_not_be_read_with_its_reason(
    as_adam: Client, north: Provider, acme: Organization, content: bytes, reason: str
) -> None:
    answer = as_adam.post(f"/organizations/{acme.pk}/users/import/", upload(content))
    assert answer.status_code == 302
    work()
    page = as_adam.get(answer["Location"]).text
    assert "This file can’t be read." in page
    assert reason in page
    assert "Not readable" in as_adam.get(f"/organizations/{acme.pk}/imports/").text
    with provider_schema(north):
        assert ImportRun.objects.get().state == ImportRun.State.NOT_READABLE


def test_a_missing_file_is_refused(as_adam: Client, acme: Organization) -> None:
    for fields in ({}, {"file": "text"}):
        answer = as_adam.post(f"/organizations/{acme.pk}/devices/import/", fields)
        assert answer.status_code == 422
        assert "Choose a file" in answer.text


NASTY = (
    *("email", "name", "serial number", ",", ";", "\t", '"', "\n", "\r", "\0", "=", "'", "sep="),
    *("a@b.example", "\u202e", "\ufeff", "\ud7ff", "x" * 300, "ſ@K.example", "İ@b.example", "é"),
)
nasty = st.lists(st.sampled_from(NASTY), max_size=25).map("".join)
contents = st.one_of(
    st.binary(max_size=200),
    nasty.map(str.encode),
    nasty.map(lambda text: text.encode("utf-16")),
    nasty.map(lambda text: f"email,name\n{text}".encode()),
    nasty.map(lambda text: f"name;serial number\n{text}".encode()),
)


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    content=contents,
    # A file's name has a last part; without one the test's own client refuses to send it.
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=300).filter(
        lambda name: name.rpartition("/")[2] not in ("", ".", "..")
    ),
    kind=st.sampled_from(["users", "devices"]),
)
def test_any_upload_is_answered(
    as_adam: Client, acme: Organization, content: bytes, name: str, kind: str
) -> None:
    address = f"/organizations/{acme.pk}/{kind}/import/"
    answer = as_adam.post(address, upload(content, name))
    assert answer.status_code in (302, 422)
    if answer.status_code == 302:
        work()
        run_page = answer["Location"]
        assert 'hx-trigger="every' not in as_adam.get(run_page).text, "checked"
        as_adam.post(f"{run_page}confirm/", {"mode": "good_lines"})
        work()
        assert 'hx-trigger="every' not in as_adam.get(run_page).text, "imported"
        assert as_adam.get(f"{run_page}refused.csv").status_code == 200
        assert as_adam.get(f"/organizations/{acme.pk}/{kind}.csv").status_code == 200


def test_an_organization_admin_imports_only_into_the_own_organization(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        foreign = checked(acme, emails(1))
    otto = sign_in(client, people.otto)
    assert otto.get(f"/organization/imports/{foreign.pk}/").status_code == 404
    assert otto.get(f"/organization/imports/{foreign.pk}/refused.csv").status_code == 404
    for verb in ("confirm", "discard", "check"):
        address = f"/organization/imports/{foreign.pk}/{verb}/"
        assert otto.post(address, {"mode": "good_lines"}).status_code == 404
    assert otto.get(f"/organizations/{acme.pk}/users/import/").status_code == 403
    assert otto.get(f"/organizations/{acme.pk}/users.csv").status_code == 403
    started = otto.post("/organization/users/import/", upload(emails(1)))
    assert started["Location"].startswith("/organization/imports/")
    work()
    otto.post(f"{started['Location']}confirm/", {"mode": "good_lines"})
    work()
    assert "user0@acme.example" in otto.get("/organization/users.csv").text
    with provider_schema(north):
        assert ManagedUser.objects.get().organization_id == people.otto_organization.pk
        foreign.refresh_from_db()
    assert foreign.state == ImportRun.State.CHECKED


def test_a_read_only_administrator_can_not_decide_an_import(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        run = checked(acme, emails(1))
    rita = sign_in(client, people.rita)
    page = f"/organizations/{acme.pk}/imports/{run.pk}/"
    assert "confirm/" not in rita.get(page).text
    assert "Import users" not in rita.get(f"/organizations/{acme.pk}/imports/").text
    for verb in ("confirm", "discard", "check"):
        assert rita.post(f"{page}{verb}/", {"mode": "good_lines"}).status_code == 403
    assert rita.get(f"/organizations/{acme.pk}/users/import/").status_code == 403
    assert rita.get(f"/organizations/{acme.pk}/users.csv").status_code == 200


def test_an_import_is_not_found_in_another_organization(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        run = checked(acme, emails(1))
        other = Organization.objects.create(name="Other Nordlicht")
    assert as_adam.get(f"/organizations/{other.pk}/imports/{run.pk}/").status_code == 404
    answer = as_adam.post(
        f"/organizations/{other.pk}/imports/{run.pk}/confirm/", {"mode": "good_lines"}
    )
    assert answer.status_code == 404
