"""Operations defer suspensions and withdraw deferrals, with a stored reason."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.models import OPERATIONS_PROVIDER_KEY, Provider
from billing.dunning import status
from billing.dunning.stages import DunningStage
from billing.models import DunningStep, SuspensionDeferral
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.billing.conftest import BillingScenario
from tests.personas import Personas
from tests.seen_forms import send_seen

NOW = datetime(2026, 12, 20, 9, tzinfo=UTC)


@pytest.fixture
def operations(client: Client, people: Personas, scenario: BillingScenario) -> Client:
    """Staff at work in north, which is suspended."""
    with time_machine.travel(NOW, tick=False):
        client.force_login(people.staff)
        session = client.session
        session[OPERATIONS_PROVIDER_KEY] = scenario.provider.pk
        session.save()
    scenario.invoice()
    status.update_dunning(now=NOW)
    return client


def north_stands(scenario: BillingScenario) -> DunningStage:
    provider = Provider.objects.get(pk=scenario.provider.pk)
    return status.dunning_status(provider=provider, now=NOW).stage


@time_machine.travel(NOW, tick=False)
def test_a_deferral_and_its_withdrawal_are_logged(
    operations: Client, scenario: BillingScenario
) -> None:
    add = reverse("admin:billing_suspensiondeferral_add")
    sent = {"last_day": "2026-12-31", "reason": "Transfer announced\nby phone."}
    assert send_seen(operations, add, sent).status_code == 302
    assert north_stands(scenario) is DunningStage.THIRTY_DAYS

    with provider_schema(scenario.provider):
        deferral = SuspensionDeferral.objects.get()
        assert deferral.reason == "Transfer announced by phone."
        assert deferral.made_by_name.startswith("Staff")
        assert AuditEntry.objects.get(action="suspension.deferred").actor_id == deferral.made_by_id

    chosen = {"action": "withdraw", "_selected_action": [deferral.pk]}
    operations.post(reverse("admin:billing_suspensiondeferral_changelist"), chosen)
    assert north_stands(scenario) is DunningStage.SUSPENDED


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("last_day", "2026-12-19", "This day is over already."),
        ("last_day", "soon", "Enter a valid date."),
        ("reason", "", "This field is required."),
        ("reason", "a\u202eb", "can&#x27;t be seen"),
    ],
)
def test_an_invalid_deferral_is_refused_with_a_reason(
    field: str, value: str, words: str, operations: Client, scenario: BillingScenario
) -> None:
    sent = {"last_day": "2026-12-31", "reason": "x", field: value}
    answer = operations.post(reverse("admin:billing_suspensiondeferral_add"), sent)
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert north_stands(scenario) is DunningStage.SUSPENDED


@time_machine.travel(NOW, tick=False)
def test_dunning_steps_are_read_only(operations: Client, scenario: BillingScenario) -> None:
    page = operations.get(reverse("admin:billing_dunningstep_changelist"))
    assert "Outstanding for 30 days" in page.content.decode()
    with provider_schema(scenario.provider):
        step = DunningStep.objects.first()
    assert step is not None
    where = reverse("admin:billing_dunningstep_change", args=[step.pk])
    assert operations.get(where).status_code == 200
    assert operations.post(where, {"step": "outstanding"}).status_code == 403
