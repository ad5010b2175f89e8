"""Raises and settles operations alerts of the current schema."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django_tenants.utils import get_public_schema_name, schema_context

from core.operations.kinds import kind_named
from core.operations.models import OperationsAlert
from core.outbox.delivery import NewMessage, enqueue_all
from core.schema import connection, current_schema

ALERT_MAIL = "operations.alert_mail"

# A mail belongs to the alert that was new. `xmax` is 0 in a row that this statement inserted.
_RAISE = """
    INSERT INTO operations_operationsalert (schema_name, kind, key, summary, next_step, link,
        opened_at, last_seen_at, times_seen, acknowledged_by_name, settled_by_name, note)
    SELECT cause.schema, %(kind)s, cause.key, cause.summary, cause.next_step, cause.link,
        %(now)s, %(now)s, 1, '', '', ''
    FROM unnest(%(schemas)s::text[], %(keys)s::text[], %(summaries)s::text[],
                %(next_steps)s::text[], %(links)s::text[])
        AS cause (schema, key, summary, next_step, link)
    ON CONFLICT (schema_name, kind, key) WHERE settled_at IS NULL DO UPDATE
    SET summary = excluded.summary, next_step = excluded.next_step, link = excluded.link,
        last_seen_at = greatest(operations_operationsalert.last_seen_at, excluded.last_seen_at),
        times_seen = operations_operationsalert.times_seen + 1
    RETURNING id, xmax = 0
"""


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause of an alert: `key` names it within its kind and schema.

    `summary` says what is wrong, `next_step` what a person does about it, `link` where (a path).
    """

    key: str
    summary: str
    next_step: str
    link: str = ""


def raise_alert(
    *, kind: str, key: str, summary: str, next_step: str, link: str = "", now: datetime
) -> None:
    """Open an alert of the current provider (or the platform) in the running transaction.

    A new alert queues a mail to operations. An open one is updated and counted, without a mail.
    A caller whose transaction rolls back raises the alert in one that commits. Raises `KeyError`
    for a kind that no app registered.
    """
    raise_all(kind=kind, causes=[Cause(key, summary, next_step, link)], now=now)


def raise_all(*, kind: str, causes: Collection[Cause], now: datetime) -> None:
    """As `raise_alert`, for several causes of one kind in one statement."""
    _raise(kind=kind, causes={_schema(): causes}, now=now)


@transaction.atomic
def _raise(*, kind: str, causes: Mapping[str, Collection[Cause]], now: datetime) -> None:
    by_key = {(schema, cause.key): cause for schema in causes for cause in causes[schema]}
    # One order for all, so that two transactions never wait for each other in a circle.
    ordered = sorted(by_key.items())
    if not ordered:
        return
    parameters = {
        "kind": kind_named(kind).name,
        "now": now,
        "schemas": [schema for (schema, _), _ in ordered],
        "keys": [cause.key for _, cause in ordered],
        "summaries": [cause.summary for _, cause in ordered],
        "next_steps": [cause.next_step for _, cause in ordered],
        "links": [cause.link for _, cause in ordered],
    }
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, parameters)
        new = [alert_id for alert_id, is_new in cursor.fetchall() if is_new]
    if new:
        # Mail of the platform: it is sent also while the provider's schema cannot be entered.
        with schema_context(get_public_schema_name()):
            enqueue_all(
                messages=[NewMessage(ALERT_MAIL, f"alert:{pk}", {"alert": pk}) for pk in new],
                now=now,
            )


def settle_alert(*, kind: str, key: str, now: datetime) -> bool:
    """Settle the open alert of this cause in the current schema; returns whether there was one."""
    alerts = OperationsAlert.objects.open().filter(schema_name=_schema(), kind=kind, key=key)
    return alerts.update(settled_at=now) > 0


def is_open(*, kind: str, key: str) -> bool:
    """Whether this cause has an open alert in the current schema."""
    alerts = OperationsAlert.objects.open().filter(schema_name=_schema(), kind=kind, key=key)
    return alerts.exists()


def found_now(*, found: Mapping[str, Collection[Cause]], now: datetime) -> None:
    """Raise these causes, by kind, in the current schema, and settle the other open ones there.

    A round calls it with everything that it looked for: a kind without causes is settled.
    """
    schema = _schema()
    _bring_in_line(
        found={kind: {schema: causes} for kind, causes in found.items()}, schemas=[schema], now=now
    )


def found_everywhere(
    *,
    kind: str,
    causes: Mapping[str, Collection[Cause]],
    schemas: Collection[str] | None = None,
    now: datetime,
) -> None:
    """As `found_now`, for one kind in these schemas, by default in all; "" is the platform."""
    _bring_in_line(found={kind: causes}, schemas=schemas, now=now)


def _bring_in_line(
    *,
    found: Mapping[str, Mapping[str, Collection[Cause]]],
    schemas: Collection[str] | None,
    now: datetime,
) -> None:
    alerts = OperationsAlert.objects.open().filter(kind__in=list(found))
    if schemas is not None:
        alerts = alerts.filter(schema_name__in=list(schemas))
    still = {
        (kind, schema, cause.key)
        for kind, by_schema in found.items()
        for schema, causes in by_schema.items()
        for cause in causes
    }
    gone = [
        pk
        for pk, *cause in alerts.values_list("pk", "kind", "schema_name", "key")
        if tuple(cause) not in still
    ]
    if not gone and not still:
        return
    with transaction.atomic():
        OperationsAlert.objects.open().filter(pk__in=gone).update(settled_at=now)
        for kind, by_schema in sorted(found.items()):
            _raise(kind=kind, causes=by_schema, now=now)


def _schema() -> str:
    schema = current_schema()
    return "" if schema == get_public_schema_name() else schema
