"""Requests, answers, refusals, and JSON with exact amounts."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

# A row or a body as JSON has it. Keys that begin with "_" are the stand-in's own and are never
# answered.
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it arrived. `path` has no query string; header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """One answer, before it is sent or changed by a fault."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json; charset=utf-8"


class Delivery(StrEnum):
    """How an answer reaches the client."""

    WHOLE = "whole"
    DROPPED = "dropped"
    RESET = "reset"
    CUT = "cut"


class Refused(Exception):
    """A refusal by the API. Autotask answers most with 500 and an array of errors."""

    def __init__(self, *errors: str, status: int = 500, retry_after: int | None = None) -> None:
        super().__init__(*errors)
        self.errors = errors
        self.status = status
        self.retry_after = retry_after

    def answer(self) -> Answer:
        """The refusal as the API words it."""
        headers = () if self.retry_after is None else (("Retry-After", str(self.retry_after)),)
        return json_answer({"errors": list(self.errors)}, status=self.status, headers=headers)


class NotOffered(Refused):
    """There is no such address or method. Autotask answers with a message instead of errors."""

    def answer(self) -> Answer:
        """The refusal as the API words it."""
        return json_answer({"Message": self.errors[0]}, status=self.status)


def json_answer(
    content: Any, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, encode(content).encode(), headers)


def encode(content: Any, *, indent: int | None = None) -> str:
    """JSON text. Amounts are Decimal inside and plain JSON numbers outside."""
    return json.dumps(content, default=_number, ensure_ascii=False, indent=indent)


def decode(text: str | bytes) -> Any:
    """The value of a JSON text, numbers with a point as Decimal. Raises ValueError."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None


def decode_object(text: bytes) -> Row:
    """The JSON object of a request's body. Raises Refused when it is anything else."""
    try:
        content = decode(text)
    except ValueError:
        raise Refused("The request body is not valid JSON.") from None
    if not isinstance(content, dict):
        raise Refused("The request body must be a JSON object.")
    return content


def parse_instant(text: Any) -> datetime:
    """An aware instant from ISO 8601; without a zone it is UTC. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError("Not a date.")
    return _parsed(text)


@lru_cache(maxsize=10_000)
def _parsed(text: str) -> datetime:
    # Unit rows share a few hundred dates, and a query compares thousands of rows.
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def format_day(day: date) -> str:
    """Midnight UTC of a day, as Autotask writes dates without a time."""
    return format_instant(datetime.combine(day, time(), tzinfo=UTC))


def format_instant(instant: datetime) -> str:
    """An instant in UTC, whole seconds, with Z."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number(value: object) -> float:
    # A Decimal of at most 15 digits becomes the same digits again: repr() of a float is the
    # shortest text that names it. Anything else in a body is a defect of the stand-in.
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"No JSON for {type(value).__name__}")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON.")
