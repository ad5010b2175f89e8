"""Activity by CSV: each refused line with its reason, once however often, resumable."""

from collections.abc import Iterator

import pytest
from django.test import Client

from accounts.models import Provider
from core.schema import provider_schema
from tenants.imports.apply import apply_import, apply_next_batch, good_lines
from tenants.imports.dry_run import check_import
from tenants.imports.reading.options import DateOrder, ReadingOptions
from tenants.imports.runs import NotAnswered, check_again
from tenants.models import ImportRun, ManagedUser, Organization, RefusedLine
from tenants.models.imports import Reason
from tests.personas import Personas
from tests.tenants.import_files import ALL_OR_NOTHING, NOW, applied, checked, confirmed, upload
from tests.usage.counting import at, new_user, remove, set_policy
from tests.usage.sightings import active_of, first_seen, report
from usage.models import ActiveUser
from usage.models.active_users import LateActivity

ACTIVITY = ImportRun.Kind.ACTIVITY


@pytest.fixture
def acme(north: Provider) -> Iterator[Organization]:
    """Acme since January, its months in Berlin, with users a to d since February."""
    with provider_schema(north):
        set_policy(free_user_limit=None, billing_time_zone="Europe/Berlin")
        acme = Organization.objects.create(name="Acme", created_at=at("2026-01-10"))
        for number, letter in enumerate("abcd"):
            new_user(
                acme, at("2026-02-01"), email=f"{letter}@acme.example", external_id=f"x{number}"
            ).save()
        yield acme


def reasons(run: ImportRun) -> dict[int, str]:
    return dict(RefusedLine.objects.filter(run=run).values_list("line", "reason"))


def test_lines_count_users_once_at_the_first_reported_instant(acme: Organization) -> None:
    text = (
        "Email,Last Sign In [UTC]\n"
        "a@acme.example,2026-02-28\n"
        "A@acme.example,2026-02-10 09:30\n"
        "b@acme.example,2026-03-01T00:30:00+01:00\n"
        "c@acme.example,2026-03-01T00:30:00+02:00\n"
    )
    run = applied(checked(acme, text, ACTIVITY))
    assert (run.state, run.added, run.refused) == (ImportRun.State.IMPORTED, 4, 0)
    assert active_of(acme) == {"2026-02": 2, "2026-03": 1}
    user = ManagedUser.objects.get(email="a@acme.example")
    assert first_seen(acme)["2026-02", user.pk] == at("2026-02-10 09:30")
    assert set(ActiveUser.objects.values_list("via", "reported_by_name")) == {
        ("import", "Adam Nordlicht")
    }
    again = applied(checked(acme, text, ACTIVITY))
    assert (again.added, active_of(acme)) == (4, {"2026-02": 2, "2026-03": 1})


def test_every_refused_line_says_why_before_anything_is_recorded(acme: Organization) -> None:
    remove(ManagedUser.objects.filter(email="d@acme.example"), at("2026-02-20"))
    text = (
        "external id,last active\n"
        "x0,2026-02-10\n"
        ",2026-02-10\n"
        "x1,\n"
        "x1,yesterday\n"
        "zz,2026-02-10\n"
        "x3,2026-02-21\n"
        "x3,2026-02-19\n"
        "x1,2026-03-04\n"
        "x1,2025-12-31\n"
        "x1,2026-02-10,extra\n"
    )
    run = checked(acme, text, ACTIVITY)
    assert reasons(run) == {
        3: Reason.NO_USER,
        4: Reason.NO_INSTANT,
        5: Reason.BAD_INSTANT,
        6: Reason.UNKNOWN_USER,
        7: Reason.REMOVED_USER,
        9: Reason.IN_THE_FUTURE,
        10: Reason.BEFORE_ORGANIZATION,
        11: Reason.TOO_MANY_CELLS,
    }
    assert not ActiveUser.objects.exists()
    assert applied(run).added == 2
    assert active_of(acme) == {"2026-02": 2}


def test_dates_of_two_readings_are_asked_once_for_a_source(acme: Organization) -> None:
    text = "email,last active\na@acme.example,10/02/2026\nb@acme.example,11/02/2026\n"
    run = checked(acme, text, ACTIVITY)
    with pytest.raises(NotAnswered, match="can be read in two ways"):
        confirmed(run)
    check_again(run=run, now=NOW, options=ReadingOptions(date_order=DateOrder.DAY_FIRST))
    check_import({"run_id": run.pk}, NOW)
    assert applied(run).added == 2
    assert applied(checked(acme, text, ACTIVITY)).added == 2, "the answer is remembered"
    assert active_of(acme) == {"2026-02": 2}


def test_the_dry_run_knows_the_threshold(acme: Organization) -> None:
    Organization.objects.update(mau_limit=2)
    acme.refresh_from_db()
    report(acme, (ManagedUser.objects.get(email="c@acme.example"), at("2026-02-05")))
    lines = [f"{letter}@acme.example,2026-02-10" for letter in "abcda"]
    run = checked(acme, "\n".join(["email,at", *lines]), ACTIVITY)
    assert reasons(run) == {3: Reason.OVER_THRESHOLD, 5: Reason.OVER_THRESHOLD}
    assert applied(run).added == 3
    assert active_of(acme) == {"2026-02": 2}


def test_a_threshold_lowered_meanwhile_turns_all_or_nothing_to_nothing(acme: Organization) -> None:
    run = checked(acme, "email,at\na@acme.example,2026-02-10\nb@acme.example,2026-02-10", ACTIVITY)
    Organization.objects.update(mau_limit=1)
    run = confirmed(run, ALL_OR_NOTHING)
    apply_import({"run_id": run.pk}, NOW)
    run.refresh_from_db()
    assert (run.state, run.refused) == (ImportRun.State.NOTHING_IMPORTED, 1)
    assert not ActiveUser.objects.exists()


def test_another_worker_continues_after_the_last_batch(
    acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenants.imports.apply.LINES_PER_BATCH", 2)
    lines = [f"{letter}@acme.example,2026-02-10" for letter in "abcd"]
    run = confirmed(checked(acme, "\n".join(["email,at", *lines]), ACTIVITY))
    assert apply_next_batch(run_id=run.pk, lines=good_lines(run=run), now=NOW)
    assert active_of(acme) == {"2026-02": 2}
    apply_import({"run_id": run.pk}, NOW)
    run.refresh_from_db()
    assert (run.state, run.added, active_of(acme)) == ("imported", 4, {"2026-02": 4})


def test_activity_of_a_closed_month_is_kept(acme: Organization) -> None:
    set_policy(closed_through=at("2026-02-28 23:00"))
    run = applied(checked(acme, "email,at\na@acme.example,2026-02-10", ACTIVITY))
    assert (run.added, active_of(acme), LateActivity.objects.count()) == (1, {}, 1)


@pytest.mark.parametrize("header", ["name,at", "email,name"])
def test_a_file_without_who_or_when_is_refused_whole(acme: Organization, header: str) -> None:
    run = checked(acme, f"{header}\na,b", ACTIVITY)
    assert run.state == ImportRun.State.NOT_READABLE
    assert run.problem.startswith("No column")


def test_the_page_takes_a_file(
    acme: Organization, client: Client, people: Personas, north: Provider
) -> None:
    client.force_login(people.adam)
    path = f"/organizations/{acme.pk}/active-users/import/"
    assert "Last active" in client.get(path).content.decode()
    response = client.post(path, upload("email,at\na@acme.example,2026-02-10"), follow=True)
    assert "Activity of Acme" in response.content.decode()


def test_the_page_of_a_checked_file(acme: Organization, client: Client, people: Personas) -> None:
    run = checked(acme, "email,at\na@acme.example,2026-02-10\nzz,2026-02-10", ACTIVITY)
    client.force_login(people.adam)
    page = client.get(f"/organizations/{acme.pk}/imports/{run.pk}/").content.decode()
    assert "No such user" in page
    assert "Import 1 good line" in page
