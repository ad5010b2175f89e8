"""`expand[]`: an id in the answer replaced by the object it names."""

from typing import Any

from sandbox.stripe import errors
from sandbox.stripe.errors import Json, StripeError
from sandbox.stripe.session import Session, visible

KINDS = {
    "charge": "charge",
    "customer": "customer",
    "default_payment_method": "payment_method",
    "latest_charge": "charge",
    "payment_intent": "payment_intent",
    "payment_method": "payment_method",
}
ALWAYS_EMPTY = ("balance_transaction", "latest_attempt", "mandate")
DEEPEST = 4


def rendered(session: Session, thing: Json, paths: list[str]) -> Json:
    """The answer without private fields, with every requested path expanded."""
    if thing["object"] == "list":
        thing = {**thing, "data": [visible(entry) for entry in thing["data"]]}
    else:
        thing = visible(thing)
    for path in paths:
        steps = path.split(".")
        if len(steps) > DEEPEST:
            raise StripeError(f"You cannot expand more than {DEEPEST} levels: {path}")
        _expand(session, thing, steps, path=path)
    return thing


def _expand(session: Session, thing: Any, steps: list[str], *, path: str) -> None:
    if isinstance(thing, list):
        for entry in thing:
            _expand(session, entry, steps, path=path)
        return
    name, rest = steps[0], steps[1:]
    if not isinstance(thing, dict) or name not in thing:
        raise StripeError(f"This property cannot be expanded ({path}).", param="expand")
    value = thing[name]
    if isinstance(value, str):
        if name not in KINDS:
            raise StripeError(f"This property cannot be expanded ({path}).", param="expand")
        thing[name] = value = _named(session, KINDS[name], value)
    elif not rest and name not in (*KINDS, *ALWAYS_EMPTY):
        raise StripeError(f"This property cannot be expanded ({path}).", param="expand")
    elif isinstance(value, dict):
        thing[name] = value = dict(value)
    if rest and value is not None:
        _expand(session, value, rest, path=path)


def _named(session: Session, kind: str, reference: str) -> Json:
    found = session.store.find(reference, kind=kind, account=session.account)
    if found is None:
        raise errors.missing(kind, reference)
    return visible(found)
