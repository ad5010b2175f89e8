"""The PSA sync runs, and its pushes are read back, or operations get an alert."""

from datetime import timedelta

from core.actors import SYSTEM_ACTOR
from core.operations.models import OperationsAlert
from core.operations.promises import check_promises
from core.outbox.models import OutboxMessage
from integrations.autotask.sync.runs import request_run
from integrations.models import SyncRun
from tests.integrations.psa_scenario import PsaScenario


def broken(scenario: PsaScenario, **later: int) -> dict[str, list[str]]:
    check_promises(now=scenario.now + timedelta(**later))
    found: dict[str, list[str]] = {}
    for alert in OperationsAlert.objects.open().filter(kind__startswith="psa."):
        found.setdefault(alert.kind, []).append(alert.key)
    return found


def test_a_run_without_a_message_is_found(scenario: PsaScenario) -> None:
    run = request_run(kind=SyncRun.Kind.MANUAL, actor=SYSTEM_ACTOR, now=scenario.now)
    assert broken(scenario, hours=2) == {}
    OutboxMessage.objects.all().delete()
    assert broken(scenario, hours=2) == {"psa.night": [f"run:{run.pk}"]}
    SyncRun.objects.update(finished_at=scenario.now)
    assert broken(scenario, hours=2) == {}
