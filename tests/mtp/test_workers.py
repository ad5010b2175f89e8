"""Every lane has a queue, every queue a pool, and a topic that takes long the lane of its kind."""

import shlex
from pathlib import Path

import pytest
import yaml
from django.conf import settings

from core.outbox.lanes import Lane
from core.outbox.topics import topics
from mtp import workers
from mtp.doctor.services import LARGEST_SKEW_SECONDS

ROOT = Path(__file__).resolve().parents[2]
# They call nothing outside but the mail server, and end within a second.
SHORT = {
    "accounts.password_reset",
    "tenants.alerts_changed",
    "mail.send",
    "operations.alert_mail",
    "tenants.cap_request_end",
    "tenants.case_changed",
}


def test_each_lane_and_each_routed_task_has_a_queue_in_one_pool() -> None:
    consumed = [queue for pool in workers.POOLS.values() for queue in pool.queues]
    assert sorted(consumed) == sorted([workers.SCHEDULED, *(lane.value for lane in Lane)])
    assert set(workers.TASK_QUEUES.values()) <= set(consumed)
    assert settings.CELERY_TASK_DEFAULT_QUEUE in consumed


def test_the_schedule_delivers_each_lane_in_its_queue() -> None:
    sent = {
        tuple(entry["args"]): entry["options"]["queue"]
        for entry in settings.CELERY_BEAT_SCHEDULE.values()
        if entry["task"] == "core.outbox.tasks.send_due"
    }
    assert sent == {(lane.value,): lane.value for lane in Lane}


def test_a_wake_up_reaches_workers_whose_clock_is_ahead_and_does_not_pile_up() -> None:
    wake_ups = [each for each in settings.CELERY_BEAT_SCHEDULE.values() if "options" in each]
    assert len(wake_ups) > len(Lane)
    for entry in wake_ups:
        # Twice what the doctor calls a problem, and more than one period.
        assert entry["options"]["expires"] >= max(2 * LARGEST_SKEW_SECONDS, entry["schedule"])
        assert entry["options"]["expires"] <= 120


def test_production_starts_each_pool() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    commands = {
        name.removeprefix("worker-"): shlex.split(service["command"])[3:]
        for name, service in services.items()
        if name.startswith("worker")
    }
    assert commands == {pool: workers.arguments(pool) for pool in workers.POOLS}


def test_only_short_work_is_in_the_lane_in_which_a_person_waits() -> None:
    in_it = {topic.name for topic in topics() if topic.lane == Lane.PEOPLE}
    ours = {name for name in in_it if not name.startswith("tests.")}
    assert ours - SHORT == set(), "Name the lane of a topic that takes long or calls outside."


@pytest.mark.parametrize(
    ("topic", "lane"),
    [
        ("billing.charge", Lane.CHARGES),
        ("billing.refund", Lane.PAYMENTS),
        ("billing.stripe_event", Lane.PAYMENTS),
        ("billing.documents", Lane.DOCUMENTS),
        ("accounts.provision", Lane.PROVISIONING),
        ("integrations.autotask_run", Lane.PSA),
        ("tenants.import.apply", Lane.IMPORTS),
    ],
)
def test_the_lane_of_a_topic(topic: str, lane: Lane) -> None:
    assert {each.name: each.lane for each in topics()}[topic] == lane
