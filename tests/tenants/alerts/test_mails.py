"""Mails about alerts: each alert once to each administrator who may see it and chose mail."""

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
from tests.queued_mails import check_mail
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


def choose(
    person: User,
    delivery: AlertMailPreference.Delivery,
    *,
    minimum: Severity = Severity.WARNING,
    now: datetime = DAWN,
    hour: int = 8,
    zone: str = "Europe/Berlin",
) -> None:
    save_preference(
        person=person,
        delivery=delivery,
        minimum_severity=minimum,
        digest_hour=hour,
        time_zone=zone,
        now=now,
    )


def mails() -> list[tuple[str, str]]:
    messages = OutboxMessage.objects.filter(topic="mail.send").order_by("pk")
    return [(mail.payload["to"][0].split("@")[0], mail.payload["subject"]) for mail in messages]


def test_an_alert_is_mailed_at_once_to_each_reader_once(people: Personas) -> None:
    choose(people.adam, AT_ONCE)
    choose(people.rita, AT_ONCE, minimum=Severity.CRITICAL)
    choose(people.bill, OFF)
    for _ in range(2):
        raise_alert(condition=FLOOD, now=DAWN)
    assert mails() == [("adam", "Water in the cellar")]
    worse = Condition("flood", Kind.SERVICE, Severity.CRITICAL, "Water up to the racks")
    for condition in (worse, FLOOD, worse):
        raise_alert(condition=condition, now=DAWN)
    assert mails()[1:] == [("adam", "Water up to the racks"), ("rita", "Water up to the racks")]
    payload = OutboxMessage.objects.filter(topic="mail.send").latest("pk").payload
    assert f"http://testserver/alerts/{Alert.objects.get().pk}/" in payload["text"]
    check_mail(payload)


def test_a_mail_lists_only_alerts_that_its_reader_may_see(
    people: Personas, south: Provider
) -> None:
    acme, beta = (Organization.objects.create(name=name) for name in ("Acme", "Beta"))
    User.objects.filter(pk=people.rita.pk).update(limited_to=[acme.pk])
    gone = create_persona(
        provider=people.north, role=Role.OWNER, name="G", email="gone@north.example"
    )
    User.objects.filter(pk=gone.pk).update(is_active=False)
    for person in (people.adam, people.rita, people.bill, gone, people.sofia, people.otto):
        choose(person, AT_ONCE, minimum=Severity.INFO)
    for kind, organization in (
        (Kind.PAYMENT, None),
        (Kind.LICENSES, None),
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
    subjects: dict[str, list[str]] = {}
    for name, subject in mails():
        subjects.setdefault(name, []).append(subject)
    assert subjects == {
        "adam": ["caps Acme", "caps Beta", "psa"],
        "rita": ["caps Acme"],
        "bill": ["payment", "licenses", "caps Acme", "caps Beta", "psa"],
    }


def test_one_digest_covers_missed_days(people: Personas) -> None:
    choose(people.adam, DIGEST)
    raise_alert(condition=FLOOD, now=DAWN)
    assert send_digests(now=DAWN) == 0
    assert [send_digests(now=MORNING + timedelta(minutes=n)) for n in (0, 10)] == [1, 0]
    assert mails() == [("adam", "Alerts: 1 new")]

    raise_alert(condition=FIRE, now=MORNING)
    # No digest ran for two mornings: one mail in the evening of the third day covers them.
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
        # Daylight saving skips the hour that night: the digest is due with the next hour.
        (2, "Europe/Berlin", "2026-03-29 00:59", None),
        (2, "Europe/Berlin", "2026-03-29 01:00", date(2026, 3, 29)),
        (8, "Pacific/Kiritimati", "2026-03-02 18:00", date(2026, 3, 3)),
        (8, "Etc/GMT+12", "2026-03-03 20:00", date(2026, 3, 3)),
    ],
)
def test_the_digest_hour_is_in_the_readers_time_zone(
    hour: int, zone: str, now: str, day: date | None
) -> None:
    choice = AlertMailPreference(digest_hour=hour, time_zone=zone)
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert due_on(choice=choice, now=at) == day
    choice.digested_on = day
    assert due_on(choice=choice, now=at) is None


def test_an_hour_that_occurs_twice_sends_one_digest(people: Personas) -> None:
    night = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    choose(people.adam, DIGEST, hour=2, now=night - DAY)
    raise_alert(condition=FLOOD, now=night - DAY)
    assert sum(send_digests(now=night + timedelta(minutes=30 * n)) for n in range(6)) == 1


def test_a_choice_after_the_hour_begins_tomorrow(people: Personas) -> None:
    raise_alert(condition=FLOOD, now=DAWN)
    choose(people.adam, DIGEST, now=MORNING)
    assert send_digests(now=MORNING) == 0
    # Another hour does not send a second digest on that day.
    assert send_digests(now=MORNING + DAY) == 1
    choose(people.adam, DIGEST, hour=20, now=MORNING + DAY)
    assert send_digests(now=MORNING + DAY + timedelta(hours=13)) == 0
    assert send_digests(now=MORNING + 2 * DAY + timedelta(hours=13)) == 1


def test_an_administrator_chooses_mail_on_a_page(client: Client, people: Personas) -> None:
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
        choose(reader, DIGEST)
        raise_alert(condition=FLOOD, now=DAWN)
    for day in range(5):
        barrier = Barrier(3)

        def send(day: int = day, barrier: Barrier = barrier) -> None:
            try:
                with provider_schema(provider):
                    barrier.wait()
                    send_digests(now=MORNING + day * DAY)
            finally:
                connection.close()

        threads = [Thread(target=send) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        queued = OutboxMessage.objects.filter(schema_name=provider.schema_name, topic="mail.send")
        assert queued.count() == day + 1
