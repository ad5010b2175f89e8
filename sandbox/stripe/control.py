"""The control API under /_control/, for tests and the demo only; its key is checked before."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl

from sandbox.guard import CONTROL, Guard
from sandbox.stripe import (
    charging,
    counters,
    disputes,
    faults,
    fraud_warnings,
    payment_methods,
    refunds,
    setup_intents,
)
from sandbox.stripe.api import Answer, Api
from sandbox.stripe.cards import DECLINES
from sandbox.stripe.cards import Answer as BankAnswer
from sandbox.stripe.deliveries import Deliveries, Drop
from sandbox.stripe.errors import Json, StripeError
from sandbox.stripe.session import Session, identifier, visible

MOST_SHIFT = 20 * 366 * 86_400


@dataclass
class Control:
    """The control of one stand-in."""

    api: Api
    deliveries: Deliveries
    guard: Guard

    def session_for(self, reference: str) -> Session:
        """A session in the account of that object. Raises KeyError when there is none."""
        found = self.api.store.rows("SELECT account FROM objects WHERE id = ?", reference)
        if not found:
            raise KeyError(f"no object {reference}")
        return Session(
            store=self.api.store,
            account=found[0][0],
            now=self.api.now(),
            request_id=identifier("req"),
        )


def reset(control: Control, order: Json) -> Json:  # noqa: ARG001
    """Delete all objects, keys, faults and the clock's shift; the webhook's address stays."""
    control.api.store.empty()
    control.api.faults.clear()
    control.deliveries.forget()
    return {}


def order_fault(control: Control, order: Json) -> Json:
    """Switch a fault on for the next requests."""
    fault = faults.read(order)
    control.api.faults.add(fault)
    return asdict(fault)


def show_faults(control: Control, order: Json) -> Json:  # noqa: ARG001
    """The remaining faults."""
    return {"faults": [asdict(fault) for fault in control.api.faults.orders]}


def clear_faults(control: Control, order: Json) -> Json:  # noqa: ARG001
    """Delete all faults."""
    control.api.faults.orders.clear()
    return {}


def shift_clock(control: Control, order: Json) -> Json:
    """Shift the clock by seconds: keys age, cards expire, events have that date."""
    shift = int(order["shift_seconds"])
    if abs(shift) > MOST_SHIFT:
        raise ValueError(f"shift_seconds is at most {MOST_SHIFT} either way")
    with control.api.store.transaction():
        control.api.store.set("clock_shift", shift)
    return {"now": control.api.now()}


def expire_keys(control: Control, order: Json) -> Json:
    """Delete one idempotency key, one account's keys, or all."""
    with control.api.store.transaction():
        return {"expired": control.api.keys.expire(**{"account": None, "key": None, **order})}


def set_portal(control: Control, order: Json) -> Json:
    """Name the site whose pages may call the API and embed the card form."""
    control.guard.portal = str(order["url"])
    return {}


def set_webhook(control: Control, order: Json) -> Json:
    """Change the given ones of address, secret, held, copies, shuffle, retry_seconds."""
    control.deliveries.configure(**order)
    return show_webhook(control, {})


def show_webhook(control: Control, order: Json) -> Json:  # noqa: ARG001
    """The webhook's settings, and the number of deliveries by state."""
    rows = control.api.store.rows("SELECT state, count(*) FROM deliveries GROUP BY state")
    known = asdict(control.deliveries.webhook)
    known["secret"] = bool(known["secret"])
    return {**known, "deliveries": {row[0]: row[1] for row in rows}}


def drop_events(control: Control, order: Json) -> Json:
    """Drop the next events of a type."""
    drop = Drop(**order)
    control.deliveries.drops.append(drop)
    return asdict(drop)


def resend_event(control: Control, order: Json) -> Json:
    """Send an event once more, dropped or not."""
    control.session_for(order["event"]).fetch("event", order["event"])
    control.deliveries.send_again(order["event"])
    return {}


def show_deliveries(control: Control, order: Json) -> Json:
    """The last 200 deliveries, newest first."""
    rows = control.api.store.rows(
        "SELECT deliveries.id, event, json_extract(body, '$.type'), state, attempts, last_answer"
        " FROM deliveries LEFT JOIN objects ON objects.id = event"
        " WHERE ? IS NULL OR state = ? ORDER BY deliveries.id DESC LIMIT 200",
        order.get("state"),
        order.get("state"),
    )
    names = ("id", "event", "type", "state", "attempts", "last_answer")
    return {"deliveries": [dict(zip(names, row, strict=True)) for row in rows]}


def set_card_answer(control: Control, order: Json) -> Json:
    """Set the answer of this card's bank; null: the answer of its number.

    `advice_code` and `network_advice_code` go with a decline; without them it has the usual advice.
    """
    session = control.session_for(order["payment_method"])
    answer = order["answer"]
    with session.store.transaction():
        method = session.fetch("payment_method", order["payment_method"])
        method["_set_answer"] = None if answer is None else BankAnswer(answer).value
        names = ("advice_code", "network_advice_code")
        method["_set_advice"] = {name: order[name] for name in names if name in order}
        session.save(method)
    return {"payment_method": method["id"], "answer": method["_set_answer"]}


def renew_card(control: Control, order: Json) -> Json:
    """The card's network changes the card's `last4`, `brand` or expiry."""
    reference = order.pop("payment_method")
    session = control.session_for(reference)
    with session.store.transaction():
        renewed = payment_methods.renew(session, reference, order)
    control.deliveries.wake()
    return visible(renewed)


def hold_payments(control: Control, order: Json) -> Json:
    """The next approved payments stay in `processing` until settled."""
    with control.api.store.transaction():
        control.api.store.set("hold_payments", int(order.get("times", 1)))
    return {}


def settle_payment(control: Control, order: Json) -> Json:
    """Let a held payment succeed or fail."""
    answer = BankAnswer(order.get("answer", "approve"))
    session = control.session_for(order["payment_intent"])
    with session.store.transaction():
        intent = session.fetch("payment_intent", order["payment_intent"])
        if intent["status"] != "processing":
            raise StripeError(f"It is {intent['status']}, not processing.")
        method = session.fetch("payment_method", intent["payment_method"])
        if answer in DECLINES:
            charging.decline(session, intent, method, answer)
        else:
            charging.succeed(session, intent, method)
    control.deliveries.wake()
    return visible(intent)


def authenticate(control: Control, order: Json) -> Json:
    """Complete the challenge as the holder, without a browser."""
    intent = finish_challenge(
        control.session_for(order["intent"]), order["intent"], passed=order["outcome"] == "complete"
    )
    control.deliveries.wake()
    return visible(intent)


def finish_challenge(session: Session, reference: str, *, passed: bool) -> Json:
    """End an intent's challenge. Raises StripeError when none is open."""
    kind = "setup_intent" if reference.startswith("seti_") else "payment_intent"
    go_on = setup_intents.authenticated if kind == "setup_intent" else charging.authenticated
    with session.store.transaction():
        intent = session.fetch(kind, reference)
        if intent["status"] != "requires_action":
            raise StripeError(f"It is {intent['status']}: no authentication is open.")
        return go_on(session, intent, passed=passed)


def refund(control: Control, order: Json) -> Json:
    """A refund made in the dashboard."""
    session = control.session_for(order.get("charge") or order["payment_intent"])
    with session.store.transaction():
        made = refunds.create(session, order)
    control.deliveries.wake()
    return visible(made)


def fail_refund(control: Control, order: Json) -> Json:
    """The bank sends a refund back."""
    session = control.session_for(order["refund"])
    with session.store.transaction():
        failed = refunds.fail(session, order["refund"])
    control.deliveries.wake()
    return visible(failed)


def dispute(control: Control, order: Json) -> Json:
    """The holder contests a charge."""
    reference = order.get("charge")
    session = control.session_for(reference or order["payment_intent"])
    with session.store.transaction():
        if reference is None:
            reference = session.fetch("payment_intent", order["payment_intent"])["latest_charge"]
        made = disputes.open_dispute(
            session,
            session.fetch("charge", str(reference)),
            minor=order.get("amount"),
            reason=order.get("reason", "fraudulent"),
        )
    control.deliveries.wake()
    return visible(made)


def warn_of_fraud(control: Control, order: Json) -> Json:
    """The card network reports a payment as fraud."""
    session = control.session_for(order["payment_intent"])
    with session.store.transaction():
        intent = session.fetch("payment_intent", order["payment_intent"])
        charge = session.fetch("charge", str(intent["latest_charge"]))
        warning = fraud_warnings.warn(session, charge)
    control.deliveries.wake()
    return visible(warning)


def close_dispute(control: Control, order: Json) -> Json:
    """The bank decides."""
    session = control.session_for(order["dispute"])
    with session.store.transaction():
        closed = disputes.close(
            session, session.fetch("dispute", order["dispute"]), won=order["outcome"] == "won"
        )
    control.deliveries.wake()
    return visible(closed)


def health(control: Control, order: Json) -> Json:  # noqa: ARG001
    """Answer that the stand-in runs."""
    return {"status": "ok", "now": control.api.now()}


def count_charges(control: Control, order: Json) -> Json:
    """How many charges match."""
    return counters.charges(control.api.store, order)


def count_all(control: Control, order: Json) -> Json:  # noqa: ARG001
    """All counters."""
    return counters.totals(control.api.store, dict(control.api.faults.requests))


LEVERS: dict[tuple[str, str], Callable[[Control, Json], Json]] = {
    ("GET", "health"): health,
    ("POST", "reset"): reset,
    ("POST", "clock"): shift_clock,
    ("GET", "faults"): show_faults,
    ("POST", "faults"): order_fault,
    ("DELETE", "faults"): clear_faults,
    ("POST", "idempotency/expire"): expire_keys,
    ("POST", "portal"): set_portal,
    ("GET", "webhook"): show_webhook,
    ("POST", "webhook"): set_webhook,
    ("POST", "webhook/drop"): drop_events,
    ("POST", "webhook/resend"): resend_event,
    ("GET", "webhook/deliveries"): show_deliveries,
    ("GET", "charges"): count_charges,
    ("GET", "counters"): count_all,
    ("POST", "cards"): set_card_answer,
    ("POST", "cards/renew"): renew_card,
    ("POST", "payments/hold"): hold_payments,
    ("POST", "payments/settle"): settle_payment,
    ("POST", "authentications"): authenticate,
    ("POST", "refunds"): refund,
    ("POST", "refunds/fail"): fail_refund,
    ("POST", "fraud_warnings"): warn_of_fraud,
    ("POST", "disputes"): dispute,
    ("POST", "disputes/close"): close_dispute,
}


def answer(control: Control, method: str, path: str, query: str, body: bytes) -> Answer:
    """One call of the control API."""
    lever = LEVERS.get((method, path.removeprefix(CONTROL)))
    if lever is None:
        return as_json(404, {"error": f"no such control: {method} {path}"})
    try:
        order: Any = json.loads(body) if body else dict(parse_qsl(query))
        if not isinstance(order, dict):
            return as_json(400, {"error": "a JSON object is wanted"})
        return as_json(200, lever(control, order))
    except (KeyError, TypeError, ValueError, StripeError) as problem:
        return as_json(400, {"error": f"{type(problem).__name__}: {problem}"})


def as_json(status: int, content: Json) -> Answer:
    """An answer outside the API."""
    return Answer(status, json.dumps(content).encode())
