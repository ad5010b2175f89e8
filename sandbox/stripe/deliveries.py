"""Deliveries of events to the webhook: signed, retried, with faults on request."""

import hashlib
import hmac
import http.client
import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from sandbox.stripe.errors import Json
from sandbox.stripe.session import visible
from sandbox.stripe.store import Store

log = logging.getLogger("sandbox.stripe")
THREADS = 2
MOST_ATTEMPTS = 15
LONGEST_PAUSE = 60.0
ANSWER_WITHIN = 20.0
CLAIM = """
UPDATE deliveries SET state = 'sending', attempts = attempts + 1 WHERE id = (
    SELECT id FROM deliveries WHERE state = 'waiting' AND due <= ? ORDER BY {order} LIMIT 1
) RETURNING id, event, attempts
"""


@dataclass
class Webhook:
    """The webhook. `copies`: how often each event is sent; `shuffle`: in random order."""

    url: str = ""
    secret: str = ""
    held: bool = False
    copies: int = 1
    shuffle: bool = False
    retry_seconds: float = 1.0


@dataclass
class Drop:
    """Events to drop: the next `times` of a type."""

    type: str = "*"
    times: int = 1


def signature(payload: bytes, *, secret: str, at: int) -> str:
    """The Stripe-Signature header for a payload signed at that second."""
    signed = hmac.new(secret.encode(), f"{at}.".encode() + payload, hashlib.sha256)
    return f"t={at},v1={signed.hexdigest()}"


@dataclass
class Deliveries:
    """The senders in the background. `now` gives seconds since 1970 by the stand-in's clock."""

    store: Store
    now: Callable[[], int]
    webhook: Webhook = field(default_factory=Webhook)
    drops: list[Drop] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _bell: threading.Condition = field(default_factory=threading.Condition)

    def start(self) -> None:
        """Continue where the last process stopped; the environment names the webhook."""
        self.webhook = Webhook(**self.store.setting("webhook", {}))
        self.configure(
            url=os.environ.get("STRIPE_STANDIN_WEBHOOK_URL", self.webhook.url),
            secret=os.environ.get("STRIPE_STANDIN_WEBHOOK_SECRET", self.webhook.secret),
        )
        with self.store.transaction():
            self.store.rows("UPDATE deliveries SET state = 'waiting' WHERE state = 'sending'")
        for _ in range(THREADS):
            threading.Thread(target=self._run, daemon=True).start()

    def configure(self, **changes: Any) -> None:
        """Change the webhook. Raises TypeError or ValueError for unknown settings."""
        changed = Webhook(**{**asdict(self.webhook), **changes})
        address = urlsplit(changed.url)
        if changed.url and (address.scheme not in ("http", "https") or not address.hostname):
            raise ValueError("url must be an http or https address")
        if changed.url and not changed.secret:
            raise ValueError("a webhook needs a secret to sign with")
        if changed.copies not in range(1, 11) or not 0.01 <= changed.retry_seconds <= 600:
            raise ValueError("copies must be 1 to 10, retry_seconds 0.01 to 600")
        self.webhook = changed
        self.store.has_listener = bool(changed.url)
        with self.store.transaction():
            self.store.set("webhook", asdict(changed))
        self.wake()

    def forget(self) -> None:
        """Reset all settings but address and secret."""
        self.drops.clear()
        self.configure(held=False, copies=1, shuffle=False, retry_seconds=1.0)

    def wake(self) -> None:
        """Wake the senders."""
        if self.webhook.url:
            with self._bell:
                self._bell.notify_all()

    def send_again(self, event: str) -> None:
        """Deliver an event once more, as the dashboard's Resend does."""
        with self.store.transaction():
            self.store.rows(
                "INSERT INTO deliveries (event, due, state) VALUES (?, 0, 'waiting')", event
            )
        self.wake()

    def _run(self) -> None:
        while True:
            claimed = self._claim()
            if claimed is None:
                with self._bell:
                    self._bell.wait(timeout=0.2)
            else:
                try:
                    self._deliver(*claimed)
                except Exception:
                    log.exception("delivery %s failed", claimed[0])

    def _claim(self) -> tuple[int, str, int] | None:
        webhook = self.webhook
        if not webhook.url or webhook.held:
            return None
        order = "random()" if webhook.shuffle else "id"
        with self.store.transaction():
            found = self.store.rows(CLAIM.format(order=order), time.time())
        return (found[0][0], found[0][1], found[0][2]) if found else None

    def _deliver(self, delivery: int, event_id: str, attempts: int) -> None:
        webhook = self.webhook
        found = self.store.rows("SELECT body FROM objects WHERE id = ?", event_id)
        if not found:
            self._note(delivery, "dropped", "the event no longer exists")
            return
        event: Json = json.loads(found[0][0])
        if self._is_dropped(event["type"]):
            self._note(delivery, "dropped", "dropped on order")
            return
        if webhook.shuffle:
            time.sleep(secrets.randbelow(200) / 1000)
        payload = json.dumps(visible(event), indent=2).encode()
        result = ""
        accepted = True
        for _ in range(webhook.copies):
            status, result = self._post(webhook, payload)
            accepted = accepted and 200 <= status < 300
        if accepted:
            self._note(delivery, "delivered", result)
        elif attempts >= MOST_ATTEMPTS:
            self._note(delivery, "failed", result)
        else:
            pause = min(webhook.retry_seconds * 2 ** (attempts - 1), LONGEST_PAUSE)
            self._note(delivery, "waiting", result, due=time.time() + pause)

    def _is_dropped(self, kind: str) -> bool:
        with self._lock:
            for drop in self.drops:
                if fnmatchcase(kind, drop.type):
                    drop.times -= 1
                    if drop.times <= 0:
                        self.drops.remove(drop)
                    return True
        return False

    def _note(self, delivery: int, state: str, answer: str, *, due: float = 0) -> None:
        with self.store.transaction():
            self.store.rows(
                "UPDATE deliveries SET state = ?, last_answer = ?, due = ? WHERE id = ?",
                state,
                answer,
                due,
                delivery,
            )

    def _post(self, webhook: Webhook, payload: bytes) -> tuple[int, str]:
        address = urlsplit(webhook.url)
        secure = address.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(address.hostname or "", address.port, timeout=ANSWER_WITHIN)
        path = f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(payload, secret=webhook.secret, at=self.now()),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            connection.request("POST", path, payload, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as problem:
            return 0, f"{type(problem).__name__}: {problem}"
        finally:
            connection.close()
        return answer.status, str(answer.status)
