"""Making an organization equal to a file: who is new, changed, renamed, gone and unchanged."""

import pytest
from django.db import connection

from tenants.imports.apply import apply_import, counted_lines, take_gone_once
from tenants.imports.dry_run import check_import
from tenants.imports.runs import (
    GoneNotConfirmed,
    LinesRefused,
    NothingToImport,
    Sync,
    confirm_import,
)
from tenants.models import AuditEntry, ImportRun, ManagedUser, Organization, UserAlias
from tenants.users.membership import remove_member
from tests.tenants.import_files import (
    ADAM,
    ALL_OR_NOTHING,
    DEVICES,
    GOOD_LINES,
    IDS,
    NOW,
    add,
    applied,
    cap,
    checked,
    directory,
    emails,
    living,
    peak,
    refusals,
    synced,
)
from usage.ledger.verify import verify_ledger
from usage.models import UsageEvent

State, Gone = ImportRun.State, ImportRun.Gone
MODES = pytest.mark.parametrize("mode", [GOOD_LINES, ALL_OR_NOTHING])


def people(acme: Organization) -> dict[str, tuple[str, str]]:
    """Name and state of each living user, by address."""
    users = ManagedUser.objects.living().filter(organization=acme)
    return {user.email: (user.name, user.state) for user in users}


@MODES
def test_users_are_added_changed_removed_and_left(acme: Organization, mode: ImportRun.Mode) -> None:
    applied(
        checked(
            acme,
            "email,name,status\n"
            + "".join(f"{name}@acme.example,{name},active\n" for name in "abcdefghij"),
        )
    )
    text = "email,name,status\nb@acme.example,Bo,active\nc@acme.example,c,suspended\n" + "".join(
        f"{name}@acme.example,{name},active\n" for name in "defghijk"
    )
    planned = checked(acme, text).report["sync"]
    assert {name: planned[name] for name in ("new", "changed", "renamed", "unchanged", "gone")} == {
        "new": 1,
        "changed": 2,
        "renamed": 0,
        "unchanged": 7,
        "gone": 1,
    }
    run = synced(acme, text, mode)
    assert (run.state, run.added, run.changed, run.gone) == (State.IMPORTED, 1, 2, 1)
    assert refusals(run) == [], "an unchanged line of a sync is not refused"
    assert set(people(acme)) == {f"{name}@acme.example" for name in "bcdefghijk"}
    assert people(acme)["b@acme.example"] == ("Bo", "active")
    assert people(acme)["c@acme.example"] == ("c", "suspended")
    assert peak(acme) == 10, "who is gone makes room before others are added"
    gone = ManagedUser.objects.get(email="a@acme.example")
    assert (gone.removed_at, gone.removed_by_name) == (NOW, ADAM.name)
    event = UsageEvent.objects.get(organization=acme, delta=-1)
    assert (event.subject_id, event.at) == (gone.pk, NOW)
    logged = AuditEntry.objects.filter(
        action__in=["user.removed", "user.suspended", "user.changed"]
    )
    assert sorted(logged.values_list("action", "subject", "actor_name")) == [
        ("user.changed", "b@acme.example", ADAM.name),
        ("user.removed", "a@acme.example", ADAM.name),
        ("user.suspended", "c@acme.example", ADAM.name),
    ]
    entry = AuditEntry.objects.filter(action="users.imported").latest("pk")
    assert (entry.after["purpose"], entry.after["gone"]) == ("sync", 1)
    assert verify_ledger() == []


@MODES
def test_a_repeated_sync_changes_nothing(acme: Organization, mode: ImportRun.Mode) -> None:
    text = directory(*"abcdef")
    synced(acme, text, mode)
    before = (people(acme), UsageEvent.objects.count(), AuditEntry.objects.count())
    with pytest.raises(NothingToImport):
        synced(acme, text, mode)
    assert (people(acme), UsageEvent.objects.count(), AuditEntry.objects.count()) == before
    run = ImportRun.objects.latest("pk")
    apply_import({"run_id": run.pk}, NOW)
    assert people(acme) == before[0]


def test_gone_users_are_suspended_by_choice(acme: Organization) -> None:
    applied(checked(acme, directory(*"abcdef")))
    run = synced(acme, directory(*"abcde"), gone_are=Gone.SUSPEND)
    assert (run.gone, people(acme)["f@acme.example"][1]) == (1, "suspended")
    assert len(living(acme)) == 6
    assert AuditEntry.objects.get(action="user.suspended").subject == "f@acme.example"
    with pytest.raises(NothingToImport):
        synced(acme, directory(*"abcde"), gone_are=Gone.SUSPEND)


@MODES
def test_a_file_that_would_empty_the_organization_asks_for_the_number(
    acme: Organization, mode: ImportRun.Mode
) -> None:
    applied(checked(acme, directory(*"abcdefgh")))
    wrong = directory("a", "b", "c", "d", "e", "f")
    for typed in (0, 1, 3):
        with pytest.raises(GoneNotConfirmed) as refusal:
            synced(acme, wrong, mode, gone_confirmed=typed)
        assert refusal.value.gone == 2
    assert len(living(acme)) == 8
    assert synced(acme, wrong, mode, gone_confirmed=2).gone == 2
    assert len(living(acme)) == 6


def test_exactly_a_fifth_does_not_ask(acme: Organization) -> None:
    applied(checked(acme, directory(*"abcde")))
    assert synced(acme, directory(*"abcd")).gone == 1


@MODES
def test_more_people_gone_at_the_import_than_confirmed_stop_it(
    acme: Organization, mode: ImportRun.Mode
) -> None:
    """Between the check and the import, others add users who are not in the file."""
    applied(checked(acme, directory(*"abcde")))
    run = checked(acme, directory(*"abcd"))
    confirm_import(run=run, mode=mode, sync=Sync(), actor=ADAM, now=NOW)
    for number in range(5):
        add(acme, f"other{number}@acme.example")
    apply_import({"run_id": run.pk}, NOW)
    run.refresh_from_db()
    assert run.state == State.NOTHING_IMPORTED
    assert run.problem.startswith("6 of 10 users are not in the file now, and you confirmed 1.")
    assert len(living(acme)) == 10


def test_a_person_of_two_directories_counts_once_in_any_width(acme: Organization) -> None:
    titles = "DistinguishedName,Enabled,mail,Name,ObjectGUID,SamAccountName,UserPrincipalName"
    row = f"CN=eva,True,mail.eva@acme.example,Eva,{IDS['a']},eva,eva@acme.example"
    applied(checked(acme, f"{titles}\n{row}"))
    titles = "userPrincipalName,displayName,surname,mail,givenName,id,accountEnabled"
    wide = "\uff45\uff56\uff41\uff20acme.example"
    row = f"{wide},Eva,Smith,mail.eva@acme.example,Eva,{IDS['b']},True"
    synced(acme, f"{titles}\n{row}")
    assert (living(acme), peak(acme)) == (["eva@acme.example"], 1)
    (alias,) = UserAlias.objects.filter(kind=UserAlias.Kind.EXTERNAL_ID)
    assert alias.key == IDS["b"]


@MODES
def test_a_rename_in_a_sync_is_the_same_person(acme: Organization, mode: ImportRun.Mode) -> None:
    applied(checked(acme, directory(*"abcde")))
    text = directory(*"abcd", new=f"eve@acme.example,Eve,{IDS['e']}")
    run = synced(acme, text, mode)
    assert (run.added, run.changed, run.renamed, run.gone) == (0, 1, 1, 0)
    assert (people(acme)["eve@acme.example"][0], peak(acme)) == ("Eve", 5)


@MODES
def test_an_address_of_a_person_who_is_gone_is_free(
    acme: Organization, mode: ImportRun.Mode
) -> None:
    applied(checked(acme, directory(*"abcde")))
    add(acme, "free@acme.example")
    run = synced(acme, directory(*"abcd", new=f"free@acme.example,E,{IDS['e']}"), mode)
    assert (run.changed, run.gone, run.refused) == (1, 1, 0)
    assert sorted(people(acme)) == sorted(
        [*(f"{x}@acme.example" for x in "abcd"), "free@acme.example"]
    )


@MODES
def test_people_who_left_by_the_file_are_gone(acme: Organization, mode: ImportRun.Mode) -> None:
    applied(checked(acme, "email\n" + "".join(f"{name}@acme.example\n" for name in "abcdef")))
    text = "login,first name,last name,email,status\n" + "".join(
        f"{name}@acme.example,{name},x,{name}@acme.example,"
        f"{'DEPROVISIONED' if name == 'f' else 'ACTIVE'}\n"
        for name in "abcdef"
    )
    run = checked(acme, text)
    assert run.report["left"]["lines"] == 1
    assert run.report["left"]["people_there"][0]["key"] == "f@acme.example"
    run = synced(acme, text, mode)
    assert (run.gone, "f@acme.example" in living(acme)) == (1, False)


@MODES
def test_a_refused_line_keeps_its_user(acme: Organization, mode: ImportRun.Mode) -> None:
    applied(checked(acme, "email\n" + "".join(f"{name}@acme.example\n" for name in "abcdef")))
    text = f"email,name\na@acme.example,{'x' * 201}\n" + "".join(
        f"{name}@acme.example,\n" for name in "bcdefg"
    )
    if mode == ALL_OR_NOTHING:
        with pytest.raises(LinesRefused):
            synced(acme, text, mode)
        return
    run = synced(acme, text, mode)
    assert (run.added, run.gone, refusals(run)) == (1, 0, [(2, "too_long")])
    assert "a@acme.example" in living(acme)


def test_who_is_gone_makes_room_below_the_cap(acme: Organization) -> None:
    applied(checked(acme, directory(*"abcde")))
    cap(acme, 5)
    text = directory(*"abcdf")
    run = checked(acme, text)
    assert refusals(run)[-1] == (6, "over_cap"), "an addition alone finds no seat"
    assert (run.report["sync"]["over_removed"], run.report["sync"]["over_suspended"]) == (0, 1)
    with pytest.raises(LinesRefused):
        confirm_import(run=run, mode=ALL_OR_NOTHING, sync=Sync(Gone.SUSPEND), actor=ADAM, now=NOW)
    run = synced(acme, text, ALL_OR_NOTHING)
    assert (run.state, run.added, run.gone) == (State.IMPORTED, 1, 1)
    assert peak(acme) == 5


def test_new_users_without_a_seat_are_refused_and_named(acme: Organization) -> None:
    applied(checked(acme, directory(*"abcde")))
    cap(acme, 5)
    run = synced(acme, directory(*"abcdefg"))
    assert (run.added, refusals(run)) == (0, [(7, "over_cap"), (8, "over_cap")])


def test_all_or_nothing_removes_no_user_when_a_line_is_refused(acme: Organization) -> None:
    applied(checked(acme, directory(*"abcde")))
    run = checked(acme, directory(*"abcdfg"))
    confirm_import(run=run, mode=ALL_OR_NOTHING, sync=Sync(), actor=ADAM, now=NOW)
    cap(acme, 5)
    apply_import({"run_id": run.pk}, NOW)
    run.refresh_from_db()
    assert (run.state, run.added, run.gone) == (State.NOTHING_IMPORTED, 0, 0)
    assert len(living(acme)) == 5
    assert not AuditEntry.objects.filter(action="user.removed").exists()
    assert verify_ledger() == []


def test_a_worker_that_died_after_the_removals_repeats_none(
    acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied(checked(acme, directory(*"abcde")))
    monkeypatch.setattr("tenants.imports.apply.LINES_PER_BATCH", 2)
    run = checked(acme, directory(*"abcdfg"))
    confirm_import(run=run, mode=GOOD_LINES, sync=Sync(), actor=ADAM, now=NOW)
    assert take_gone_once(run_id=run.pk, counted=counted_lines(run=run), now=NOW)
    late = add(acme, "late@acme.example")
    apply_import({"run_id": run.pk}, NOW)
    run.refresh_from_db()
    assert (run.state, run.added, run.gone) == (State.IMPORTED, 2, 1)
    late.refresh_from_db()
    assert late.removed_at is None, "added by a person after the comparison"
    assert UsageEvent.objects.filter(organization=acme, delta=-1).count() == 1


def test_other_organizations_are_left_alone(acme: Organization) -> None:
    other = Organization.objects.create(name="Other Nordlicht")
    add(other, "a@acme.example")
    add(other, "z@other.example")
    synced(acme, directory(*"abc"))
    assert living(other) == ["a@acme.example", "z@other.example"]


def test_an_addition_changes_states_that_the_file_says(acme: Organization) -> None:
    applied(checked(acme, "email,status\na@acme.example,active\nb@acme.example,suspended"))
    run = checked(acme, "email,status\na@acme.example,suspended\nb@acme.example,suspended")
    assert (run.changed, refusals(run)) == (1, [(3, "already_there")])
    run = applied(run)
    assert (run.changed, people(acme)["a@acme.example"][1]) == (1, "suspended")
    assert AuditEntry.objects.get(action="user.suspended").subject == "a@acme.example"


@pytest.mark.parametrize("as_sync", [True, False])
def test_a_file_without_states_reactivates_no_user(acme: Organization, as_sync: bool) -> None:
    applied(checked(acme, "email,status\na@acme.example,suspended"))
    text = "email\na@acme.example\nb@acme.example"
    run = synced(acme, text) if as_sync else applied(checked(acme, text))
    assert (run.changed, people(acme)["a@acme.example"][1]) == (0, "suspended")


def test_an_old_address_in_a_file_without_ids_renames_no_user(acme: Organization) -> None:
    applied(checked(acme, directory(*"abc")))
    applied(checked(acme, f"Email,Object Id\nann@acme.example,{IDS['a']}"))
    with pytest.raises(NothingToImport):
        synced(acme, "email\na@acme.example\nb@acme.example\nc@acme.example")
    assert "ann@acme.example" in living(acme)


def test_devices_can_not_be_synced(acme: Organization) -> None:
    run = checked(acme, "name,serial number\nLaptop,SN-1", DEVICES)
    with pytest.raises(NothingToImport):
        confirm_import(run=run, mode=GOOD_LINES, sync=Sync(), actor=ADAM, now=NOW)


def test_a_user_removed_since_the_check_is_not_removed_twice(acme: Organization) -> None:
    applied(checked(acme, directory(*"abcdef")))
    run = checked(acme, directory(*"abcde"))
    confirm_import(run=run, mode=GOOD_LINES, sync=Sync(), actor=ADAM, now=NOW)
    remove_member(member=ManagedUser.objects.get(email="f@acme.example"), actor=ADAM, now=NOW)
    apply_import({"run_id": run.pk}, NOW)
    run.refresh_from_db()
    assert (run.state, run.gone) == (State.IMPORTED, 0)
    assert AuditEntry.objects.filter(action="user.removed").count() == 1


def test_the_figures_of_a_large_sync_take_few_statements(acme: Organization) -> None:
    applied(checked(acme, emails(40)))
    run = checked(acme, emails(40, start=10))
    ImportRun.objects.filter(pk=run.pk).update(state=State.CHECKING)
    with connection.execute_wrapper(counting := _Counting()):
        check_import({"run_id": run.pk}, NOW)
    assert counting.statements < 40
    planned = ImportRun.objects.get(pk=run.pk).report["sync"]
    assert (planned["new"], planned["gone"], planned["asks_again"]) == (10, 10, True)


class _Counting:
    def __init__(self) -> None:
        self.statements = 0

    def __call__(self, execute, sql, params, many, context):
        self.statements += 1
        return execute(sql, params, many, context)
