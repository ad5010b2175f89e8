"""What travels: JSON with exact amounts, and what an answer means."""

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
    """JSON bytes; a Decimal becomes the number that its digits name."""
    return json.dumps(content, default=_number, ensure_ascii=False).encode()


def _number(value: object) -> float | str:
    # repr() of a float is the shortest text that names it: the same digits up to fifteen of them.
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00Z"
    raise TypeError(f"No JSON for {type(value).__name__}")


def content_of(response: httpx.Response) -> Row:
    """The JSON object of a good answer. Raises the `AutotaskError` that any other one means."""
    errors = _errors_of(response)
    if response.status_code == httpx.codes.OK and not errors:
        return _object_of(response)
    raise meaning_of(response.status_code, errors, wait=_wait_of(response))


def meaning_of(status: int, errors: list[str], *, wait: timedelta) -> AutotaskError:
    """What a refusal is, by its status and its words: the same one comes as 403 or as 500."""
    words = "; ".join(errors)[:LONGEST_QUOTE]
    if status == httpx.codes.UNAUTHORIZED:
        return SignInRefused(
            "Autotask knows the API user and refuses its secret or its tracking identifier."
        )
    if status == httpx.codes.TOO_MANY_REQUESTS or re.search(
        r"itgenatr005|thread threshold|exceeded the (limit|threshold)", words, re.IGNORECASE
    ):
        return Busy(f"Autotask is busy: {words or 'too many requests'}", wait=wait)
    if status == httpx.codes.FORBIDDEN or "adequate permissions" in words:
        return PermissionMissing(
            "The API user's security level does not allow this" + (f": {words}" if words else ".")
        )
    if errors:
        return Refused(words)
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
        what = "a web page" if "html" in kind else "something that is no JSON"
        raise NotUnderstood(f"Autotask's address answered with {what}, or broke off.") from None
    if not isinstance(content, dict):
        raise NotUnderstood("Autotask answered with something that is no JSON object.")
    return content


def _wait_of(response: httpx.Response) -> timedelta:
    asked = response.headers.get("retry-after", "")
    if not asked.isdecimal():
        return DEFAULT_WAIT
    return min(timedelta(seconds=int(asked[:6])), LONGEST_WAIT)


def number(row: Row, name: str) -> int:
    """A whole number of a row. Raises `NotUnderstood`."""
    value = row.get(name)
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise NotUnderstood(f"Autotask's {name} is not a number: {str(value)[:50]!r}.")
    return value


def optional_number(row: Row, name: str) -> int | None:
    """A whole number that may be missing."""
    return None if row.get(name) is None else number(row, name)


def amount(row: Row, name: str) -> Decimal | None:
    """An amount that may be missing or hidden. Raises `NotUnderstood`."""
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise NotUnderstood(f"Autotask's {name} is not an amount: {str(value)[:50]!r}.")
    return Decimal(value)


def day(row: Row, name: str) -> date:
    """The calendar day of a date; Autotask writes days as midnights. Raises `NotUnderstood`."""
    try:
        return date.fromisoformat(str(row.get(name))[:10])
    except ValueError:
        raise NotUnderstood(
            f"Autotask's {name} is not a date: {str(row.get(name))[:50]!r}."
        ) from None


def text(row: Row, name: str) -> str:
    """A text; missing is empty."""
    value = row.get(name)
    return "" if value is None else str(value)
