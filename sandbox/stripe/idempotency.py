"""Stripe's idempotency layer: one key, one answer, for a day."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sandbox.stripe.errors import StripeError
from sandbox.stripe.store import Store

DAY = 86_400
LONGEST_KEY = 255


@dataclass(frozen=True)
class Saved:
    """The answer saved for a key."""

    status: int
    body: bytes
    request_id: str


@dataclass
class Keys:
    """The keys of all accounts. Which are in flight is known to the process only: when it dies,
    so does their work, since work and answer are saved in one transaction."""

    store: Store
    _busy: set[tuple[str, str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def held(self, account: str, key: str) -> Iterator[None]:
        """Hold a key while its request runs.

        Raises a StripeError of status 409 when another request holds it.
        """
        if len(key) > LONGEST_KEY:
            raise StripeError(
                f"Idempotency keys can be up to {LONGEST_KEY} characters long.",
                kind="idempotency_error",
            )
        with self._lock:
            if (account, key) in self._busy:
                raise StripeError(
                    "There is currently another in-progress request using this Idempotent Key "
                    "(that probably means you submitted twice, and the other request is still "
                    f"going through): {key}. You can try again in a bit.",
                    status=409,
                    code="idempotency_key_in_use",
                )
            self._busy.add((account, key))
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard((account, key))

    def saved(self, account: str, key: str, *, fingerprint: str, now: int) -> Saved | None:
        """The answer to the same request, if there was one in the last 24 hours.

        Raises a StripeError when the key was used for a different request.
        """
        found = self.store.rows(
            "SELECT fingerprint, status, body, request_id FROM idempotency"
            " WHERE account = ? AND key = ? AND created > ?",
            account,
            key,
            now - DAY,
        )
        if not found:
            return None
        before, status, body, request_id = found[0]
        if before != fingerprint:
            raise StripeError(
                "Keys for idempotent requests can only be used with the same parameters they were "
                f"first used with. Try using a key other than '{key}' if you meant to execute a "
                "different request.",
                kind="idempotency_error",
            )
        return Saved(status=status, body=body, request_id=request_id)

    def save(self, account: str, key: str, *, fingerprint: str, now: int, answer: Saved) -> None:
        """Save an answer, in the transaction of its work."""
        self.store.rows(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?, ?)",
            account,
            key,
            fingerprint,
            now,
            answer.request_id,
            answer.status,
            answer.body,
        )

    def expire(self, *, account: str | None, key: str | None) -> int:
        """Delete the keys that match, all by default; returns their number."""
        gone = self.store.rows(
            "DELETE FROM idempotency WHERE account = coalesce(?, account)"
            " AND key = coalesce(?, key) RETURNING key",
            account,
            key,
        )
        return len(gone)
