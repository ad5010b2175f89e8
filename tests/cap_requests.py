"""An organization at its cap, and its requests for a higher one."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from accounts.models import User
from billing.choices import ContractKind
from billing.models import Contract
from core.actors import SYSTEM_ACTOR, Actor
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.cap_requests.decisions import Until
from tenants.cap_requests.requests import request_cap
from tenants.models import CapRequest, ManagedUser, MeteringPolicy, Organization
from tenants.organizations.lifecycle import set_user_cap
from tenants.users.membership import Via, add_member
from tests.personas import Personas

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
BILL = Actor(id=1, name="Bill")


def otto_at_the_cap(people: Personas) -> Organization:
    """Otto's organization with two users and a cap of two. A user costs 11 dollars."""
    organization = people.otto_organization
    with provider_schema(people.north):
        MeteringPolicy.objects.update(free_user_limit=None)
        for number in range(2):
            add_member(
                member=ManagedUser(
                    organization=organization, email=f"u{number}@otto.example", name=""
                ),
                actor=SYSTEM_ACTOR,
                via=Via.DEMO,
                now=NOW,
            )
        set_user_cap(organization=organization, cap=2, actor=SYSTEM_ACTOR, now=NOW)
        contract().save()
    return organization


def contract(**changes: object) -> Contract:
    fields: dict[str, object] = {
        "kind": ContractKind.PAY_AS_YOU_GO,
        "package_id": 1,
        "package_name": "Complete",
        "metric": "users",
        "currency": "USD",
        "unit_price": Decimal("11.0000"),
        "starts_on": "2026-01-01",
        "automatic_limit_minor": 400_000,
        "payment_terms_days": 30,
    }
    return Contract(**{**fields, **changes})


def ask(organization: Organization, by: User, cap: int = 5, at: datetime = NOW) -> CapRequest:
    assert by.provider is not None
    return request_cap(
        provider=by.provider,
        organization=organization,
        cap=cap,
        reason="Three new cooks",
        by=by,
        now=at,
    )


def cap_of(organization: Organization) -> int | None:
    return Organization.objects.values_list("user_cap", flat=True).get(pk=organization.pk)


def until(day: date) -> Until:
    return Until(day, datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1))


def mails() -> list[tuple[list[str], str]]:
    queued = OutboxMessage.objects.filter(topic="mail.send").order_by("pk")
    return [(mail.payload["to"], mail.payload["subject"]) for mail in queued]
