"""The steps of an action on many rows that a person takes: choose, confirm, discard, undo."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from core.actors import Actor
from core.outbox.delivery import enqueue
from tenants.bulk.apply import APPLY_TOPIC, UNDO_TOPIC, apply_batch, undo_batch
from tenants.bulk.operations import UNDOS
from tenants.bulk.refusals import Refused
from tenants.models import BulkAction, BulkItem, Organization

MOST_AT_ONCE = 5_000
# As many are changed in the request; more are changed by a worker, with a page that shows progress.
IN_THE_REQUEST = 100
State = BulkAction.State


class TooManyChosen(Exception):
    """More than `MOST_AT_ONCE` rows are chosen."""


class NothingChosen(Exception):
    """No row is chosen."""


class AlreadyDecided(Exception):
    """The action is confirmed, discarded or undone, or can't be undone any more."""


@dataclass(frozen=True, slots=True)
class Start:
    """Who starts an action, where, and the page to which it leads back.

    `organization` is the one whose own pages it is started on.
    """

    kind: BulkAction.Kind
    verb: BulkAction.Verb
    actor: Actor
    back_url: str
    organization: Organization | None = None
    options: dict[str, Any] = field(default_factory=dict)


@transaction.atomic
def choose(*, start: Start, rows: QuerySet[Any], now: datetime) -> BulkAction:
    """Fix the rows of an action that waits for its confirmation.

    Raises `NothingChosen` and `TooManyChosen`.
    """
    of = "pk" if start.kind == BulkAction.Kind.ORGANIZATIONS else "organization_id"
    if start.kind == BulkAction.Kind.INVITATIONS:
        of = "of_organization"
        rows = rows.annotate(of_organization=Coalesce("organization_id", 0))
    # One more tells that there are too many. In this order, rows are locked like everywhere.
    found = list(rows.order_by(of, "pk").values_list("pk", of)[: MOST_AT_ONCE + 1])
    if not found:
        raise NothingChosen
    if len(found) > MOST_AT_ONCE:
        raise TooManyChosen
    return _create(start, found, now)


def _create(start: Start, rows: Sequence[tuple[int, int]], now: datetime) -> BulkAction:
    action = BulkAction.objects.create(
        kind=start.kind,
        verb=start.verb,
        organization=start.organization,
        options=start.options,
        back_url=start.back_url[:500],
        chosen=len(rows),
        started_at=now,
        started_by_id=start.actor.id,
        started_by_name=start.actor.name,
    )
    BulkItem.objects.bulk_create(
        [
            BulkItem(action=action, position=position, subject_id=pk, organization_id=organization)
            for position, (pk, organization) in enumerate(rows)
        ],
        batch_size=1_000,
    )
    return action


@transaction.atomic
def confirm(*, action: BulkAction, options: dict[str, Any], now: datetime) -> BulkAction:
    """Change the rows: a few at once, many by a worker. Raises `AlreadyDecided`.

    A form that is sent twice finds the action decided, under its lock.
    """
    locked = _locked(action)
    if locked.state != State.CHOSEN:
        raise AlreadyDecided
    locked.state, locked.options, locked.confirmed_at = State.APPLYING, options, now
    locked.save(update_fields=["state", "options", "confirmed_at"])
    if locked.chosen > IN_THE_REQUEST:
        _enqueue(APPLY_TOPIC, locked, now)
    else:
        apply_batch(action_id=locked.pk, now=now, size=IN_THE_REQUEST)
        locked.refresh_from_db()
    return locked


@transaction.atomic
def discard(*, action: BulkAction) -> None:
    """Change nothing. Raises `AlreadyDecided`."""
    locked = _locked(action)
    if locked.state != State.CHOSEN:
        raise AlreadyDecided
    locked.state = State.DISCARDED
    locked.save(update_fields=["state"])


def can_be_undone(action: BulkAction, *, now: datetime) -> bool:
    """Whether an undo is offered: within the time, once, and if something was changed."""
    until = action.undo_until
    return (
        action.verb in UNDOS
        and action.state == State.DONE
        and action.done > 0
        and until is not None
        and now < until
    )


@transaction.atomic
def undo(*, action: BulkAction, now: datetime) -> BulkAction:
    """Undo the rows that were changed and are as the action left them. Raises `AlreadyDecided`."""
    locked = _locked(action)
    if not can_be_undone(locked, now=now):
        raise AlreadyDecided
    locked.state, locked.undone_at = State.UNDOING, now
    locked.save(update_fields=["state", "undone_at"])
    if locked.done > IN_THE_REQUEST:
        _enqueue(UNDO_TOPIC, locked, now)
    else:
        undo_batch(action_id=locked.pk, now=now, size=IN_THE_REQUEST)
        locked.refresh_from_db()
    return locked


@transaction.atomic
def change_one(*, start: Start, subject_id: int, organization_id: int, now: datetime) -> BulkAction:
    """Change a single row at once, so that it can be undone. Raises `Refused`."""
    action = _create(start, [(subject_id, organization_id)], now)
    done = confirm(action=action, options=start.options, now=now)
    if done.failed:
        raise Refused(done.items.get().problem)
    return done


def _locked(action: BulkAction) -> BulkAction:
    return BulkAction.objects.select_for_update().get(pk=action.pk)


def _enqueue(topic: str, action: BulkAction, now: datetime) -> None:
    enqueue(topic=topic, key=str(action.pk), payload={"action_id": action.pk}, now=now)
