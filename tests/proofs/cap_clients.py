"""The clients of the cap proof: each is a separate process, so that it can be killed."""

import itertools
import logging
import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.sharedctypes import RawArray
from typing import Any

import psycopg
from django.core.cache import caches
from django.db import DatabaseError, connection, connections, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Provider, User
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.models import ManagedUser, Organization
from tenants.organizations.lifecycle import set_user_cap
from tenants.refusals import UserCapReached
from tenants.users.membership import Via, add_member

CAP_REACHED, DEADLOCK = "MT001", "40P01"
# The time limits of a statement and of a wait for a lock (docs/decisions/0034).
TOOK_TOO_LONG = ("57014", "55P03")
REFUSED_BY_FORM, ADDED_BY_FORM, BUSY = 409, 302, 503
LARGEST_BULK = 6
CAPS = (3, 5, 8, 13, 21, 34, None)


class Tally:
    """Counts of one client, in shared memory that outlives it; only the client writes them."""

    TRIES, ACCEPTED, REFUSED, BUSY, UNEXPECTED, DEADLOCKS, IN_FLIGHT = range(7)

    def __init__(self) -> None:
        self.numbers: Any = RawArray("q", 7)

    def __getitem__(self, what: int) -> int:
        return int(self.numbers[what])

    def add(self, what: int, number: int = 1) -> None:
        self.numbers[what] += number

    def start(self, users: int) -> None:
        """Note an addition of so many users; if the client is killed now, its result is unknown."""
        self.numbers[self.IN_FLIGHT] = users
        self.add(self.TRIES)

    def finish(self, *, accepted: int) -> None:
        self.add(self.ACCEPTED, accepted)
        self.numbers[self.IN_FLIGHT] = 0


@dataclass(frozen=True)
class Stage:
    """The provider of the race, its Owner and its organizations."""

    provider: Provider
    owner: User
    organization_ids: Sequence[int]


@dataclass
class Racer:
    """One client: adds users in one way, sometimes removes users or changes a cap."""

    number: int
    stage: Stage
    tally: Tally
    dice: random.Random

    def __post_init__(self) -> None:
        self.names = (f"{os.getpid()}.{n}@race.example" for n in itertools.count())

    @property
    def organization_id(self) -> int:
        return self.dice.choice(self.stage.organization_ids)

    def rows(self) -> list[tuple[int, str]]:
        """Users to add, of one organization or of several."""
        return [
            (self.organization_id, next(self.names))
            for _ in range(self.dice.randint(1, LARGEST_BULK))
        ]

    def pause(self) -> None:
        """Sometimes stay inside the transaction, so that a kill hits it open."""
        if self.dice.random() < 0.1:
            time.sleep(self.dice.random() * 0.02)

    def by_form(self) -> int:
        self.tally.start(1)
        url = f"/organizations/{self.organization_id}/users/add/"
        answer = self.browser.post(url, {"email": next(self.names), "name": "Racer"})
        if answer.status_code == BUSY and answer.headers.get("Retry-After"):
            self.tally.add(Tally.BUSY)
        elif answer.status_code not in (ADDED_BY_FORM, REFUSED_BY_FORM):
            self.tally.add(Tally.UNEXPECTED)
        if answer.status_code != ADDED_BY_FORM:
            raise Refused
        return 1

    def by_domain_call(self) -> int:
        self.tally.start(1)
        organization = Organization.objects.get(pk=self.organization_id)
        with transaction.atomic():
            add_member(
                member=ManagedUser(organization=organization, email=next(self.names), name="Racer"),
                actor=SYSTEM_ACTOR,
                via=Via.FORM,
                now=timezone.now(),
            )
            self.pause()
        return 1

    def by_bulk_create(self) -> int:
        rows = self.rows()
        self.tally.start(len(rows))
        with transaction.atomic():
            ManagedUser.objects.bulk_create(
                ManagedUser(organization_id=organization_id, email=email)
                for organization_id, email in rows
            )
            self.pause()
        return len(rows)

    def by_raw_sql(self) -> int:
        rows = self.rows()
        self.tally.start(len(rows))
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO tenants_manageduser (organization_id, email)"
                " SELECT * FROM unnest(%s::bigint[], %s::text[]) ON CONFLICT DO NOTHING",
                [list(column) for column in zip(*rows, strict=True)],
            )
            self.pause()
        return len(rows)

    def by_copy(self) -> int:
        rows = self.rows()
        self.tally.start(len(rows))
        into = "COPY tenants_manageduser (organization_id, email) FROM STDIN"
        with transaction.atomic(), connection.cursor() as cursor:
            with cursor.copy(into) as copy:
                for row in rows:
                    copy.write_row(row)
            self.pause()
        return len(rows)

    def remove_some(self) -> None:
        """Remove the oldest users by an update, without the domain call."""
        oldest = (
            ManagedUser.objects.filter(organization_id=self.organization_id, removed_at=None)
            .order_by("id")
            .select_for_update(skip_locked=True)[: self.dice.randint(1, LARGEST_BULK)]
        )
        with transaction.atomic():
            ids = [user.pk for user in oldest]
            ManagedUser.objects.filter(pk__in=ids, removed_at=None).update(
                removed_at=timezone.now()
            )
            self.pause()

    def change_cap(self) -> None:
        """Set another cap, and note the last event before it in the same transaction.

        A cap change waits for running additions, so the last event is certain.
        """
        organization = Organization.objects.get(pk=self.organization_id)
        cap = self.dice.choice(CAPS)
        with transaction.atomic(), connection.cursor() as cursor:
            set_user_cap(organization=organization, cap=cap, actor=SYSTEM_ACTOR, now=timezone.now())
            self.pause()
            cursor.execute(
                "INSERT INTO proof_cap (organization_id, user_cap, after_event_id)"
                " SELECT %(id)s, (SELECT user_cap FROM tenants_organization WHERE id = %(id)s),"
                " coalesce(max(id), 0) FROM usage_usageevent WHERE organization_id = %(id)s",
                {"id": organization.pk},
            )

    def race(self) -> None:
        """Add, remove and change caps until killed."""
        additions = (
            self.by_form, self.by_domain_call, self.by_bulk_create, self.by_raw_sql, self.by_copy
        )  # fmt: skip
        add = additions[self.number % len(additions)]
        self.browser = Client(raise_request_exception=False)
        self.browser.force_login(self.stage.owner)
        while True:
            chance = self.dice.random()
            if chance < 0.02:
                self._try(self.change_cap)
            elif chance < 0.3:
                self._try(self.remove_some)
            else:
                self._try_adding(add)

    def _try_adding(self, add: Callable[[], int]) -> None:
        accepted = 0
        try:
            with provider_schema(self.stage.provider):
                accepted = add()
        except (Refused, UserCapReached):
            self.tally.add(Tally.REFUSED)
        except (DatabaseError, psycopg.Error) as error:
            self._refused_by_database(error)
        self.tally.finish(accepted=accepted)

    def _try(self, change: Callable[[], None]) -> None:
        try:
            with provider_schema(self.stage.provider):
                change()
        except (DatabaseError, psycopg.Error) as error:
            self._refused_by_database(error)

    def _refused_by_database(self, error: Exception) -> None:
        code = getattr(error.__cause__ or error, "sqlstate", "")
        if code == CAP_REACHED:
            self.tally.add(Tally.REFUSED)
        elif code in TOOK_TOO_LONG:
            self.tally.add(Tally.BUSY)
        elif code == DEADLOCK:
            self.tally.add(Tally.DEADLOCKS)
        else:
            self.tally.add(Tally.UNEXPECTED)


class Refused(Exception):
    """The form refused the addition."""


def start(racer_number: int, *, stage: Stage, tally: Tally, seed: int) -> int:
    """Fork a client; returns its process id. Closes the parent's connections first."""
    connections.close_all()
    caches.close_all()
    pid = os.fork()
    if pid:
        return pid
    logging.disable()
    try:
        Racer(racer_number, stage, tally, random.Random(seed)).race()
    finally:
        # Skip exit handlers: the child must not flush or close files of the parent.
        os._exit(1)
