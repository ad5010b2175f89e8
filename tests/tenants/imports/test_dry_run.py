"""The dry run of an import, the decision about it, and the export."""

from collections.abc import Iterator

import pytest

from accounts.models import Provider
from core.csv_files import csv_lines
from core.schema import provider_schema
from tenants.imports.apply import apply_import
from tenants.imports.dry_run import check_import
from tenants.imports.export import COLUMNS, exported_rows
from tenants.imports.runs import (
    AlreadyDecided,
    LinesRefused,
    NothingToImport,
    check_again,
    discard_import,
)
from tenants.models import Device, ImportRun, ManagedUser, Organization
from tests.tenants.import_files import (
    ADAM,
    ALL_OR_NOTHING,
    DEVICES,
    GOOD_LINES,
    NOW,
    USERS,
    add,
    applied,
    cap,
    checked,
    confirmed,
    emails,
    lift_allowance,
    living,
    refusals,
)

State = ImportRun.State


@pytest.fixture
def acme(north: Provider) -> Iterator[Organization]:
    with provider_schema(north):
        yield Organization.objects.create(name="Acme Nordlicht")


def test_the_dry_run_reports_every_line_that_would_be_refused(acme: Organization) -> None:
    lift_allowance()
    add(acme, "There@acme.example".lower())
    run = checked(
        acme,
        "email,name\n"
        "ann@acme.example,Ann\n"
        "THERE@acme.example,Theo\n"
        ",Anonymous\n"
        "not an address,Bo\n"
        "ANN@acme.example,Ann again\n"
        f"long@acme.example,{'x' * 201}\n"
        f"{'x' * 250}@acme.example,Long\n"
        "bidi@acme.example,\u202eevil\n"
        "bell@acme.example,a\x07b\n"
        "comma@acme.example,Lee, Ann\n"
        "good@acme.example\n",
    )
    assert run.state == State.CHECKED
    assert refusals(run) == [
        (3, "already_there"),
        (4, "no_email"),
        (5, "bad_email"),
        (6, "twice_in_file"),
        (7, "too_long"),
        (8, "too_long"),
        (9, "unseen_characters"),
        (10, "unseen_characters"),
        (11, "too_many_cells"),
    ]
    assert (run.lines, run.refused, run.checked_lines, run.good_lines) == (11, 9, 11, 2)
    assert run.refused_lines.get(line=6).explanation == "Twice in this file, first in line 2"
    assert living(acme) == ["there@acme.example"], "a dry run adds no user"


def test_the_first_good_line_of_two_with_one_address_is_imported(acme: Organization) -> None:
    run = checked(acme, f"email,name\na@acme.example,{'x' * 201}\na@acme.example,Ann")
    assert refusals(run) == [(2, "too_long")]


def test_lines_over_the_cap_are_refused_in_the_order_of_the_file(acme: Organization) -> None:
    lift_allowance()
    cap(acme, 3)
    add(acme, "there@acme.example")
    run = checked(acme, "email\nthere@acme.example\na@acme.example\nb@acme.example\nc@acme.example")
    assert refusals(run) == [(2, "already_there"), (5, "over_cap")]
    cap(acme, None)
    check_again(run=run, now=NOW)
    check_import({"run_id": run.pk}, NOW)
    run.refresh_from_db()
    assert refusals(run) == [(2, "already_there")]
    assert (run.state, run.refused) == (State.CHECKED, 1)


def test_without_a_card_the_free_allowance_limits_an_import(acme: Organization) -> None:
    run = checked(acme, emails(12))
    assert refusals(run) == [(12, "over_allowance"), (13, "over_allowance")]
    assert applied(run).added == 10
    assert len(living(acme)) == 10


def test_an_import_is_decided_once_after_its_check(acme: Organization) -> None:
    run = checked(acme, "email\nbad\na@acme.example")
    with pytest.raises(LinesRefused):
        confirmed(run, ALL_OR_NOTHING)
    confirmed(run)
    for decide in (
        lambda: confirmed(run),
        lambda: discard_import(run=run, actor=ADAM, now=NOW),
        lambda: check_again(run=run, now=NOW),
    ):
        with pytest.raises(AlreadyDecided):
            decide()
    hopeless = checked(acme, "email\nbad")
    with pytest.raises(NothingToImport):
        confirmed(hopeless, GOOD_LINES)
    discard_import(run=hopeless, actor=ADAM, now=NOW)
    hopeless.refresh_from_db()
    apply_import({"run_id": hopeless.pk}, NOW)
    assert (hopeless.state, living(acme)) == (State.DISCARDED, [])


def test_devices_are_imported_above_the_user_cap(acme: Organization) -> None:
    cap(acme, 1)
    text = "Name,Serial number\nLaptop,SN-1\nOther,sn-1\n,SN-3\nPhone,\nTablet,SN-5\n"
    run = checked(acme, text, DEVICES)
    assert refusals(run) == [(3, "twice_in_file"), (4, "no_name"), (5, "no_serial_number")]
    assert applied(run).added == 2
    assert list(Device.objects.order_by("id").values_list("name", "serial_number")) == [
        ("Laptop", "SN-1"),
        ("Tablet", "SN-5"),
    ]
    again = checked(acme, "Name,Serial number\nLaptop,sN-1", DEVICES)
    assert refusals(again) == [(2, "already_there")]


def test_an_exported_file_can_be_imported(acme: Organization) -> None:
    lift_allowance()
    applied(checked(acme, "email,name,status\na@acme.example,=1+1,suspended\nb@acme.example,'Bo"))
    applied(checked(acme, "name,serial\n-Laptop,+1\n'=x,@2", DEVICES))
    other = Organization.objects.create(name="Other Nordlicht")
    for kind in (USERS, DEVICES):
        exported = list(exported_rows(kind=kind, organization=acme))
        text = "".join(csv_lines(header=COLUMNS[kind], rows=exported))
        assert kind == DEVICES or "'=1+1" in text
        assert applied(checked(other, text, kind)).refused == 0
        assert list(exported_rows(kind=kind, organization=other)) == exported


def test_passwords_are_not_stored(acme: Organization) -> None:
    run = checked(
        acme, "\n\nEmail Address [Required],Password [Required],First Name\na@acme.example,pa55,Ann"
    )
    assert b"pa55" not in bytes(run.content)
    run = applied(run)
    assert ManagedUser.objects.get().name == "Ann"


def test_a_repeated_check_has_the_same_result(acme: Organization) -> None:
    run = checked(acme, emails(12))
    first = refusals(run)
    ImportRun.objects.filter(pk=run.pk).update(state=State.CHECKING)
    check_import({"run_id": run.pk}, NOW)
    assert refusals(run) == first
