"""The timeline of an organization: what is on it, for whom, and that no page loses an event."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from core.schema import provider_schema
from tenants.models import Alert, AuditEntry, Organization
from tenants.models.alerts import Kind, Severity
from tests.personas import Personas
from tests.test_isolation import make_invoice
from usage.timeline.events import EVENTS_PER_PAGE, Event, Timeline, Until

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


def test_pages_have_every_event_once_also_of_one_instant() -> None:
    """60 events in one instant, between others, read page by page."""
    at = [NOW - timedelta(days=each) for each in range(15)]
    events = [
        Event(each, ("one" if number % 2 else "two", number), str(number))
        for number, each in enumerate([*at[:5], *[at[5]] * 60, *at[6:]])
    ]

    def source(kind: str) -> object:
        def read(until: datetime, most: int) -> Iterator[Event]:
            mine = [event for event in events if event.key[0] == kind and event.at <= until]
            yield from sorted(mine, key=lambda each: (each.at, each.key), reverse=True)[:most]

        return read

    read: list[Event] = []
    until: Until | None = Until(NOW)
    while until is not None:
        page = Timeline.read([source("one"), source("two")], until=until)
        assert len(page.events) <= EVENTS_PER_PAGE
        read += page.events
        until = Until.parse(str(page.older), now=NOW) if page.older else None
    assert sorted(each.text for each in read) == sorted(each.text for each in events)
    assert [each.at for each in read] == sorted((each.at for each in read), reverse=True)


@pytest.mark.parametrize(
    "text",
    ["", "~", "x~1", "2026-03-01", "2026-03-01T00:00:00+00:00~x", "9999-12-31T23:59:59-23:59~1"],
)
def test_any_text_is_a_place_to_begin(text: str) -> None:
    assert Until.parse(text, now=NOW).at <= NOW


@pytest.fixture
def acme(people: Personas) -> Organization:
    with provider_schema(people.north):
        acme = Organization.objects.create(name="Nordlicht Acme")
        other = Organization.objects.create(name="Nordlicht Other")
        entry = {"at": NOW, "actor_name": "Olive", "action": "organization.user_cap_changed"}
        AuditEntry.objects.create(
            **entry, organization_id=acme.pk, subject=acme.name, after={"user_cap": 41}
        )
        AuditEntry.objects.create(
            **entry, organization_id=other.pk, subject=other.name, after={"user_cap": 42}
        )
        for kind in (Kind.CAPS, Kind.PAYMENT, Kind.PSA):
            Alert.objects.create(
                cause=f"{kind}",
                kind=kind,
                severity=Severity.WARNING,
                title=f"About {kind}",
                organization=acme,
                opened_at=NOW,
            )
    return acme


@pytest.mark.parametrize("name", ["bill", "adam", "rita"])
def test_a_person_sees_what_their_role_includes(
    name: str, client: Client, people: Personas, acme: Organization
) -> None:
    sees_money = name == "bill"
    with provider_schema(people.north):
        invoice = make_invoice(acme)
        invoice.lines.update(organization_id=acme.pk)
    client.force_login(getattr(people, name))
    address = f"/organizations/{acme.pk}/"
    page = client.get(address).text
    timeline = page[page.index('id="timeline"') :]
    for text in ("User cap set to 41", "About caps", "About psa"):
        assert text in timeline
    assert "set to 42" not in timeline
    assert ("About payment" in timeline) == sees_money
    assert (f"Invoice {invoice.number} issued" in timeline) == sees_money
    part = client.get(address, headers={"HX-Request": "true", "HX-Target": "timeline"})
    assert part.text.lstrip().startswith('<section id="timeline"')


def test_the_organization_sees_its_caps_and_no_alert_of_the_provider(
    client: Client, people: Personas, acme: Organization
) -> None:
    client.force_login(people.adam)
    client.post(f"/organizations/{acme.pk}/impersonate/")
    page = client.get("/organization/").text
    timeline = page[page.index('id="timeline"') :]
    assert "User cap set to 41" in timeline
    assert "About caps" in timeline
    assert "About psa" not in timeline
    assert "/alerts/" not in timeline
