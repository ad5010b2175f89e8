"""Faults of the next requests."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from sandbox.stripe.errors import Json


class Kind(StrEnum):
    """The kind of a fault."""

    COMMIT_THEN_TIMEOUT = "commit_then_timeout"
    TIMEOUT = "timeout"
    SAVED_500 = "saved_500"
    UNSAVED_500 = "unsaved_500"
    RATE_LIMIT = "rate_limit"
    CONFLICT = "conflict"
    SLOW = "slow"


@dataclass
class Fault:
    """One fault. Paths may hold `*`; `seconds` is how long a request hangs before it is cut off
    (or answered, for a slow one); `work` says that a saved 500 did its work before failing."""

    kind: Kind
    method: str = "POST"
    path: str = "/v1/*"
    times: int = 1
    skip: int = 0
    seconds: float = 0
    work: bool = False


def read(order: Json) -> Fault:
    """A fault from its JSON. Raises ValueError or TypeError for unknown fields."""
    fault = Fault(**{**order, "kind": Kind(order.get("kind", ""))})
    if not (fault.times > 0 and fault.skip >= 0 and 0 <= fault.seconds <= 120):
        raise ValueError("times must be positive, skip not negative, seconds between 0 and 120")
    return fault


@dataclass
class Faults:
    """The remaining faults, and the number of calls by URL."""

    orders: list[Fault] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault of this request; it ends after `times` requests."""
        with self._lock:
            for fault in self.orders:
                if fault.method not in (method, "*") or not fnmatchcase(path, fault.path):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times == 0:
                    self.orders.remove(fault)
                return fault
        return None

    def count(self, method: str, pattern: str) -> None:
        """Count a request for this URL."""
        with self._lock:
            self.requests[f"{method} {pattern}"] += 1

    def add(self, fault: Fault) -> None:
        """Add a fault."""
        with self._lock:
            self.orders.append(fault)

    def clear(self) -> None:
        """Delete all faults and counts."""
        with self._lock:
            self.orders.clear()
            self.requests.clear()
