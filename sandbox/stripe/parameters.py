"""Parameters, checked against the SDK's own types as strictly as Stripe checks them.

`stripe.params` has a TypedDict for each call of the API version. It says which parameters there
are, of which type, and which are required. Its enumerations are open (`Literal[…] | str`), because
later versions may add values; here they are closed, as at Stripe.
"""

import re
import types
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from stripe import RequestOptions

from sandbox.stripe.errors import Json, StripeError

METADATA_KEYS = 50
# Texts that Stripe unsets when they are sent empty, beyond those of which the types say so.
UNSET_WHEN_EMPTY = {
    *("default_payment_method", "description", "email", "footer", "name", "phone"),
    *("city", "country", "line1", "line2", "postal_code", "state"),
}
# Of these choices the stand-in imitates a part.
IMITATED_CHOICES = {
    "type": ("card",),
    "payment_method_data[type]": ("card",),
    "allowed_payment_method_types": ("card", "link"),
    "capture_method": ("automatic", "automatic_async"),
}
# Names of the types' annotations that the SDK imports for type checkers only.
NAMES_OF_THE_SDK: dict[str, Any] = {"StripeContext": object, "Mapping": Mapping}
# The SDK's older calls take its own options together with Stripe's parameters.
OPTIONS = frozenset(RequestOptions.__annotations__)


@cache
def fields(*kinds: type) -> Mapping[str, Any]:
    """The parameters of a call with their types, in the SDK's order; later kinds go first."""
    found: dict[str, Any] = {}
    for kind in kinds:
        found |= get_type_hints(kind, localns=NAMES_OF_THE_SDK)
    return {name: hint for name, hint in found.items() if name not in OPTIONS}


def check(given: Json, *kinds: type, within: str = "") -> Json:
    """The parameters of a call, converted to their types.

    Raises StripeError for unknown, missing or mistyped ones, named as Stripe names them
    (`invoice_settings[default_payment_method]`).
    """
    known = fields(*kinds)
    unknown = [_named(within, name) for name in given if name not in known]
    if unknown:
        raise StripeError(
            f"Received unknown parameter{'s' * (len(unknown) > 1)}: {', '.join(unknown)}",
            code="parameter_unknown",
            param=unknown[0],
        )
    needed: set[str] = set().union(*(kind.__required_keys__ for kind in kinds))  # type: ignore[attr-defined] # TypedDicts
    require(given, *(name for name in known if name in needed), within=within)
    return {
        name: _converted(value, known[name], _named(within, name)) for name, value in given.items()
    }


def require(given: Json, *names: str, within: str = "") -> None:
    """Refuse a call without one of these parameters, of which the types may be silent."""
    for name in names:
        if name not in given:
            shown = _named(within, name)
            raise StripeError(
                f"Missing required param: {shown}.", code="parameter_missing", param=shown
            )


def refuse_unimitated(given: Any, imitated: Collection[str], *, within: str = "") -> None:
    """Refuse a parameter of Stripe's that the stand-in would not act on.

    `imitated` names them (`invoice_settings[footer]`); a name covers what is nested in it.
    """
    if isinstance(given, list):
        for entry in given:
            refuse_unimitated(entry, imitated, within=within)
    elif isinstance(given, dict):
        for name, value in given.items():
            shown = _named(within, name)
            if shown not in imitated:
                refuse_unimitated(value, imitated, within=shown)
    elif given is not None:
        raise unimitated(within)


def nested(within: str, names: Collection[str]) -> set[str]:
    """The names inside of a parameter: `card[cvc]` in `data` is `data[card][cvc]`."""
    parts = (name.partition("[") for name in names)
    return {f"{within}[{head}]{bracket}{rest}" for head, bracket, rest in parts}


def unimitated(name: str) -> StripeError:
    """Stripe takes this, the stand-in does not."""
    return StripeError(f"The stand-in does not imitate this parameter: {name}", param=name)


def _named(within: str, name: str) -> str:
    return f"{within}[{name}]" if within else name


def _leaf(name: str) -> str:
    return name.rstrip("]").rpartition("[")[2]


def _members(hint: Any) -> list[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        return [part for member in get_args(hint) for part in _members(member)]
    return [hint]


def _converted(value: Any, hint: Any, name: str) -> Any:
    members = _members(hint)
    converted = _tree(value, members, name) if isinstance(value, dict) else None
    if converted is None:
        converted = _scalar(value, members, name)
    further = FURTHER.get(_leaf(name))
    return further(converted, name) if further and converted is not None else converted


def _tree(value: Json, members: list[Any], name: str) -> Any:
    for member in members:
        if hasattr(member, "__required_keys__"):
            return check(value, member, within=name)
        if get_origin(member) is list:
            return _list(value, get_args(member)[0], name)
        if get_origin(member) is dict:
            return _metadata(value, name)
    return None


def _list(value: Json, hint: Any, name: str) -> list[Any]:
    if not all(step.isdigit() for step in value):
        raise StripeError("Invalid array", param=name)
    ordered = sorted(value.items(), key=lambda entry: int(entry[0]))
    return [_converted(entry, hint, f"{name}[{step}]") for step, entry in ordered]


def _scalar(value: Any, members: list[Any], name: str) -> Any:
    choices = [choice for member in members for choice in _literals(member)]
    if value == "" and ("" in choices or (str in members and _leaf(name) in UNSET_WHEN_EMPTY)):
        return None
    closed = [choice for choice in choices if choice]
    if value in closed and value not in _imitated(name, closed):
        raise unimitated(f"{name}={value}")
    if value in closed:
        return value
    for kind, rule in SCALARS.items():
        # An enumeration is open for the SDK, not for Stripe.
        if kind in members and not (kind is str and closed):
            return rule(value, name)
    if closed:
        raise StripeError(f"Invalid {name}: must be one of {_alternatives(closed)}", param=name)
    is_list = any(get_origin(member) is list for member in members)
    raise StripeError("Invalid array" if is_list else "Invalid object", param=name)


def _literals(member: Any) -> tuple[Any, ...]:
    return get_args(member) if get_origin(member) is Literal else ()


def _imitated(name: str, choices: list[str]) -> Collection[str]:
    return IMITATED_CHOICES.get(re.sub(r"\[\d+\]", "", name), choices)


def _alternatives(words: list[str]) -> str:
    if len(words) < 3:
        return " or ".join(words)
    return f"{', '.join(words[:-1])}, or {words[-1]}"


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise StripeError(f"Invalid string: {value}", param=name)
    if not value:
        raise StripeError(
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to "
            f"unset a parameter; however '{name}' cannot be unset. You should remove '{name}' from "
            "your request or supply a non-empty value.",
            code="parameter_invalid_empty",
            param=name,
        )
    if len(value) > 5000:
        raise StripeError(
            f"Invalid string: {value[:20]}...; must be at most 5000 characters", param=name
        )
    return value


def _integer(value: Any, name: str) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"-?[0-9]{1,15}", value):
        raise StripeError(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
    return int(value)


def _boolean(value: Any, name: str) -> bool:
    if value not in ("true", "false"):
        raise StripeError(f"Invalid boolean: {value}", param=name)
    return bool(value == "true")


SCALARS: Mapping[type, Callable[[Any, str], Any]] = {bool: _boolean, int: _integer, str: _text}


def _email(value: str, name: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        raise StripeError(f"Invalid email address: {value}", code="email_invalid", param=name)
    return value


def _amount(value: int, name: str) -> int:
    if value < 1:
        raise StripeError(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param=name,
        )
    return value


def _currency(value: str, name: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{3}", value):
        raise StripeError(f"Invalid currency: {value}.", param=name)
    return value.lower()


def _metadata(value: Json, name: str) -> Json:
    if any(isinstance(entry, dict) for entry in value.values()):
        raise StripeError("Invalid hash", param=name)
    if len(value) > METADATA_KEYS:
        raise StripeError(f"Metadata can have up to {METADATA_KEYS} keys.", param=name)
    for key, entry in value.items():
        if len(key) > 40:
            raise StripeError(
                f"Metadata keys can have up to 40 characters, but you passed in a key with "
                f"{len(key)} characters. Invalid key: {key}",
                param=name,
            )
        if len(entry) > 500:
            raise StripeError(
                f"Metadata values can have up to 500 characters, but you passed in a value that is "
                f"{len(entry)} characters. Invalid value: {entry[:20]}...",
                param=f"{name}[{key}]",
            )
    return dict(value)


# What Stripe says of these parameters beyond their types, wherever they are nested.
FURTHER: Mapping[str, Callable[[Any, str], Any]] = {
    "amount": _amount,
    "currency": _currency,
    "email": _email,
    "receipt_email": _email,
}


def merged(current: Json | None, changes: Json | None) -> Json:
    """Metadata after an update: keys are added or replaced, empty values delete them.

    None, which an empty text stands for, deletes all.
    """
    if changes is None:
        return {}
    both = {**(current or {}), **changes}
    return {key: value for key, value in both.items() if value != ""}
