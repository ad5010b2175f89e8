"""Adjustments: each is stored before its call and sent once, two calls at a time."""

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
DUPLICATE_TEXT = "duplicate data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A decision to push; `serial` is that of the mapping's last push before its reading."""

    mapping: ServiceMapping
    decision: Decision
    serial: int


def send(
    *, client: Client, run: SyncRun, month: Month, planned: Sequence[Planned], now: datetime
) -> tuple[list[Push], AutotaskError | None]:
    """Send these adjustments. Returns the pushes, and the error that stopped the rest, if any.

    A push is committed before its call and its answer after it; nothing is sent twice. A service to
    which another worker has pushed since the reading is left out.
    """
    waiting, under_way = deque(planned), dict[Future[AutotaskError | None], Push]()
    pushes: list[Push] = []
    stopped: AutotaskError | None = None
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        while waiting or under_way:
            while waiting and len(under_way) < CALLS_AT_ONCE:
                push = _store(waiting.popleft(), run=run, month=month, now=now)
                if push is not None:
                    pushes.append(push)
                    under_way[pool.submit(_post, client, push)] = push
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                push, error = under_way.pop(future), future.result()
                push.answer = PushAnswer.objects.create(
                    push=push, kind=_kind(error), text=str(error or ""), at=now
                )
                if isinstance(error, BudgetSpent | SignInRefused | PermissionMissing):
                    stopped = error
                    waiting.clear()
    return pushes, stopped


def _store(planned: Planned, *, run: SyncRun, month: Month, now: datetime) -> Push | None:
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
        # Another worker has pushed on the same reading.
        return None


def _post(client: Client, push: Push) -> AutotaskError | None:
    """Make the call, in a thread without a database connection; return its error."""
    body = {
        "contractServiceID": push.contract_service_id,
        "effectiveDate": push.effective_date,
        "unitChange": push.delta,
    }
    if push.unit_cost is not None:
        body["adjustedUnitCost"] = push.unit_cost
    try:
        # An answer without errors is a success, even if its item id is null
        # (docs/facts/autotask.md, Errors and limits).
        client.write("POST", f"Contracts/{push.contract_id}/ServiceAdjustments", body)
    except AutotaskError as error:
        return error
    return None


def _kind(error: AutotaskError | None) -> PushAnswer.Kind:
    match error:
        case None:
            return Kind.ACCEPTED
        case NeverSent():
            return Kind.NOT_SENT
        case Busy() | SignInRefused():
            return Kind.BUSY
        case Refused() if DUPLICATE_TEXT in str(error).lower():
            return Kind.DUPLICATE
        case Refused() | PermissionMissing():
            return Kind.REFUSED
        case _:
            # It may have been applied.
            return Kind.UNKNOWN
