"""Sending adjustments: each is a row before it is a call, is sent once, and two are under way."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from core.months import Month
from integrations.autotask.api.client import CALLS_AT_ONCE, Client
from integrations.autotask.api.errors import (
    AutotaskError,
    BudgetSpent,
    Busy,
    NeverSent,
    PermissionMissing,
    Refused,
    SignInRefused,
)
from integrations.autotask.sync.plan import Decision
from integrations.models import Push, PushAnswer, ServiceMapping, SyncRun

Kind = PushAnswer.Kind
DUPLICATE_WORDS = "duplicate data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A push that was decided on; `serial` is the mapping's last one when its service was read."""

    mapping: ServiceMapping
    decision: Decision
    serial: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What a call came to; `stops` is what keeps all further ones from being sent."""

    kind: PushAnswer.Kind
    text: str = ""
    stops: AutotaskError | None = None


def send(
    *, client: Client, run: SyncRun, month: Month, planned: Sequence[Planned], now: datetime
) -> tuple[list[Push], AutotaskError | None]:
    """Send these adjustments. Gives the pushes that were recorded, and what stopped the rest.

    A push is committed before its call and its answer after it; nothing is sent twice. One whose
    service another worker pushed to meanwhile is left out.
    """
    waiting, under_way = deque(planned), dict[Future[Answered], Push]()
    pushes: list[Push] = []
    stopped: AutotaskError | None = None
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        while waiting or under_way:
            while waiting and len(under_way) < CALLS_AT_ONCE:
                push = _intend(waiting.popleft(), run=run, month=month, now=now)
                if push is not None:
                    pushes.append(push)
                    under_way[pool.submit(_post, client, push)] = push
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                answered = future.result()
                _note(under_way.pop(future), answered, now=now)
                if answered.stops is not None:
                    stopped = answered.stops
                    waiting.clear()
    return pushes, stopped


def _intend(planned: Planned, *, run: SyncRun, month: Month, now: datetime) -> Push | None:
    mapping, decision = planned.mapping, planned.decision
    if decision.before is None or decision.target is None or decision.effective_date is None:
        raise ValueError("Only a decision to push can be pushed.")
    try:
        with transaction.atomic():
            return Push.objects.create(
                mapping=mapping,
                serial=planned.serial + 1,
                run=run,
                month=month.first_day,
                contract_id=mapping.contract_id,
                contract_service_id=mapping.contract_service_id,
                effective_date=decision.effective_date,
                units_before=decision.before,
                units_target=decision.target,
                delta=decision.target - decision.before,
                unit_cost=decision.unit_cost,
                created_at=now,
            )
    except IntegrityError:
        # Another worker decided on the same reading and was first.
        return None


def _post(client: Client, push: Push) -> Answered:
    """The call itself; runs in a thread of its own and touches no database."""
    body = {
        "contractServiceID": push.contract_service_id,
        "effectiveDate": push.effective_date,
        "unitChange": push.delta,
    }
    if push.unit_cost is not None:
        body["adjustedUnitCost"] = push.unit_cost
    try:
        # An answer without errors is a success, also one whose item id is null
        # (docs/facts/autotask.md, Errors and limits).
        client.write("POST", f"Contracts/{push.contract_id}/ServiceAdjustments", body)
    except AutotaskError as error:
        return _answered(error)
    return Answered(Kind.ACCEPTED)


def _answered(error: AutotaskError) -> Answered:
    words = str(error)
    if isinstance(error, Refused) and DUPLICATE_WORDS in words.lower():
        return Answered(Kind.DUPLICATE, words)
    kind = next((kind for types, kind in _KINDS if isinstance(error, types)), Kind.UNKNOWN)
    stops = isinstance(error, BudgetSpent | SignInRefused | PermissionMissing)
    return Answered(kind, words, stops=error if stops else None)


# In order: the first that fits. Whatever fits none may have been done.
_KINDS = (
    ((NeverSent,), Kind.NOT_SENT),
    ((Busy, SignInRefused), Kind.BUSY),
    ((Refused, PermissionMissing), Kind.REFUSED),
)


def _note(push: Push, answered: Answered, *, now: datetime) -> None:
    push.answer = PushAnswer.objects.create(
        push=push, kind=answered.kind, text=answered.text, at=now
    )
