"""Alerts: a cause opens one alert, which is resolved when the cause is gone."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event, Thread

import pytest
from django.db import connection

from accounts.models import Provider
from core.schema import provider_schema, schema_named
from tenants.alerts import raise_alert, resolve_alert, rules
from tenants.alerts.evaluation import evaluate_rules
from tenants.alerts.rules import Condition, rule
from tenants.models import Alert, AlertEvent, Severity
from tenants.models.alerts import Kind

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
FLOOD = Condition("flood", Kind.SERVICE, Severity.WARNING, "Water in the cellar")
FIRE = Condition("fire", Kind.SERVICE, Severity.CRITICAL, "The server room burns")

Findings = dict[str, list[Condition] | Exception]


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> Findings:
    """The conditions that two rules find, or the exception they raise, in place of all rules."""
    monkeypatch.setattr(rules, "_rules", {})
    by_rule: Findings = {"cellar": [], "attic": []}
    for name in by_rule:

        @rule(name, changes_at=rules.never)
        def find(*, now: datetime, name: str = name) -> Iterable[Condition]:
            result = by_rule[name]
            if isinstance(result, Exception):
                raise result
            return result

    return by_rule


@pytest.fixture
def entered(north: Provider) -> Iterator[Provider]:
    """The schema of North is active."""
    with provider_schema(north):
        yield north


def open_causes() -> list[str]:
    return list(Alert.objects.open().order_by("cause").values_list("cause", flat=True))


def steps(alert: Alert) -> list[tuple[str, datetime]]:
    return list(alert.events.order_by("pk").values_list("step", "at"))


@pytest.mark.usefixtures("entered")
def test_a_cause_opens_once_and_is_resolved_when_it_is_gone(findings: Findings) -> None:
    findings["cellar"] = [FLOOD]
    first = evaluate_rules(now=NOON)
    again = evaluate_rules(now=LATER)
    alert = Alert.objects.get()
    assert (first.opened, again.opened) == ([alert], [])
    assert (alert.opened_at, alert.resolved_at) == (NOON, None)

    findings["cellar"] = []
    assert evaluate_rules(now=LATER).resolved == [alert]
    assert steps(alert) == [("opened", NOON), ("resolved", LATER)]

    findings["cellar"] = [FLOOD]
    evaluate_rules(now=LATER)
    assert Alert.objects.count() == 2
    assert Alert.objects.open().get().opened_at == LATER


@pytest.mark.usefixtures("entered")
def test_a_rule_that_fails_keeps_its_alerts_and_stops_no_other(findings: Findings) -> None:
    findings["cellar"] = [FLOOD]
    evaluate_rules(now=NOON)
    findings["cellar"], findings["attic"] = RuntimeError("no torch"), [FIRE]
    assert evaluate_rules(now=LATER).failed == ["cellar"]
    assert open_causes() == ["fire", "flood"]


@pytest.mark.usefixtures("entered")
def test_a_condition_that_gets_worse_keeps_its_alert(findings: Findings) -> None:
    findings["cellar"] = [FLOOD]
    evaluate_rules(now=NOON)
    deeper = Condition("flood", Kind.SERVICE, Severity.CRITICAL, "Water up to the racks")
    findings["cellar"] = [deeper]
    assert evaluate_rules(now=LATER).worse == [Alert.objects.get()]
    alert = Alert.objects.get()
    assert (alert.severity, alert.title) == (Severity.CRITICAL, "Water up to the racks")
    assert steps(alert) == [("opened", NOON), ("changed", LATER)]


@pytest.mark.usefixtures("entered", "findings")
def test_an_evaluation_leaves_directly_raised_alerts_open() -> None:
    alert = raise_alert(condition=FIRE, now=NOON)
    assert raise_alert(condition=FIRE, now=LATER) == alert
    evaluate_rules(now=LATER)
    assert open_causes() == ["fire"]
    assert resolve_alert(cause="fire", now=LATER) == alert
    assert resolve_alert(cause="fire", now=LATER) is None
    assert steps(alert) == [("opened", NOON), ("resolved", LATER)]


@pytest.mark.proof
def test_racing_evaluations_and_callers_open_one_alert(
    own_provider: Callable[..., Provider], findings: Findings
) -> None:
    schema = own_provider().schema_name
    findings["cellar"] = [FLOOD, FIRE]
    for hour in range(5):
        now = NOON + timedelta(hours=hour)
        at_once(
            schema,
            lambda now=now: evaluate_rules(now=now),
            lambda now=now: evaluate_rules(now=now),
            lambda now=now: raise_alert(condition=FLOOD, now=now),
        )
        with schema_named(schema):
            assert Alert.objects.count() == 2 * (hour + 1)
            opened = AlertEvent.objects.filter(step=AlertEvent.Step.OPENED)
            assert opened.count() == 2 * (hour + 1)
            for cause in open_causes():
                resolve_alert(cause=cause, now=now)


@pytest.mark.proof
def test_an_evaluation_that_read_earlier_resolves_no_newer_alert(
    own_provider: Callable[..., Provider], monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = own_provider().schema_name
    monkeypatch.setattr(rules, "_rules", {})
    first_has_read, second_is_done = Event(), Event()

    @rule("cellar", changes_at=rules.never)
    def find(*, now: datetime) -> Iterable[Condition]:
        if now == NOON:
            first_has_read.set()
            second_is_done.wait(timeout=0.5)
            return []
        return [FLOOD]

    def second() -> None:
        first_has_read.wait()
        evaluate_rules(now=LATER)
        second_is_done.set()

    at_once(schema, lambda: evaluate_rules(now=NOON), second)
    with schema_named(schema):
        assert open_causes() == ["flood"]


def at_once(schema: str, *acts: Callable[[], object]) -> None:
    barrier, errors = Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        try:
            with schema_named(schema):
                barrier.wait()
                act()
        except Exception as error:  # noqa: BLE001 - asserted below
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
