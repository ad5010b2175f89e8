"""The control API under /_control/: faults, settings, rows, and what was asked."""

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

from sandbox.autotask.demo import add_line, demo_world
from sandbox.autotask.faults import Fault, FaultKind, edit_units
from sandbox.autotask.schema import ENTITIES, Entity
from sandbox.autotask.stand_in import StandIn
from sandbox.autotask.wire import Answer, Refused, Request, Row, decode_object, json_answer
from sandbox.autotask.world import ApiUser, Settings

PREFIX = "/_control/"

# What a person or the demo may add; the rest follows from these.
_ADDABLE = ("Companies", "Contracts", "Services", "ContractServices", "Tickets")


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
        """Answer one control request; what is wrong with it is a 400 that says so."""
        name = request.path.removeprefix(PREFIX)
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
        known = {part.name: part for part in fields(Fault) if part.name != "hits"}
        given = {_snake(name): value for name, value in body.items()}
        _refuse_unknown(given, set(known), "fault")
        if given.get("kind") not in set(FaultKind):
            raise Refused("kind must be one of: " + ", ".join(FaultKind))
        given["kind"] = FaultKind(given["kind"])
        if "seconds" in given:
            given["seconds"] = _number(given, "seconds")
        for name in given.keys() & {"after", "status", "times", "retry_after"}:
            if given[name] is not None and type(given[name]) is not int:
                raise Refused(f"{name} must be a whole number.")
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
        except ValueError:
            raise Refused("now must be an ISO 8601 instant.") from None
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
        if method == "PATCH" and row_id.isdecimal() and int(row_id) in rows:
            rows[int(row_id)].update(entity.read_body(body) | {"id": int(row_id)})
            self._stand_in.save()
            return rows[int(row_id)]
        raise Refused("There is no such row, or it can't be changed here.", status=404)

    def _add_row(self, entity: Entity, body: Row) -> Row:
        world = self._stand_in.world
        units = body.pop("units", 0) if entity.name == "ContractServices" else 0
        given = entity.read_body(body)
        for name in entity.required:
            if given.get(name) is None:
                raise Refused(f"Missing Required Field: {name}")
        for name, target in entity.references.items():
            if given.get(name) is not None and given[name] not in world.rows[target]:
                raise Refused(f"{name} does not reference a row of {target}.")
        if type(units) is not int or units < 0:
            raise Refused("units must be a whole number.")
        if entity.name == "ContractServices":
            row = add_line(world, given, units=units)
        else:
            row = world.add(entity.name, given)
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
