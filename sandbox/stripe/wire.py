"""Stripe's form encoding: `metadata[invoice]=7&expand[0]=customer` and back into a tree."""

import hashlib
from urllib.parse import parse_qsl

from sandbox.stripe.errors import Json, StripeError

DEEPEST = 8


def decode(form: str) -> Json:
    """The nested parameters of a query string or body.

    Lists stay dictionaries keyed "0", "1", …: only the parameter's own rule knows whether digits
    are positions or names (metadata may have a key "0").
    """
    tree: Json = {}
    try:
        pairs = parse_qsl(form, keep_blank_values=True, errors="strict", max_num_fields=2000)
    except (UnicodeDecodeError, ValueError) as problem:
        raise StripeError("Invalid request: the parameters could not be decoded.") from problem
    for name, value in pairs:
        _place(tree, _path(name), value, name=name)
    return tree


def _path(name: str) -> list[str]:
    head, bracket, rest = name.partition("[")
    if not bracket:
        return [name]
    if not head or not rest.endswith("]"):
        raise StripeError(f"Invalid request: malformed parameter name {name!r}.", param=name)
    return [head, *rest[:-1].split("][")]


def _place(tree: Json, path: list[str], value: str, *, name: str) -> None:
    if len(path) > DEEPEST:
        raise StripeError(f"Invalid request: {name} is nested too deeply.", param=name)
    for step in path[:-1]:
        branch = tree.setdefault(step or str(len(tree)), {})
        if not isinstance(branch, dict):
            raise StripeError(f"Invalid request: {name} is both a value and an object.", param=name)
        tree = branch
    last = path[-1] or str(len(tree))
    if isinstance(tree.get(last), dict):
        raise StripeError(f"Invalid request: {name} is both a value and an object.", param=name)
    tree[last] = value


def fingerprint(*, method: str, path: str, form: str) -> str:
    """Equal for two requests with the same parameters, in any order."""
    pairs = sorted(parse_qsl(form, keep_blank_values=True))
    return hashlib.sha256(repr((method, path, pairs)).encode()).hexdigest()
