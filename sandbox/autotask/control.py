"""The control API under /_control/: faults, settings, rows, and the journal."""

from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import timedelta
from decimal import Decimal
from types import NoneType
from typing import Any

from sandbox.autotask.demo import add_periods, demo_world
from sandbox.autotask.faults import Fault, FaultKind, edit_units
from sandbox.autotask.schema import ENTITIES, Entity
from sandbox.autotask.stand_in import StandIn
from sandbox.autotask.wire import (
    Answer,
    Refused,
    Request,
    Row,
    decode_object,
    json_answer,
    parse_instant,
)
from sandbox.autotask.world import ApiUser, Settings
from sandbox.guard import CONTROL

# Entities whose rows a person may add or change; other rows follow from these.
_ADDABLE = ("Companies", "Contracts", "Services", "ContractServices")
_CHANGEABLE = (*_ADDABLE, "Tickets")
_LONGEST_CONTRACT = timedelta(days=50 * 366)

_FAULT_TYPES: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "method": (str,),
    "path": (str,),
    "after": (int,),
    "times": (int, NoneType),
    "status": (int,),
    "errors": (list,),
    "retry_after": (int, NoneType),
    "seconds": (int, Decimal),
    "edit": (dict,),
}


class Control:
    """Answers control requests for one stand-in."""

    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in
        self._routes: dict[tuple[str, str], Callable[[Row], Any]] = {
            ("POST", "reset"): self._reset,
            ("GET", "faults"): lambda _: [asdict(fault) for fault in stand_in.faults.all()],
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): lambda _: stand_in.faults.clear(),
            ("GET", "settings"): lambda _: asdict(stand_in.world.settings),
            ("PATCH", "settings"): self._change_settings,
            ("GET", "requests"): lambda _: list(stand_in.journal),
            ("DELETE", "requests"): lambda _: stand_in.journal.clear(),
            ("GET", "limits"): self._limits,
            ("POST", "limits"): self._use_requests,
            ("POST", "units"): self._edit_units,
            ("POST", "users"): self._add_user,
        }

    def respond(self, request: Request) -> Answer:
        """Answer one control request; an error in it is a 400 with the reason."""
        name = request.path.removeprefix(CONTROL)
        try:
            body = decode_object(request.body) if request.body else {}
            with self._stand_in.world.lock:
                answer = self._dispatch(request.method, name, body)
        except Refused as refusal:
            status = 400 if refusal.status == 500 else refusal.status
            return Refused(*refusal.errors, status=status).answer()
        return json_answer({"ok": True} if answer is None else answer)

    def _dispatch(self, method: str, name: str, body: Row) -> Any:
        if name.startswith("rows/"):
            return self._rows(method, name.removeprefix("rows/"), body)
        route = self._routes.get((method, name))
        if route is None:
            raise Refused("There is no such control.", status=404)
        return route(body)

    def _reset(self, _body: Row) -> None:
        fresh = demo_world()
        world = self._stand_in.world
        for part in fields(fresh):
            if part.name != "lock":
                setattr(world, part.name, getattr(fresh, part.name))
        self._stand_in.faults.clear()
        self._stand_in.limits.forget()
        self._stand_in.journal.clear()
        self._stand_in.save()

    def _add_fault(self, body: Row) -> None:
        given = {_snake(name): value for name, value in body.items()}
        _refuse_unknown(given, set(_FAULT_TYPES), "fault")
        for name, value in given.items():
            if type(value) not in _FAULT_TYPES[name]:
                raise Refused(f"The fault's {name} is of the wrong type.")
        if given.get("kind") not in set(FaultKind):
            raise Refused("kind must be one of: " + ", ".join(FaultKind))
        if not 400 <= given.get("status", 500) <= 599:
            raise Refused("status must be from 400 to 599.")
        given["kind"] = FaultKind(given["kind"])
        if "seconds" in given:
            given["seconds"] = _number(given, "seconds")
        given["errors"] = tuple(str(it) for it in given.get("errors") or Fault.errors)
        self._stand_in.faults.add(Fault(**given))

    def _change_settings(self, body: Row) -> Row:
        settings = self._stand_in.world.settings
        given = {_snake(name): value for name, value in body.items()}
        current = asdict(settings)
        _refuse_unknown(given, set(current), "setting")
        for name, value in given.items():
            kind = type(current[name])
            typed = _number(given, name) if kind is float else value
            if type(typed) is not kind:
                raise Refused(f"{name} must be of type {kind.__name__}.")
            current[name] = typed
        changed = Settings(**current)
        try:
            changed.instant()
        except (ValueError, OverflowError):
            raise Refused("now must be an ISO 8601 instant, shiftSeconds some years.") from None
        self._stand_in.world.settings = changed
        self._stand_in.save()
        return current

    def _limits(self, _body: Row) -> Row:
        limits, settings = self._stand_in.limits, self._stand_in.world.settings
        return {"requestsInTimeframe": limits.used(settings), "peakThreads": limits.peaks()}

    def _use_requests(self, body: Row) -> None:
        count = body.get("requestsInTimeframe")
        if type(count) is not int or not 0 <= count <= 1_000_000:
            raise Refused("requestsInTimeframe must be a whole number from 0 to 1,000,000.")
        self._stand_in.limits.use(count)

    def _edit_units(self, body: Row) -> None:
        edit_units(self._stand_in.world, body)
        self._stand_in.save()

    def _add_user(self, body: Row) -> None:
        given = {_snake(name): value for name, value in body.items()}
        _refuse_unknown(given, {part.name for part in fields(ApiUser)}, "user")
        for name in ("user_name", "secret", "integration_code"):
            if not isinstance(given.get(name), str) or not given[name]:
                raise Refused(f"A user needs {name}.")
        permissions = given.get("permissions")
        lists = permissions.values() if isinstance(permissions, dict) else [permissions or []]
        if not all(isinstance(operations, list) for operations in lists):
            raise Refused("permissions must name a list of operations per entity.")
        self._stand_in.world.add_user(ApiUser(**given))
        self._stand_in.save()

    def _rows(self, method: str, path: str, body: Row) -> Any:
        name, _, row_id = path.partition("/")
        entity = ENTITIES.get(name)
        if entity is None:
            raise Refused("There is no such entity.", status=404)
        rows = self._stand_in.world.rows[entity.name]
        if method == "GET" and not row_id:
            return [rows[key] for key in sorted(rows)]
        if method == "POST" and not row_id and entity.name in _ADDABLE:
            return self._add_row(entity, body)
        known = row_id.isdecimal() and len(row_id) < 20 and int(row_id) in rows
        if method == "PATCH" and known and entity.name in _CHANGEABLE:
            return self._store(entity, rows[int(row_id)] | entity.read_body(body), int(row_id))
        raise Refused("There is no such row, or it can't be changed here.", status=404)

    def _store(self, entity: Entity, row: Row, row_id: int | None) -> Row:
        world = self._stand_in.world
        for name in entity.required:
            if row.get(name) is None:
                raise Refused(f"Missing Required Field: {name}")
        for name, target in entity.references.items():
            if row.get(name) is not None and row[name] not in world.rows[target]:
                raise Refused(f"{name} does not reference a row of {target}.")
        if entity.name == "Contracts":
            length = parse_instant(row["endDate"]) - parse_instant(row["startDate"])
            if not timedelta(0) <= length <= _LONGEST_CONTRACT:
                raise Refused("A contract ends after its start, within 50 years.")
        stored = world.add(entity.name, {**row, "id": row_id})
        self._stand_in.save()
        return stored

    def _add_row(self, entity: Entity, body: Row) -> Row:
        world = self._stand_in.world
        units = body.pop("units", 0) if entity.name == "ContractServices" else 0
        given = entity.read_body(body)
        if given.get("id") in world.rows[entity.name]:
            raise Refused("There is a row with this id already.")
        if type(units) is not int or not 0 <= units < 2**31:
            raise Refused("units must be a whole number.")
        row = self._store(entity, given, given.get("id"))
        if entity.name == "ContractServices":
            add_periods(world, row, units=units)
            self._stand_in.save()
        return row


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _refuse_unknown(given: Row, known: set[str], what: str) -> None:
    for name in given.keys() - known:
        raise Refused(f"There is no {what} property {name}.")


def _number(given: Row, name: str) -> float:
    try:
        number = float(given[name])
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= 600:
        raise Refused(f"{name} must be a number of seconds from 0 to 600.")
    return number
