"""Applying an import: the lines it adds and the lines it refuses."""

from collections.abc import Iterator

import pytest

from accounts.models import Provider
from core.schema import provider_schema
from tenants.imports.apply import LINES_PER_BATCH, apply_import, apply_next_batch, good_lines
from tenants.imports.dry_run import check_import
from tenants.models import AuditEntry, ImportRun, ManagedUser, Organization
from tenants.organizations.lifecycle import remove_organization
from tenants.users.membership import remove_member
from tests.tenants.import_files import (
    ADAM,
    ALL_OR_NOTHING,
    NOW,
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
from usage.ledger.verify import verify_ledger
from usage.models import UsageEvent

State = ImportRun.State


@pytest.fixture
def acme(north: Provider) -> Iterator[Organization]:
    with provider_schema(north):
        yield Organization.objects.create(name="Acme Nordlicht")


def test_good_lines_are_added_once_and_counted(acme: Organization) -> None:
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
    assert verify_ledger() == []


def test_a_message_delivered_twice_adds_no_user_twice(acme: Organization) -> None:
    lift_allowance()
    run = applied(checked(acme, emails(3)))
    remove_member(member=ManagedUser.objects.get(email="user1@acme.example"), actor=ADAM, now=NOW)
    apply_import({"run_id": run.pk}, NOW)
    check_import({"run_id": run.pk}, NOW)
    run.refresh_from_db()
    assert (run.state, run.added) == (State.IMPORTED, 3)
    assert living(acme) == ["user0@acme.example", "user2@acme.example"]
    assert AuditEntry.objects.filter(action="users.imported").count() == 1


def test_the_next_worker_continues_after_the_last_batch(
    acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker died after its first batch, and a user of that batch was removed since."""
    lift_allowance()
    monkeypatch.setattr("tenants.imports.apply.LINES_PER_BATCH", 2)
    run = confirmed(checked(acme, emails(5)))
    apply_next_batch(run_id=run.pk, lines=good_lines(run=run), now=NOW)
    assert living(acme) == ["user0@acme.example", "user1@acme.example"]
    remove_member(member=ManagedUser.objects.get(email="user1@acme.example"), actor=ADAM, now=NOW)
    apply_import({"run_id": run.pk}, NOW)
    run.refresh_from_db()
    assert (run.state, run.added, run.refused) == (State.IMPORTED, 5, 0)
    assert "user1@acme.example" not in living(acme)
    assert len(living(acme)) == 4


def test_a_cap_lowered_since_the_check_refuses_the_rest(
    acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    lift_allowance()
    monkeypatch.setattr("tenants.imports.apply.LINES_PER_BATCH", 4)
    run = checked(acme, emails(10))
    cap(acme, 6)
    run = applied(run)
    assert (run.state, run.added, run.refused) == (State.IMPORTED, 6, 4)
    assert refusals(run) == [(line, "over_cap") for line in (8, 9, 10, 11)]
    assert len(living(acme)) == 6


def test_users_added_since_the_check_use_no_seat_twice(acme: Organization) -> None:
    """Three users of the file exist when it is applied; the others still fit below the cap."""
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


def test_all_or_nothing_adds_all_good_lines(acme: Organization) -> None:
    lift_allowance()
    run = applied(checked(acme, emails(LINES_PER_BATCH // 100)), ALL_OR_NOTHING)
    assert (run.state, run.added) == (State.IMPORTED, len(living(acme)))


@pytest.mark.parametrize("change", ["cap", "twin", "organization"])
def test_all_or_nothing_adds_none_when_one_line_is_refused(acme: Organization, change: str) -> None:
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
