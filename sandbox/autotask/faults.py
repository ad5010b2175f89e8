"""Faults: kind, requests and number of times. The control API switches them on."""

import threading
import time
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sandbox.autotask.adjustments import set_units
from sandbox.autotask.limits import thread_refusal
from sandbox.autotask.wire import Answer, Delivery, Refused, Row, decode, encode, parse_instant
from sandbox.autotask.world import World


class FaultKind(StrEnum):
    """The kind of a fault. "Before": the request was not applied; "after": it was."""

    REFUSE = "refuse"
    NO_PERMISSION = "no_permission"
    THREAD_THRESHOLD = "thread_threshold"
    SLOW_BEFORE = "slow_before"
    SLOW_AFTER = "slow_after"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    RESET_AFTER = "reset_after"
    BAD_GATEWAY_AFTER = "bad_gateway_after"
    TRUNCATED_JSON = "truncated_json"
    CUT_BODY = "cut_body"
    NULL_ITEM_ID = "null_item_id"
    PERSON_EDIT = "person_edit"


_DELIVERIES = {
    FaultKind.DROP_AFTER: Delivery.DROPPED,
    FaultKind.RESET_AFTER: Delivery.RESET,
    FaultKind.CUT_BODY: Delivery.CUT,
}


class Dropped(Exception):
    """The connection ends before the request is applied."""


@dataclass(kw_only=True)
class Fault:
    """One fault. It skips the first `after` matching requests, then applies `times` times."""

    kind: FaultKind
    method: str = ""
    path: str = ""
    after: int = 0
    times: int | None = 1
    status: int = 500
    errors: tuple[str, ...] = ("An error occurred.",)
    retry_after: int | None = None
    seconds: float = 1.0
    edit: Row = field(default_factory=dict)
    hits: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether the fault applies to a request: by method and part of the path, if given."""
        return self.method.upper() in {"", method} and self.path.lower() in path.lower()

    def before(self, world: World) -> None:
        """Apply the fault before the request. Raises Refused or Dropped."""
        match self.kind:
            case FaultKind.REFUSE:
                raise Refused(*self.errors, status=self.status, retry_after=self.retry_after)
            case FaultKind.NO_PERMISSION:
                raise permission_refusal(self.status)
            case FaultKind.THREAD_THRESHOLD:
                raise thread_refusal(world.settings)
            case FaultKind.SLOW_BEFORE:
                time.sleep(self.seconds)
            case FaultKind.DROP_BEFORE:
                raise Dropped
            case FaultKind.PERSON_EDIT:
                edit_units(world, self.edit)
            case _:
                pass

    def after_answer(self, answer: Answer) -> tuple[Answer, Delivery]:
        """The answer after the fault."""
        match self.kind:
            case FaultKind.SLOW_AFTER:
                time.sleep(self.seconds)
            case FaultKind.BAD_GATEWAY_AFTER:
                page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
                answer = Answer(502, page, content_type="text/html")
            case FaultKind.TRUNCATED_JSON:
                half = answer.body[: len(answer.body) // 2]
                answer = Answer(answer.status, half, answer.headers)
            case FaultKind.NULL_ITEM_ID:
                answer = _without_item_id(answer)
            case _:
                pass
        return answer, _DELIVERIES.get(self.kind, Delivery.WHOLE)


class FaultBook:
    """The faults that are switched on. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switch a fault on."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Switch every fault off."""
        with self._lock:
            self._faults.clear()

    def all(self) -> list[Fault]:
        """Every fault, used up or not."""
        with self._lock:
            return list(self._faults)

    def take(self, method: str, path: str) -> list[Fault]:
        """The faults that apply to this request; each counts it."""
        biting = []
        with self._lock:
            for fault in self._faults:
                if not fault.matches(method, path):
                    continue
                fault.hits += 1
                last = None if fault.times is None else fault.after + fault.times
                if fault.hits > fault.after and (last is None or fault.hits <= last):
                    biting.append(fault)
        return biting


def permission_refusal(status: int) -> Refused:
    """The refusal of an API user without the permission."""
    return Refused("The logged in Resource does not have the adequate permissions.", status=status)


def edit_units(world: World, edit: Row) -> None:
    """A person's edit: {"contractServiceID", "day", "units", "unitCost"?}. Raises Refused."""
    line_id, units = edit.get("contractServiceID"), edit.get("units")
    cost: Any = edit.get("unitCost")
    try:
        day: date = parse_instant(edit.get("day")).date()
        unit_cost = None if cost is None else Decimal(cost)
    except (ValueError, TypeError, ArithmeticError):
        raise Refused("An edit needs a day, and a number as unitCost.", status=400) from None
    if not isinstance(line_id, int) or not isinstance(units, int) or units < 0:
        raise Refused("An edit needs contractServiceID and units, both numbers.", status=400)
    with world.lock:
        set_units(world, line_id=line_id, day=day, units=units, unit_cost=unit_cost)


def _without_item_id(answer: Answer) -> Answer:
    content = decode(answer.body)
    if answer.status != 200 or "itemId" not in content:
        return answer
    return Answer(200, encode({**content, "itemId": None}).encode(), answer.headers)
