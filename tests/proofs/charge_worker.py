"""The workers of the charge's proof: processes that die at one of seven points of a charge.

before_row           the attempt is written and not committed
after_row            it is committed and not marked as sent
before_call          it is marked as sent, and the request is not on its way
after_call           the request is at Stripe, and its answer is not read
after_answer         the answer is read, and nothing of it is recorded
after_record         it is recorded, and the message is not acknowledged
after_acknowledgement  the message is done, and its worker does no more
"""

import http.client
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from typing import Any

from django.db import connection

from billing import topics
from billing.gateway import client as gateway
from billing.models import ChargeAttempt
from billing.payments import charging
from billing.payments.cards import adopt_card
from core.outbox import delivery
from core.schema import provider_schema
from tests.proofs.close_worker import Task, close_and_deliver

# Little of the story's time while several work: none of them is a day ahead of another's request.
SOON = (0, 1, 10)
CHARGES = (topics.CHARGE, topics.NEW_CARD_CHARGES)


class Point(StrEnum):
    """Where a worker dies."""

    BEFORE_ROW = "before_row"
    AFTER_ROW = "after_row"
    BEFORE_CALL = "before_call"
    AFTER_CALL = "after_call"
    AFTER_ANSWER = "after_answer"
    AFTER_RECORD = "after_record"
    AFTER_ACKNOWLEDGEMENT = "after_acknowledgement"


@dataclass
class Fate:
    """At which point this process dies, when it comes there for the n-th time; None: nowhere."""

    point: Point | None = None
    times: int = 1

    def reach(self, point: Point) -> None:
        """Go on, or die here and now."""
        if point is not self.point:
            return
        self.times -= 1
        if self.times == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def work(task: Task, fate: Fate) -> None:
    """Close the task's month if nobody has, and deliver what is due soon."""
    _watch_rows(fate)
    _watch_calls(fate)
    _watch_messages(fate)
    close_and_deliver(task, minutes=SOON)


def replace_card(task: Task, fate: Fate, *, setup_intent_id: str) -> None:
    """Adopt a new card, which orders the charge of everything outstanding, and work then."""
    with provider_schema(task.provider):
        adopt_card(provider=task.provider, setup_intent_id=setup_intent_id, now=task.now)
    work(task, fate)


def _watch_rows(fate: Fate) -> None:
    save, open_attempt, settle = ChargeAttempt.save, charging._open_attempt, charging.settle  # noqa: SLF001 - where rows are committed

    @wraps(save)
    def saved(attempt: ChargeAttempt, *arguments: Any, **named: Any) -> None:
        is_new = attempt._state.adding  # noqa: SLF001 - Django's own mark
        save(attempt, *arguments, **named)
        if is_new:
            fate.reach(Point.BEFORE_ROW)

    def opened(**asked: Any) -> ChargeAttempt | None:
        attempt = open_attempt(**asked)
        if attempt is not None and attempt.state == ChargeAttempt.State.PENDING:
            fate.reach(Point.AFTER_ROW)
        return attempt

    def settled(**told: Any) -> ChargeAttempt:
        attempt: ChargeAttempt = settle(**told)
        if not connection.in_atomic_block:
            fate.reach(Point.AFTER_RECORD)
        return attempt

    ChargeAttempt.save = saved
    charging._open_attempt = opened  # noqa: SLF001
    charging.settle = settled


def _watch_calls(fate: Fate) -> None:
    charge, answer = gateway.charge, http.client.HTTPConnection.getresponse
    is_charging: list[bool] = []

    def charged(request: gateway.ChargeRequest) -> Any:
        fate.reach(Point.BEFORE_CALL)
        is_charging.append(True)
        try:
            facts = charge(request)
        finally:
            is_charging.clear()
        fate.reach(Point.AFTER_ANSWER)
        return facts

    def answered(self: Any) -> Any:
        # The whole request was handed to the kernel, which delivers it though its sender is dead.
        if is_charging:
            fate.reach(Point.AFTER_CALL)
        return answer(self)

    gateway.charge = charged
    http.client.HTTPConnection.getresponse = answered


def _watch_messages(fate: Fate) -> None:
    deliver: Callable[..., None] = delivery._deliver  # noqa: SLF001 - where a message is acknowledged

    def delivered(message: Any, **named: Any) -> None:
        deliver(message, **named)
        if message.topic in CHARGES and message.finished_at:
            fate.reach(Point.AFTER_ACKNOWLEDGEMENT)

    delivery._deliver = delivered  # noqa: SLF001
