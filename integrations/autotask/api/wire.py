"""Requests and answers on the wire: JSON with exact amounts, answers as errors."""

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx

from integrations.autotask.api.errors import (
    AutotaskError,
    Busy,
    NotUnderstood,
    PermissionMissing,
    Refused,
    SignInRefused,
    Unreachable,
)

DEFAULT_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=10)
LONGEST_QUOTE = 500

Row = Mapping[str, Any]


def encode(content: Any) -> bytes:
    """JSON bytes. A Decimal becomes a number with the same digits, a date a midnight in UTC."""
    return json.dumps(content, default=_number, ensure_ascii=False).encode()


def _number(value: object) -> float | str:
    # A float is written with its shortest digits: those of the Decimal, up to fifteen of them.
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00Z"
    raise TypeError(f"No JSON for {type(value).__name__}")


def content_of(response: httpx.Response) -> Row:
    """The JSON object of a successful answer. Raises `AutotaskError` for any other."""
    errors = _errors_of(response)
    if response.status_code == httpx.codes.OK and not errors:
        return _object_of(response)
    raise error_of(response.status_code, errors, wait=_wait_of(response))


def error_of(status: int, errors: list[str], *, wait: timedelta) -> AutotaskError:
    """The error by status and text: a missing permission, for example, is 403 or 500."""
    quote = "; ".join(errors)[:LONGEST_QUOTE]
    if status == httpx.codes.UNAUTHORIZED:
        return SignInRefused(
            "Autotask knows the API user and refuses its secret or its tracking identifier."
        )
    if status == httpx.codes.TOO_MANY_REQUESTS or re.search(
        r"itgenatr005|thread threshold|exceeded the (limit|threshold)", quote, re.IGNORECASE
    ):
        return Busy(f"Autotask is busy: {quote or 'too many requests'}", wait=wait)
    if status == httpx.codes.FORBIDDEN or "adequate permissions" in quote:
        return PermissionMissing(
            "The API user's security level does not allow this" + (f": {quote}" if quote else ".")
        )
    if errors:
        return Refused(quote)
    return Unreachable(f"Autotask answered {status} without saying why.")


def _errors_of(response: httpx.Response) -> list[str]:
    try:
        content = json.loads(response.content)
    except (ValueError, RecursionError):
        return []
    errors = content.get("errors") if isinstance(content, dict) else None
    return [str(error) for error in errors] if isinstance(errors, list) else []


def _object_of(response: httpx.Response) -> Row:
    try:
        content = json.loads(response.content, parse_float=Decimal)
    except (ValueError, RecursionError):
        kind = response.headers.get("content-type", "")
        content_kind = "a web page" if "html" in kind else "something that is no JSON"
        raise NotUnderstood(
            f"Autotask's address answered with {content_kind}, or broke off."
        ) from None
    if not isinstance(content, dict):
        raise NotUnderstood("Autotask answered with something that is no JSON object.")
    return content


def _wait_of(response: httpx.Response) -> timedelta:
    seconds = response.headers.get("retry-after", "")
    if not seconds.isdecimal():
        return DEFAULT_WAIT
    return min(timedelta(seconds=int(seconds[:6])), LONGEST_WAIT)


def number(row: Row, name: str) -> int:
    """A whole number in a row. Raises `NotUnderstood`."""
    value = row.get(name)
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise NotUnderstood(f"Autotask's {name} is not a number: {str(value)[:50]!r}.")
    return value


def optional_number(row: Row, name: str) -> int | None:
    """A whole number, None if missing. Raises `NotUnderstood`."""
    return None if row.get(name) is None else number(row, name)


def amount(row: Row, name: str) -> Decimal | None:
    """An amount, None if missing or hidden. Raises `NotUnderstood`."""
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise NotUnderstood(f"Autotask's {name} is not an amount: {str(value)[:50]!r}.")
    return Decimal(value)


def day(row: Row, name: str) -> date:
    """A calendar day, which Autotask writes as a midnight. Raises `NotUnderstood`."""
    try:
        return date.fromisoformat(str(row.get(name))[:10])
    except ValueError:
        raise NotUnderstood(
            f"Autotask's {name} is not a date: {str(row.get(name))[:50]!r}."
        ) from None


def text(row: Row, name: str) -> str:
    """A text, empty if missing."""
    value = row.get(name)
    return "" if value is None else str(value)
