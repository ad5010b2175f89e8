"""A round: every watcher is asked, what is new is opened, what is gone is resolved."""

import logging
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

from core.schema import require_provider_schema
from tenants.alerts.rules import Condition, rules
from tenants.alerts.transitions import change_all, open_all, resolve_all
from tenants.models import Alert

log = logging.getLogger(__name__)

# One round of a provider at a time: one that looked earlier and writes later would resolve what the
# other has just found.
LOCK_ROUND = "SELECT pg_advisory_xact_lock('tenants_alert'::regclass::oid::bigint)"


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What a round changed; `failed` names the rules that raised."""

    opened: list[Alert] = field(default_factory=list)
    worse: list[Alert] = field(default_factory=list)
    resolved: list[Alert] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@transaction.atomic
def evaluate_rules(*, now: datetime) -> EvaluationResult:
    """Let the current provider's alerts say what is so at `now`.

    A watcher that raises is logged and touches nothing of what it opened; the others go on. Two
    rounds at once run one after the other. Alerts raised directly are left alone, but for those of
    an organization that was removed: nobody could resolve them any more.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(LOCK_ROUND)
    found, failed = _ask_watchers(now=now)
    alerts = Alert.objects.open().select_for_update(of=("self",)).select_related("organization")
    open_now = {alert.cause: alert for alert in alerts.order_by("pk")}
    new: dict[str, list[Condition]] = {}
    known: list[tuple[Alert, Condition]] = []
    causes = set()
    for watch, conditions in found.items():
        for condition in conditions:
            causes.add(condition.cause)
            alert = open_now.get(condition.cause)
            if alert is None:
                new.setdefault(watch, []).append(condition)
            elif alert.watch == watch:
                known.append((alert, condition))
    gone = [
        alert
        for alert in open_now.values()
        if alert.cause not in causes and (alert.watch in found or _is_of_nobody(alert))
    ]
    return EvaluationResult(
        opened=open_all(conditions=new, now=now),
        worse=change_all(changes=known, now=now),
        resolved=resolve_all(alerts=gone, now=now),
        failed=failed,
    )


def _is_of_nobody(alert: Alert) -> bool:
    return alert.organization is not None and alert.organization.removed_at is not None


def _ask_watchers(*, now: datetime) -> tuple[dict[str, list[Condition]], list[str]]:
    found: dict[str, list[Condition]] = {}
    failed = []
    for name, watcher in rules().items():
        try:
            with transaction.atomic():
                found[name] = list(watcher(now=now))
        except Exception:
            log.exception("Nobody could say about %s", name)
            failed.append(name)
    return found, failed
