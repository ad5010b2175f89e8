"""Who counts: lines that left, stand apart or count, in dry run, import, form and API alike."""

import pytest

from tenants.imports.file_reading import read_table
from tenants.imports.kinds import CheckResult, import_kind
from tenants.imports.reading.options import Category, ReadingOptions
from tenants.models import ManagedUser, Organization
from tenants.users.bulk_membership import NewMember
from tenants.users.membership import AlreadyThere
from tenants.users.upserts import ensure_user
from tests.tenants import directory_files as files
from tests.tenants.import_files import (
    ADAM,
    NOW,
    add,
    applied,
    checked,
    living,
    refusals,
)
from tests.tenants.imports.test_sources import COUNTED, MATRIX
from usage.models import MonthlyUsage


def dry_run(acme: Organization, text: str, *include: Category) -> CheckResult:
    """The result of checking a file of users."""
    options = ReadingOptions(include=frozenset(include))
    table, users = read_table(text.encode(), options), import_kind("users")
    columns = users.columns_of(table=table, options=options)
    return users.check(
        table=table, columns=columns, organization=acme, progress=lambda _: None, now=NOW
    )


def test_each_line_is_in_one_list(acme: Organization) -> None:
    result = dry_run(acme, files.M365)
    assert [line.key for line in result.good] == ["ada.example@acme.example", "lou@acme.example"]
    assert [(line.name, line.word) for line in result.left] == [
        ("Deleted Dan", "Soft deletion time stamp: 2026-11-12 08:00:00Z")
    ]
    apart = {category: [line.key for line in lines] for category, lines in result.apart.items()}
    assert apart == {
        Category.SHARED_MAILBOX: ["desk@acme.example", "reception@acme.example"],
        Category.GUEST: ["gwen@partner.example"],
        Category.UNLICENSED: ["nora@acme.example"],
    }
    assert [(one.line, one.reason, one.first_line) for one in result.refused] == [
        (9, "twice_in_file", 2)
    ]


def test_included_categories_are_good_lines(acme: Organization) -> None:
    result = dry_run(acme, files.M365, Category.GUEST, Category.UNLICENSED, Category.LEFT)
    assert [line.key for line in result.good] == [
        "ada.example@acme.example",
        "lou@acme.example",
        "gwen@partner.example",
        "nora@acme.example",
    ]
    assert [line.name for line in result.left] == ["Deleted Dan"]
    assert list(result.apart) == [Category.SHARED_MAILBOX]


def test_a_line_that_counts_goes_before_an_earlier_one_apart(acme: Organization) -> None:
    text = "Email,Status\nann@acme.example,Staged\nANN@acme.example,Active\n"
    result = dry_run(acme, text)
    assert [line.number for line in result.good] == [3]
    assert (result.apart, [one.line for one in result.refused]) == ({}, [2])


def test_a_person_who_left_and_came_back_counts(acme: Organization) -> None:
    text = "Email,Status\nann@acme.example,Deleted\nann@acme.example,Active\n"
    result = dry_run(acme, text)
    assert ([line.number for line in result.good], len(result.left)) == ([3], 1)
    assert result.refused == []


@pytest.mark.parametrize("source", MATRIX)
def test_the_import_adds_whom_the_dry_run_counts_and_no_way_in_adds_them_again(
    acme: Organization, source: str
) -> None:
    text, expected = MATRIX[source]
    counted = {key: state for key, state, category in expected if category == COUNTED}
    run = applied(checked(acme, text))
    assert (run.state, run.added) == ("imported", len(counted))
    users = ManagedUser.objects.living().filter(organization=acme)
    assert dict(users.values_list("email", "state")) == counted
    again = checked(acme, text)
    assert {reason for _, reason in refusals(again)} <= {"already_there", "twice_in_file"}
    for user in users:
        with pytest.raises(AlreadyThere):
            add(acme, f" <{user.email}>;".strip())
        entry = NewMember(user.email, user.name, user.external_id or f"x-{user.pk}")
        _, is_new = ensure_user(organization=acme, entry=entry, actor=ADAM, now=NOW)
        assert not is_new
    peak = MonthlyUsage.objects.get(organization=acme, metric="users").high_water_mark
    assert peak == len(counted)


def test_a_file_of_people_who_left_imports_nothing(acme: Organization) -> None:
    applied(checked(acme, "Email,Status\nann@acme.example,Active\ncy@acme.example,Deleted"))
    assert living(acme) == ["ann@acme.example"]


@pytest.mark.parametrize(
    "text", [files.ENTRA_TEMPLATE, files.GOOGLE], ids=["Entra template", "Google"]
)
def test_no_password_is_stored(acme: Organization, text: str) -> None:
    run = checked(acme, text)
    assert b"pa55" not in bytes(run.content)
    assert applied(run).added in (2, 3)


def test_a_person_is_known_by_another_address_of_the_line(acme: Organization) -> None:
    applied(checked(acme, "Email\nann.lee@acme.example\nbo@acme.example"))
    run = checked(acme, files.ENTRA)
    assert (refusals(run), run.changed) == ([(2, "already_there")], 1), "Bo is suspended"
    assert applied(run).added == 1
    assert living(acme) == [
        *("ann.lee@acme.example", "bo@acme.example", "ann.admin@acme.onmicrosoft.example")
    ], "two accounts may share one mail"


def test_an_address_that_is_another_lines_own_is_no_other_address(acme: Organization) -> None:
    applied(checked(acme, "Email\nann@acme.example"))
    text = (
        "userPrincipalName,displayName,mail,accountEnabled\n"
        "admin@acme.example,Admin,ann@acme.example,True\nann@acme.example,Ann,,True\n"
    )
    run = checked(acme, text)
    assert (refusals(run), run.new_lines) == ([(3, "already_there")], 1)


def test_a_guest_who_was_added_by_the_principal_name_is_known(acme: Organization) -> None:
    add(acme, "gwen_partner.example#EXT#@acme.onmicrosoft.example")
    result = dry_run(acme, files.M365, Category.GUEST)
    assert [(one.line, one.reason) for one in result.refused] == [
        *((6, "already_there"), (9, "twice_in_file"))
    ]
