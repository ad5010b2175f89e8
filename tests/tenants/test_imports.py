"""What an import adds, refuses and leaves alone."""

from collections.abc import Iterator

import pytest

from accounts.actors import SYSTEM_ACTOR
from accounts.models import Provider
from mtp.schema import provider_schema
from tenants.imports.applying import (
    LINES_A_BATCH,
    apply_import,
    apply_next_batch,
    good_lines,
)
from tenants.imports.checking import check_import
from tenants.imports.exporting import DEVICE_COLUMNS, USER_COLUMNS, device_rows, user_rows
from tenants.imports.models import ImportRun
from tenants.imports.runs import (
    AlreadyDecided,
    LinesRefused,
    NothingToImport,
    check_again,
    discard_import,
)
from tenants.membership import Via, add_user, remove_user
from tenants.models import AuditEntry, Device, ManagedUser, Organization
from tenants.organizations import remove_organization, set_user_cap
from tenants.spreadsheet import csv_lines
from tests.tenants.import_files import (
    ADAM,
    ALL_OR_NOTHING,
    DEVICES,
    GOOD_LINES,
    NOW,
    applied,
    checked,
    confirmed,
    emails,
    lift_allowance,
    refusals,
)
from usage.models import UsageEvent
from usage.replay import verify_books

State = ImportRun.State


@pytest.fixture
def acme(north: Provider) -> Iterator[Organization]:
    with provider_schema(north.schema_name):
        yield Organization.objects.create(name="Acme Nordlicht")


def add(organization: Organization, email: str) -> ManagedUser:
    return add_user(
        organization=organization, email=email, name="", actor=ADAM, via=Via.FORM, now=NOW
    )


def cap(organization: Organization, users: int | None) -> None:
    set_user_cap(organization=organization, cap=users, actor=SYSTEM_ACTOR, now=NOW)


def living(organization: Organization) -> list[str]:
    users = ManagedUser.objects.filter(organization=organization, removed_at=None)
    return list(users.order_by("id").values_list("email", flat=True))


def test_the_dry_run_names_every_line_it_would_refuse(acme: Organization) -> None:
    lift_allowance()
    add(acme, "There@acme.example".lower())
    run = checked(
        acme,
        "email,name\n"
        "ann@acme.example,Ann\n"
        "THERE@acme.example,Theo\n"
        ",Nobody\n"
        "not an address,Bo\n"
        "ANN@acme.example,Ann again\n"
        f"long@acme.example,{'x' * 201}\n"
        f"{'x' * 250}@acme.example,Long\n"
        "bidi@acme.example,\u202eevil\n"
        "bell@acme.example,a\x07b\n"
        "z\u200bw@acme.example,Zoe\n"
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
        (11, "unseen_characters"),
        (12, "too_many_cells"),
    ]
    assert (run.lines, run.refused, run.checked_lines, run.good_lines) == (12, 10, 12, 2)
    assert run.refused_lines.get(line=6).explanation == "Twice in this file, first in line 2"
    assert living(acme) == ["there@acme.example"], "a dry run adds nobody"


def test_the_first_good_one_of_two_equal_lines_counts(acme: Organization) -> None:
    run = checked(acme, f"email,name\na@acme.example,{'x' * 201}\na@acme.example,Ann")
    assert refusals(run) == [(2, "too_long")]


def test_lines_over_the_room_are_refused_in_the_order_of_the_file(acme: Organization) -> None:
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


def test_without_a_card_the_free_allowance_is_the_room(acme: Organization) -> None:
    run = checked(acme, emails(12))
    assert refusals(run) == [(12, "over_allowance"), (13, "over_allowance")]
    assert applied(run).added == 10
    assert len(living(acme)) == 10


def test_good_lines_come_in_once_and_are_counted(acme: Organization) -> None:
    lift_allowance()
    run = applied(checked(acme, "email,name\nb@acme.example,Bo\nbad\na@acme.example,Ann"))
    assert (run.state, run.added, run.refused) == (State.IMPORTED, 2, 1)
    assert living(acme) == ["b@acme.example", "a@acme.example"], "in the order of the file"
    bo = ManagedUser.objects.get(email="b@acme.example")
    assert (bo.name, bo.added_at, bo.added_by_name, bo.added_via) == (
        "Bo",
        NOW,
        ADAM.name,
        "import",
    )
    events = UsageEvent.objects.filter(organization=acme)
    assert list(events.order_by("id").values_list("count_after", "via")) == [
        (1, "import"),
        (2, "import"),
    ]
    entry = AuditEntry.objects.get(action="users.imported")
    assert (entry.actor_name, entry.organization_id) == (ADAM.name, acme.pk)
    assert (entry.after["added"], entry.after["refused"]) == (2, 1)
    assert verify_books() == []


def test_a_message_delivered_twice_adds_nobody_twice(acme: Organization) -> None:
    lift_allowance()
    run = applied(checked(acme, emails(3)))
    remove_user(user=ManagedUser.objects.get(email="user1@acme.example"), actor=ADAM, now=NOW)
    apply_import({"run_id": run.pk}, NOW)
    check_import({"run_id": run.pk}, NOW)
    run.refresh_from_db()
    assert (run.state, run.added) == (State.IMPORTED, 3)
    assert living(acme) == ["user0@acme.example", "user2@acme.example"]
    assert AuditEntry.objects.filter(action="users.imported").count() == 1


def test_whoever_takes_over_goes_on_behind_the_last_batch(
    acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker died after its first batch; somebody of it was removed before the next one came."""
    lift_allowance()
    monkeypatch.setattr("tenants.imports.applying.LINES_A_BATCH", 2)
    run = confirmed(checked(acme, emails(5)))
    apply_next_batch(run_id=run.pk, lines=good_lines(run=run), now=NOW)
    assert living(acme) == ["user0@acme.example", "user1@acme.example"]
    remove_user(user=ManagedUser.objects.get(email="user1@acme.example"), actor=ADAM, now=NOW)
    apply_import({"run_id": run.pk}, NOW)
    run.refresh_from_db()
    assert (run.state, run.added, run.refused) == (State.IMPORTED, 5, 0)
    assert "user1@acme.example" not in living(acme)
    assert len(living(acme)) == 4


def test_a_cap_that_falls_meanwhile_stops_the_rest(
    acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    lift_allowance()
    monkeypatch.setattr("tenants.imports.applying.LINES_A_BATCH", 4)
    run = checked(acme, emails(10))
    cap(acme, 6)
    run = applied(run)
    assert (run.state, run.added, run.refused) == (State.IMPORTED, 6, 4)
    assert refusals(run) == [(line, "over_cap") for line in (8, 9, 10, 11)]
    assert len(living(acme)) == 6


def test_who_came_meanwhile_takes_no_room(acme: Organization) -> None:
    """Three of the file are there already when it is applied: they use up nobody's place."""
    lift_allowance()
    run = checked(acme, emails(6))
    for number in range(3):
        add(acme, f"user{number}@acme.example")
    cap(acme, 5)
    run = applied(run)
    assert refusals(run) == [
        (2, "already_there"),
        (3, "already_there"),
        (4, "already_there"),
        (7, "over_cap"),
    ]
    assert len(living(acme)) == 5


def test_all_or_nothing_is_all(acme: Organization) -> None:
    lift_allowance()
    run = applied(checked(acme, emails(LINES_A_BATCH // 100)), ALL_OR_NOTHING)
    assert (run.state, run.added) == (State.IMPORTED, len(living(acme)))


@pytest.mark.parametrize("change", ["cap", "twin", "organization"])
def test_all_or_nothing_is_nothing_when_one_line_became_impossible(
    acme: Organization, change: str
) -> None:
    lift_allowance()
    run = checked(acme, emails(5))
    if change == "cap":
        cap(acme, 3)
    elif change == "twin":
        add(acme, "user4@acme.example")
    else:
        remove_organization(organization=acme, actor=ADAM, now=NOW)
    before = living(acme)
    run = applied(run, ALL_OR_NOTHING)
    assert (run.state, run.added) == (State.NOTHING_IMPORTED, 0)
    assert living(acme) == before
    assert (
        refusals(run)
        == {
            "cap": [(5, "over_cap"), (6, "over_cap")],
            "twin": [(6, "already_there")],
            "organization": [(line, "organization_removed") for line in range(2, 7)],
        }[change]
    )
    assert AuditEntry.objects.get(action="users.nothing_imported").after["added"] == 0


def test_good_lines_of_a_removed_organization_are_refused(acme: Organization) -> None:
    run = checked(acme, emails(2))
    remove_organization(organization=acme, actor=ADAM, now=NOW)
    run = applied(run)
    assert (run.added, run.refused) == (0, 2)


def test_what_may_be_decided_and_when(acme: Organization) -> None:
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


def test_devices_come_in_beyond_any_user_cap(acme: Organization) -> None:
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


def test_what_is_exported_can_be_imported(acme: Organization) -> None:
    lift_allowance()
    applied(checked(acme, "email,name,status\na@acme.example,=1+1,suspended\nb@acme.example,'Bo"))
    applied(checked(acme, "name,serial\n-Laptop,+1\n'=x,@2", DEVICES))
    users = "".join(csv_lines(header=USER_COLUMNS, rows=user_rows(organization=acme)))
    devices = "".join(csv_lines(header=DEVICE_COLUMNS, rows=device_rows(organization=acme)))
    assert "'=1+1" in users
    other = Organization.objects.create(name="Other Nordlicht")
    assert applied(checked(other, users)).refused == 0
    assert applied(checked(other, devices, DEVICES)).refused == 0
    assert list(user_rows(organization=other)) == list(user_rows(organization=acme))
    assert list(device_rows(organization=other)) == list(device_rows(organization=acme))


def test_passwords_are_not_kept(acme: Organization) -> None:
    run = checked(
        acme, "\n\nEmail Address [Required],Password [Required],First Name\na@acme.example,pa55,Ann"
    )
    assert b"pa55" not in bytes(run.content)
    run = applied(run)
    assert ManagedUser.objects.get().name == "Ann"


def test_a_file_is_judged_the_same_however_often(acme: Organization) -> None:
    run = checked(acme, emails(12))
    first = refusals(run)
    ImportRun.objects.filter(pk=run.pk).update(state=State.CHECKING)
    check_import({"run_id": run.pk}, NOW)
    assert refusals(run) == first
