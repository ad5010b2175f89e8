"""The page of a dry run: what it shows, and how a person has the file read otherwise."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Provider
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tenants.imports.dry_run import NOT_UNDERSTOOD, check_import
from tenants.models import ImportRun, ManagedUser, Organization, RememberedReading
from tests.personas import Personas
from tests.tenants.import_files import (
    NOW,
    add,
    applied,
    checked,
    emails,
    lift_allowance,
    upload,
)

SignIn = Callable[..., Client]
State = ImportRun.State


@pytest.fixture
def acme(north: Provider) -> Organization:
    with provider_schema(north):
        lift_allowance()
        return Organization.objects.create(name="Acme Nordlicht")


@pytest.fixture
def as_adam(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.adam)


def page_of(run: ImportRun) -> str:
    return f"/organizations/{run.organization_id}/imports/{run.pk}/"


def work() -> None:
    """Run the worker's part of the import."""
    deliver_due(now=timezone.now())


def test_the_first_lines_are_shown_as_they_are_read(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        run = checked(acme, "email,name,status\nANN@acme.example,Ann,suspended\n")
    text = as_adam.get(page_of(run)).text
    assert "The first lines, as they are read" in text
    assert "<bdi>ANN@acme.example</bdi>" in text or "<bdi>ann@acme.example</bdi>" in text
    assert "Suspended" in text
    assert "a plain file in UTF-8; columns used: email, name, status" in text


def test_columns_are_chosen_by_hand_and_remembered(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    content = "who,full,extra\nx,Ann,ann@acme.example\ny,Bo,bo@acme.example\n"
    with provider_schema(north):
        run = checked(acme, content)
    fields = {"reading": "1", "column_address": "extra", "column_name": "full"}
    as_adam.post(f"{page_of(run)}check/", fields)
    work()
    with provider_schema(north):
        run.refresh_from_db()
        assert (run.state, run.columns_used) == (State.CHECKED, ["full", "extra"])
        assert applied(run).added == 2
        assert ManagedUser.objects.get(email="ann@acme.example").name == "Ann"
        again = checked(acme, content.replace("ann@", "ann.two@"))
        assert (again.state, again.columns_used) == (State.CHECKED, ["full", "extra"])
        other = Organization.objects.create(name="Other Nordlicht")
        assert checked(other, content).options.get("columns", {}) == {}


def test_a_file_without_addresses_shows_its_columns_for_a_choice(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    answer = as_adam.post(f"/organizations/{acme.pk}/users/import/", upload("name,n\nAnn,1\n"))
    work()
    page = as_adam.get(answer["Location"]).text
    assert "This file can’t be read." in page
    assert "No column with the e-mail address" in page
    assert 'name="column_address"' in page
    assert 'hx-trigger="every' not in page
    for verb in ("confirm", "check"):
        as_adam.post(f"{answer['Location']}{verb}/", {"mode": "good_lines"})
        work()
    with provider_schema(north):
        assert ImportRun.objects.get().state == State.NOT_READABLE
    assert as_adam.get(f"{answer['Location']}refused.csv").status_code == 200
    as_adam.post(f"{answer['Location']}discard/")
    with provider_schema(north):
        assert ImportRun.objects.get().state == State.DISCARDED


def test_a_file_that_raises_an_error_is_refused_with_a_reason(
    north: Provider, acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")

    monkeypatch.setattr("tenants.imports.dry_run.report_of", fail)
    with provider_schema(north):
        run = checked(acme, emails(1))
    assert (run.state, run.problem) == (State.NOT_READABLE, NOT_UNDERSTOOD)


def test_a_file_that_can_no_longer_be_read_ends_with_its_reason(
    north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        run = checked(acme, emails(2))
        ImportRun.objects.filter(pk=run.pk).update(content=b"email\n\0")
        run = applied(run)
    assert (run.state, run.added) == (State.NOTHING_IMPORTED, 0)
    assert "NUL" in run.problem


def test_a_choice_of_the_form_that_it_does_not_offer_is_refused(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        run = checked(acme, emails(1))
    for fields in ({"column_address": "nothing"}, {"column_name": "nul\0"}):
        answer = as_adam.post(f"{page_of(run)}check/", {"reading": "1", **fields}, follow=True)
        assert "Select a valid choice" in answer.text
    with provider_schema(north):
        run.refresh_from_db()
        assert (run.state, run.checks) == (State.CHECKED, 1)
        assert not RememberedReading.objects.exists()


def test_what_must_be_asked_is_answered_before_the_import(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        run = checked(acme, emails(1))
        doubt = {
            "kind": "date_order", "text": "03/04/2026 may be March or April.", "must_ask": True,
            "alternatives": ["dmy", "mdy"], "examples": [], "lines": [2],
        }  # fmt: skip
        ImportRun.objects.filter(pk=run.pk).update(report={**run.report, "doubts": [doubt]})
    assert "Choose below before you import." in as_adam.get(page_of(run)).text
    for purpose in ("add", "sync"):
        fields = {"mode": "good_lines", "purpose": purpose}
        answer = as_adam.post(f"{page_of(run)}confirm/", fields, follow=True)
        assert "Answer this first" in answer.text
    answer = as_adam.post(f"{page_of(run)}check/", {"reading": "1"}, follow=True)
    assert "Order of day and month: This field is required." in answer.text
    as_adam.post(f"{page_of(run)}check/", {"reading": "1", "date_order": "dmy"})
    with provider_schema(north):
        run.refresh_from_db()
    assert run.options["date_order"] == "dmy"


def test_a_sync_by_page_asks_for_the_number_of_the_gone(
    as_adam: Client, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        for number in range(6):
            add(acme, f"user{number}@acme.example")
        run = checked(acme, emails(4))
    page = as_adam.get(page_of(run)).text
    assert "Make the organization equal to this file" in page
    assert "More than a fifth of the users would be gone." in page
    fields = {"mode": "good_lines", "purpose": "sync", "gone_are": "remove"}
    for typed in ("", "1", "x", "-2"):
        as_adam.post(f"{page_of(run)}confirm/", {**fields, "gone_confirmed": typed})
    with provider_schema(north):
        run.refresh_from_db()
        assert run.state == State.CHECKED
    as_adam.post(f"{page_of(run)}confirm/", {**fields, "gone_confirmed": "2"})
    work()
    assert "0 users were added, 0 changed, 2 removed." in as_adam.get(page_of(run)).text
    with provider_schema(north):
        assert ManagedUser.objects.living().count() == 4


def test_a_read_only_administrator_sees_the_figures_and_decides_nothing(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        add(acme, "there@acme.example")
        run = checked(acme, emails(1))
    rita = sign_in(client, people.rita)
    page = rita.get(page_of(run)).text
    assert "Make the organization equal to this file" in page
    assert "confirm/" not in page
    assert "check/" not in page
    fields = {"mode": "good_lines", "purpose": "sync", "gone_confirmed": "1"}
    assert rita.post(f"{page_of(run)}confirm/", fields).status_code == 403


def test_an_organization_admin_syncs_only_the_own_organization(
    client: Client, sign_in: SignIn, people: Personas, north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        lift_allowance()
        foreign = checked(acme, emails(1))
        own = Organization.objects.get(pk=people.otto_organization.pk)
        add(own, "old@own.example")
        run = checked(own, emails(5))
    otto = sign_in(client, people.otto)
    fields = {"mode": "good_lines", "purpose": "sync", "gone_confirmed": "1"}
    address = f"/organization/imports/{foreign.pk}/confirm/"
    assert otto.post(address, fields).status_code == 404
    page = otto.get(f"/organization/imports/{run.pk}/").text
    assert "bill so far" not in page, "no amounts for organization admins"
    otto.post(f"/organization/imports/{run.pk}/confirm/", fields)
    work()
    with provider_schema(north):
        living = ManagedUser.objects.living().filter(organization=own)
        assert sorted(living.values_list("email", flat=True)) == [
            f"user{number}@acme.example" for number in range(5)
        ]


def test_people_of_a_remembered_category_are_counted_next_time(
    north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        run = checked(acme, emails(2))
        RememberedReading.objects.create(
            organization=acme,
            kind=run.kind,
            source=run.source,
            options={"include": ["guest"]},
            chosen_at=NOW,
        )
        again = checked(acme, emails(2))
    assert again.options["include"] == ["guest"]


def test_a_check_that_was_decided_meanwhile_changes_nothing(
    north: Provider, acme: Organization
) -> None:
    with provider_schema(north):
        run = checked(acme, emails(1))
        ImportRun.objects.filter(pk=run.pk).update(state=State.DISCARDED, lines=7)
        check_import({"run_id": run.pk}, NOW)
        run.refresh_from_db()
    assert (run.state, run.lines) == (State.DISCARDED, 7)
