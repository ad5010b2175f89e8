"""The workers of the charge proof: processes that are killed at one of seven points of a charge.

before_row             the attempt is written, but not committed
after_row              it is committed, but not marked as sent
before_call            it is marked as sent, but the request is not sent
after_call             Stripe has the request, but its response is not read
after_answer           the response is read, but not recorded
after_record           it is recorded, but the message is not acknowledged
after_acknowledgement  the message is acknowledged
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

# Minutes of simulated time, few, so that no worker is a day ahead of another's request.
SOON = (0, 1, 10)
CHARGES = (topics.CHARGE, topics.NEW_CARD_CHARGES)


class Point(StrEnum):
    """A point at which a worker is killed."""

    BEFORE_ROW = "before_row"
    AFTER_ROW = "after_row"
    BEFORE_CALL = "before_call"
    AFTER_CALL = "after_call"
    AFTER_ANSWER = "after_answer"
    AFTER_RECORD = "after_record"
    AFTER_ACKNOWLEDGEMENT = "after_acknowledgement"


@dataclass
class Fate:
    """The point at which this process is killed when it gets there for the n-th time, or None."""

    point: Point | None = None
    times: int = 1

    def reach(self, point: Point) -> None:
        """Kill this process if the point is its own; otherwise return."""
        if point is not self.point:
            return
        self.times -= 1
        if self.times == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def work(task: Task, fate: Fate) -> None:
    """Close the task's month if it is open, and deliver messages that are due soon."""
    _watch_rows(fate)
    _watch_calls(fate)
    _watch_messages(fate)
    close_and_deliver(task, minutes=SOON)


def replace_card(task: Task, fate: Fate, *, setup_intent_id: str) -> None:
    """Adopt a new card, which queues a charge of each outstanding invoice, then work."""
    with provider_schema(task.provider):
        adopt_card(provider=task.provider, setup_intent_id=setup_intent_id, now=task.now)
    work(task, fate)


def _watch_rows(fate: Fate) -> None:
    save, open_attempt, settle = ChargeAttempt.save, charging._open_attempt, charging.settle  # noqa: SLF001 - where rows are committed

    @wraps(save)
    def save_and_reach(attempt: ChargeAttempt, *arguments: Any, **named: Any) -> None:
        is_new = attempt._state.adding  # noqa: SLF001 - whether Django has inserted the row
        save(attempt, *arguments, **named)
        if is_new:
            fate.reach(Point.BEFORE_ROW)

    def open_and_reach(**arguments: Any) -> ChargeAttempt | None:
        attempt = open_attempt(**arguments)
        if attempt is not None and attempt.state == ChargeAttempt.State.PENDING:
            fate.reach(Point.AFTER_ROW)
        return attempt

    def settle_and_reach(**arguments: Any) -> ChargeAttempt:
        attempt: ChargeAttempt = settle(**arguments)
        if not connection.in_atomic_block:
            fate.reach(Point.AFTER_RECORD)
        return attempt

    ChargeAttempt.save = save_and_reach
    charging._open_attempt = open_and_reach  # noqa: SLF001 - as above
    charging.settle = settle_and_reach


def _watch_calls(fate: Fate) -> None:
    charge, read = gateway.charge, http.client.HTTPConnection.getresponse
    is_charging: list[bool] = []

    def charge_and_reach(request: gateway.ChargeRequest) -> Any:
        fate.reach(Point.BEFORE_CALL)
        is_charging.append(True)
        try:
            facts = charge(request)
        finally:
            is_charging.clear()
        fate.reach(Point.AFTER_ANSWER)
        return facts

    def reach_and_read(self: Any) -> Any:
        # The kernel has the whole request and sends it, although this process is killed.
        if is_charging:
            fate.reach(Point.AFTER_CALL)
        return read(self)

    gateway.charge = charge_and_reach
    http.client.HTTPConnection.getresponse = reach_and_read


def _watch_messages(fate: Fate) -> None:
    deliver: Callable[..., None] = delivery._deliver  # noqa: SLF001 - where a message is acknowledged

    def deliver_and_reach(message: Any, **named: Any) -> None:
        deliver(message, **named)
        if message.topic in CHARGES and message.finished_at:
            fate.reach(Point.AFTER_ACKNOWLEDGEMENT)

    delivery._deliver = deliver_and_reach  # noqa: SLF001 - as above
