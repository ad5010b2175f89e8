"""Moving a provider to another database server while it works.

Its schema is copied and followed by logical replication. Then it stands still for a moment (503
with Retry-After): its outbox is paused, its state is "moving", its tables refuse changes, the copy
gets the last ones, and both are compared row by row. Only then the directory names the new server.
Until that one statement every error leaves the provider where it was; after it, what is left is to
clear up, which a second call does.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError, transaction
from django.utils import timezone
from psycopg import sql

from accounts.due_providers import mark_changed
from accounts.models import Provider
from accounts.models.provider import SET_UP
from accounts.provisioning.moves import MovedElsewhere, one_move
from accounts.provisioning.schema_migrations import ProviderMigrations, schema_exists
from core.operations.models import OperationsAlert
from core.outbox.models import OutboxMessage, OutboxPause
from core.outbox.pauses import pause, resume
from core.schema import connection
from core.servers import DIRECTORY, on_server, servers
from mtp.moving.beside import copy_rows, delete_copied_rows
from mtp.moving.compare import copy_sequences, differences
from mtp.moving.copy import (
    MoveError,
    accept_copy,
    drop_copy,
    has_caught_up,
    start_copy,
    stop_copy,
)
from mtp.moving.freeze import freeze, is_frozen, thaw

logger = logging.getLogger(__name__)

REASON = "being moved to another database server"
# Messages that workers hold are finished first, while the provider still works.
LEASES_SECONDS = 240.0
CATCH_UP_SECONDS = 60.0
REPLICA_SECONDS = 60.0
# Requests that were under way when the server changed read the old copy until they end.
GRACE_SECONDS = 30.0


@dataclass(slots=True)
class Report:
    """A move: seconds of copying and of refusing, and where the old copy is."""

    provider: Provider
    copy_seconds: float = 0.0
    still_seconds: float = 0.0
    rows_beside: int = 0
    parked_as: str = ""


def move(*, provider: Provider, to: int, grace: float = GRACE_SECONDS) -> Report:
    """Move the provider to the server `to`; returns once the old copy is parked.

    Safe to repeat after a kill. Raises `MoveError`, `BackupError` or a database's error; the
    provider then works where it was, unless the directory names the new server already.
    """
    if to not in servers():
        raise MoveError(f"There is no database server {to}.")
    if connection.in_atomic_block:
        raise MoveError("A move needs transactions that are not begun yet.")
    try:
        with one_move(provider):
            provider.refresh_from_db()
            return _moved(Report(provider), to, grace=grace)
    except MovedElsewhere as error:
        raise MoveError(str(error)) from error


def _moved(report: Report, to: int, *, grace: float) -> Report:
    provider = report.provider
    if provider.server != to:
        _undo(provider, to)
        _check(provider, to)
        try:
            _copy_and_change(report, to)
        except BaseException:
            provider.refresh_from_db()
            if provider.server != to:
                _undo(provider, to)
            raise
    _clear_up(report, grace=grace)
    return report


def _check(provider: Provider, to: int) -> None:
    if not provider.is_active:
        raise MoveError(f"{provider} is not active: {provider.get_state_display()}.")
    migrations = ProviderMigrations()
    with on_server(provider.server):
        if missing := migrations.missing_in(schema=provider.schema_name):
            raise MoveError(f"{len(missing)} migrations are missing; run migrate_providers first.")
    _wait_for_replica(provider, server=to)


def _copy_and_change(report: Report, to: int) -> None:
    provider = report.provider
    began = time.monotonic()
    start_copy(provider=provider, to=to)
    report.copy_seconds = time.monotonic() - began
    with on_server(provider.server):
        pause(schema=provider.schema_name, reason=REASON, now=timezone.now())
        _wait(_holds_no_message(provider), LEASES_SECONDS, "Workers hold messages")
    began = time.monotonic()
    _stand_still(provider)
    with on_server(provider.server):
        position = freeze(provider.schema_name)
    _wait(
        lambda: has_caught_up(provider=provider, to=to, position=position),
        CATCH_UP_SECONDS,
        "The copy does not catch up",
    )
    copy_sequences(provider=provider, to=to)
    report.rows_beside = copy_rows(provider=provider, to=to)
    if found := differences(provider=provider, to=to):
        raise MoveError("The copy differs: " + "; ".join(found)[:2000])
    stop_copy(provider=provider, to=to)
    _change_server(provider, to)
    report.still_seconds = time.monotonic() - began
    provider.refresh_from_db()


def _change_server(provider: Provider, to: int) -> None:
    """Name the new server: first in its own copy of the row, which must not say less.

    That copy goes on saying that the provider moves, so that nothing is done in the schema before
    the directory's statement, which may never come.
    """
    if to != DIRECTORY:
        with on_server(to, whole=True):
            Provider.objects.filter(pk=provider.pk).update(
                server=to, state=Provider.State.MOVING, state_detail=REASON
            )
    with on_server(DIRECTORY, whole=True):
        Provider.objects.filter(pk=provider.pk).update(
            server=to, state=Provider.State.ACTIVE, state_detail=""
        )


def _stand_still(provider: Provider) -> None:
    active = Provider.objects.filter(pk=provider.pk, state=Provider.State.ACTIVE)
    detail = f"{REASON} since {timezone.now():%Y-%m-%d %H:%M:%S} UTC"
    if not active.update(state=Provider.State.MOVING, state_detail=detail):
        raise MoveError(f"{provider} is not active any more.")


def _undo(provider: Provider, to: int) -> None:
    """Take back everything of an attempt that did not end."""
    # First what lets it work again, also while the other server is away.
    with on_server(provider.server):
        thaw(provider.schema_name)
    # Also of an active one: the new server's copy of the row may say otherwise, and follows.
    here = Provider.objects.filter(pk=provider.pk, state__in=SET_UP)
    here.update(state=Provider.State.ACTIVE, state_detail="")
    provider.refresh_from_db()
    with on_server(provider.server):
        _resume(provider)
    for server in servers():
        if server != provider.server:
            _drop_attempt(provider, server, is_needed=server == to)


def _drop_attempt(provider: Provider, server: int, *, is_needed: bool) -> None:
    try:
        stop_copy(provider=provider, to=server)
        drop_copy(provider=provider, to=server)
        # Messages that it copied are still to be delivered where the provider is.
        delete_copied_rows(provider=provider, left=server)
    except OperationalError:
        if is_needed:
            raise
        logger.warning("What a move left on server %s stays: it is away.", server, exc_info=True)


def _clear_up(report: Report, *, grace: float) -> None:
    """Leave nothing of the provider on other servers but a parked copy of its schema."""
    provider = report.provider
    accept_copy(provider)
    # Its server has not looked at it yet.
    mark_changed(Provider.objects.filter(pk=provider.pk))
    for server in servers():
        if server == provider.server:
            continue
        with on_server(server):
            is_left = is_frozen(provider.schema_name)
        if is_left:
            _wait_for_replica(provider, server=server)
            _wait_for_replica(provider, server=provider.server)
            delete_copied_rows(provider=provider, left=server)
            with on_server(server):
                _resume(provider)
            time.sleep(grace)
            with on_server(server):
                # Of rounds that had begun before: those of its server find the cause again.
                left = OperationsAlert.objects.open().filter(schema_name=provider.schema_name)
                left.update(settled_at=timezone.now())
            report.parked_as = _park(provider.schema_name, server=server)


def _resume(provider: Provider) -> None:
    if OutboxPause.objects.filter(schema_name=provider.schema_name, reason=REASON).exists():
        resume(schema=provider.schema_name)


def _park(schema: str, *, server: int) -> str:
    parked = f"{schema}_parked_{timezone.now():%Y%m%d%H%M%S%f}"
    with on_server(server), transaction.atomic(), connection.cursor() as cursor:
        if not schema_exists(schema=schema):
            return ""
        rename = sql.SQL("ALTER SCHEMA {} RENAME TO {}")
        cursor.execute(rename.format(sql.Identifier(schema), sql.Identifier(parked)))
    return f"{parked} on server {server}"


def _wait_for_replica(provider: Provider, *, server: int) -> None:
    """Wait until the server's copy of the provider's row names the server of the directory."""
    if server == DIRECTORY:
        return

    def is_there() -> bool:
        with on_server(server, whole=True):
            rows = Provider.objects.filter(
                pk=provider.pk, server=provider.server, state=provider.state
            )
            return rows.exists()

    _wait(is_there, REPLICA_SECONDS, f"Server {server} does not follow the directory")


def _holds_no_message(provider: Provider) -> Callable[[], bool]:
    def is_free() -> bool:
        instant: datetime = timezone.now()
        return not OutboxMessage.objects.filter(
            schema_name=provider.schema_name,
            finished_at=None,
            dead_at=None,
            leased_until__gt=instant,
        ).exists()

    return is_free


def _wait(is_done: Callable[[], bool], seconds: float, otherwise: str) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        if time.monotonic() > deadline:
            raise MoveError(f"{otherwise}, for {seconds:,.0f} seconds.")
        time.sleep(0.02)
