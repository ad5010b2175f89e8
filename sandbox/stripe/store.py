"""The state of the stand-in, in one SQLite file or in memory."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.stripe.errors import Json

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    customer TEXT,
    payment_intent TEXT,
    charge TEXT,
    body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (account, kind, seq);
CREATE INDEX IF NOT EXISTS objects_customer ON objects (customer, kind) WHERE customer NOT NULL;
CREATE INDEX IF NOT EXISTS objects_intent ON objects (payment_intent)
    WHERE payment_intent NOT NULL;
CREATE INDEX IF NOT EXISTS objects_charge ON objects (charge) WHERE charge NOT NULL;
CREATE TABLE IF NOT EXISTS idempotency (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    created INTEGER NOT NULL,
    request_id TEXT NOT NULL,
    status INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (account, key)
);
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL,
    due REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    last_answer TEXT
);
CREATE INDEX IF NOT EXISTS deliveries_state ON deliveries (state, due);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
TABLES = ("objects", "idempotency", "deliveries", "settings")


class Store:
    """One connection behind one lock: a request's reads and writes are one transaction."""

    def __init__(self, path: str) -> None:
        self._lock = threading.RLock()
        # Whether events are to be sent anywhere; set by the deliveries.
        self.has_listener = False
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        # Safe against a killed process; only a power cut could lose the last commits.
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One transaction at a time, committed or rolled back."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of a transaction that can be rolled back alone."""
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK TO part")
            raise
        finally:
            self._connection.execute("RELEASE part")

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query, or what a change returns."""
        with self._lock:
            return self._connection.execute(sql, values).fetchall()

    def save(self, thing: Json, *, account: str) -> None:
        """Insert or replace an object, by its id."""
        self._connection.execute(
            "INSERT INTO objects (id, account, kind, created, customer, payment_intent, charge,"
            " body) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " customer = excluded.customer, charge = excluded.charge, body = excluded.body",
            (
                thing["id"],
                account,
                thing["object"],
                thing.get("created", 0),
                thing.get("customer"),
                thing.get("payment_intent"),
                thing.get("charge"),
                json.dumps(thing, separators=(",", ":")),
            ),
        )

    def find(self, identifier: str, *, kind: str, account: str) -> Json | None:
        """The object with this id, if it is of this kind and account."""
        found = self.rows(
            "SELECT body FROM objects WHERE id = ? AND kind = ? AND account = ?",
            identifier,
            kind,
            account,
        )
        return json.loads(found[0][0]) if found else None

    def setting(self, name: str, default: Any) -> Any:
        """A value kept across restarts."""
        found = self.rows("SELECT value FROM settings WHERE name = ?", name)
        return json.loads(found[0][0]) if found else default

    def set(self, name: str, value: Any) -> None:
        """Keep a value across restarts."""
        self.rows("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, json.dumps(value))

    def empty(self) -> None:
        """Delete everything."""
        with self.transaction():
            for table in TABLES:
                self.rows(f"DELETE FROM {table}")  # noqa: S608 - names from the constant above
