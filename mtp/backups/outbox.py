"""The outbox of a provider whose schema went back to the instant of a backup."""

from collections import Counter
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from core.outbox.models import BLANK_BODY
from mtp.backups.dump import Manifest

# Keys are moved away, so that the same cause can enqueue again.
WITHDRAW = """
    UPDATE outbox_outboxmessage
    SET key = left(key, 150) || '@' || gen_random_uuid(),
        last_error = CASE WHEN finished_at IS NULL THEN %(reason)s ELSE last_error END,
        finished_at = coalesce(finished_at, %(now)s), dead_at = NULL, leased_until = NULL,
        payload = CASE WHEN payload ? 'text' THEN payload || %(blank_body)s ELSE payload END
"""
# Of causes that the schema does not hold any more.
_WITHDRAW_LOST = f"{WITHDRAW} WHERE schema_name = %(schema)s AND id > %(last)s"
# Pending at the backup and done since: what they wrote into the schema is lost. A topic with "mail"
# in its name has left the house; every other handler is safe to run again.
_REPEAT = """
    UPDATE outbox_outboxmessage
    SET finished_at = NULL, dead_at = NULL, leased_until = NULL, attempts = 0, due_at = %(now)s,
        postponements = 0, waiting_since = NULL
    WHERE schema_name = %(schema)s AND id = ANY(%(pending)s) AND topic NOT LIKE '%%mail%%'
        AND (finished_at IS NOT NULL OR dead_at IS NOT NULL)
"""


@transaction.atomic
def reconcile_outbox(*, manifest: Manifest, now: datetime) -> Counter[str]:
    """Withdraw the messages of lost causes and repeat those whose effect is lost; safe to repeat.

    Messages finished before the backup, and mails, stay as they are: nothing is mailed twice.
    Returns the counts `withdrawn` and `repeated`. The schema's outbox must be paused.
    """
    parameters: dict[str, Any] = {
        "schema": manifest.schema_name,
        "last": manifest.last_message,
        "pending": manifest.pending,
        "now": now,
        "blank_body": Jsonb(BLANK_BODY),
        "reason": f"Withdrawn: the provider was restored to {manifest.taken_at}.",
    }
    counts: Counter[str] = Counter()
    with connection.cursor() as cursor:
        for name, statement in (("withdrawn", _WITHDRAW_LOST), ("repeated", _REPEAT)):
            cursor.execute(statement, parameters)
            counts[name] = cursor.rowcount
    return counts
