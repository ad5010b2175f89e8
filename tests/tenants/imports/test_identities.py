"""Files in which one person is written in several ways, renamed, or known by a directory's id."""

from pathlib import Path

import pytest

from tenants.models import AuditEntry, ImportRun, ManagedUser, Organization, UserAlias
from tests.tenants.import_files import (
    ALL_OR_NOTHING,
    GOOD_LINES,
    add,
    applied,
    checked,
    living,
    peak,
    refusals,
)

FILES = Path(__file__).parent / "files"
ANN_ID = "7d5d2a3e-0000-4000-8000-00000000000a"
BO_ID = "7d5d2a3e-0000-4000-8000-00000000000b"


def imported(acme: Organization, file: str | bytes, mode: ImportRun.Mode = GOOD_LINES) -> ImportRun:
    """The file, imported."""
    return applied(checked(acme, file), mode)


def people(acme: Organization) -> list[tuple[str, str]]:
    users = ManagedUser.objects.living().filter(organization=acme).order_by("email")
    return list(users.values_list("email", "name"))


def test_a_domain_in_unicode_and_in_punycode_is_one_mailbox(acme: Organization) -> None:
    run = checked(acme, (FILES / "idn-one-mailbox.csv").read_bytes())
    assert refusals(run) == [(3, "twice_in_file")]
    applied(run)
    assert living(acme) == ["ann@münchen.example"]
    again = checked(acme, (FILES / "idn-one-mailbox.csv").read_bytes())
    assert refusals(again) == [(2, "already_there"), (3, "twice_in_file")]


def test_addresses_that_get_no_mail_are_counted(acme: Organization) -> None:
    run = imported(acme, (FILES / "eai-addresses.csv").read_bytes())
    assert refusals(run) == []
    assert sorted(living(acme)) == [
        "first.last+tag@acme.example",
        "gizem@acme.example",
        "john.@docomo.example",
        "john@acme.example",
        "jürgen@müller.example",
        "o'brien@acme.example",
        "svc@acme.local",
        "user@localhost",
        "user@münchen.example",
    ]


def test_blanks_invisible_characters_and_wrappers_are_cleaned(acme: Organization) -> None:
    run = imported(acme, (FILES / "whitespace-invisible.csv").read_bytes())
    assert (run.added, run.refused, run.lines) == (7, 0, 7)
    local_parts = [email.partition("@")[0] for email in living(acme)]
    assert local_parts == ["ann", "bo", "cy", "di", "ed", "ed.two", "fi"]


def test_line_breaks_and_tabs_in_names_are_one_space(acme: Organization) -> None:
    imported(acme, (FILES / "name-newline.csv").read_bytes())
    assert people(acme) == [("ann@acme.example", "Ann Lee"), ("bo@acme.example", "Bo Diaz")]


@pytest.mark.parametrize("mode", [GOOD_LINES, ALL_OR_NOTHING])
def test_a_rename_in_the_directory_is_the_same_person(
    acme: Organization, mode: ImportRun.Mode
) -> None:
    imported(acme, (FILES / "m365-rename-month1.csv").read_bytes(), mode)
    mia = ManagedUser.objects.get(organization=acme)
    run = checked(acme, (FILES / "m365-rename-month2.csv").read_bytes())
    assert (run.changed, run.new_lines, refusals(run)) == (1, 0, [])
    run = applied(run, mode)
    assert (run.added, run.changed, run.refused) == (0, 1, 0)
    assert peak(acme) == 1
    mia.refresh_from_db()
    assert (mia.email, mia.name) == ("mia.jones@rename.example", "Mia Jones")
    assert UserAlias.objects.get(user=mia, ended_at=None).text == "mia.smith@rename.example"
    entry = AuditEntry.objects.get(action="user.changed")
    assert (entry.before, entry.after) == (
        {"email": "mia.smith@rename.example", "name": "Mia Smith"},
        {"email": "mia.jones@rename.example", "name": "Mia Jones"},
    )
    for file in ("Email\nmia.smith@rename.example", "Email\nMia.Jones@Rename.example"):
        assert refusals(checked(acme, file)) == [(2, "already_there")]
    again = checked(acme, (FILES / "m365-rename-month2.csv").read_bytes())
    assert refusals(again) == [(2, "already_there")]


def test_a_directory_gives_its_id_to_a_user_who_was_added_by_address(acme: Organization) -> None:
    add(acme, "ann@acme.example")
    file = f"Email,Object Id\nANN@acme.example,{ANN_ID.upper()}"
    run = imported(acme, file)
    assert (run.added, run.changed) == (0, 1)
    assert ManagedUser.objects.get(organization=acme).external_id == ANN_ID
    run = imported(acme, f"Email,Object Id\nann.lee@acme.example,{ANN_ID}")
    assert living(acme) == ["ann.lee@acme.example"]


def test_two_accounts_of_a_directory_may_share_a_mailbox(acme: Organization) -> None:
    file = f"Email,Object Id\nann@acme.example,{ANN_ID}\nann@acme.example,{BO_ID}"
    run = imported(acme, file, ALL_OR_NOTHING)
    assert (run.added, refusals(run), peak(acme)) == (2, [], 2)
    assert refusals(checked(acme, file)) == [(2, "already_there"), (3, "already_there")]
    assert refusals(checked(acme, "Email\nann@acme.example")) == [(2, "already_there")]


@pytest.mark.parametrize("mode", [GOOD_LINES, ALL_OR_NOTHING])
def test_two_accounts_may_share_the_mailbox_of_a_user_without_an_id(
    acme: Organization, mode: ImportRun.Mode
) -> None:
    add(acme, "ann@acme.example")
    file = f"Email,Object Id\nann@acme.example,{ANN_ID}\nann@acme.example,{BO_ID}"
    run = checked(acme, file)
    assert (run.changed, run.new_lines, refusals(run)) == (1, 1, [])
    run = applied(run, mode)
    assert (run.added, run.changed, refusals(run), peak(acme)) == (1, 1, [], 2)
    ids = ManagedUser.objects.filter(organization=acme).values_list("external_id", flat=True)
    assert set(ids) == {ANN_ID, BO_ID}


def test_a_person_in_two_directories_counts_once(acme: Organization) -> None:
    imported(acme, f"Email,Object Id\nann@acme.example,{ANN_ID}")
    run = imported(acme, "Email,User Id\nann@acme.example,00u1abc")
    assert (run.added, run.changed, peak(acme)) == (0, 1, 1)
    imported(acme, "Email,User Id\nann.lee@acme.example,00u1abc")
    last = checked(acme, f"Email,Object Id\nann.lee@acme.example,{ANN_ID}")
    assert refusals(last) == [(2, "already_there")]
    assert (living(acme), peak(acme)) == (["ann.lee@acme.example"], 1)


def test_a_number_of_a_line_is_no_id_of_a_directory(acme: Organization) -> None:
    imported(acme, "Email,Id\nann@acme.example,1\nbo@acme.example,2")
    run = imported(acme, "Email,Id\nbo@acme.example,1\ncy@acme.example,2")
    assert (run.added, run.changed) == (1, 0)
    assert living(acme) == ["ann@acme.example", "bo@acme.example", "cy@acme.example"]


def test_the_id_decides_where_a_line_also_names_the_old_address(acme: Organization) -> None:
    imported(acme, f"Email,Object Id\nann@acme.example,{ANN_ID}")
    run = imported(acme, f"Email,Object Id\nann@acme.example,\nann.lee@acme.example,{ANN_ID}")
    assert refusals(run) == [(2, "twice_in_file")]
    assert living(acme) == ["ann.lee@acme.example"]


def test_two_people_exchange_their_addresses(acme: Organization) -> None:
    imported(acme, f"Email,Object Id\nann@acme.example,{ANN_ID}\nbo@acme.example,{BO_ID}")
    imported(acme, f"Email,Object Id\nbo@acme.example,{ANN_ID}\nann@acme.example,{BO_ID}")
    of_ids = dict(ManagedUser.objects.values_list("external_id", "email"))
    assert of_ids == {ANN_ID: "bo@acme.example", BO_ID: "ann@acme.example"}
    assert peak(acme) == 2


def test_a_new_address_of_another_person_is_refused(acme: Organization) -> None:
    imported(acme, f"Email,Object Id\nann@acme.example,{ANN_ID}")
    add(acme, "ann.lee@acme.example")
    run = checked(acme, f"Email,Object Id\nann.lee@acme.example,{ANN_ID}\nnew@acme.example,")
    assert refusals(run) == [(2, "address_taken")]
    run = applied(run)
    assert living(acme) == ["ann@acme.example", "ann.lee@acme.example", "new@acme.example"]


def test_a_line_is_refused_that_took_an_address_after_the_check(acme: Organization) -> None:
    run = checked(acme, "Email\nann@xn--mnchen-3ya.example")
    add(acme, "ann@münchen.example")
    run = applied(run)
    assert (run.added, refusals(run)) == (0, [(2, "already_there")])
