"""Mail about alerts: each once, to whoever may see it and wants to know."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.db import connection
from django.test import Client

from accounts.models import Provider, User
from accounts.roles import Role
from core.actors import SYSTEM_ACTOR
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tenants.alerts import raise_alert, resolve_alert
from tenants.alerts.acknowledgement import acknowledge
from tenants.alerts.digests import due_on, send_digests
from tenants.alerts.preferences import save_preference
from tenants.alerts.rules import Condition
from tenants.models import Alert, AlertMailPreference, Organization, Severity
from tenants.models.alerts import Kind
from tests.personas import Personas, create_persona
from tests.tenants.alerts.test_alerts import FIRE, FLOOD

DIGEST, AT_ONCE, OFF = (
    AlertMailPreference.Delivery.DIGEST,
    AlertMailPreference.Delivery.AT_ONCE,
    AlertMailPreference.Delivery.OFF,
)
# 07:30 in Berlin, which is an hour ahead of UTC.
DAWN = datetime(2026, 3, 3, 6, 30, tzinfo=UTC)
MORNING = DAWN + timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _entered(request: pytest.FixtureRequest) -> Iterator[None]:
    if "own_provider" in request.fixturenames:
        yield
        return
    north: Provider = request.getfixturevalue("north")
    with provider_schema(north):
        yield


def wants(
    person: User,
    delivery: AlertMailPreference.Delivery,
    *,
    least: Severity = Severity.WARNING,
    now: datetime = DAWN,
    hour: int = 8,
    zone: str = "Europe/Berlin",
) -> None:
    save_preference(
        user_id=person.pk,
        delivery=delivery,
        minimum_severity=least,
        digest_hour=hour,
        time_zone=zone,
        now=now,
    )


def mails() -> list[tuple[str, str]]:
    found = OutboxMessage.objects.filter(topic="mail.send").order_by("pk")
    return [(mail.payload["to"][0].split("@")[0], mail.payload["subject"]) for mail in found]


def test_at_once_is_one_mail_for_an_alert_and_reader(people: Personas) -> None:
    wants(people.adam, AT_ONCE)
    wants(people.rita, AT_ONCE, least=Severity.CRITICAL)
    wants(people.bill, OFF)
    for _ in range(2):
        raise_alert(condition=FLOOD, now=DAWN)
    assert mails() == [("adam", "Water in the cellar")]
    worse = Condition("flood", Kind.SERVICE, Severity.CRITICAL, "Water up to the racks")
    for condition in (worse, FLOOD, worse):
        raise_alert(condition=condition, now=DAWN)
    assert mails()[1:] == [("adam", "Water up to the racks"), ("rita", "Water up to the racks")]
    payload = OutboxMessage.objects.filter(topic="mail.send").latest("pk").payload
    assert f"http://testserver/alerts/{Alert.objects.get().pk}/" in payload["text"]
    assert payload["html"].startswith("<!DOCTYPE html>")


def test_nobody_is_told_of_what_they_may_not_see(people: Personas, south: Provider) -> None:
    acme, beta = (Organization.objects.create(name=name) for name in ("Acme", "Beta"))
    User.objects.filter(pk=people.rita.pk).update(limited_to=[acme.pk])
    gone = create_persona(
        provider=people.north, role=Role.OWNER, name="G", email="gone@north.example"
    )
    User.objects.filter(pk=gone.pk).update(is_active=False)
    for person in (people.adam, people.rita, people.bill, gone, people.sofia, people.otto):
        wants(person, AT_ONCE, least=Severity.INFO)
    for kind, organization in (
        (Kind.PAYMENT, None),
        (Kind.LICENCES, None),
        (Kind.CAPS, acme),
        (Kind.CAPS, beta),
        (Kind.PSA, None),
    ):
        name = organization.name if organization else ""
        condition = Condition(
            cause=f"{kind}{name}",
            kind=kind,
            severity=Severity.WARNING,
            title=f"{kind} {name}".strip(),
            organization_id=organization.pk if organization else None,
        )
        raise_alert(condition=condition, now=DAWN)
    told: dict[str, list[str]] = {}
    for name, subject in mails():
        told.setdefault(name, []).append(subject)
    assert told == {
        "adam": ["caps Acme", "caps Beta", "psa"],
        "rita": ["caps Acme"],
        "bill": ["payment", "licenses", "caps Acme", "caps Beta", "psa"],
    }


def test_a_digest_a_day_whatever_was_missed(people: Personas) -> None:
    wants(people.adam, DIGEST)
    raise_alert(condition=FLOOD, now=DAWN)
    assert send_digests(now=DAWN) == 0
    assert [send_digests(now=MORNING + timedelta(minutes=n)) for n in (0, 10)] == [1, 0]
    assert mails() == [("adam", "Alerts: 1 new")]

    raise_alert(condition=FIRE, now=MORNING)
    # Nobody came by for two mornings: one mail tells it all, in the evening of the third day.
    evening = MORNING + 3 * DAY + timedelta(hours=10)
    assert [send_digests(now=evening), send_digests(now=evening)] == [1, 0]
    assert mails()[-1] == ("adam", "Alerts: 1 new, 1 still open")

    resolve_alert(cause="flood", now=evening + timedelta(minutes=1))
    acknowledge(alerts=Alert.objects.filter(cause="fire"), actor=SYSTEM_ACTOR, now=evening)
    assert send_digests(now=MORNING + 4 * DAY) == 1
    assert mails()[-1] == ("adam", "Alerts: 1 resolved")
    assert send_digests(now=MORNING + 5 * DAY) == 0
    assert len(mails()) == 3


@pytest.mark.parametrize(
    ("hour", "zone", "now", "day"),
    [
        (8, "Europe/Berlin", "2026-03-03 06:59", None),
        (8, "Europe/Berlin", "2026-03-03 07:00", date(2026, 3, 3)),
        # The hour is skipped that night: the digest comes with the next.
        (2, "Europe/Berlin", "2026-03-29 00:59", None),
        (2, "Europe/Berlin", "2026-03-29 01:00", date(2026, 3, 29)),
        (8, "Pacific/Kiritimati", "2026-03-02 18:00", date(2026, 3, 3)),
        (8, "Etc/GMT+12", "2026-03-03 20:00", date(2026, 3, 3)),
    ],
)
def test_the_hour_is_that_of_the_readers_day(
    hour: int, zone: str, now: str, day: date | None
) -> None:
    choice = AlertMailPreference(digest_hour=hour, time_zone=zone)
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert due_on(choice=choice, now=at) == day
    choice.digested_on = day
    assert due_on(choice=choice, now=at) is None


def test_an_hour_that_comes_twice_is_one_day(people: Personas) -> None:
    night = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    wants(people.adam, DIGEST, hour=2, now=night - DAY)
    raise_alert(condition=FLOOD, now=night - DAY)
    assert sum(send_digests(now=night + timedelta(minutes=30 * n)) for n in range(6)) == 1


def test_choosing_after_the_hour_begins_tomorrow(people: Personas) -> None:
    raise_alert(condition=FLOOD, now=DAWN)
    wants(people.adam, DIGEST, now=MORNING)
    assert send_digests(now=MORNING) == 0
    # Another hour does not make a second mail of the day.
    assert send_digests(now=MORNING + DAY) == 1
    wants(people.adam, DIGEST, hour=20, now=MORNING + DAY)
    assert send_digests(now=MORNING + DAY + timedelta(hours=13)) == 0
    assert send_digests(now=MORNING + 2 * DAY + timedelta(hours=13)) == 1


def test_the_choice_is_made_on_a_page(client: Client, people: Personas) -> None:
    client.force_login(people.rita)
    assert "Get alerts by mail" in client.get("/alerts/").text
    form = {
        "delivery": "digest",
        "minimum_severity": "3",
        "digest_hour": "17",
        "time_zone": "Asia/Tokyo",
    }
    assert client.post("/alerts/mail/", form | {"time_zone": "Mars/Base"}).status_code == 422
    assert client.post("/alerts/mail/", form | {"digest_hour": "24"}).status_code == 422
    assert client.post("/alerts/mail/", form).status_code == 302
    with provider_schema(people.north):
        choice = AlertMailPreference.objects.get()
    assert (choice.user_id, choice.delivery, choice.minimum_severity) == (
        people.rita.pk,
        "digest",
        Severity.CRITICAL,
    )
    assert (choice.digest_hour, choice.time_zone) == (17, "Asia/Tokyo")
    assert 'value="17" selected' in client.get("/alerts/mail/").text


@pytest.mark.proof
def test_two_workers_send_one_digest(own_provider: Callable[..., Provider]) -> None:
    provider = own_provider()
    reader = create_persona(
        provider=provider, role=Role.OWNER, name="R", email="reader@race.example"
    )
    with provider_schema(provider):
        wants(reader, DIGEST)
        raise_alert(condition=FLOOD, now=DAWN)
    for turn in range(5):
        barrier = Barrier(3)

        def send(turn: int = turn, barrier: Barrier = barrier) -> None:
            try:
                with provider_schema(provider):
                    barrier.wait()
                    send_digests(now=MORNING + turn * DAY)
            finally:
                connection.close()

        threads = [Thread(target=send) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        queued = OutboxMessage.objects.filter(schema_name=provider.schema_name, topic="mail.send")
        assert queued.count() == turn + 1
