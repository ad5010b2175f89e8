"""The clients of the pooler proof: threads with a connection each, changing between providers."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from celery import shared_task
from django.db import DatabaseError, connection, connections, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import Provider, User
from accounts.roles import Role
from core.actors import SYSTEM_ACTOR
from core.outbox.delivery import deliver_due, enqueue
from core.outbox.topics import handler
from core.postgresql.addresses import leading_to
from core.schema import SCHEMA_HEADER, ProviderTask, provider_schema
from tenants.models import ManagedUser, MeteringPolicy, Organization
from tenants.users.membership import Via, add_member
from tests.api_client import System, key_for
from tests.personas import create_persona
from tests.providers import open_provider

TOPIC = "tests.pooler"
ROWS = 20
CANARY = re.compile(r"pooled\d{3}", re.IGNORECASE)


@dataclass(frozen=True)
class Owned:
    """A provider with a word that no other provider's rows contain, and the way into it."""

    provider: Provider
    canary: str
    owner: User
    organization_id: int
    key: str

    @classmethod
    def open(cls, number: int) -> "Owned":
        """A new provider with one organization, an Owner and an API key."""
        canary = f"Pooled{number:03}"
        provider = open_provider(canary=canary, prefix=f"POOL{number:03}")
        email = f"owner@{canary}.example".lower()
        owner = create_persona(provider=provider, role=Role.OWNER, name=canary, email=email)
        with provider_schema(provider):
            MeteringPolicy.objects.update(free_user_limit=None)
            organization = Organization.objects.create(name=f"{canary} 100% GmbH")
        return cls(provider, canary, owner, organization.pk, key_for(provider))

    def foreign_in(self, text: str) -> int:
        """How many words of other providers the text has."""
        return sum(word.lower() != self.canary.lower() for word in CANARY.findall(text))


class Undone(Exception):
    """Rolls a transaction back."""


def _add(organization_id: int, email: str) -> None:
    organization = Organization.objects.get(pk=organization_id)
    member = ManagedUser(organization=organization, email=email, name="Pooled")
    with transaction.atomic():
        add_member(member=member, actor=SYSTEM_ACTOR, via=Via.FORM, now=timezone.now())


@shared_task(name="tests.proofs.pooler_add", base=ProviderTask)
def add_by_task(organization_id: int, email: str) -> None:
    """Add a user in the provider of the task's header."""
    _add(organization_id, email)


@handler(TOPIC)
def add_by_message(payload: Any, now: Any) -> None:
    """Add a user in the provider of the message."""
    _add(payload["organization"], payload["email"])


@dataclass
class Caller:
    """One client; its counts, the users that each provider must have, and what went wrong."""

    number: int
    owned: Sequence[Owned]
    dice: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    users: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def work(self, *, times: int, alias: str, only: Sequence[str] = ()) -> None:
        """Do each kind of thing once, then random ones, with the connection of this alias."""
        kinds = [name for name in KINDS if name in (only or KINDS)]
        weights = [KINDS[name] for name in kinds]
        self.browsers: dict[str, Client] = {}
        try:
            with leading_to(alias):
                for self.step in range(times):
                    (kind,) = kinds[self.step : self.step + 1] or self.dice.choices(kinds, weights)
                    self._do(kind, self.dice.choice(self.owned))
        finally:
            connections.close_all()
            connections[alias].close()

    def _do(self, kind: str, at: Owned) -> None:
        try:
            self.users[at.canary] += getattr(self, kind)(at) or 0
        except Exception as error:  # noqa: BLE001 - every error is a difference
            self.differences.append(f"{kind}: {error!r}"[:500])
        self.counts[kind] += 1

    def _see(self, at: Owned, texts: Iterable[object]) -> None:
        self.counts["foreign"] += sum(at.foreign_in(str(text)) for text in texts)

    def _email(self, at: Owned) -> str:
        return f"{self.number}.{self.step}.{self.dice.randrange(10**9)}@{at.canary}.example".lower()

    def read(self, at: Owned) -> None:
        with provider_schema(at.provider):
            emails = ManagedUser.objects.order_by("-pk").values_list("email", flat=True)[:ROWS]
            names = Organization.objects.filter(name__contains="%").values_list("name", flat=True)
            self._see(at, [*emails, *names])

    def read_raw(self, at: Owned) -> None:
        with provider_schema(at.provider), connection.cursor() as cursor:
            cursor.execute("SELECT name FROM tenants_organization WHERE name LIKE %s", ["%"])
            self._see(at, cursor.fetchall())

    def read_in_parts(self, at: Owned) -> None:
        users = ManagedUser.objects.values_list("email", flat=True)
        with provider_schema(at.provider):
            self._see(at, users.iterator(chunk_size=ROWS))
            with transaction.atomic():
                self._see(at, users.iterator(chunk_size=ROWS))

    def read_two(self, at: Owned) -> None:
        other = self.dice.choice(self.owned)
        with transaction.atomic():
            self.read(at)
            self.read(other)
            self.read(at)

    def add(self, at: Owned) -> int:
        with provider_schema(at.provider):
            _add(at.organization_id, self._email(at))
        return 1

    def add_many(self, at: Owned) -> int:
        number = self.dice.randint(1, 4)
        rows = [
            ManagedUser(organization_id=at.organization_id, email=self._email(at))
            for _ in range(number)
        ]
        with provider_schema(at.provider):
            ManagedUser.objects.bulk_create(rows)
        return number

    def copy(self, at: Owned) -> int:
        into = "COPY tenants_manageduser (organization_id, email) FROM STDIN"
        with (
            provider_schema(at.provider),
            transaction.atomic(),
            connection.cursor() as cursor,
            cursor.copy(into) as copy,
        ):
            copy.write_row((at.organization_id, self._email(at)))
        return 1

    def add_each(self, at: Owned) -> int:
        into = "INSERT INTO tenants_manageduser (organization_id, email) VALUES (%s, %s)"
        rows = [(at.organization_id, self._email(at)) for _ in range(2)]
        with provider_schema(at.provider), transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(into, rows)
        return len(rows)

    def remove(self, at: Owned) -> int:
        with provider_schema(at.provider), transaction.atomic():
            oldest = ManagedUser.objects.filter(removed_at=None).order_by("pk")
            ids = [user.pk for user in oldest.select_for_update(skip_locked=True)[:2]]
            living = ManagedUser.objects.filter(pk__in=ids, removed_at=None)
            return -living.update(removed_at=timezone.now())

    def undone(self, at: Owned) -> None:
        try:
            with transaction.atomic():
                self.add(at)
                raise Undone
        except Undone:
            self.read(at)

    def undone_in_part(self, at: Owned) -> int:
        # Who waits for what a savepoint takes back waits for the whole transaction (PostgreSQL). So
        # the providers of one are locked in the order of their numbers, or two wait for each other.
        earlier = [other for other in self.owned if other.canary < at.canary]
        with transaction.atomic():
            if earlier:
                self.undone(self.dice.choice(earlier))
            return self.add(at)

    def failed_in_part(self, at: Owned) -> int:
        with provider_schema(at.provider), transaction.atomic():
            try:
                with transaction.atomic(), connection.cursor() as cursor:
                    cursor.execute("SELECT 1 / 0")
            except DatabaseError:
                return self.add(at)
        raise AssertionError("A division by zero gave no error.")

    def page(self, at: Owned) -> None:
        for path in ("/account/usage/", f"/organizations/{at.organization_id}/users/"):
            answer = self._browser(at).get(path)
            assert answer.status_code == 200, (path, answer.status_code)
            self._see(at, [answer.content.decode()])

    def form(self, at: Owned) -> int:
        path = f"/organizations/{at.organization_id}/users/add/"
        answer = self._browser(at).post(path, {"email": self._email(at), "name": "Pooled"})
        assert answer.status_code == 302, (path, answer.status_code)
        return 1

    def _browser(self, at: Owned) -> Client:
        if at.canary not in self.browsers:
            self.browsers[at.canary] = Client(raise_request_exception=False)
            self.browsers[at.canary].force_login(at.owner)
        return self.browsers[at.canary]

    def api_read(self, at: Owned) -> None:
        for path in ("/organizations", f"/organizations/{at.organization_id}/users"):
            answer = System(at.key).get(path)
            assert answer.status_code == 200, (path, answer.status_code)
            self._see(at, [answer.content.decode()])

    def api_add(self, at: Owned) -> int:
        path = f"/organizations/{at.organization_id}/users"
        answer = System(at.key).post(path, {"email": self._email(at)})
        assert answer.status_code == 201, (path, answer.status_code)
        return 1

    def task(self, at: Owned) -> int:
        arguments = (at.organization_id, self._email(at))
        add_by_task.apply(arguments, headers={SCHEMA_HEADER: at.provider.schema_name}, throw=True)
        return 1

    def message(self, at: Owned) -> int:
        email = self._email(at)
        payload = {"organization": at.organization_id, "email": email}
        with provider_schema(at.provider):
            enqueue(topic=TOPIC, key=email, payload=payload, now=timezone.now())
        deliver_due(now=timezone.now(), schema=at.provider.schema_name)
        return 1


# With how often each is done.
KINDS: dict[str, int] = {
    "read": 300,
    "read_raw": 150,
    "read_in_parts": 60,
    "read_two": 60,
    "add": 80,
    "add_many": 60,
    "copy": 30,
    "add_each": 30,
    "remove": 90,
    "undone": 30,
    "undone_in_part": 30,
    "failed_in_part": 30,
    "page": 12,
    "form": 10,
    "api_read": 10,
    "api_add": 10,
    "task": 10,
    "message": 10,
}
READS = ("read", "read_raw", "read_in_parts", "read_two")
Wrong = Callable[[str], None]


def wrong_counters(at: Owned, *, expected: int, report: Wrong) -> int:
    """Compare the provider's users and counters with what its clients did; returns foreign rows."""
    from usage.ledger.verify import verify_ledger
    from usage.models import OrganizationCounter

    with provider_schema(at.provider):
        living = ManagedUser.objects.filter(removed_at=None).count()
        counted = OrganizationCounter.objects.get(
            organization_id=at.organization_id, metric="users"
        ).count
        if not living == counted == expected:
            report(f"{at.canary}: {expected} users expected, {living} there, {counted} counted")
        for difference in verify_ledger():
            report(f"{at.canary}: {difference}")
        emails = ManagedUser.objects.values_list("email", flat=True)
        return sum(at.foreign_in(email) for email in emails)
