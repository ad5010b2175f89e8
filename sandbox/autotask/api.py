"""The API: zones, sign-in, permissions, and the entity of a path."""

import hmac
import re
from collections.abc import Callable

from sandbox.autotask.adjustments import create_adjustment
from sandbox.autotask.faults import Dropped, Fault, FaultBook, permission_refusal
from sandbox.autotask.limits import Limits
from sandbox.autotask.queries import Reader
from sandbox.autotask.schema import Entity, Operation, find_entity
from sandbox.autotask.tickets import change_ticket, create_ticket
from sandbox.autotask.wire import (
    Answer,
    Delivery,
    NotOffered,
    Refused,
    Request,
    Row,
    decode_object,
    json_answer,
)
from sandbox.autotask.world import ApiUser, World

_PATH = re.compile(
    r"(?:/zone(?P<zone>\d{1,3}))?/atservicesrest/v1\.0/(?P<rest>[^/].*)", re.IGNORECASE
)
_QUERY_PATHS = {"query", "query/next", "query/count"}


class Api:
    """One customer database behind its API. `saved` is called after every change."""

    def __init__(
        self, world: World, faults: FaultBook, limits: Limits, *, saved: Callable[[], None]
    ) -> None:
        self.world = world
        self.faults = faults
        self.limits = limits
        self._saved = saved

    def respond(
        self, request: Request, *, pause: Callable[[float], None]
    ) -> tuple[Answer, Delivery]:
        """Answer one request, faults included. `pause` waits the latency of a busy database."""
        biting = self.faults.take(request.method, request.path)
        try:
            answer = self._admit(request, biting, pause)
        except Refused as refusal:
            answer = refusal.answer()
        except Dropped:
            return Answer(500), Delivery.DROPPED
        for fault in biting:
            answer, delivery = fault.after_answer(answer)
            if delivery is not Delivery.WHOLE:
                return answer, delivery
        return answer, Delivery.WHOLE

    def _admit(
        self, request: Request, biting: list[Fault], pause: Callable[[float], None]
    ) -> Answer:
        match = _PATH.fullmatch(request.path)
        if match is None:
            raise _not_found()
        rest = match["rest"].rstrip("/")
        if rest.lower() == "zoneinformation":
            self._bite(biting)
            return json_answer(self._zone(request))
        user = self._sign_in(request, zone=match["zone"])
        entity, tail, parent = _target(rest)
        endpoint = entity.name if entity else rest
        with self.limits.admitted(
            endpoint=endpoint,
            integration_code=user.integration_code,
            settings=self.world.settings,
        ) as latency:
            pause(latency)
            self._bite(biting)
            with self.world.lock:
                if entity is None:
                    return json_answer(self._thresholds(request))
                return json_answer(self._serve(request, user, entity, tail, parent))

    def _bite(self, biting: list[Fault]) -> None:
        for fault in biting:
            fault.before(self.world)

    def _zone(self, request: Request) -> Row:
        _only(request, "GET")
        if request.query.get("user", "").lower() not in self.world.users:
            raise Refused("An error occurred.")
        zone = self.world.settings.zone
        host = f"http://{request.headers.get('host', '')}/zone{zone}/"
        return {
            "zoneName": f"Zone {zone}",
            "url": f"{host}ATServicesRest/",
            "webUrl": host,
            "ci": zone,
        }

    def _sign_in(self, request: Request, *, zone: str | None) -> ApiUser:
        user = self.world.users.get(request.headers.get("username", "").lower())
        given = (request.headers.get("secret", ""), request.headers.get("apiintegrationcode", ""))
        wrong = user is None or not all(
            hmac.compare_digest(have.encode(), want.encode())
            for have, want in zip(given, (user.secret, user.integration_code), strict=True)
        )
        # A customer is in one zone; other zones, and addresses without a zone, know no user.
        if user is None or wrong or zone != str(self.world.settings.zone):
            raise Refused("Unauthorized", status=401)
        return user

    def _thresholds(self, request: Request) -> Row:
        _only(request, "GET")
        settings = self.world.settings
        return {
            "externalRequestThreshold": settings.threshold,
            "requestThresholdTimeframe": settings.timeframe_minutes,
            "currentTimeframeRequestCount": self.limits.used(settings),
        }

    def _serve(
        self, request: Request, user: ApiUser, entity: Entity, tail: str, parent: int | None
    ) -> Row:
        if tail == "":
            return self._write(request, user, entity, parent)
        if tail == "entityinformation/fields":
            _only(request, "GET")
            reader = Reader(world=self.world, entity=entity, can_read_costs=True)
            return reader.fields()
        self._allow(user, entity, Operation.QUERY)
        reader = Reader(world=self.world, entity=entity, can_read_costs=user.can_read_costs)
        if tail in _QUERY_PATHS:
            return _read(request, reader, tail)
        if tail.isdecimal() and len(tail) < 20:
            _only(request, "GET")
            return reader.one(int(tail))
        raise _not_found()

    def _write(self, request: Request, user: ApiUser, entity: Entity, parent: int | None) -> Row:
        operation = {"POST": Operation.CREATE, "PATCH": Operation.UPDATE}.get(request.method)
        if operation is None or operation not in entity.operations:
            raise _wrong_method(request.method)
        self._allow(user, entity, operation)
        body = decode_object(request.body)
        if entity.name == "ContractServiceAdjustments":
            item_id = create_adjustment(self.world, body, parent_contract=parent)
        elif operation is Operation.CREATE:
            item_id = create_ticket(self.world, body)
        else:
            item_id = change_ticket(self.world, body)
        self._saved()
        return {"itemId": item_id}

    def _allow(self, user: ApiUser, entity: Entity, operation: Operation) -> None:
        if operation not in entity.operations:
            raise _wrong_method("GET" if operation is Operation.QUERY else "POST")
        if user.permissions is None or operation in user.permissions.get(entity.name, []):
            return
        raise permission_refusal(self.world.settings.permission_status)


def _read(request: Request, reader: Reader, tail: str) -> Row:
    if tail == "query/next":
        _only(request, "POST")
        body, token = decode_object(request.body), request.query.get("paging", "")
    else:
        _only(request, "POST", "GET")
        search = request.query.get("search", "").encode()
        body, token = decode_object(request.body if request.method == "POST" else search), None
    if tail == "query/count":
        return reader.count(body)
    host, zone = request.headers.get("host", ""), reader.world.settings.zone
    url = f"http://{host}/zone{zone}/ATServicesRest/V1.0/{reader.entity.name}/query"
    return reader.page(body, token=token, url=url)


def _target(rest: str) -> tuple[Entity | None, str, int | None]:
    """The entity of a path, the rest of the path, and the parent's id; no entity: thresholds."""
    if rest.lower() == "thresholdinformation":
        return None, "", None
    child = re.fullmatch(r"contracts/(\d{1,18})/serviceadjustments", rest, re.IGNORECASE)
    if child:
        return find_entity("ContractServiceAdjustments"), "", int(child[1])
    name, _, tail = rest.partition("/")
    entity = find_entity(name)
    if entity is None:
        raise _not_found()
    return entity, tail.lower(), None


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise _wrong_method(request.method)


def _wrong_method(method: str) -> Refused:
    return NotOffered(
        f"The requested resource does not support http method '{method}'.", status=405
    )


def _not_found() -> Refused:
    return NotOffered("No HTTP resource was found that matches the request URI.", status=404)
