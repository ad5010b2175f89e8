"""The Celery task of the minute: the beat's sign of life, and the watch of the outbox."""

from functools import partial

from celery import shared_task
from django.utils import timezone

from core.clock import machine_now
from core.operations.backup_watch import watch_backup
from core.operations.heartbeats import BEAT, note, watch_heartbeats
from core.operations.outbox_watch import watch_outbox
from core.operations.server_watch import watch_servers
from core.operations.service_watch import watch_services
from core.servers import from_each_server


@shared_task(name="core.operations.tasks.watch")
def watch() -> None:
    """Record that the beat sent this, then look at everything that may stand still."""
    now = timezone.now()
    note(names=[BEAT], now=machine_now())
    watch_heartbeats(now=machine_now())
    from_each_server(partial(watch_outbox, now=now))
    watch_servers(now=now)
    watch_services(now=now)
    watch_backup(now=now)
