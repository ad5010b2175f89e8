"""Checks parameters as strictly as Stripe: unknown, missing and mistyped ones are refused."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.stripe.errors import Json, StripeError

Rule = Callable[[Any, str], Any]
Rules = Mapping[str, Rule]

LARGEST_AMOUNT = 99_999_999
METADATA_KEYS = 50


def check(given: Json, rules: Rules, *, required: tuple[str, ...] = (), within: str = "") -> Json:
    """The parameters converted to their types.

    Raises StripeError for the first unknown, missing or mistyped one, named as Stripe names it
    (`invoice_settings[default_payment_method]`).
    """
    for name in given:
        if name not in rules:
            shown = _named(within, name)
            raise StripeError(
                f"Received unknown parameter: {shown}", code="parameter_unknown", param=shown
            )
    for name in required:
        if name not in given:
            shown = _named(within, name)
            raise StripeError(
                f"Missing required param: {shown}.", code="parameter_missing", param=shown
            )
    return {name: rules[name](value, _named(within, name)) for name, value in given.items()}


def _named(within: str, name: str) -> str:
    return f"{within}[{name}]" if within else name


def _scalar(value: Any, name: str, kind: str) -> str:
    if not isinstance(value, str):
        raise StripeError(f"Invalid {kind}: {name}", param=name)
    return value


def text(value: Any, name: str) -> str:
    """A text of 1 to 5,000 characters."""
    found = _scalar(value, name, "string")
    if not found:
        raise StripeError(
            f"You passed an empty string for '{name}'. We assume empty values are an attempt to "
            f"unset a parameter; however '{name}' cannot be unset. You should remove '{name}' from "
            "your request or supply a non-empty value.",
            code="parameter_invalid_empty",
            param=name,
        )
    if len(found) > 5000:
        raise StripeError(
            f"Invalid string: {found[:20]}...; must be at most 5000 characters", param=name
        )
    return found


def clearable(value: Any, name: str) -> str | None:
    """Text whose empty value unsets it."""
    return None if value == "" else text(value, name)


def email(value: Any, name: str) -> str | None:
    """An address with one @ and a domain, or nothing."""
    found = clearable(value, name)
    if found and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", found):
        raise StripeError(f"Invalid email address: {found}", code="email_invalid", param=name)
    return found


def integer(value: Any, name: str) -> int:
    """A whole number, written with digits."""
    found = _scalar(value, name, "integer")
    if not re.fullmatch(r"-?[0-9]{1,15}", found):
        raise StripeError(f"Invalid integer: {found}", code="parameter_invalid_integer", param=name)
    return int(found)


def amount(value: Any, name: str) -> int:
    """Minor units, from 1 to Stripe's maximum."""
    found = integer(value, name)
    if found < 1:
        raise StripeError(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param=name,
        )
    if found > LARGEST_AMOUNT:
        raise StripeError(
            "Amount must be no more than $999,999.99", code="amount_too_large", param=name
        )
    return found


def currency(value: Any, name: str) -> str:
    """Three letters, answered in lower case."""
    found = text(value, name).lower()
    if not re.fullmatch(r"[a-z]{3}", found):
        raise StripeError(f"Invalid currency: {found}.", param=name)
    return found


def boolean(value: Any, name: str) -> bool:
    """`true` or `false`."""
    found = _scalar(value, name, "boolean")
    if found not in ("true", "false"):
        raise StripeError(f"Invalid boolean: {found}", param=name)
    return found == "true"


def choice(*allowed: str) -> Rule:
    """One of these words."""

    def rule(value: Any, name: str) -> str:
        found = text(value, name)
        if found not in allowed:
            raise StripeError(f"Invalid {name}: must be one of {', '.join(allowed)}", param=name)
        return found

    return rule


def list_of(item: Rule) -> Rule:
    """`name[0]=…&name[1]=…`."""

    def rule(value: Any, name: str) -> list[Any]:
        if value == "":
            return []
        if not isinstance(value, dict) or not all(step.isdigit() for step in value):
            raise StripeError("Invalid array", param=name)
        ordered = sorted(value.items(), key=lambda entry: int(entry[0]))
        return [item(entry, f"{name}[{step}]") for step, entry in ordered]

    return rule


def shape(rules: Rules, *, required: tuple[str, ...] = ()) -> Rule:
    """A nested object; the empty string unsets it."""

    def rule(value: Any, name: str) -> Json | None:
        if value == "":
            return None
        if not isinstance(value, dict):
            raise StripeError("Invalid object", param=name)
        return check(value, rules, required=required, within=name)

    return rule


def metadata(value: Any, name: str) -> Json:
    """Up to 50 keys of 40 characters with values of 500; empty values delete their key."""
    if value == "":
        return {}
    if not isinstance(value, dict) or any(isinstance(entry, dict) for entry in value.values()):
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


def instant_range(value: Any, name: str) -> Json:
    """`created=N` or `created[gte]=N`, seconds since 1970."""
    if isinstance(value, dict):
        return check(
            value, {"gt": integer, "gte": integer, "lt": integer, "lte": integer}, within=name
        )
    found = integer(value, name)
    return {"gte": found, "lte": found}


EXPAND: Rules = {"expand": list_of(text)}
PAGE: Rules = {
    "limit": integer,
    "starting_after": text,
    "ending_before": text,
    "expand": list_of(text),
}
ADDRESS = shape(
    dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"), clearable)
)
BILLING_DETAILS = shape({"address": ADDRESS, "email": email, "name": clearable, "phone": clearable})


def merged(current: Json | None, changes: Json) -> Json:
    """Metadata after an update: keys are added or replaced, empty values delete them."""
    both = {**(current or {}), **changes}
    return {key: value for key, value in both.items() if value != ""}
