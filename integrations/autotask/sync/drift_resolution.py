"""Decisions on a drift. Only a person's decision overwrites a person's edit in Autotask."""

from datetime import datetime

from django.db import transaction

from core.actors import Actor
from integrations.autotask.sync.runs import request_run
from integrations.autotask.sync.sync_state import last_serials
from integrations.models import Drift, ServiceMapping, SyncRun
from tenants import audit


class AlreadyDecided(Exception):
    """Another person decided first, or Autotask agrees again."""


class UnitsChanged(Exception):
    """Autotask shows other units than those that the person decided on."""


@transaction.atomic
def decide(
    *, drift: Drift, decision: Drift.Decision, seen_units: int, actor: Actor, now: datetime
) -> Drift:
    """Decide a drift: ACCEPT Autotask's units for its month, or OVERWRITE them with the desired.

    `seen_units` are the units that the person decided on. Overwriting requests a run; accepting
    does so only if our own change came on top of the edit, which the run takes back. From the next
    month on an accepted service is synced again. Raises `AlreadyDecided`, `UnitsChanged`, and
    `CannotRun` if the run can't be requested.
    """
    mapping = ServiceMapping.objects.select_for_update().get(pk=drift.mapping_id)
    current = Drift.objects.select_for_update().get(pk=drift.pk)
    if current.decided_at is not None:
        raise AlreadyDecided(f"This was decided already: {current.get_decision_display()}.")
    if current.observed_units != seen_units:
        raise UnitsChanged(f"Autotask shows {current.observed_units} units by now.")
    is_accepted = decision == Drift.Decision.ACCEPT
    current.decided_at, current.decision, current.decided_by_name = now, decision, actor.name
    current.decided_serial = last_serials(mappings=[mapping]).get(mapping.pk, 0)
    current.save(update_fields=["decided_at", "decision", "decided_by_name", "decided_serial"])
    if is_accepted:
        mapping.accepted_units, mapping.accepted_month = current.persons_units, current.month
        mapping.save(update_fields=["accepted_units", "accepted_month"])
    if not is_accepted or current.persons_units != current.observed_units:
        request_run(kind=SyncRun.Kind.MANUAL, actor=actor, now=now, mapping=mapping)
    audit.record(
        actor=actor,
        action=f"autotask.drift_{'accepted' if is_accepted else 'overwritten'}",
        subject=f"{mapping.company_name}, {mapping.service_name}",
        organization=mapping.organization,
        before={"expected": current.expected_units, "observed": current.observed_units},
        after={"units": current.persons_units if is_accepted else current.desired_units},
        now=now,
    )
    return current
