"""Changes the rows of an action, or undoes them, in batches; each row exactly once.

A batch is one transaction with its outcomes, so that another worker continues after the last batch
of a killed one. A row that is refused leaves the others.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from core.actors import Actor
from core.outbox.lanes import Lane
from core.outbox.topics import Payload, handler
from tenants import audit
from tenants.alerts.schedule import check_soon
from tenants.bulk.operations import CHANGES, UNDOS, Row
from tenants.bulk.refusals import REFUSALS, text_of
from tenants.models import BulkAction, BulkItem

APPLY_TOPIC = "tenants.bulk.apply"
UNDO_TOPIC = "tenants.bulk.undo"
ROWS_PER_BATCH = 100
UNDO_WITHIN = timedelta(minutes=30)
Outcome, State = BulkItem.Outcome, BulkAction.State


@handler(APPLY_TOPIC, lane=Lane.IMPORTS)
def apply_action(payload: Payload, now: datetime) -> None:
    """Change the rows of a confirmed action; a repeated call changes nothing."""
    while apply_batch(action_id=payload["action_id"], now=now, size=ROWS_PER_BATCH):
        pass


@handler(UNDO_TOPIC, lane=Lane.IMPORTS)
def undo_action(payload: Payload, now: datetime) -> None:
    """Undo the rows of an action; a repeated call changes nothing."""
    while undo_batch(action_id=payload["action_id"], now=now, size=ROWS_PER_BATCH):
        pass


@transaction.atomic
def apply_batch(*, action_id: int, now: datetime, size: int) -> bool:
    """Change the next rows; return True when rows are left."""
    action = BulkAction.objects.select_for_update().get(pk=action_id)
    if action.state != State.APPLYING:
        return False
    items = list(_of(action, Outcome.WAITING)[:size])
    for item in items:
        _change(action, item, now)
    _save(items)
    _count(action)
    if action.decided < action.chosen:
        action.save(update_fields=["done", "failed"])
        return True
    action.state, action.finished_at, action.undo_until = State.DONE, now, now + UNDO_WITHIN
    action.save(update_fields=["done", "failed", "state", "finished_at", "undo_until"])
    _finish(action, f"bulk.{action.verb}", now)
    return False


@transaction.atomic
def undo_batch(*, action_id: int, now: datetime, size: int) -> bool:
    """Undo the next rows, the last changed first; return True when rows are left."""
    action = BulkAction.objects.select_for_update().get(pk=action_id)
    if action.state != State.UNDOING:
        return False
    items = list(_of(action, Outcome.DONE).reverse()[:size])
    for item in items:
        _undo(action, item, now)
    _save(items)
    if _of(action, Outcome.DONE).exists():
        return True
    action.state = State.UNDONE
    action.save(update_fields=["state"])
    _finish(action, f"bulk.{action.verb}_undone", now)
    return False


def _change(action: BulkAction, item: BulkItem, now: datetime) -> None:
    row = Row(action, item, _actor(action), now)

    def change() -> None:
        done = CHANGES[action.verb](row)
        item.before, item.version = dict(done.before), done.version

    _attempt(item, change, done=Outcome.DONE, refused=Outcome.FAILED)


def _undo(action: BulkAction, item: BulkItem, now: datetime) -> None:
    row = Row(action, item, _actor(action), now)
    _attempt(item, lambda: UNDOS[action.verb](row), done=Outcome.UNDONE, refused=Outcome.KEPT)


def _attempt(
    item: BulkItem, work: Callable[[], None], *, done: BulkItem.Outcome, refused: BulkItem.Outcome
) -> None:
    try:
        with transaction.atomic():
            work()
    except REFUSALS as refusal:
        item.outcome, item.problem = refused, text_of(refusal)[:300]
    else:
        item.outcome = done


def _of(action: BulkAction, outcome: BulkItem.Outcome) -> QuerySet[BulkItem]:
    return BulkItem.objects.filter(action=action, outcome=outcome).order_by("position")


def _save(items: list[BulkItem]) -> None:
    BulkItem.objects.bulk_update(items, ["outcome", "problem", "before", "version"])


def _count(action: BulkAction) -> None:
    counts = BulkItem.objects.filter(action=action).aggregate(
        done=Count("pk", filter=Q(outcome=Outcome.DONE)),
        failed=Count("pk", filter=Q(outcome=Outcome.FAILED)),
    )
    action.done, action.failed = counts["done"], counts["failed"]


def _actor(action: BulkAction) -> Actor:
    return Actor.stored(action.started_by_id, action.started_by_name)


def _finish(action: BulkAction, name: str, now: datetime) -> None:
    check_soon()
    if action.chosen == 1:  # its own entry says all
        return
    audit.record(
        actor=_actor(action),
        action=name,
        subject=f"{action.chosen:,} {action.kind}",
        organization=action.organization,
        after={"bulk_action": action.pk, "done": action.done, "failed": action.failed},
        now=now,
    )
