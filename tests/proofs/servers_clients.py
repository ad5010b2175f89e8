"""Clients of the proof of many servers: processes that add users while a provider moves.

Each transaction of a client adds a user and enqueues a message. What a client knows is in its
file, line by line, also after its end.
"""

import logging
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.core.cache import caches
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.test import Client
from django.urls import get_resolver
from django.utils import timezone

from accounts.models import Provider, User
from accounts.roles import Role
from core.actors import SYSTEM_ACTOR
from core.outbox import delivery
from core.outbox.delivery import deliver_due, enqueue
from core.outbox.topics import handler
from core.schema import provider_schema
from core.servers import on_server, servers
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tenants.users.membership import Via, add_member
from tests.personas import create_persona
from tests.proofs.servers_stage import APP
from tests.providers import open_provider

TOPIC = "proof.note"
ADDED, AWAY = 302, 503
NOTES = "CREATE TABLE proof_note (email text PRIMARY KEY, times int NOT NULL)"
NOTE = (
    "INSERT INTO proof_note VALUES (%s, 1)"
    " ON CONFLICT (email) DO UPDATE SET times = proof_note.times + 1"
)


@handler(TOPIC)
def note(payload: Mapping[str, Any], now: datetime) -> None:
    """Note the user of a message, in the provider's schema."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE, [payload["email"]])


@dataclass(frozen=True)
class Place:
    """A provider of the proof, its Owner and the name that only its rows have."""

    provider: Provider
    owner: User
    canary: str

    def current(self) -> Provider:
        """The provider as the directory knows it now."""
        return Provider.objects.get(pk=self.provider.pk)


def open_place(canary: str, prefix: str, *, server: int) -> Place:
    """A provider on this server, with an Owner and two organizations."""
    from django.test import override_settings

    with override_settings(NEW_PROVIDERS_SERVER=server):
        provider = open_provider(canary=canary, prefix=prefix)
    owner = create_persona(
        provider=provider, role=Role.OWNER, name=canary, email=f"owner@{canary}.example".lower()
    )
    with provider_schema(provider), connection.cursor() as cursor:
        MeteringPolicy.objects.update(free_user_limit=None)
        cursor.execute(NOTES)
        Organization.objects.bulk_create(
            Organization(name=f"{canary} {n}", created_at=timezone.now()) for n in range(2)
        )
    return Place(provider, owner, canary)


class Adder:
    """Adds users of one provider, by the form and by a domain call with a message."""

    def __init__(self, place: Place, report: Path, seed: int) -> None:
        self.place, self.dice = place, random.Random(seed)
        self.report = report.open("a", buffering=1)
        self.browser = Client(raise_request_exception=False)
        self.browser.force_login(place.owner)
        with provider_schema(place.current()):
            self.organizations = list(Organization.objects.values_list("pk", flat=True))

    def run(self) -> None:
        """Add until killed."""
        number = 0
        while True:
            number += 1
            email = f"{os.getpid()}.{number}@{self.place.canary}.example".lower()
            add = self.dice.choice((self.by_form, self.by_call))
            self.report.write(f"try {add.__name__} {email}\n")
            outcome = self._outcome_of(add, email)
            self.report.write(f"{outcome} {add.__name__} {email}\n")
            time.sleep(0.05 if outcome == "away" else 0.005)

    def _outcome_of(self, add: Callable[[str], str], email: str) -> str:
        try:
            return add(email)
        except (OperationalError, InterfaceError):
            return "away"
        except Exception as error:  # noqa: BLE001 - the report says what
            return _in_one_word(f"error:{type(error).__name__}:{error}")
        finally:
            # As Django does between requests: a connection that broke is opened again.
            for each in connections.all(initialized_only=True):
                each.close_if_unusable_or_obsolete()

    def by_form(self, email: str) -> str:
        url = f"/organizations/{self.dice.choice(self.organizations)}/users/add/"
        answer = self.browser.post(url, {"email": email, "name": self.place.canary})
        if answer.status_code == ADDED:
            return "added"
        is_away = answer.status_code == AWAY and answer.headers.get("Retry-After")
        error = (getattr(answer, "exc_info", None) or (None, ""))[1]
        return "away" if is_away else _in_one_word(f"error:{answer.status_code}:{error}")

    def by_call(self, email: str) -> str:
        with provider_schema(self.place.current()):
            with transaction.atomic():
                organization = Organization.objects.get(pk=self.dice.choice(self.organizations))
                add_member(
                    member=ManagedUser(
                        organization=organization, email=email, name=self.place.canary
                    ),
                    actor=SYSTEM_ACTOR,
                    via=Via.FORM,
                    now=timezone.now(),
                )
                enqueue(topic=TOPIC, key=email, payload={"email": email}, now=timezone.now())
            foreign = Organization.objects.exclude(name__startswith=self.place.canary).exists()
        return "foreign" if foreign else "added"


def _in_one_word(text: str) -> str:
    return "_".join(text.split())[:200]


def deliver() -> None:
    """Deliver the outboxes of all servers until killed; a server that is away is left out.

    After a fault of the database a message waits for a moment only, so that what a killed move
    left behind is tried before the next one.
    """
    delivery.DATABASE_PAUSE = timedelta(milliseconds=200)
    while True:
        for server in servers():
            try:
                with on_server(server):
                    deliver_due(now=timezone.now(), limit=20)
            except (DatabaseError, InterfaceError):
                logging.getLogger(__name__).debug("Server %s is away", server)
            for each in connections.all(initialized_only=True):
                each.close_if_unusable_or_obsolete()
        time.sleep(0.02)


@contextmanager
def running(*works: Callable[[], None]) -> Iterator[None]:
    """Run each in a separate process during the block; killed at its end."""
    # Imported once here instead of in each process.
    assert get_resolver().url_patterns
    pids = [fork(partial(_as_the_app, work)) for work in works]
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _as_the_app(work: Callable[[], None]) -> None:
    for alias in connections.settings:
        connections.settings[alias]["USER"] = APP
    work()


def fork(work: Callable[[], None]) -> int:
    """Run it in a separate process; returns its id. The process ends with status 1."""
    connections.close_all()
    caches.close_all()
    pid = os.fork()
    if pid:
        return pid
    logging.disable()
    try:
        work()
    finally:
        os._exit(1)
