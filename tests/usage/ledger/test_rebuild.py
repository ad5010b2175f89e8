"""A wrong ledger raises an alert, is rebuilt from the events, and the alert resolves."""

from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Provider
from core.months import Month
from core.schema import provider_schema
from tenants.models import Alert, AuditEntry, Organization
from tests.usage.counting import add, add_devices, at, execute, months_of, refused, remove
from usage.ledger.month_freeze import freeze_month
from usage.ledger.snapshots import snapshot_providers
from usage.ledger.verify import verify_ledger
from usage.models import SnapshotRun

NIGHT = at("2026-11-21 00:10")
MORNING = at("2026-11-21 09:00")
# Of each projection something: what is planted behind the guards' back.
PLANTED = {
    "a count": "UPDATE usage_organizationcounter SET count = 7 WHERE metric = 'users'",
    "an instant": "UPDATE usage_organizationcounter SET last_event_at = NULL",
    "a counter": "DELETE FROM usage_organizationcounter WHERE metric = 'devices'",
    "a mark": "UPDATE usage_monthlyusage SET high_water_mark = 9 WHERE month = '2026-11-01'",
    "a level": "UPDATE usage_monthlyusage SET carried_in = 0 WHERE month = '2026-11-01'",
    "a peak": "UPDATE usage_monthlyusage SET peak_at = NULL, peak_event_id = NULL"
    " WHERE month = '2026-11-01'",
    "a month": "DELETE FROM usage_monthlyusage WHERE month = '2026-11-01'",
}
CLOSED = "UPDATE usage_monthlyusage SET high_water_mark = 9 WHERE month = '2026-10-01'"


@pytest.fixture
def story(acme: Organization) -> Organization:
    """Three users in October, closed; one leaves and two come in November."""
    Organization.objects.filter(pk=acme.pk).update(created_at=at("2026-11-19"))
    users = add(acme, at("2026-10-03"), at("2026-10-04"), at("2026-10-05"))
    add_devices(acme, at("2026-10-05"))
    freeze_month(month=Month(2026, 10), zone=ZoneInfo("UTC"))
    remove(users[:1], at("2026-11-02"))
    add(acme, at("2026-11-03"), at("2026-11-04"))
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    return acme


def plant(statement: str) -> None:
    tables = ("usage_organizationcounter", "usage_monthlyusage")
    for table in tables:
        execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    execute(statement)
    for table in tables:
        execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def rebuild(provider: Provider, *options: str) -> str:
    said = StringIO()
    call_command("rebuild_usage", *options, provider=provider.invoice_prefix, stdout=said)
    return said.getvalue()


@pytest.mark.parametrize("what", PLANTED)
def test_a_wrong_ledger_is_reported_and_rebuilt(
    north: Provider, story: Organization, what: str
) -> None:
    plant(PLANTED[what])
    wrong = [str(difference) for difference in verify_ledger()]
    night = snapshot_providers(providers=[north], now=NIGHT)
    assert night.differences == len(wrong) > 0
    alert = Alert.objects.get()
    assert alert.text.split("\n") == wrong
    if not night.failed_schemas:
        assert SnapshotRun.objects.latest("day").differences == len(wrong)

    with pytest.raises(CommandError, match=f"{len(wrong)} differences"):
        rebuild(north)
    assert [str(difference) for difference in verify_ledger()] == wrong

    said = rebuild(north, "--apply")
    assert all(line in said for line in wrong)
    assert verify_ledger() == []
    alert.refresh_from_db()
    assert alert.resolved_at is not None
    entry = AuditEntry.objects.get(action="usage.rebuilt")
    assert (entry.before["differences"], entry.after["total"]) == (wrong, 0)


def test_guards_are_back_afterwards(north: Provider, story: Organization) -> None:
    plant(PLANTED["a count"])
    rebuild(north, "--apply")
    for statement in (PLANTED["a count"], PLANTED["a mark"]):
        with refused("MT002"):
            execute(statement)


def test_a_closed_month_is_rebuilt_only_on_request(north: Provider, story: Organization) -> None:
    plant(CLOSED)
    with pytest.raises(CommandError, match="2 differences"):
        rebuild(north, "--apply")
    assert months_of(story)["2026-10"][1] == 9
    assert Alert.objects.open().exists()
    rebuild(north, "--apply", "--closed-months")
    assert months_of(story)["2026-10"][1] == 3
    assert not Alert.objects.open().exists()


def test_the_log_itself_is_never_rebuilt(north: Provider, story: Organization) -> None:
    execute("ALTER TABLE usage_usageevent DISABLE TRIGGER USER")
    execute("UPDATE usage_usageevent SET count_after = 9 WHERE count_after = 2 AND delta = -1")
    execute("ALTER TABLE usage_usageevent ENABLE TRIGGER USER")
    with pytest.raises(CommandError, match="1 differences"):
        rebuild(north, "--apply")
    assert "count after event" in Alert.objects.open().get().text


def test_a_correct_ledger_is_left_unchanged(north: Provider, story: Organization) -> None:
    assert "nothing differs" in rebuild(north)
    rebuild(north, "--apply")
    assert not AuditEntry.objects.filter(action="usage.rebuilt").exists()


def test_the_next_night_finds_them_right_again(north: Provider, story: Organization) -> None:
    plant(PLANTED["a count"])
    snapshot_providers(providers=[north], now=at("2026-11-20 00:10"))
    plant("UPDATE usage_organizationcounter SET count = 4 WHERE metric = 'users'")
    snapshot_providers(providers=[north], now=NIGHT)
    assert Alert.objects.get().resolved_at == NIGHT


def test_a_ledger_that_cannot_be_checked_stops_no_other(
    north: Provider, south: Provider, story: Organization
) -> None:
    execute("ALTER TABLE tenants_device RENAME TO elsewhere")
    with provider_schema(south):
        Organization.objects.create(name="Acme", created_at=at("2026-11-20"))
        plant("UPDATE usage_organizationcounter SET count = 1 WHERE metric = 'users'")
    outcome = snapshot_providers(providers=[north, south], now=NIGHT)
    assert (outcome.failed_schemas, outcome.differences) == ([north.schema_name], 1)
    with provider_schema(south):
        assert Alert.objects.get().cause == "ledger"
