"""Evaluation of the alert rules shortly after a change.

`tenants.alerts.middleware` calls `check_soon` after web requests; work outside of a request that an
alert depends on calls it too. Nothing is stored for it: when Redis or a worker loses the task, the
evaluation is minutes late, because the beat evaluates every changed provider anyway
(docs/decisions/0012, 0044).
"""

import logging
from functools import partial
from time import monotonic

from django.core.cache import caches
from django.db import transaction

from core.schema import HasSchema, connection, current_schema, provider_schema, send_provider_task

log = logging.getLogger(__name__)

# The task is sent by its name, because its module imports the evaluation.
EVALUATE_TASK = "tenants.tasks.evaluate_alerts_of_provider"
# The evaluation runs this many seconds after the first change and covers all changes until then.
WAIT_SECONDS = 2
# Without Redis no task can be sent; for this time none is tried.
GIVE_UP_SECONDS = 30
# For each schema, the monotonic time until which an evaluation is sure to begin.
_scheduled_until: dict[str, float] = {}


def check_soon() -> None:
    """Have the current provider's rules evaluated shortly after the transaction commits.

    Many changes in quick succession send one task. Outside of a provider's schema it does nothing.
    """
    if current_schema() != "public":
        transaction.on_commit(partial(_schedule, connection.tenant), robust=True)


def _schedule(provider: HasSchema) -> None:
    schema = provider.schema_name
    now = monotonic()
    if _scheduled_until.get(schema, 0.0) > now:
        return
    # Set before the task is sent: the evaluation begins when this time is over, or later.
    _scheduled_until[schema] = now + WAIT_SECONDS
    try:
        with provider_schema(provider):
            if caches["provider"].add("alerts:evaluation", 1, WAIT_SECONDS):
                send_provider_task(EVALUATE_TASK, countdown=WAIT_SECONDS, retry=False)
    except Exception:
        _scheduled_until[schema] = now + GIVE_UP_SECONDS
        log.warning("The evaluation of alerts was not sent; the beat sends one.", exc_info=True)
