"""verify_ledger finds every kind of error that is planted behind the triggers' back."""

from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Provider
from core.metrics import Metric
from core.months import Month
from core.schema import NoProviderSchema
from tenants.models import Organization
from tests.usage.counting import add, add_devices, at, execute, remove
from usage.ledger.month_freeze import freeze_month
from usage.ledger.verify import verify_ledger

PLANTED = {
    "count after event": "UPDATE usage_usageevent SET count_after = 9 WHERE count_after = 2",
    "instant of event": "UPDATE usage_usageevent SET at = '2026-10-01' WHERE count_after = 3",
    "counter": "UPDATE usage_organizationcounter SET count = count + 1 WHERE metric = 'users'",
    "month 2026-10-01": "UPDATE usage_monthlyusage SET high_water_mark = 4, peak_at = now()"
    " WHERE month = '2026-10-01' AND metric = 'users'",
    "month 2026-11-01": "UPDATE usage_monthlyusage SET carried_in = 2 WHERE month = '2026-11-01'"
    " AND metric = 'users'",
    "month 2026-12-01": "DELETE FROM usage_monthlyusage WHERE month = '2026-12-01'",
    "events of": "INSERT INTO tenants_manageduser (organization_id, email)"
    " SELECT id, 'x' FROM tenants_organization",
    "events of ": "UPDATE tenants_manageduser SET removed_at = NULL",
    " events of": "UPDATE tenants_manageduser SET organization_id = (SELECT max(id) FROM"
    " tenants_organization) WHERE email = (SELECT min(email) FROM tenants_manageduser)",
}
TABLES = (
    "usage_usageevent", "usage_organizationcounter", "usage_monthlyusage", "tenants_manageduser",
)  # fmt: skip


@pytest.fixture
def story(acme: Organization) -> Organization:
    users = add(acme, at("2026-10-03"), at("2026-10-04"), at("2026-10-05"))
    add_devices(acme, at("2026-10-05"))
    freeze_month(month=Month(2026, 11), zone=ZoneInfo("UTC"))
    remove(users[:1], at("2026-12-01"))
    Organization.objects.create(name="Zenith")
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    return acme


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_error_is_found(story: Organization, what: str) -> None:
    assert verify_ledger() == []
    for table in TABLES:
        execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    execute(PLANTED[what])
    differences = verify_ledger()
    assert any(difference.what.startswith(what.strip()) for difference in differences)
    assert {difference.metric for difference in differences} == {Metric.USERS}
    assert all(str(difference) for difference in differences)


def test_a_ledger_belongs_to_a_provider(north: Provider) -> None:
    with pytest.raises(NoProviderSchema):
        verify_ledger()


def test_the_command_names_each_provider_and_fails_for_one_that_differs(
    north: Provider, south: Provider, story: Organization
) -> None:
    said = StringIO()
    call_command("verify_ledger", "--all", stdout=said)
    for each in (north, south):
        assert f"The usage ledger of {each}: correct." in said.getvalue()
    for table in TABLES:
        execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    execute(PLANTED["counter"])
    with pytest.raises(CommandError, match="1 of 2 usage ledgers differ"):
        call_command("verify_ledger", "--all", stdout=said, stderr=said)
    with pytest.raises(CommandError, match="differ"):
        call_command("verify_ledger", "--provider", north.invoice_prefix, stderr=StringIO())
