"""The beat goes on when the clock of its machine is set back."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from core.beat import SteadyScheduler
from mtp.celery import app

NOON = datetime(2026, 10, 14, 12, tzinfo=UTC)


def sent_in(scheduler: SteadyScheduler, sent: list[str], *, seconds: int, clock: datetime) -> int:
    """How many tasks it sends in so many seconds from `clock` on."""
    before = len(sent)
    with time_machine.travel(clock, tick=False) as traveller:
        for _ in range(seconds):
            while scheduler.tick() == 0:
                pass
            traveller.shift(1)
    return len(sent) - before


def test_a_clock_that_is_set_back_does_not_silence_the_beat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(
        SteadyScheduler, "apply_async", lambda _self, entry, **_: sent.append(entry.name)
    )
    with time_machine.travel(NOON, tick=False):
        scheduler = SteadyScheduler(app=app, schedule_filename=str(tmp_path / "schedule"))
    try:
        usual = sent_in(scheduler, sent, seconds=20, clock=NOON)
        assert usual > 7
        assert sent_in(scheduler, sent, seconds=20, clock=NOON + timedelta(hours=1)) >= usual
        assert sent_in(scheduler, sent, seconds=20, clock=NOON + timedelta(seconds=40)) >= usual
    finally:
        scheduler.close()
