"""The scheduler of the beat, which goes on when the clock of its machine is set back.

Celery's own sends a task when its last run is long enough ago. A clock that was an hour ahead
leaves last runs an hour in the future, and nothing would be sent for an hour.
"""

from typing import Any

from celery.beat import PersistentScheduler


class SteadyScheduler(PersistentScheduler):
    """Celery's scheduler; a last run in the future counts as one of now."""

    def tick(self, *args: Any, **named: Any) -> Any:
        """Send at most one due task; returns the seconds until the next one is due."""
        for entry in self.schedule.values():
            now = entry.default_now()
            if entry.last_run_at and now and entry.last_run_at > now:
                entry.last_run_at = now
                # Built again from the entries.
                self._heap = None
        return super().tick(*args, **named)
