"""Syncing with a directory in which an account was created again: it keeps its user."""

import pytest

from tenants.imports.runs import (
    NothingToImport,
)
from tenants.models import ImportRun, ManagedUser, Organization, UserAlias
from tests.tenants.import_files import (
    ALL_OR_NOTHING,
    GOOD_LINES,
    IDS,
    applied,
    checked,
    directory,
    living,
    peak,
    synced,
)

State, Gone = ImportRun.State, ImportRun.Gone
MODES = pytest.mark.parametrize("mode", [GOOD_LINES, ALL_OR_NOTHING])


@MODES
def test_an_account_that_the_directory_created_again_keeps_its_user(
    acme: Organization, mode: ImportRun.Mode
) -> None:
    applied(checked(acme, directory(*"abcde")))
    old = ManagedUser.objects.get(email="e@acme.example")
    text = directory(*"abcd", new=f"e@acme.example,E,{IDS['h']}")
    planned = checked(acme, text).report["sync"]
    assert (planned["new"], planned["gone"], planned["recreated"]) == (0, 0, 1)
    run = synced(acme, text, mode)
    assert (run.added, run.changed, run.gone) == (0, 1, 0)
    user = ManagedUser.objects.living().get(email="e@acme.example")
    assert (user.pk, user.external_id) == (old.pk, IDS["h"])
    assert UserAlias.objects.get(user=user, kind="external_id").key == IDS["e"]
    assert peak(acme) == 5
    with pytest.raises(NothingToImport):
        synced(acme, text, mode)


@MODES
def test_an_account_created_again_in_a_further_directory_keeps_its_user(
    acme: Organization, mode: ImportRun.Mode
) -> None:
    """Its first id is of another directory, whose ids the file does not have."""
    applied(checked(acme, "Email,Display name,Okta id\ne@acme.example,E,00u1e"))
    old = ManagedUser.objects.get()
    assert old.external_id == "00u1e"
    applied(checked(acme, directory(*"abcde")))
    assert ManagedUser.objects.living().get(email="e@acme.example").pk == old.pk
    text = directory(*"abcd", new=f"e@acme.example,E,{IDS['h']}")
    planned = checked(acme, text).report["sync"]
    assert (planned["new"], planned["gone"], planned["recreated"]) == (0, 0, 1)
    run = synced(acme, text, mode)
    assert (run.added, run.changed, run.gone, len(living(acme))) == (0, 1, 0, 5)
    user = ManagedUser.objects.living().get(email="e@acme.example")
    assert (user.pk, user.external_id) == (old.pk, "00u1e")
    kept = UserAlias.objects.filter(user=user, kind="external_id").order_by("pk")
    assert [alias.key for alias in kept] == [IDS["e"], IDS["h"]]
    with pytest.raises(NothingToImport):
        synced(acme, text, mode)


@MODES
def test_an_account_created_again_keeps_its_user_beside_another_of_its_mailbox(
    acme: Organization, mode: ImportRun.Mode
) -> None:
    """Of the two users with the address, the one who is missing is meant, not the first."""
    applied(checked(acme, directory(*"abcde", new=f"e@acme.example,E two,{IDS['f']}")))
    text = directory(*"abcde", new=f"e@acme.example,E two,{IDS['h']}")
    planned = checked(acme, text).report["sync"]
    assert (planned["new"], planned["gone"], planned["recreated"]) == (0, 0, 1)
    run = synced(acme, text, mode, gone_are=Gone.SUSPEND)
    assert (run.added, run.changed, run.gone, len(living(acme))) == (0, 1, 0, 6)
    ids = ManagedUser.objects.living().filter(email="e@acme.example").order_by("pk")
    assert list(ids.values_list("external_id", flat=True)) == [IDS["e"], IDS["h"]]
    assert peak(acme) == 6


def test_two_accounts_in_the_file_with_one_address_are_two(acme: Organization) -> None:
    applied(checked(acme, directory(*"abcde")))
    run = synced(acme, directory(*"abcde", new=f"e@acme.example,E two,{IDS['h']}"))
    assert (run.added, run.gone, len(living(acme))) == (1, 0, 6)
