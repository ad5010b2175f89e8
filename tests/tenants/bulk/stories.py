"""Short ways to make organizations and users, and to change and undo them."""

from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet
from django.test import Client

from accounts.models import Provider
from core.actors import Actor
from core.schema import provider_schema
from tenants.bulk.actions import Start, choose, confirm, undo
from tenants.models import BulkAction, ManagedUser, MeteringPolicy, Organization
from tenants.users.membership import Via, add_member
from usage.models import MonthlyUsage

BILL = Actor(id=5, name="Bill Nordlicht")
Kind, Verb = BulkAction.Kind, BulkAction.Verb


def at(day: int, hour: int = 9, minute: int = 0) -> datetime:
    """An instant of March 2026."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


NOW = at(10)


def organization(name: str = "Acme Nordlicht", *, users: int = 0) -> Organization:
    """An organization of January with users, beyond the free allowance."""
    MeteringPolicy.objects.update(free_user_limit=None)
    made = Organization.objects.create(name=name, created_at=datetime(2026, 1, 1, tzinfo=UTC))
    for number in range(users):
        add(made, f"user{number}", at(1))
    return made


def add(of: Organization, name: str, now: datetime) -> ManagedUser:
    """A new user of the organization."""
    user = ManagedUser(organization=of, email=f"{name}@acme.example", name=name)
    return add_member(member=user, actor=BILL, via=Via.DEMO, now=now)


def do(
    verb: BulkAction.Verb,
    rows: QuerySet[Any],
    now: datetime,
    *,
    kind: BulkAction.Kind = Kind.USERS,
    **options: Any,
) -> BulkAction:
    """Choose the rows and confirm the action."""
    start = Start(kind, verb, BILL, "/organizations/")
    return confirm(action=choose(start=start, rows=rows, now=now), options=options, now=now)


def take_back(action: BulkAction, now: datetime) -> BulkAction:
    """Undo the action."""
    return undo(action=action, now=now)


def problems(action: BulkAction) -> list[str]:
    """Why rows were not changed or not undone, in their order."""
    items = action.items.exclude(problem="").order_by("position")
    return list(items.values_list("problem", flat=True))


def mark(of: Organization, month: int = 3) -> int:
    """The high-water mark of a month of 2026."""
    rows = MonthlyUsage.objects.filter(organization=of, metric="users")
    return rows.get(month=f"2026-{month:02}-01").high_water_mark


def living(of: Organization) -> int:
    """The present number of users."""
    return ManagedUser.objects.living().filter(organization=of).count()


def ids(north: Provider, *names: str) -> list[int]:
    """The ids of living users with these names."""
    with provider_schema(north):
        return [ManagedUser.objects.living().get(name=name).pk for name in names]


def begin(client: Client, address: str, **fields: Any) -> Any:
    """Send a list's selection with the verb of a button."""
    return client.post(address, fields)


def page_of(client: Client, answer: Any) -> tuple[str, str]:
    """The address and the text of the page that a list led to."""
    assert answer.status_code == 302, answer.text
    return answer.url, client.get(answer.url).text
