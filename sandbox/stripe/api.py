"""One API request from its parameters to its answer, faults and idempotency included."""

import base64
import binascii
import json
import time
from dataclasses import dataclass, field, replace
from email.message import Message

from sandbox.stripe import expansion, parameters, routes, wire
from sandbox.stripe.errors import Json, StripeError, internal
from sandbox.stripe.faults import Fault, Faults, Kind
from sandbox.stripe.idempotency import Keys, Saved
from sandbox.stripe.session import API_VERSION, Session, identifier
from sandbox.stripe.store import Store

PRIVATE_TO_SERVERS = ("metadata", "customer", "latest_charge", "application")


@dataclass(frozen=True)
class Request:
    """A request. `form` is the query of a GET and the body of a POST."""

    method: str
    path: str
    form: str
    headers: Message
    origin: str


@dataclass(frozen=True)
class Answer:
    """What goes out; `silent` means nothing does: the client hangs for `hang` seconds, then the
    connection is closed."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    hang: float = 0


@dataclass(frozen=True)
class Caller:
    """The account of a key: sk_test_ and pk_test_ with the same ending are one account."""

    account: str
    publishable: bool


def caller(headers: Message, params: Json) -> Caller:
    """The caller. Raises a StripeError of status 401 without a usable key."""
    scheme, _, value = headers.get("Authorization", "").partition(" ")
    key = str(params.pop("key", ""))
    if scheme.lower() == "bearer":
        key = value.strip()
    elif scheme.lower() == "basic":
        try:
            key = base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    if not key:
        raise StripeError(
            "You did not provide an API key. You need to provide your API key in the "
            "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
            "YOUR_SECRET_KEY').",
            status=401,
        )
    kind, _, account = key.partition("_test_")
    if kind not in ("sk", "pk", "rk") or not account:
        raise StripeError(f"Invalid API Key provided: {key[:8]}****", status=401)
    return Caller(account=account, publishable=kind == "pk")


@dataclass
class Api:
    """The API over one store."""

    store: Store
    faults: Faults
    keys: Keys

    def now(self) -> int:
        """Seconds since 1970 by the stand-in's clock, which the control API may shift."""
        return int(time.time()) + int(self.store.setting("clock_shift", 0))

    def answer(self, request: Request) -> Answer:
        """Answer a request; never raises for a caller's mistake."""
        request_id = identifier("req")
        try:
            return self._answer(request, request_id)
        except StripeError as problem:
            return _failure(problem, request_id)

    def _answer(self, request: Request, request_id: str) -> Answer:
        found = routes.find(request.method, request.path)
        if found is None:
            raise StripeError(
                f"Unrecognized request URL ({request.method}: {request.path}). Please see "
                "https://stripe.com/docs or we can help at https://support.stripe.com/.",
                status=404,
            )
        route, ids = found
        self.faults.count(route.method, route.pattern)
        fault = self.faults.take(request.method, request.path)
        early = _before_all(fault)
        if early is not None:
            return early
        params = wire.decode(request.form)
        who = caller(request.headers, params)
        if who.publishable and not route.browser:
            raise StripeError(
                "This API call cannot be made with a publishable API key. Please use a secret API "
                "key. You can find a list of your API keys at "
                "https://dashboard.stripe.com/account/apikeys.",
                status=401,
                code="secret_key_required",
            )
        checked = parameters.check(params, *route.kinds(publishable=who.publishable))
        expand = checked.pop("expand", [])
        parameters.refuse_unimitated(checked, route.imitated)
        session = Session(
            store=self.store,
            account=who.account,
            now=self.now(),
            request_id=request_id,
            origin=request.origin,
            idempotency_key=request.headers.get("Idempotency-Key"),
            publishable=who.publishable,
        )
        work = Work(route, ids, checked, expand, session, fault)
        if request.method == "POST" and session.idempotency_key:
            return self._once(work, request, session.idempotency_key)
        return self._do(work)

    def _once(self, work: "Work", request: Request, key: str) -> Answer:
        session, account = work.session, work.session.account
        mark = wire.fingerprint(method=request.method, path=request.path, form=request.form)
        with self.keys.held(account, key):
            before = self.keys.saved(account, key, fingerprint=mark, now=session.now)
            if before is not None:
                answer = _answered(before.status, before.body, session.request_id)
                answer.headers["Idempotency-Key"] = key
                answer.headers["Idempotent-Replayed"] = "true"
                answer.headers["Original-Request"] = before.request_id
                return work.lost(answer)
            return self._do(work, key=key, mark=mark)

    def _do(self, work: "Work", *, key: str | None = None, mark: str = "") -> Answer:
        session, fault = work.session, work.fault
        if fault is not None and fault.kind is Kind.SLOW:
            time.sleep(fault.seconds)
        if fault is not None and fault.kind is Kind.UNSAVED_500:
            raise internal()
        with self.store.transaction():
            answer = work.result()
            if key is not None:
                saved = Saved(answer.status, answer.body, session.request_id)
                self.keys.save(
                    session.account, key, fingerprint=mark, now=session.now, answer=saved
                )
                answer.headers["Idempotency-Key"] = key
        return work.lost(answer)


@dataclass(frozen=True)
class Work:
    """A checked request and the fault that awaits it."""

    route: routes.Route
    ids: list[str]
    params: Json
    expand: list[str]
    session: Session
    fault: Fault | None

    def lost(self, answer: Answer) -> Answer:
        """The answer, or silence if a fault drops it after the work."""
        if self.fault is None or self.fault.kind is not Kind.COMMIT_THEN_TIMEOUT:
            return answer
        return replace(answer, silent=True, hang=self.fault.seconds)

    def result(self) -> Answer:
        """The answer to save, with its writes made or undone."""
        broken = self.fault if self.fault and self.fault.kind is Kind.SAVED_500 else None
        failure = _failure(internal(), self.session.request_id)
        if broken and not broken.work:
            return failure
        answer = self._worked()
        return failure if broken else answer

    def _worked(self) -> Answer:
        request_id = self.session.request_id
        try:
            with self.session.store.savepoint():
                try:
                    body = self._body()
                except StripeError as problem:
                    if not problem.keeps_work:
                        raise
                    return _failure(problem, request_id)
        except StripeError as problem:
            return _failure(problem, request_id)
        return _answered(200, json.dumps(body).encode(), request_id)

    def _body(self) -> Json:
        thing = self.route.answer(self.session, self.params, *self.ids)
        body = expansion.rendered(self.session, thing, self.expand)
        if self.session.publishable:
            for name in PRIVATE_TO_SERVERS:
                body.pop(name, None)
        return body


def _before_all(fault: Fault | None) -> Answer | None:
    if fault is None:
        return None
    if fault.kind is Kind.TIMEOUT:
        return Answer(status=0, body=b"", silent=True, hang=fault.seconds)
    if fault.kind is Kind.RATE_LIMIT:
        raise StripeError("Request rate limit exceeded.", status=429, code="rate_limit")
    if fault.kind is Kind.CONFLICT:
        raise StripeError(
            "This object cannot be accessed right now because another API request or Stripe "
            "process is currently accessing it.",
            status=409,
            code="lock_timeout",
        )
    return None


def _answered(status: int, body: bytes, request_id: str) -> Answer:
    return Answer(status=status, body=body, headers={"Request-Id": request_id})


def _failure(problem: StripeError, request_id: str) -> Answer:
    body = json.dumps(problem.body(request_id=request_id)).encode()
    answer = _answered(problem.status, body, request_id)
    if problem.status == 500:
        answer.headers["Stripe-Should-Retry"] = "false"
    return answer


VERSION_HEADERS = {"Stripe-Version": API_VERSION}
