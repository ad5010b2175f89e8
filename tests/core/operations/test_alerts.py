"""An operations alert: one open row and one mail for each cause, open until it is settled."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection, transaction

from accounts.models import Provider
from core.operations.alerts import (
    ALERT_MAIL,
    Cause,
    found_everywhere,
    found_now,
    raise_alert,
    raise_all,
    settle_alert,
)
from core.operations.kinds import _kinds, alert_kind
from core.operations.models import OperationsAlert
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import current_schema, provider_schema
from tests.queued_mails import check_mail

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


@pytest.fixture(autouse=True)
def kind() -> Iterator[str]:
    """A registered kind."""
    yield alert_kind("tests.broken", title="A test is broken")
    del _kinds["tests.broken"]


def raised(key: str = "k", *, now: datetime = NOON, summary: str = "It broke.") -> None:
    raise_alert(
        kind="tests.broken",
        key=key,
        summary=summary,
        next_step="Mend it.",
        link="/operations/here/",
        now=now,
    )


def test_an_open_alert_is_updated_and_counted_and_sends_no_second_mail(db: None) -> None:
    raised()
    raised(now=LATER, summary="It broke again.")
    (alert,) = OperationsAlert.objects.all()
    assert (alert.times_seen, alert.opened_at, alert.last_seen_at) == (2, NOON, LATER)
    assert alert.summary == "It broke again."
    assert OutboxMessage.objects.filter(topic=ALERT_MAIL).count() == 1
    deliver_due(now=LATER)
    (message,) = mail.outbox
    html = str(message.alternatives[0][0])
    check_mail({"subject": message.subject, "text": message.body, "html": html})
    assert message.to == [settings.OPERATIONS_EMAIL]
    assert message.subject == "A test is broken: Platform"
    for text in (message.body, str(message.alternatives[0][0])):
        assert "It broke again." in text
        assert "Next step:" in text
        assert f"{settings.SITE_URL}/operations/operations/operationsalert/{alert.pk}/" in text


def test_a_settled_alert_that_is_raised_again_is_a_new_one_with_its_mail(db: None) -> None:
    raised()
    assert settle_alert(kind="tests.broken", key="k", now=NOON)
    assert not settle_alert(kind="tests.broken", key="k", now=NOON)
    raised(now=LATER)
    assert OperationsAlert.objects.count() == 2
    assert OperationsAlert.objects.open().count() == 1
    assert OutboxMessage.objects.filter(topic=ALERT_MAIL).count() == 2


def test_an_alert_belongs_to_the_schema_in_which_it_was_raised(
    north: Provider, south: Provider
) -> None:
    for provider in (north, south):
        with provider_schema(provider):
            raised()
            assert current_schema() == provider.schema_name
    with provider_schema(north):
        assert settle_alert(kind="tests.broken", key="k", now=NOON)
    assert OperationsAlert.objects.open().get().schema_name == south.schema_name
    # Mail about it does not need the provider's schema.
    assert set(OutboxMessage.objects.values_list("schema_name", flat=True)) == {""}
    deliver_due(now=NOON)
    assert mail.outbox[0].subject == "2 new alerts"
    assert str(south) in mail.outbox[0].body


def test_a_storm_of_alerts_is_one_mail(db: None) -> None:
    causes = [Cause(f"k{number:03}", f"Number {number}.", "Mend it.") for number in range(120)]
    raise_all(kind="tests.broken", causes=causes, now=NOON)
    while deliver_due(now=NOON):
        pass
    (message,) = mail.outbox
    # The messages of the other alerts found theirs mailed.
    assert not OutboxMessage.objects.filter(finished_at=None).exists()
    assert message.subject == "120 new alerts"
    assert "And 70 more." in message.body
    raise_all(kind="tests.broken", causes=[*causes, Cause("new", "One more.", "")], now=LATER)
    deliver_due(now=LATER)
    assert "One more." in mail.outbox[1].body
    assert "Number" not in mail.outbox[1].body


def test_a_mail_that_fails_is_sent_again(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    raised()
    with monkeypatch.context() as broken:
        broken.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
        broken.setattr(settings, "EMAIL_PORT", 1)
        deliver_due(now=NOON)
    assert OperationsAlert.objects.get().mailed_at is None
    deliver_due(now=LATER)
    assert len(mail.outbox) == 1
    assert OperationsAlert.objects.get().mailed_at == LATER


def test_a_round_settles_what_it_finds_no_more(db: None) -> None:
    first = [Cause("a", "A.", "Mend."), Cause("b", "B.", "Mend.")]
    found_now(found={"tests.broken": first}, now=NOON)
    found_now(found={"tests.broken": [first[0], Cause("c", "C.", "Mend.")]}, now=LATER)
    assert {alert.key for alert in OperationsAlert.objects.open()} == {"a", "c"}
    assert OperationsAlert.objects.exclude(settled_at=None).get().settled_at == LATER


def test_a_round_settles_alerts_of_its_schema_only(north: Provider, south: Provider) -> None:
    for provider in (north, south):
        with provider_schema(provider):
            raised()
    with provider_schema(north):
        found_now(found={"tests.broken": []}, now=LATER)
    assert OperationsAlert.objects.open().get().schema_name == south.schema_name
    found_everywhere(kind="tests.broken", causes={}, now=LATER)
    assert not OperationsAlert.objects.open().exists()


def test_an_alert_that_is_rolled_back_is_never_mailed(db: None) -> None:
    with transaction.atomic():
        raised()
        transaction.set_rollback(True)
    assert deliver_due(now=NOON) == 0


def test_a_kind_that_no_app_registered_is_refused(db: None) -> None:
    with pytest.raises(KeyError):
        raise_alert(kind="tests.misspelt", key="k", summary="", next_step="", now=NOON)


def test_two_at_once_open_one_alert(committed: None) -> None:
    barrier = Barrier(2)

    def race() -> None:
        barrier.wait()
        raised("raced")
        connection.close()

    threads = [Thread(target=race) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alerts = OperationsAlert.objects.filter(key="raced")
    messages = OutboxMessage.objects.filter(topic=ALERT_MAIL)
    assert [alert.times_seen for alert in alerts] == [2]
    assert messages.count() == 1
    alerts.delete()
    messages.delete()
