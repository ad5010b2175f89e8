"""A person's decision on a drift: whose number stands. Nothing is overwritten without one."""

from datetime import datetime

from django.db import transaction

from core.actors import Actor
from integrations.autotask.sync.runs import request_run
from integrations.autotask.sync.sync_state import last_serials
from integrations.models import Drift, ServiceMapping, SyncRun
from tenants import audit

Decision = Drift.Decision


class AlreadyDecided(Exception):
    """Somebody, or Autotask itself, was first."""


class SeenOtherwise(Exception):
    """Autotask shows another number by now than the one the person decided on."""


def accept(*, drift: Drift, seen_units: int, actor: Actor, now: datetime) -> Drift:
    """Autotask's number stands for the drift's month; from the next on it is synced again.

    `seen_units` is what the person was shown. Where our own change came on top of a person's edit,
    it is taken back by the run that is ordered. Raises `AlreadyDecided`, `SeenOtherwise`, and
    `CannotRun` where that run can't be.
    """
    return _decide(drift, Decision.ACCEPT, seen_units=seen_units, actor=actor, now=now)


def overwrite(*, drift: Drift, seen_units: int, actor: Actor, now: datetime) -> Drift:
    """Our own count stands: a run brings Autotask there, if it still shows `seen_units`.

    Raises `AlreadyDecided`, `SeenOtherwise` and `CannotRun`.
    """
    return _decide(drift, Decision.OVERWRITE, seen_units=seen_units, actor=actor, now=now)


@transaction.atomic
def _decide(
    drift: Drift, decision: Drift.Decision, *, seen_units: int, actor: Actor, now: datetime
) -> Drift:
    mapping = ServiceMapping.objects.select_for_update().get(pk=drift.mapping_id)
    current = Drift.objects.select_for_update().get(pk=drift.pk)
    if current.decided_at is not None:
        raise AlreadyDecided(f"This was decided already: {current.get_decision_display()}.")
    if current.observed_units != seen_units:
        raise SeenOtherwise(f"Autotask shows {current.observed_units} units by now.")
    current.decided_at, current.decision, current.decided_by_name = now, decision, actor.name
    current.decided_serial = last_serials(mappings=[mapping]).get(mapping.pk, 0)
    current.save(update_fields=["decided_at", "decision", "decided_by_name", "decided_serial"])
    if decision == Decision.ACCEPT:
        mapping.kept_units, mapping.kept_month = current.theirs_units, current.month
        mapping.save(update_fields=["kept_units", "kept_month"])
    if decision == Decision.OVERWRITE or current.theirs_units != current.observed_units:
        request_run(kind=SyncRun.Kind.MANUAL, actor=actor, now=now, mapping=mapping)
    audit.record(
        actor=actor,
        action=f"autotask.drift_{'accepted' if decision == Decision.ACCEPT else 'overwritten'}",
        subject=f"{mapping.company_name}, {mapping.service_name}",
        organization=mapping.organization,
        before={"expected": current.expected_units, "found": current.observed_units},
        after={
            "units": current.theirs_units if decision == Decision.ACCEPT else current.desired_units
        },
        now=now,
    )
    return current
