"""Evaluation of the alert rules: it opens, updates and resolves alerts."""

import logging
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

from core.schema import require_provider_schema
from tenants.alerts.rules import Condition, rules
from tenants.alerts.transitions import change_all, open_all, resolve_all
from tenants.models import Alert

log = logging.getLogger(__name__)

# One evaluation of a provider at a time: an evaluation that read earlier and writes later would
# resolve an alert that the other has just opened.
LOCK_EVALUATION = "SELECT pg_advisory_xact_lock('tenants_alert'::regclass::oid::bigint)"


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """The alerts that an evaluation changed, and the names of the rules that raised."""

    opened: list[Alert] = field(default_factory=list)
    worse: list[Alert] = field(default_factory=list)
    resolved: list[Alert] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@transaction.atomic
def evaluate_rules(*, now: datetime) -> EvaluationResult:
    """Bring the current provider's alerts in line with the conditions at `now`.

    A rule that raises is logged, its alerts stay as they are, and the other rules are evaluated.
    Two evaluations at once run one after the other. Alerts that were raised directly are left
    unchanged, except those of a removed organization, which no page or API could resolve.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(LOCK_EVALUATION)
    conditions_of, failed = _conditions(now=now)
    alerts = Alert.objects.open().select_for_update(of=("self",)).select_related("organization")
    open_alerts = {alert.cause: alert for alert in alerts.order_by("pk")}
    new: dict[str, list[Condition]] = {}
    known: list[tuple[Alert, Condition]] = []
    causes = set()
    for rule, conditions in conditions_of.items():
        for condition in conditions:
            causes.add(condition.cause)
            alert = open_alerts.get(condition.cause)
            if alert is None:
                new.setdefault(rule, []).append(condition)
            elif alert.rule == rule:
                known.append((alert, condition))
    gone = [
        alert
        for alert in open_alerts.values()
        if alert.cause not in causes
        and (
            alert.rule in conditions_of
            or (alert.organization is not None and alert.organization.removed_at is not None)
        )
    ]
    return EvaluationResult(
        opened=open_all(conditions=new, now=now),
        worse=change_all(changes=known, now=now),
        resolved=resolve_all(alerts=gone, now=now),
        failed=failed,
    )


def _conditions(*, now: datetime) -> tuple[dict[str, list[Condition]], list[str]]:
    """The conditions that each rule finds, and the names of the rules that raised."""
    conditions: dict[str, list[Condition]] = {}
    failed = []
    for name, rule in rules().items():
        try:
            with transaction.atomic():
                conditions[name] = list(rule(now=now))
        except Exception:
            log.exception("The alert rule %s failed", name)
            failed.append(name)
    return conditions, failed
