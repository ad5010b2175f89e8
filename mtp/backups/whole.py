"""After a restore of the whole database to an instant: what the world knows and the rows do not.

The outbox and the registers went back with everything else, so no row says what was done after the
instant. Stripe does, and the instant at which the portal stopped (docs/decisions/0042).
"""

from collections import Counter
from datetime import datetime
from typing import Any

from django.contrib.sessions.models import Session
from django.db import connection, transaction
from psycopg.types.json import Jsonb

from accounts.models import Provider
from billing.reconciliation.after_restore import AfterRestore, reconcile_after_restore
from core.operations.alerts import raise_alert
from core.outbox.models import BLANK_BODY
from mtp.backups.kinds import RESTORE_MAILS
from mtp.backups.outbox import WITHDRAW
from mtp.backups.sequences import move_numbers, move_past_the_highest, move_public_ids

# Waiting at the instant, and due while the portal still worked.
_WITHDRAW_SENT = f"""
    {WITHDRAW}
    WHERE finished_at IS NULL AND topic LIKE '%%mail%%' AND due_at <= %(stopped_at)s
    RETURNING topic
"""


@transaction.atomic
def reconcile_platform(*, restored_to: datetime, stopped_at: datetime, now: datetime) -> int:
    """Withdraw the mails that may have been sent, move public ids, end sessions; safe to repeat.

    A mail that waited at `restored_to` and was due before `stopped_at`, when the portal stopped,
    was most likely sent in between. An alert names the topics. Returns how many were withdrawn.
    """
    move_public_ids()
    # A session that was ended after the instant would work again.
    Session.objects.all().delete()
    parameters: dict[str, Any] = {
        "stopped_at": stopped_at,
        "now": now,
        "blank_body": Jsonb(BLANK_BODY),
        "reason": f"Withdrawn: the database was restored to {restored_to.isoformat()}.",
    }
    with connection.cursor() as cursor:
        cursor.execute(_WITHDRAW_SENT, parameters)
        topics = Counter(topic for (topic,) in cursor.fetchall())
    if topics:
        named = ", ".join(f"{topic} {count:,}" for topic, count in sorted(topics.items()))
        raise_alert(
            kind=RESTORE_MAILS,
            key=restored_to.isoformat(),
            summary=f"{topics.total():,} mails that waited at the instant of the restore were not "
            f"sent again: {named}.",
            next_step="Compare with the log of the mail server. Deliver again, in the lists of "
            "invoices, credit notes and refunds, queues what was not sent.",
            now=now,
        )
    return topics.total()


def reconcile_provider(
    *, provider: Provider, restored_to: datetime, highest_number: int, now: datetime
) -> AfterRestore:
    """Move ids past those that may be used, book what Stripe did, move document numbers.

    Raises `GatewayError` when Stripe does not answer. A repeated run moves the ids again.
    """
    move_past_the_highest(provider=provider, is_parked=False)
    result = reconcile_after_restore(provider=provider, taken_at=restored_to, now=now)
    move_numbers(provider=provider, at_least=highest_number)
    return result
