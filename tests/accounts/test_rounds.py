"""A scheduled round that fails for a provider is an operations alert until it works again."""

from collections.abc import Iterator

import pytest
from django.utils import timezone

from accounts.models import Provider
from accounts.provider_batches import for_each_provider
from accounts.rounds import PLATFORM, Round, report_round, scheduled_round
from core.operations.kinds import _kinds
from core.operations.models import OperationsAlert


@pytest.fixture
def round_() -> Iterator[Round]:
    """A round of the tests."""
    declared = scheduled_round("tests", title="Testing", again="Tomorrow tries again.")
    yield declared
    del _kinds[declared.kind]


def open_alerts(of: Round) -> list[OperationsAlert]:
    return list(OperationsAlert.objects.open().filter(kind=of.kind))


def test_a_failure_stops_no_other_provider_and_is_an_alert_until_the_round_works(
    north: Provider, south: Provider, round_: Round
) -> None:
    seen: list[str] = []
    fails = [north.schema_name]

    def do(provider: Provider) -> None:
        seen.append(provider.schema_name)
        if provider.schema_name in fails:
            raise ValueError("no luck")

    ids = [north.pk, south.pk]
    for_each_provider(ids, do, round_=round_, now=timezone.now())
    assert set(seen) == {north.schema_name, south.schema_name}
    (alert,) = open_alerts(round_)
    assert (alert.schema_name, alert.title) == (north.schema_name, "Testing failed")
    assert alert.summary == "ValueError: no luck"
    assert "Tomorrow tries again." in alert.next_step
    fails.clear()
    # A batch of other providers says nothing about this one.
    for_each_provider([south.pk], do, round_=round_, now=timezone.now())
    assert open_alerts(round_)
    for_each_provider(ids, do, round_=round_, now=timezone.now())
    assert not open_alerts(round_)


def test_work_of_no_provider_is_reported_for_the_platform(db: None, round_: Round) -> None:
    now = timezone.now()
    report_round(round_, failed={PLATFORM: ValueError("no luck")}, worked=[], now=now)
    assert open_alerts(round_)[0].schema_name == ""
    report_round(round_, failed={}, worked=[PLATFORM], now=now)
    assert not open_alerts(round_)
