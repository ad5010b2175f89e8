"""Users who are added between the upload of a file and its import."""

from datetime import timedelta

import pytest

from tenants.imports.apply import apply_import
from tenants.imports.runs import Sync, confirm_import
from tenants.models import ImportRun, ManagedUser, Organization
from tenants.users.membership import Via, add_member
from tests.tenants.import_files import (
    ADAM,
    ALL_OR_NOTHING,
    GOOD_LINES,
    NOW,
    applied,
    checked,
    emails,
    living,
)

LATER = NOW + timedelta(minutes=5)


@pytest.mark.parametrize("mode", [GOOD_LINES, ALL_OR_NOTHING])
def test_a_sync_keeps_a_user_who_was_added_after_the_upload(
    acme: Organization, mode: ImportRun.Mode
) -> None:
    applied(checked(acme, emails(10)))
    run = checked(acme, emails(9))
    newcomer = ManagedUser(organization=acme, email="new@acme.example", name="")
    add_member(member=newcomer, actor=ADAM, via=Via.FORM, now=LATER)
    confirm_import(run=run, mode=mode, sync=Sync(), actor=ADAM, now=LATER)
    apply_import({"run_id": run.pk}, LATER)
    run.refresh_from_db()
    assert (run.state, run.gone, run.problem) == (ImportRun.State.IMPORTED, 1, "")
    assert living(acme) == [*(f"user{number}@acme.example" for number in range(9)), newcomer.email]
