"""An organization's comings and goings in a line each, and its page "Why this number?"."""

import csv
import io
from datetime import UTC, datetime

from django.test import Client

from accounts.models import Provider
from core.actors import Actor
from core.schema import schema_named
from tenants.models import ManagedUser, Organization
from tenants.users.membership import Via, add_member, remove_member

ADAM = Actor(id=7, name="Adam Nordlicht")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class History:
    """Comings and goings of one organization, in a line each."""

    def __init__(self, north: Provider, organization: Organization) -> None:
        self.schema, self.organization = north.schema_name, organization

    def add(self, when: str, *names: str, via: Via = Via.FORM) -> None:
        with schema_named(self.schema):
            for name in names:
                add_member(
                    member=ManagedUser(
                        organization=self.organization,
                        email=f"{name.lower()}@acme.example",
                        name=name,
                    ),
                    actor=ADAM,
                    via=via,
                    now=at(when),
                )

    def remove(self, when: str, *names: str) -> None:
        with schema_named(self.schema):
            for name in names:
                user = ManagedUser.objects.get(name=name, removed_at=None)
                remove_member(member=user, actor=ADAM, now=at(when))


def page(client: Client, acme: Organization, month: str = "2026-03", query: str = "") -> str:
    answer = client.get(f"/account/usage/{acme.pk}/why/{month}/{query}")
    assert answer.status_code == 200
    return " ".join(answer.text.split())


def rows(client: Client, acme: Organization, month: str = "2026-03") -> list[dict[str, str]]:
    answer = client.get(f"/account/usage/{acme.pk}/why/{month}.csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
